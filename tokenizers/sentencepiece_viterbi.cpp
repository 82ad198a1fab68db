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
/// Once the sum at a place is larger, it is taken off the sums from there on.
constexpr float kLargestSum = 100'000;

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
  float min_score = FLT_MAX;
  for (const auto& piece : model.pieces) {
    const double length = static_cast<double>(piece.text.size());
    scores_.push_back(piece.kind == Kind::UserDefined ? static_cast<float>(0.1 * (length - 1)) : piece.score);
    if (piece.kind == Kind::Normal) min_score = std::min(min_score, piece.score);
  }
  scores_[static_cast<std::size_t>(unk_id_)] = min_score - kUnknownPenalty;
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
      relax(start, end, node.id(), scores_[static_cast<std::size_t>(node.id())]);
      known = known || end - start == character;
    }
    if (!known) relax(start, start + character, unk_id_, scores_[static_cast<std::size_t>(unk_id_)]);
    start += character;
  }
}

template <class Nodes>
void SentencePieceViterbi::trace_back(const Nodes& nodes, std::vector<Token>& tokens) const {
  tokens.clear();
  for (std::size_t end = nodes.size() - 1; end > 0;) {
    const TokenId id = nodes[end].id;
    tokens.push_back({id, static_cast<std::uint32_t>(end), scores_[static_cast<std::size_t>(id)]});
    end = static_cast<std::size_t>(nodes[end].start);
  }
  std::reverse(tokens.begin(), tokens.end());
}

float SentencePieceViterbi::segment(std::string_view text, float sum, Workspace& workspace) const {
  auto& nodes = workspace.nodes_;
  nodes.assign(text.size() + 1, {0, -1, 0});
  nodes[0].score = sum;
  std::size_t furthest = 0;
  const auto start_again = [&](std::size_t start) {
    const float offset = nodes[start].score;
    for (std::size_t i = start; i <= furthest; ++i) nodes[i].score -= offset;
    nodes[start].score = 0;
  };
  walk(text, [&](std::size_t start, std::size_t end, TokenId id, float score) {
    if (std::abs(nodes[start].score) > kLargestSum) start_again(start);
    furthest = std::max(furthest, end);
    const float candidate = nodes[start].score + score;
    auto& node = nodes[end];
    if (node.start < 0 || candidate > node.score) node = {candidate, static_cast<std::int32_t>(start), id};
  });
  trace_back(nodes, workspace.tokens);
  return nodes.back().score;
}

double SentencePieceViterbi::segment_exactly(std::string_view text, Workspace& workspace) const {
  static constexpr double kNever = -std::numeric_limits<double>::infinity();
  auto& nodes = workspace.exact_nodes_;
  nodes.assign(text.size() + 1, {0, kNever, -1, 0});
  double largest = 0;
  std::size_t characters = 0;
  walk(text, [&](std::size_t start, std::size_t end, TokenId id, float score) {
    const double candidate = nodes[start].score + static_cast<double>(score);
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
  // A sum of float32 is off by at most 2^-24 of its size for each of its terms, and two such sums are compared; none
  // may come to start again.
  const double rounding = static_cast<double>(characters + 1) * 0x1p-23;
  return std::min(margin / rounding, kLargestSum / (1 + rounding)) - largest;
}

}  // namespace langzoo
