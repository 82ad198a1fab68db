/// Which tokens of a sequence a model has to restore, and what it sees in their place: masked language modelling of
/// BERT (Devlin et al. 2019), with whole words, with ALBERT's n-grams (Lan et al. 2020), with known phrases. No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "data/knowledge/phrase_matcher.h"
#include "data/random/random.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

/// Which tokens of a vocabulary begin a word, by what marks pieces in it: "##" before all but the first piece of a word
/// (WordPiece), or "▁" (SentencePiece) or "Ġ" (byte-level BPE) before the first. A vocabulary without any of these has
/// words of one token. Where first pieces are marked, a piece without a letter or digit is a word of its own, as
/// ALBERT's code has it for punctuation; an id without a token is one too.
class WordBeginnings {
 public:
  explicit WordBeginnings(const Tokenizer& tokenizer);
  bool begins_word(std::int64_t id) const { return begins_.at(static_cast<std::size_t>(id)); }

 private:
  std::vector<bool> begins_;
};

struct MaskingOptions {
  double probability = 0.15;   ///< of the tokens of a sequence, special ones counted, that are to be restored
  std::int64_t most = 0;       ///< tokens of a sequence; BERT: 20 of 128, 77 of 512; 0: no bound
  double masked = 0.8;         ///< of these, replaced by the mask token; ELECTRA: 0.85
  double random = 0.1;         ///< replaced by any token of the vocabulary; ELECTRA: 0. The rest stays as it is.
  bool whole_words = false;    ///< all pieces of a word, or none
  std::int64_t max_ngram = 1;  ///< up to so many neighbouring words (or tokens) at once; n with probability ~ 1/n

  /// Throws std::invalid_argument naming the field.
  void validate() const;
};

/// What masking needs to know of a vocabulary.
struct MaskingVocabulary {
  std::int64_t size = 0;                       ///< random tokens are below
  std::int64_t mask = 0;                       ///< the mask token
  const WordBeginnings* beginnings = nullptr;  ///< needed for whole_words and phrases
  /// Names and phrases that are chosen as a whole or not at all, whatever other tokens are (knowledge masking of Sun et
  /// al. 2019, "ERNIE: Enhanced Representation through Knowledge Integration"). Those count that begin and end where
  /// words do.
  const PhraseMatcher* phrases = nullptr;
  /// By id: how likely a token (of words the first one) is chosen beside others; empty: all are equally likely. Numbers
  /// above 0.
  std::span<const float> weights = {};
};

/// Weights that prefer rare tokens: max(1, count)^-exponent, as DistilBERT's training has it with an exponent of 0.7
/// (after word2vec's and XLM's smoothing).
std::vector<float> rarity_weights(std::span<const std::uint64_t> counts, double exponent);

/// Masks `ids` in place and returns the labels: what stood there at the positions chosen, -100 elsewhere. Never chosen
/// are positions whose `special` is not 0: [CLS], [SEP], padding. max(1, round(probability * length)) tokens, halves
/// rounded to even as in Python, are
/// chosen, at most options.most, and less where whole words do not fit or there are too few tokens; an n-gram does not
/// reach across special tokens. Whether a chosen token is masked, random or kept is decided for each by itself.
std::vector<std::int64_t> mask_tokens(std::span<std::int64_t> ids, std::span<const std::uint8_t> special,
                                      const MaskingVocabulary& vocabulary, const MaskingOptions& options,
                                      Random& random);

}  // namespace langzoo
