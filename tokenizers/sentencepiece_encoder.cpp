#include "tokenizers/sentencepiece_encoder.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace langzoo {

namespace {

using Algorithm = SentencePieceModel::Algorithm;

/// Whether a space (U+2581) stands in `piece` after something else.
bool goes_past_a_space(std::string_view piece) {
  while (piece.starts_with(kSpaceSymbol)) piece.remove_prefix(kSpaceSymbol.size());
  return piece.find(kSpaceSymbol) != std::string_view::npos;
}

bool keeps_words_apart(const SentencePieceModel& model) {
  if (model.treat_whitespace_as_suffix || !model.escape_whitespaces) return false;
  return std::none_of(model.pieces.begin(), model.pieces.end(), [](const SentencePieceModel::Piece& piece) {
    return piece.spells() && goes_past_a_space(piece.text);
  });
}

}  // namespace

/// A word and its tokens; as it begins, no word's.
struct alignas(128) SentencePieceEncoder::RememberedWord {
  static constexpr std::size_t kMaxBytes = 34, kMaxTokens = 11;

  std::uint8_t size = 0, count = 0;
  char bytes[kMaxBytes];
  float sum_limit;  // it holds after a sum of scores of less than this size
  TokenId ids[kMaxTokens];
  float scores[kMaxTokens];

  bool holds(std::string_view word) const {
    return size == word.size() && std::memcmp(bytes, word.data(), word.size()) == 0;
  }
};

struct SentencePieceEncoder::Workspace {
  static constexpr int kBits = 15;

  Workspace() : remembered(new RememberedWord[std::size_t{1} << kBits]) {}

  RememberedWord& place_of(std::string_view word) {
    std::uint64_t hash = word.size();
    const auto mix = [&hash](std::uint64_t block) {
      hash = (hash ^ block) * 0xD6E8FEB86659FD93u;
      hash ^= hash >> 32;
    };
    std::size_t at = 0;
    for (; at + 8 <= word.size(); at += 8) {
      std::uint64_t block;
      std::memcpy(&block, word.data() + at, 8);
      mix(block);
    }
    std::uint64_t block = 0;
    for (; at < word.size(); ++at) block = block << 8 | static_cast<unsigned char>(word[at]);
    mix(block);
    return remembered[(hash * 0x9E3779B97F4A7C15u) >> (64 - kBits)];
  }

  std::unique_ptr<RememberedWord[]> remembered;  // a direct-mapped table of 4 MiB, its pages taken as they are used
  std::string normalized;
  SentencePieceViterbi::Workspace viterbi;
  std::vector<ModelToken> tokens;
  std::vector<TokenId> ids;
};

/// How far a text has been encoded.
struct SentencePieceEncoder::State {
  std::vector<TokenId>& ids;
  SentencePieceNormalizer::Progress progress;
  float sum = 0;           // of the scores so far
  bool after_unk = false;  // neighbouring unknown tokens are one

  void add(TokenId id, TokenId unk) {
    const bool is_unk = id == unk;
    if (!is_unk || !after_unk) ids.push_back(id);
    after_unk = is_unk;
  }
};

SentencePieceEncoder::SentencePieceEncoder(const SentencePieceModel& model, const SentencePieceSegmenter& segmenter)
    : model_(model), segmenter_(segmenter), normalizer_(model), supported_(keeps_words_apart(model)) {
  bool has_space = false;
  for (std::size_t i = 0; i < model.pieces.size(); ++i) {
    const auto& piece = model.pieces[i];
    if (piece.kind == SentencePieceModel::Kind::Normal && piece.text == kSpaceSymbol) has_space = true;
    if (piece.kind == SentencePieceModel::Kind::Byte) {
      byte_ids_[std::stoul(piece.text.substr(3, 2), nullptr, 16)] = static_cast<TokenId>(i);  // <0x0A>
    }
  }
  // Without a token for the space, or in a word model, unknown words beside each other are one token.
  has_cut_points_ = supported_ && has_space && model.add_dummy_prefix == model.remove_extra_whitespaces &&
                    (model.algorithm == Algorithm::Bpe || model.algorithm == Algorithm::Char);
}

SentencePieceEncoder::~SentencePieceEncoder() = default;

std::size_t SentencePieceEncoder::word_end(std::string_view text, std::size_t begin) const {
  for (std::size_t i = begin + 1; i + 1 < text.size(); ++i) {
    if (!normalizer_.is_space(text[i])) continue;
    if (!normalizer_.is_space(text[i - 1]) && !normalizer_.is_space(text[i + 1])) return i;
  }
  return text.size();
}

void SentencePieceEncoder::encode(std::string_view text, std::vector<TokenId>& ids) const {
  const auto workspace = workspaces_.borrow();
  std::string& normalized = workspace->normalized;
  normalized.clear();
  State state{ids, {}};
  bool at_border = true;  // whether what comes next does not depend on the characters before
  for (std::size_t begin = 0, end; begin < text.size(); begin = end) {
    end = word_end(text, begin);
    const std::string_view word = text.substr(begin, end - begin);
    RememberedWord* place = nullptr;
    // Words begin with a space; one that does not stands at the beginning of the text.
    if (at_border && word.size() <= RememberedWord::kMaxBytes && (begin > 0 || !normalizer_.is_space(word[0]))) {
      place = &workspace->place_of(word);
      if (place->holds(word) && std::abs(state.sum) < place->sum_limit) {
        for (std::size_t i = 0; i < place->count; ++i) {
          state.add(place->ids[i], model_.unk_id);
          state.sum += place->scores[i];
        }
        state.progress = {.at_start = false, .after_space = false};
        continue;
      }
    }
    normalizer_.normalize(word, state.progress, normalized);
    at_border = !state.progress.at_start && !state.progress.after_space && !normalized.empty() &&
                !normalized.ends_with(kSpaceSymbol);
    if (at_border) {
      encode_word(word, place, *workspace, state);
      normalized.clear();
    }
  }
  if (!normalized.empty()) {
    normalizer_.finish(normalized);
    encode_word({}, nullptr, *workspace, state);
  }
}

void SentencePieceEncoder::encode_word(std::string_view word, RememberedWord* place, Workspace& workspace,
                                       State& state) const {
  const SentencePieceViterbi* const viterbi = segmenter_.viterbi();
  if (viterbi == nullptr) {
    segmenter_.segment(workspace.normalized, workspace.tokens);
    workspace.ids.clear();
    for (const ModelToken& token : workspace.tokens) {
      append_ids(token.id, std::string_view(workspace.normalized).substr(token.begin, token.end - token.begin),
                 workspace.ids);
    }
    for (const TokenId id : workspace.ids) state.add(id, model_.unk_id);
    if (place == nullptr || workspace.ids.size() > RememberedWord::kMaxTokens) return;
    place->sum_limit = std::numeric_limits<float>::infinity();
    std::copy(workspace.ids.begin(), workspace.ids.end(), place->ids);
    std::fill_n(place->scores, workspace.ids.size(), 0.0F);
    place->count = static_cast<std::uint8_t>(workspace.ids.size());
  } else {
    auto& tokens = workspace.viterbi.tokens;
    if (place == nullptr || place->holds(word)) {
      state.sum = viterbi->segment(workspace.normalized, state.sum, workspace.viterbi);
      add_tokens(workspace, state);
      return;
    }
    const double limit = viterbi->segment_exactly(workspace.normalized, workspace.viterbi);
    const bool fits = tokens.size() <= RememberedWord::kMaxTokens &&
                      std::none_of(tokens.begin(), tokens.end(), [&](const SentencePieceViterbi::Token& token) {
                        return model_.byte_fallback && token.id == model_.unk_id;
                      });
    if (fits) {
      place->sum_limit = std::nextafter(static_cast<float>(limit), 0.0F);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        place->ids[i] = tokens[i].id;
        place->scores[i] = tokens[i].score;
      }
      place->count = static_cast<std::uint8_t>(tokens.size());
    }
    if (std::abs(state.sum) < limit) {
      for (const SentencePieceViterbi::Token& token : tokens) state.sum += token.score;
    } else {
      state.sum = viterbi->segment(workspace.normalized, state.sum, workspace.viterbi);
    }
    add_tokens(workspace, state);
    if (!fits) return;
  }
  place->size = static_cast<std::uint8_t>(word.size());
  std::memcpy(place->bytes, word.data(), word.size());
}

void SentencePieceEncoder::add_tokens(Workspace& workspace, State& state) const {
  std::size_t begin = 0;
  for (const SentencePieceViterbi::Token& token : workspace.viterbi.tokens) {
    if (token.id == model_.unk_id && model_.byte_fallback) {
      append_ids(token.id, std::string_view(workspace.normalized).substr(begin, token.end - begin), state.ids);
    } else {
      state.add(token.id, model_.unk_id);
    }
    begin = token.end;
  }
}

void SentencePieceEncoder::append_ids(TokenId id, std::string_view text, std::vector<TokenId>& ids) const {
  if (id != model_.unk_id || !model_.byte_fallback) return ids.push_back(id);
  for (const char byte : text) ids.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
}

std::size_t SentencePieceEncoder::cut_point(std::string_view text, std::size_t at) const {
  if (!has_cut_points_ || text.size() < 3) return 0;
  const auto is_ascii = [&](std::size_t i) { return i >= text.size() || static_cast<unsigned char>(text[i]) < 128; };
  for (std::size_t i = std::min(at, text.size() - 2); i > 0; --i) {
    if (normalizer_.is_space(text[i]) && normalizer_.is_plain(text[i - 1]) && normalizer_.is_plain(text[i + 1]) &&
        is_ascii(i + 2)) {
      return i;
    }
  }
  return 0;
}

}  // namespace langzoo
