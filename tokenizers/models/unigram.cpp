#include "tokenizers/models/unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "tokenizers/models/trie.h"
#include "tokenizers/models/vocabulary.h"

namespace langzoo {

namespace {

constexpr double kUnknownPenalty = 10.0;  // below the least score of a piece, as in sentencepiece

/// The best segmentation of the text up to a place: its score and last piece.
struct BestPath {
  double score;
  std::uint32_t begin;
  TokenId id;
};

/// Working memory of a thread.
struct ViterbiWorkspace {
  std::vector<BestPath> best;
  std::vector<double> rest;  // log of the summed weights of all segmentations from a place on
  std::vector<ModelToken> path;

  /// Memory for words of more bytes is given back after them.
  static constexpr std::size_t kKeep = std::size_t{1} << 16;
  void give_back() {
    if (best.capacity() > kKeep) best = {};
    if (rest.capacity() > kKeep) rest = {};
    if (path.capacity() > kKeep) path = {};
  }
};

/// log(exp(a_1) + ... + exp(a_n)) without overflow.
class LogSum {
 public:
  void add(double a) {
    if (a <= largest_) {
      sum_ += std::exp(a - largest_);
    } else {
      sum_ = sum_ * std::exp(largest_ - a) + 1;
      largest_ = a;
    }
  }
  double value() const { return sum_ == 0 ? kNothing : largest_ + std::log(sum_); }

  static constexpr double kNothing = -std::numeric_limits<double>::infinity();

 private:
  double largest_ = kNothing, sum_ = 0;
};

std::size_t character_length(std::string_view word, std::size_t at) {
  const auto lead = static_cast<unsigned char>(word[at]);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  return std::min(length, word.size() - at);
}

bool begins_character(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
}

/// Of repeated pieces the last counts, as in the reference.
IdsByToken index_pieces(const std::vector<std::pair<std::string, double>>& pieces) {
  if (pieces.size() > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("{} pieces are more than {}", pieces.size(), kMaxVocabularySize));
  }
  IdsByToken ids;
  ids.reserve(pieces.size());
  for (std::size_t id = 0; id < pieces.size(); ++id) {
    const auto& [piece, score] = pieces[id];
    if (!is_valid_utf8(piece)) throw std::invalid_argument(fmt::format("piece {} is not UTF-8", id));
    if (!std::isfinite(score))
      throw std::invalid_argument(fmt::format("the score of '{}' is {}", escaped(piece), score));
    ids[piece] = static_cast<TokenId>(id);
  }
  return ids;
}

}  // namespace

struct Unigram::Impl {
  explicit Impl(UnigramOptions o)
      : options(std::move(o)), ids(index_pieces(options.pieces)), trie({ids.begin(), ids.end()}), bytes(ids) {
    if (options.unk_id && (*options.unk_id < 0 || static_cast<std::size_t>(*options.unk_id) >= options.pieces.size())) {
      throw std::invalid_argument(
          fmt::format("unk_id is {}, which none of the {} pieces has", *options.unk_id, options.pieces.size()));
    }
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [piece, score] : options.pieces) {
      scores.push_back(score);
      least = std::min(least, score);
    }
    unknown_score = least - kUnknownPenalty;
    unk = options.unk_id.value_or(kNoToken);
  }

  /// Calls on_piece(end, id, score) for every piece that begins at `begin`, and for the unknown piece of one character
  /// where none is that character. Returns the character's length.
  template <class OnPiece>
  std::size_t for_each_piece(std::string_view word, std::size_t begin, OnPiece&& on_piece) const {
    const std::size_t length = character_length(word, begin);
    bool known = false;
    Trie::Node node = trie.root();
    for (std::size_t at = begin; at < word.size() && trie.step(node, word[at]); ++at) {
      if (!node.is_key()) continue;
      known = known || at + 1 == begin + length;
      on_piece(at + 1, node.id(), scores[static_cast<std::size_t>(node.id())]);
    }
    if (!known) on_piece(begin + length, unk, unknown_score);
    return length;
  }

  /// The segmentation of largest score, the last piece first.
  void find_best(std::string_view word, ViterbiWorkspace& workspace) const;
  /// A segmentation drawn with probability ~ exp(score)^alpha, the first piece first.
  void draw(std::string_view word, ViterbiWorkspace& workspace, SubwordSampling& sampling) const;
  /// Appends the tokens of a segmentation, whose unknown neighbours become one.
  template <class Path>
  void append(std::string_view word, const Path& begin, const Path& end, std::vector<ModelToken>& tokens) const;
  void append_unknown(std::string_view word, ModelToken run, std::vector<ModelToken>& tokens) const;

  [[noreturn]] static void fail(std::string_view word) {
    throw std::runtime_error(
        fmt::format("'{}' cannot be made of the pieces, and the model has no unk_id", shorten(word)));
  }

  UnigramOptions options;
  IdsByToken ids;
  Trie trie;
  ByteTokens bytes;
  std::vector<double> scores;  // by id
  double unknown_score = 0;
  TokenId unk = kNoToken;
};

void Unigram::Impl::find_best(std::string_view word, ViterbiWorkspace& workspace) const {
  constexpr std::uint32_t kUnreached = ~std::uint32_t{0};
  std::vector<BestPath>& best = workspace.best;
  best.assign(word.size() + 1, {0, kUnreached, kNoToken});
  for (std::size_t begin = 0; begin < word.size();) {
    const double before = best[begin].score;
    begin += for_each_piece(word, begin, [&](std::size_t end, TokenId id, double score) {
      const double total = before + score;
      BestPath& path = best[end];
      if (path.begin != kUnreached && !(total > path.score)) return;
      if (id == kNoToken) fail(word);
      path = {total, static_cast<std::uint32_t>(begin), id};
    });
  }
  workspace.path.clear();
  for (std::size_t end = word.size(); end > 0;) {
    const BestPath& path = best[end];
    workspace.path.push_back({path.id, path.begin, static_cast<std::uint32_t>(end)});
    end = path.begin;
  }
}

void Unigram::Impl::draw(std::string_view word, ViterbiWorkspace& workspace, SubwordSampling& sampling) const {
  // Kudo (2018) filters forwards and samples backwards; the mirror image draws from the same distribution and needs
  // nothing of the lattice but one sum a place.
  const double alpha = sampling.unigram_alpha;
  std::vector<double>& rest = workspace.rest;
  rest.assign(word.size() + 1, LogSum::kNothing);
  rest[word.size()] = 0;
  const auto possible = [&](std::size_t end, TokenId id) { return id != kNoToken && rest[end] != LogSum::kNothing; };
  for (std::size_t begin = word.size(); begin-- > 0;) {
    if (!begins_character(word[begin])) continue;
    LogSum sum;
    for_each_piece(word, begin, [&](std::size_t end, TokenId id, double score) {
      if (possible(end, id)) sum.add(alpha * score + rest[end]);
    });
    rest[begin] = sum.value();
  }
  workspace.path.clear();
  for (std::size_t begin = 0; begin < word.size();) {
    double left = sampling.uniform();
    ModelToken drawn{kNoToken, static_cast<std::uint32_t>(begin), 0};
    for_each_piece(word, begin, [&](std::size_t end, TokenId id, double score) {
      if (!possible(end, id) || (drawn.id != kNoToken && left < 0)) return;
      drawn.id = id;
      drawn.end = static_cast<std::uint32_t>(end);
      left -= std::exp(alpha * score + rest[end] - rest[begin]);
    });
    if (drawn.id == kNoToken) fail(word);
    workspace.path.push_back(drawn);
    begin = drawn.end;
  }
}

template <class Path>
void Unigram::Impl::append(std::string_view word, const Path& begin, const Path& end,
                           std::vector<ModelToken>& tokens) const {
  for (Path piece = begin; piece != end;) {
    ModelToken token = *piece++;
    if (token.id != unk) {
      tokens.push_back(token);
      continue;
    }
    for (; piece != end && piece->id == unk; ++piece) token.end = piece->end;
    append_unknown(word, token, tokens);
  }
}

void Unigram::Impl::append_unknown(std::string_view word, ModelToken run, std::vector<ModelToken>& tokens) const {
  const std::string_view text = word.substr(run.begin, run.end - run.begin);
  if (const auto id = find_id(ids, text)) {
    tokens.push_back({*id, run.begin, run.end});
  } else if (options.byte_fallback && bytes.cover(text)) {
    for (const char byte : text) tokens.push_back({bytes[byte], run.begin, run.end});
  } else {
    tokens.push_back(run);
  }
}

Unigram::Unigram(UnigramOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Unigram::~Unigram() = default;

const UnigramOptions& Unigram::options() const {
  return impl_->options;
}

void Unigram::tokenize(std::string_view word, std::vector<ModelToken>& tokens, SubwordSampling* sampling) const {
  if (word.empty()) return;
  check_word_size(word);
  static thread_local ViterbiWorkspace workspace;
  if (sampling == nullptr) {
    impl_->find_best(word, workspace);
    impl_->append(word, workspace.path.rbegin(), workspace.path.rend(), tokens);
  } else {
    if (!(sampling->unigram_alpha >= 0) || !std::isfinite(sampling->unigram_alpha)) {
      throw std::invalid_argument(fmt::format("unigram_alpha is {}, not a number from 0 on", sampling->unigram_alpha));
    }
    impl_->draw(word, workspace, *sampling);
    impl_->append(word, workspace.path.begin(), workspace.path.end(), tokens);
  }
  workspace.give_back();
}

std::size_t Unigram::vocab_size() const {
  return impl_->options.pieces.size();
}

std::optional<TokenId> Unigram::token_to_id(std::string_view token) const {
  return find_id(impl_->ids, token);
}

std::optional<std::string_view> Unigram::id_to_token(TokenId id) const {
  if (id < 0 || static_cast<std::size_t>(id) >= impl_->options.pieces.size()) return {};
  return impl_->options.pieces[static_cast<std::size_t>(id)].first;
}

std::optional<TokenId> Unigram::unk() const {
  return impl_->options.unk_id;
}

std::string Unigram::to_json() const {
  std::string vocab = "[";
  const char* separator = "\n";
  for (const auto& [piece, score] : impl_->options.pieces) {
    vocab += fmt::format("{}      [{}, {}]", separator, json_string(piece), nlohmann::json(score).dump());
    separator = ",\n";
  }
  vocab += impl_->options.pieces.empty() ? "]" : "\n    ]";
  return fmt::format(
      "{{\n    \"type\": \"Unigram\",\n    \"unk_id\": {},\n    \"vocab\": {},\n    \"byte_fallback\": {}\n  }}",
      impl_->options.unk_id ? fmt::to_string(*impl_->options.unk_id) : "null", vocab, impl_->options.byte_fallback);
}

}  // namespace langzoo
