#include "tokenizers/pre_tokenizers/split_pre_tokenizer.h"

#include <utility>

#include <fmt/format.h>

#include "tokenizers/byte_level.h"
#include "tokenizers/cl100k.h"
#include "tokenizers/pre_tokenizers/pieces.h"

namespace langzoo {

SplitPreTokenizer::SplitPreTokenizer(SplitPreTokenizerOptions options) : options_(std::move(options)) {
  if (!options_.pattern.is_regex()) return;
  if (options_.pattern.text() == kGpt2Pattern) piece_end_ = gpt2_piece_end;
  if (options_.pattern.text() == kCl100kPattern) piece_end_ = cl100k_piece_end;
}

void SplitPreTokenizer::cut(std::vector<NormalizedText>& words) const {
  std::vector<Piece> pieces;
  cut_each(words, [&](NormalizedText& word, std::vector<NormalizedText>& result) {
    pieces.clear();
    const std::string_view text = word.text();
    std::size_t rest = 0;
    const auto on_match = [&](Offset match) {
      if (rest < match.begin) pieces.push_back({rest, match.begin, options_.invert});
      pieces.push_back({match.begin, match.end, !options_.invert});
      rest = match.end;
    };
    if (piece_end_ != nullptr) {
      while (rest < text.size()) on_match({rest, piece_end_(text, rest)});
    } else {
      options_.pattern.for_each_match(text, on_match);
    }
    if (rest < text.size()) pieces.push_back({rest, text.size(), options_.invert});
    append_words(std::move(word), pieces, options_.behavior, result);
  });
}

std::string SplitPreTokenizer::to_json() const {
  return fmt::format(R"({{"type": "Split", "pattern": {}, "behavior": "{}", "invert": {}}})",
                     options_.pattern.to_json(), name_of(options_.behavior), options_.invert);
}

bool SplitPreTokenizer::cuts_at_borders() const {
  // Both scanners begin a piece at a border; a string that is a space is found there.
  const bool apart = options_.behavior == SplitBehavior::Isolated || options_.behavior == SplitBehavior::Removed;
  if (piece_end_ != nullptr) return apart;
  if (options_.pattern.is_regex() || options_.pattern.text() != " ") return false;
  return apart || options_.behavior == SplitBehavior::Contiguous ||
         (options_.behavior == SplitBehavior::MergedWithNext && !options_.invert);
}

}  // namespace langzoo
