#include "tokenizers/sentencepiece_viterbi.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

namespace langzoo {

namespace {

using Kind = SentencePieceModel::Kind;

constexpr float kUnknownPenalty = 10;
constexpr double kLargestSum = 1e30;

Trie known_pieces(const SentencePieceModel& model) {
  std::vector<std::pair<std::string_view, TokenId>> keys;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const auto& piece = model.pieces[i];
    if (piece.kind == Kind::Normal || piece.kind == Kind::UserDefined) {
      keys.emplace_back(piece.text, static_cast<TokenId>(i));
    }
  }
  return Trie(std::move(keys));
}

/// By the first byte, without a look at the others.
std::size_t character_length(char lead) {
  static constexpr unsigned char kLengths[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
  return kLengths[static_cast<unsigned char>(lead) >> 4];
}

}  // namespace

SentencePieceViterbi::SentencePieceViterbi(const SentencePieceModel& model)
    : trie_(known_pieces(model)), unk_id_(model.unk_id) {
  float min_score = FLT_MAX, max_score = FLT_MIN;
  for (const auto& piece : model.pieces) {
    scores_.push_back(piece.kind == Kind::UserDefined ? std::numeric_limits<double>::quiet_NaN() : piece.score);
    if (piece.kind != Kind::Normal) continue;
    min_score = std::min(min_score, piece.score);
    max_score = std::max(max_score, piece.score);
  }
  max_score_ = max_score;
  unk_score_ = min_score - kUnknownPenalty;
}

double SentencePieceViterbi::score_of(TokenId id, std::size_t length) const {
  if (id == unk_id_) return unk_score_;
  const double score = scores_[static_cast<std::size_t>(id)];
  return std::isnan(score) ? static_cast<float>(length) * max_score_ - 0.1 : score;
}

template <class Relax>
void SentencePieceViterbi::walk(std::string_view text, Relax&& relax) const {
  if (text.size() > std::numeric_limits<std::int32_t>::max()) {
    throw std::runtime_error("a text has more than 2 GiB without a place to cut it");
  }
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t character = std::min(character_length(text[start]), text.size() - start);
    bool known = false;
    Trie::Node node = trie_.root();
    for (std::size_t end = start; end < text.size() && trie_.step(node, text[end]);) {
      ++end;
      if (!node.is_key()) continue;
      relax(start, end, node.id(), score_of(node.id(), end - start));
      known = known || end - start == character;
    }
    if (!known) relax(start, start + character, unk_id_, static_cast<double>(unk_score_));
    start += character;
  }
}

template <class Nodes>
void SentencePieceViterbi::trace_back(const Nodes& nodes, std::vector<Token>& tokens) const {
  tokens.clear();
  for (std::size_t end = nodes.size() - 1; end > 0;) {
    const auto start = static_cast<std::size_t>(nodes[end].start);
    tokens.push_back({nodes[end].id, static_cast<std::uint32_t>(end), score_of(nodes[end].id, end - start)});
    end = start;
  }
  std::reverse(tokens.begin(), tokens.end());
}

void SentencePieceViterbi::segment(std::string_view text, float sum, Workspace& workspace) const {
  auto& nodes = workspace.nodes_;
  nodes.assign(text.size() + 1, {0, -1, 0});
  nodes[0].score = sum;
  walk(text, [&](std::size_t start, std::size_t end, TokenId id, double score) {
    // Compared before it is rounded, kept rounded; the unknown token's is rounded first: as libsentencepiece's types
    // do.
    double candidate = static_cast<double>(nodes[start].score) + score;
    if (id == unk_id_) candidate = static_cast<float>(candidate);
    auto& node = nodes[end];
    if (node.start >= 0 && !(candidate > static_cast<double>(node.score))) return;
    node = {static_cast<float>(candidate), static_cast<std::int32_t>(start), id};
  });
  trace_back(nodes, workspace.tokens);
}

double SentencePieceViterbi::segment_exactly(std::string_view text, Workspace& workspace) const {
  static constexpr double kNever = -std::numeric_limits<double>::infinity();
  auto& nodes = workspace.exact_nodes_;
  nodes.assign(text.size() + 1, {0, kNever, -1, 0});
  double largest = 0;
  std::size_t characters = 0;
  walk(text, [&](std::size_t start, std::size_t end, TokenId id, double score) {
    const double candidate = nodes[start].score + score;
    largest = std::max(largest, std::abs(candidate));
    auto& node = nodes[end];
    if (node.start < 0) {
      ++characters;
      node = {candidate, kNever, static_cast<std::int32_t>(start), id};
    } else if (candidate > node.score) {
      node = {candidate, node.score, static_cast<std::int32_t>(start), id};
    } else {
      node.runner_up = std::max(node.runner_up, candidate);
    }
  });
  trace_back(nodes, workspace.tokens);
  double margin = std::numeric_limits<double>::infinity();
  for (const Token& token : workspace.tokens) {
    margin = std::min(margin, nodes[token.end].score - nodes[token.end].runner_up);
  }
  // A sum of float32 is off by at most 2^-24 of its size for each of its terms, and two such sums are compared: as long
  // as none is so large that it becomes infinite.
  const double limit = margin / (static_cast<double>(characters + 1) * 0x1p-23) - largest;
  return largest > kLargestSum ? -1 : std::min(limit, kLargestSum);
}

}  // namespace langzoo
