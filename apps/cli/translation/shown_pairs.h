/// Sentence pairs to be looked at: what align and attention show.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "apps/cli/translation/pair_corpus.h"
#include "apps/cli/translation/sentence_translator.h"

namespace langzoo {

class ShownPairs {
 public:
  /// `text` is the source as it was given.
  using Visit =
      std::function<void(const std::string& text, const SentenceTokens& source, const SentenceTokens& target)>;

  /// Declares --text, --translation, --data with what says how to read it, and --pairs; `count` of --data where nobody
  /// says how many.
  void add_to(Options& options, std::int64_t count);
  /// Tasks that make pairs make those that follow the pairs that the model's own run in `model` has seen.
  void read_as_run(const std::string& model, const ComputeOptions& common);
  /// Translates a text without a translation. Throws UsageError for a text without tokens.
  void for_each(const SentenceTranslator& translator, const Visit& visit) const;

 private:
  std::optional<std::string> text_, translation_;
  PairsOptions pairs_;
  std::int64_t count_ = 0;
};

}  // namespace langzoo
