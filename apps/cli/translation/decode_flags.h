/// How verbs that translate search.
#pragma once

#include <cstdint>

#include "apps/cli/beam_options.h"
#include "models/generation/beam_search.h"

namespace langzoo {

class DecodeFlags {
 public:
  void add_to(Options& options);
  /// Throws UsageError naming the flag.
  BeamSearchOptions options() const;
  std::int64_t batch_size() const { return batch_size_; }
  bool has_n_best() const { return options_.num_return_sequences > 1; }

 private:
  BeamFlags beams_;
  BeamSearchOptions options_;
  std::int64_t batch_size_ = 32;
};

}  // namespace langzoo
