/// How verbs that translate search.
#pragma once

#include <cstdint>

#include "apps/cli/beam_options.h"
#include "models/generation/beam_search.h"

namespace langzoo {

class DecodeFlags {
 public:
  void add_to(Options& options);
  void add_n_best_to(Options& options);
  /// What no flag says is as the model's folder says, or else greedy search; a translation has no more tokens than the
  /// model has places. Throws UsageError naming the flag.
  BeamSearchOptions options(GenerationConfig folder, std::int64_t places);
  /// Takes out of `folder` what the command line says, and what has no effect without beams.
  void forget_given(GenerationConfig& folder) const;
  std::int64_t batch_size() const { return batch_size_; }
  bool has_n_best() const { return n_best_ > 1; }

 private:
  BeamFlags beams_;
  FlagsOverFolder over_folder_;
  BeamSearchOptions options_;
  const Option *most_ = nullptr, *least_ = nullptr;  ///< --max-new-tokens, --min-new-tokens
  std::int64_t n_best_ = 1, batch_size_ = 32;
};

}  // namespace langzoo
