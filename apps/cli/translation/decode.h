/// Sentences through a translator: in batches of similar length, results in the order of the input.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/cli/beam_options.h"
#include "apps/cli/translation/sentence_translator.h"
#include "models/generation/beam_search.h"

namespace langzoo {

/// The flags of verbs that translate.
class DecodeFlags {
 public:
  void add_to(CLI::App& app);
  /// Throws UsageError naming the flag.
  BeamSearchOptions options() const;
  std::int64_t batch_size() const { return batch_size_; }
  bool has_n_best() const { return options_.num_return_sequences > 1; }

 private:
  BeamFlags beams_;
  BeamSearchOptions options_;
  std::int64_t batch_size_ = 32;
};

/// The best hypotheses of each source, best first; of a source without tokens one that is empty. `options` need no end
/// tokens: they are the model's. What a source becomes does not depend on the others.
std::vector<Hypotheses> decode_sources(const Translator& translator, std::span<const std::vector<TokenId>> sources,
                                       BeamSearchOptions options, std::int64_t batch_size);

}  // namespace langzoo
