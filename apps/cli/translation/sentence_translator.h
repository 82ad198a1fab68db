/// What the verbs eval, translate and align are written over: whatever translates tokens, with a neural network or
/// without.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/cli/attention/attention_maps.h"
#include "apps/cli/base/figure_list.h"
#include "apps/cli/compute_verb.h"
#include "apps/cli/model_checks.h"
#include "apps/cli/shown_tokens.h"
#include "apps/cli/translation/attention_view.h"
#include "apps/training/tasks/translation.h"
#include "data/parallel/parallel_corpus.h"
#include "data/parallel/word_alignment.h"
#include "models/generation/beam_search.h"

namespace langzoo {

struct SentenceTokens {
  std::vector<TokenId> ids;
  std::vector<int> words;  ///< where each token ends: a word as data/parallel/word_alignment.h counts them; -1: in none
};
/// For alignment. Throws std::runtime_error for more than 4096 tokens, besides what the tokenizer throws.
SentenceTokens sentence_tokens(const Tokenizer& tokenizer, const std::string& text);

/// A model folder, opened.
class SentenceTranslator {
 public:
  virtual ~SentenceTranslator() = default;

  virtual const TranslationTokenizers& tokenizers() const = 0;
  /// Tokens that a source may have, without special ones.
  virtual std::int64_t max_source() const { return std::numeric_limits<std::int64_t>::max(); }
  /// The best hypotheses of each source, best first; of a source without tokens one that is empty. What a source
  /// becomes does not depend on the others.
  virtual std::vector<Hypotheses> translate(std::span<const std::vector<TokenId>> sources) const = 0;
  /// A hypothesis as text; `source` is the sentence that it translates.
  virtual std::string text(const Hypothesis& hypothesis, const std::string& /*source*/) const {
    return text_of(tokenizers(), hypothesis);
  }
  /// Which tokens belong together, to look at; nothing for a model that does not say.
  virtual std::optional<AttentionView> attention_view(std::span<const TokenId> source,
                                                      std::span<const TokenId> target) const = 0;
  /// The attention of every layer and head as the model writes `target`; no maps of a model without.
  virtual AttentionMaps attention_maps(std::span<const TokenId> /*source*/, std::span<const TokenId> /*target*/) const {
    return {};
  }
  /// Which words do; nothing likewise.
  virtual std::optional<AlignmentLinks> align(const SentenceTokens& source, const SentenceTokens& target) const = 0;
  /// What eval measures beside the texts.
  virtual std::vector<Figure> figures(const ParallelCorpus& corpus) const = 0;
};

/// How a program comes to one: its flags and its model folders.
class TranslationMethod {
 public:
  virtual ~TranslationMethod() = default;

  /// The flags of verbs that translate; --num-beams is among them.
  virtual void add_options(Options& options) = 0;
  /// --n-best, of the verb that shows more translations than the best.
  virtual void add_n_best_to(Options& options) = 0;
  /// Throws UsageError naming the flag that is wrong, FileError for the folder.
  virtual std::unique_ptr<SentenceTranslator> load(const std::filesystem::path& dir, const ComputeOptions& common) = 0;
  virtual bool has_device() const = 0;  ///< --device and --dtype mean something
  virtual bool has_n_best() const = 0;  ///< more than one hypothesis a source was asked for

  /// For the help: the keys of figures(), what attention_view() shows and how align() finds a word's partner.
  virtual std::string figures_help() const = 0;
  virtual std::string weight_name() const = 0;
  virtual std::string align_help() const = 0;
};

std::unique_ptr<Verb> translation_eval_verb(std::unique_ptr<TranslationMethod> method);
std::unique_ptr<Verb> translate_verb(std::unique_ptr<TranslationMethod> method);
std::unique_ptr<Verb> align_verb(std::unique_ptr<TranslationMethod> method);
std::unique_ptr<Verb> attention_verb(std::unique_ptr<TranslationMethod> method);

}  // namespace langzoo
