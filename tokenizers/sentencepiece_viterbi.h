/// The segmentation of largest probability as libsentencepiece computes it: internal to SentencePiece.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizers/models/trie.h"
#include "tokenizers/sentencepiece_model.h"

namespace langzoo {

/// libsentencepiece adds up float32 scores from the beginning of a text, so which of two nearly equal segmentations
/// wins depends on the sum so far. This computes the same numbers from any sum on, and says how far apart segmentations
/// are.
class SentencePieceViterbi {
 public:
  explicit SentencePieceViterbi(const SentencePieceModel& model);

  struct Token {
    TokenId id;
    std::uint32_t end;  // byte of the text
    float score;
  };
  /// Working memory, kept between calls.
  struct Workspace {
    std::vector<Token> tokens;  // the result

   private:
    friend class SentencePieceViterbi;
    struct Node {  // the best token that ends at a byte; its start is -1 before there is one
      float score;
      std::int32_t start;
      TokenId id;
    };
    struct ExactNode {
      double score, runner_up;
      std::int32_t start;
      TokenId id;
    };
    std::vector<Node> nodes_;
    std::vector<ExactNode> exact_nodes_;
  };

  /// The tokens of `text` after tokens whose scores add up to `sum`, in float32. Returns the sum after them.
  float segment(std::string_view text, float sum, Workspace& workspace) const;
  /// The tokens of `text` without rounding. They are those of segment() for every |sum| below the result, and so is the
  /// sum after them, added up token by token in float32. The result is negative where there is none.
  double segment_exactly(std::string_view text, Workspace& workspace) const;

 private:
  /// Calls relax(start, end, id, score) for every token of the lattice, by rising start, then end.
  template <class Relax>
  void walk(std::string_view text, Relax&& relax) const;
  template <class Nodes>
  void trace_back(const Nodes& nodes, std::vector<Token>& tokens) const;

  Trie trie_;
  std::vector<float> scores_;  // by id
  TokenId unk_id_;
};

}  // namespace langzoo
