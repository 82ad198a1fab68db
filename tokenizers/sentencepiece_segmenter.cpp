#include "tokenizers/sentencepiece_segmenter.h"

#include <algorithm>
#include <queue>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/models/vocabulary.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using Algorithm = SentencePieceModel::Algorithm;
using Kind = SentencePieceModel::Kind;

Trie user_defined_ids(const SentencePieceModel& model) {
  std::vector<std::pair<std::string_view, TokenId>> keys;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].kind == Kind::UserDefined) keys.emplace_back(model.pieces[i].text, static_cast<TokenId>(i));
  }
  return Trie(std::move(keys));
}

}  // namespace

/// The merges of a part of a text without user-defined symbols.
class SentencePieceSegmenter::Merging {
 public:
  Merging(const SentencePieceSegmenter& segmenter, std::string_view text) : segmenter_(segmenter), text_(text) {
    for (std::size_t at = 0; at < text.size(); at += symbols_.back().size) {
      const auto size = static_cast<std::uint32_t>(decode_utf8(text, at).length);
      const auto index = static_cast<std::int32_t>(symbols_.size());
      symbols_.push_back({static_cast<std::uint32_t>(at), size, index - 1, index + 1});
    }
    symbols_.back().next = kNone;
    for (std::int32_t i = 1; i < static_cast<std::int32_t>(symbols_.size()); ++i) add(i - 1, i);
  }

  /// Without `sampling` nothing is left out.
  void run(SubwordSampling* sampling) {
    while (!pairs_.empty()) {
      const Pair pair = pairs_.top();
      pairs_.pop();
      Symbol& left = symbol(pair.left);
      Symbol& right = symbol(pair.right);
      if (left.size == 0 || right.size == 0 || left.size + right.size != pair.size) continue;
      if (sampling != nullptr && sampling->uniform() < sampling->bpe_dropout) continue;
      left.size = pair.size;
      left.next = right.next;
      if (right.next != kNone) symbol(right.next).previous = pair.left;
      right.size = 0;
      add(left.previous, pair.left);
      add(pair.left, left.next);
    }
  }

  /// Appends the tokens; unused pieces fall apart into what they were merged from.
  void append(std::size_t offset, std::vector<ModelToken>& tokens) const {
    std::vector<std::string_view> pending;
    for (std::int32_t i = 0; i != kNone; i = symbols_[static_cast<std::size_t>(i)].next) {
      pending.push_back(spelling(symbols_[static_cast<std::size_t>(i)]));
      while (!pending.empty()) {
        const std::string_view piece = pending.back();
        pending.pop_back();
        const auto split = left_sizes_.find(piece);
        if (split != left_sizes_.end()) {
          pending.push_back(piece.substr(split->second));
          pending.push_back(piece.substr(0, split->second));
          continue;
        }
        const std::size_t begin = offset + static_cast<std::size_t>(piece.data() - text_.data());
        tokens.push_back({segmenter_.id_of(piece), static_cast<std::uint32_t>(begin),
                          static_cast<std::uint32_t>(begin + piece.size())});
      }
    }
  }

 private:
  static constexpr std::int32_t kNone = -1;
  struct Symbol {
    std::uint32_t begin, size;  // size 0: merged into the one before
    std::int32_t previous, next;
  };
  struct Pair {
    float score;
    std::int32_t left, right;
    std::uint32_t size;
    /// The largest score goes first, the leftmost of several.
    bool operator<(const Pair& other) const { return score != other.score ? score < other.score : left > other.left; }
  };

  Symbol& symbol(std::int32_t index) { return symbols_[static_cast<std::size_t>(index)]; }
  std::string_view spelling(const Symbol& symbol) const { return text_.substr(symbol.begin, symbol.size); }

  void add(std::int32_t left, std::int32_t right) {
    if (left == kNone || right == kNone) return;
    const std::uint32_t size = symbol(left).size + symbol(right).size;
    const std::string_view piece = text_.substr(symbol(left).begin, size);
    const auto found = segmenter_.ids_.find(piece);
    if (found == segmenter_.ids_.end()) return;
    const auto& known = segmenter_.model_.pieces[static_cast<std::size_t>(found->second)];
    pairs_.push({known.score, left, right, size});
    if (known.kind == Kind::Unused) left_sizes_[piece] = symbol(left).size;
  }

  const SentencePieceSegmenter& segmenter_;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::priority_queue<Pair> pairs_;
  std::unordered_map<std::string_view, std::size_t> left_sizes_;  // of the unused pieces that were merged
};

SentencePieceSegmenter::SentencePieceSegmenter(const SentencePieceModel& model)
    : model_(model), user_defined_(user_defined_ids(model)) {
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    if (model.pieces[i].spells()) ids_.emplace(model.pieces[i].text, static_cast<TokenId>(i));
  }
  if (model.algorithm == Algorithm::Unigram) viterbi_.emplace(model);
}

TokenId SentencePieceSegmenter::id_of(std::string_view piece) const {
  const auto found = ids_.find(piece);
  return found == ids_.end() ? model_.unk_id : found->second;
}

std::size_t SentencePieceSegmenter::user_defined_length(std::string_view text) const {
  std::size_t length = 0;
  Trie::Node node = user_defined_.root();
  for (std::size_t i = 0; i < text.size() && user_defined_.step(node, text[i]); ++i) {
    if (node.is_key()) length = i + 1;
  }
  return length;
}

const SentencePieceSegmenter::RandomUnigram& SentencePieceSegmenter::random_unigram() const {
  std::call_once(random_unigram_made_, [this] {
    // No text is empty: the unknown token's own name is not found in a text.
    UnigramOptions options{.pieces = {{"", 0.0}}, .unk_id = 0};
    std::vector<TokenId> ids = {model_.unk_id};
    for (std::size_t i = 0; i < model_.pieces.size(); ++i) {
      if (model_.pieces[i].kind != Kind::Normal) continue;
      options.pieces.emplace_back(model_.pieces[i].text, model_.pieces[i].score);
      ids.push_back(static_cast<TokenId>(i));
    }
    // Nor does it count for the least score, by which unknown characters are rated.
    if (options.pieces.size() > 1) options.pieces[0].second = options.pieces[1].second;
    random_unigram_.reset(new RandomUnigram{Unigram(std::move(options)), std::move(ids)});
  });
  return *random_unigram_;
}

void SentencePieceSegmenter::segment_part(std::string_view normalized, std::size_t begin, std::size_t end,
                                          SubwordSampling* sampling, std::vector<ModelToken>& tokens) const {
  if (begin == end) return;
  const std::string_view part = normalized.substr(begin, end - begin);
  const auto append = [&](TokenId id, std::size_t from, std::size_t to) {
    tokens.push_back({id, static_cast<std::uint32_t>(begin + from), static_cast<std::uint32_t>(begin + to)});
  };
  const auto append_characters = [&](std::size_t from, std::size_t to, auto&& id_of) {
    for (std::size_t at = from, next; at < to; at = next) {
      next = at + decode_utf8(part, at).length;
      append(id_of(part.substr(at, next - at)), at, next);
    }
  };
  if (model_.algorithm == Algorithm::Bpe) {
    Merging merging(*this, part);
    merging.run(sampling);
    merging.append(begin, tokens);
  } else if (model_.algorithm == Algorithm::Unigram) {
    const RandomUnigram& unigram = random_unigram();
    std::vector<ModelToken> drawn;  // an unknown one may be several characters
    unigram.model.tokenize(part, drawn, sampling);
    for (const ModelToken& token : drawn) {
      if (token.id == *unigram.model.unk()) {
        append_characters(token.begin, token.end, [this](std::string_view) { return model_.unk_id; });
      } else {
        append(unigram.ids[static_cast<std::size_t>(token.id)], token.begin, token.end);
      }
    }
  } else {
    append_characters(0, part.size(), [this](std::string_view character) { return id_of(character); });
  }
}

void SentencePieceSegmenter::segment_around_symbols(std::string_view normalized, SubwordSampling* sampling,
                                                    std::vector<ModelToken>& tokens) const {
  std::size_t begin = 0;
  for (std::size_t at = 0; at < normalized.size();) {
    const std::size_t length = user_defined_length(normalized.substr(at));
    if (length == 0) {
      at += decode_utf8(normalized, at).length;
      continue;
    }
    segment_part(normalized, begin, at, sampling, tokens);
    const TokenId id = ids_.at(normalized.substr(at, length));
    tokens.push_back({id, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + length)});
    begin = at += length;
  }
  segment_part(normalized, begin, normalized.size(), sampling, tokens);
}

void SentencePieceSegmenter::segment(std::string_view normalized, std::vector<ModelToken>& tokens) const {
  check_word_size(normalized);
  tokens.clear();
  if (viterbi_) {
    SentencePieceViterbi::Workspace workspace;
    viterbi_->segment(normalized, 0, workspace);
    std::uint32_t begin = 0;
    for (const SentencePieceViterbi::Token& token : workspace.tokens) {
      tokens.push_back({token.id, begin, token.end});
      begin = token.end;
    }
  } else if (model_.algorithm == Algorithm::Word) {
    for (std::size_t begin = 0, end; begin < normalized.size(); begin = end) {
      end = std::min(normalized.find(kSpaceSymbol, begin + 1), normalized.size());
      tokens.push_back({id_of(normalized.substr(begin, end - begin)), static_cast<std::uint32_t>(begin),
                        static_cast<std::uint32_t>(end)});
    }
  } else {
    segment_around_symbols(normalized, nullptr, tokens);
  }
}

void SentencePieceSegmenter::draw(std::string_view normalized, SubwordSampling& sampling,
                                  std::vector<ModelToken>& tokens) const {
  if (model_.algorithm == Algorithm::Bpe && !(sampling.bpe_dropout >= 0 && sampling.bpe_dropout <= 1)) {
    throw std::invalid_argument(fmt::format("bpe_dropout is {}, not a probability", sampling.bpe_dropout));
  }
  if (model_.algorithm == Algorithm::Word || model_.algorithm == Algorithm::Char) return segment(normalized, tokens);
  check_word_size(normalized);
  tokens.clear();
  segment_around_symbols(normalized, &sampling, tokens);
}

}  // namespace langzoo
