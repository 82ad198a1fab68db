/// Random segmentations of a sentencepiece model: internal to SentencePiece.
#pragma once

#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tokenizers/models/trie.h"
#include "tokenizers/models/unigram.h"
#include "tokenizers/sentencepiece_model.h"

namespace langzoo {

/// Of a unigram model segmentations are drawn with probability ~ P(segmentation)^alpha (Kudo 2018). A BPE model leaves
/// out merges (Provilkov et al. 2020): as in libsentencepiece, a pair whose turn it is and that is left out stays apart
/// until one of its halves grows. User-defined symbols are never divided.
class SentencePieceSampler {
 public:
  /// `model` must outlive this.
  explicit SentencePieceSampler(const SentencePieceModel& model);

  /// Puts the tokens of normalized text in place of what is in the vector; neighbouring unknown characters may be one.
  void draw(std::string_view normalized, SubwordSampling& sampling, std::vector<ModelToken>& tokens) const;

 private:
  class Merging;

  std::size_t user_defined_length(std::string_view text) const;
  /// Appends the tokens of normalized[begin, end), where no user-defined symbol is.
  void draw_part(std::string_view normalized, std::size_t begin, std::size_t end, SubwordSampling& sampling,
                 std::vector<ModelToken>& tokens) const;

  const SentencePieceModel& model_;
  std::unordered_map<std::string_view, TokenId> ids_;  // of the pieces that may stand for text
  Trie user_defined_;
  // Of a unigram model: its pieces but for those that stand for no text, and their ids in `model_`.
  std::optional<Unigram> unigram_;
  std::vector<TokenId> unigram_ids_;
};

}  // namespace langzoo
