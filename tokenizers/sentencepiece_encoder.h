/// Text to ids as libsentencepiece gives them, faster: words that come again are remembered. Internal to SentencePiece.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/sentencepiece_model.h"
#include "tokenizers/sentencepiece_normalizer.h"
#include "tokenizers/sentencepiece_segmenter.h"
#include "tokenizers/workspace_pool.h"

namespace langzoo {

/// No piece but one of spaces only goes on past a space, so the ids of a text are those of its words, one after the
/// other; only a unigram model's sum of scores goes on from word to word.
class SentencePieceEncoder {
 public:
  /// Both must outlive this; `segmenter` is `model`'s.
  SentencePieceEncoder(const SentencePieceModel& model, const SentencePieceSegmenter& segmenter);
  ~SentencePieceEncoder();

  /// Whether the model writes spaces before words and keeps words apart.
  bool supported() const { return supported_; }
  void encode(std::string_view text, std::vector<TokenId>& ids) const;
  std::size_t cut_point(std::string_view text, std::size_t at) const;

 private:
  struct RememberedWord;
  struct Workspace;
  struct State;

  std::size_t word_end(std::string_view text, std::size_t begin) const;
  /// Encodes workspace.normalized, which is what `word` has become; `place` is where to remember it, if anywhere.
  void encode_word(std::string_view word, RememberedWord* place, Workspace& workspace, State& state) const;
  void add_tokens(Workspace& workspace, State& state) const;
  /// Appends the ids of a token; of an unknown one, where the model has byte_fallback, those of its bytes.
  void append_ids(TokenId id, std::string_view text, std::vector<TokenId>& ids) const;

  const SentencePieceModel& model_;
  const SentencePieceSegmenter& segmenter_;
  SentencePieceNormalizer normalizer_;
  bool supported_;
  bool has_cut_points_;
  std::array<TokenId, 256> byte_ids_{};  // where the model has byte_fallback
  mutable WorkspacePool<Workspace> workspaces_;
};

}  // namespace langzoo
