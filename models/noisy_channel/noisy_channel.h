/// Translation as a noisy channel: of all sentences e, the one that was most probably written and then came out as f,
/// argmax P(e) P(f | e). A language model gives P(e), an IBM model's t the rest.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/io/config_fields.h"
#include "models/ngram/ngram_model.h"
#include "models/noisy_channel/ibm_model.h"

namespace langzoo {

struct NoisyChannelOptions {
  std::int64_t beam = 50;        ///< hypotheses kept of those that explain equally many words
  std::int64_t candidates = 10;  ///< words e tried for a word f: those of the largest P(e) t(f | e)
  std::int64_t window = 4;       ///< how far ahead of the first unexplained word of f the next may stand, up to 31
  double language_weight = 1;    ///< of log P(e)
  double word_bonus = 0;         ///< added for each word of e
  double jump_penalty = 0.5;     ///< for each word that the next explained word is away from its natural place

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the field and its value.
  void validate() const { check_fields(*this, "noisy channel"); }
};

struct ScoredTranslation {
  std::vector<std::int32_t> words;
  double score = 0;  ///< log P(e) P(f, a | e) with the weights of the options
};

/// A beam search over partial translations from left to right in e. Each step explains one more word of f: by a new
/// word of e, by the last one again, or by NULL. The alignment probabilities of Model 2 depend on lengths that are not
/// known before the end; the jump penalty stands in their place. Words of f that the channel does not know are
/// copied.
class NoisyChannel {
 public:
  /// What a word f that the channel does not know becomes: words of e, or none, and it is left out.
  using Copy = std::function<std::vector<std::int32_t>(std::int32_t f)>;

  /// Both models must outlive this. The language model's words are those of e and behind them the sentence's end.
  /// Without `copy` unknown words are left out. Throws std::invalid_argument for options out of range.
  NoisyChannel(const IbmModel& channel, const NGramModel& language, const NoisyChannelOptions& options = {},
               Copy copy = {});

  /// Other weights, beam and window for the same candidates. Throws std::invalid_argument for options out of range, or
  /// for another number of candidates.
  void set_options(const NoisyChannelOptions& options);

  /// Whether the channel has a word of e for f.
  bool knows(std::int32_t f) const;

  /// The `n_best` best translations or fewer, all different, best first; at least one.
  std::vector<ScoredTranslation> translate(std::span<const std::int32_t> f, int n_best = 1) const;

 private:
  struct Candidate {
    std::int32_t e;
    double log_t;  ///< log t(f | e)
  };

  const IbmModel& channel_;
  const NGramModel& language_;
  NoisyChannelOptions options_;
  Copy copy_;
  std::vector<std::vector<Candidate>> candidates_;  ///< by f
};

}  // namespace langzoo
