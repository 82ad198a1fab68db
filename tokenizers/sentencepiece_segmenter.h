/// Segmentations of normalized text by a sentencepiece model: internal to SentencePiece.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/models/trie.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/sentencepiece_viterbi.h"

namespace langzoo {

/// libsentencepiece's own segmentation, or a random one. Of a unigram model those are drawn with probability
/// ~ P(segmentation)^alpha (Kudo 2018). A BPE model leaves out merges (Provilkov et al. 2020): as in libsentencepiece,
/// a pair whose turn it is and that is left out stays apart until one of its halves grows. User-defined symbols are
/// never divided.
///
/// The library's own Encode joins neighbouring unknown tokens in time that grows with the square of their number; here
/// they stay apart, and who wants them as one joins them.
class SentencePieceSegmenter {
 public:
  /// `model` must outlive this.
  explicit SentencePieceSegmenter(const SentencePieceModel& model);

  /// Puts the tokens of normalized text in place of what is in the vector.
  void segment(std::string_view normalized, std::vector<ModelToken>& tokens) const;
  /// Random ones; of a word or char model there is one only.
  void draw(std::string_view normalized, SubwordSampling& sampling, std::vector<ModelToken>& tokens) const;

  /// Of a unigram model; null for others.
  const SentencePieceViterbi* viterbi() const { return viterbi_ ? &*viterbi_ : nullptr; }

 private:
  class Merging;
  struct RandomUnigram {
    Unigram model;  // its pieces but for those that stand for no text
    std::vector<TokenId> ids;
  };

  TokenId id_of(std::string_view piece) const;
  std::size_t user_defined_length(std::string_view text) const;
  const RandomUnigram& random_unigram() const;
  /// Appends the tokens of normalized[begin, end), where no user-defined symbol is; `sampling` may be null.
  void segment_part(std::string_view normalized, std::size_t begin, std::size_t end, SubwordSampling* sampling,
                    std::vector<ModelToken>& tokens) const;
  /// Appends the tokens of all of it: parts and user-defined symbols.
  void segment_around_symbols(std::string_view normalized, SubwordSampling* sampling,
                              std::vector<ModelToken>& tokens) const;

  const SentencePieceModel& model_;
  std::unordered_map<std::string_view, TokenId> ids_;  // of the pieces that may stand for text
  Trie user_defined_;
  std::optional<SentencePieceViterbi> viterbi_;
  mutable std::once_flag random_unigram_made_;
  mutable std::unique_ptr<const RandomUnigram> random_unigram_;  // as soon as it is needed
};

}  // namespace langzoo
