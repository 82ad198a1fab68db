#include "data/tasks/word_pieces.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "data/text/causal_lm.h"

namespace langzoo {

WordPieces word_pieces(std::span<const std::string> words, const Tokenizer& tokenizer, std::size_t max_length) {
  std::string text;
  std::vector<std::size_t> ends;  // of the words, in the text
  for (const auto& word : words) {
    if (!ends.empty()) text += ' ';
    text += word;
    ends.push_back(text.size());
  }
  EncodeOptions options{.own_truncation = false, .own_padding = false};
  if (max_length > 0) options.truncation = Truncation{.max_length = max_length};
  auto encoding = tokenizer.encode(text, options);
  WordPieces pieces{
      std::move(encoding.ids), std::move(encoding.type_ids), std::vector<std::int32_t>(words.size(), -1), 0, {}, {}};
  std::size_t reached = 0;          // words up to the last piece
  std::size_t from = 0, solid = 0;  // no text but spaces between these: looked for once for all pieces of a run
  for (std::size_t i = 0; i < pieces.ids.size(); ++i) {
    if (encoding.sequence_ids[i] != 0) continue;
    const auto begin = encoding.offsets[i].begin;
    if (begin < from || begin > solid || i == 0) {
      from = begin;
      solid = std::min(text.find_first_not_of(' ', begin), text.size());
    }
    const auto word = static_cast<std::size_t>(std::upper_bound(ends.begin(), ends.end(), solid) - ends.begin());
    if (word == words.size()) continue;
    if (pieces.first[word] < 0) pieces.first[word] = static_cast<std::int32_t>(i);
    reached = word + 1;
  }
  if (!encoding.overflowing.empty()) pieces.cut = words.size() - reached;
  pieces.offsets = std::move(encoding.offsets);
  pieces.text = std::move(text);
  return pieces;
}

std::vector<std::int64_t> piece_labels(const WordPieces& pieces, std::span<const std::int64_t> word_labels) {
  if (word_labels.size() != pieces.first.size())
    throw std::invalid_argument(fmt::format("{} words, {} labels", pieces.first.size(), word_labels.size()));
  std::vector<std::int64_t> labels(pieces.ids.size(), kIgnoredTarget);
  for (std::size_t word = 0; word < word_labels.size(); ++word) {
    if (pieces.first[word] >= 0) labels[static_cast<std::size_t>(pieces.first[word])] = word_labels[word];
  }
  return labels;
}

std::vector<std::int64_t> word_labels(const WordPieces& pieces, std::span<const std::int64_t> piece_labels,
                                      std::int64_t otherwise) {
  if (piece_labels.size() != pieces.ids.size())
    throw std::invalid_argument(fmt::format("{} pieces, {} labels", pieces.ids.size(), piece_labels.size()));
  std::vector<std::int64_t> labels;
  for (const auto first : pieces.first) {
    labels.push_back(first < 0 ? otherwise : piece_labels[static_cast<std::size_t>(first)]);
  }
  return labels;
}

}  // namespace langzoo
