#include "apps/cli/translation/sentence_translator.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

namespace langzoo {

SentenceTokens sentence_tokens(const Tokenizer& tokenizer, const std::string& text) {
  constexpr std::size_t kMost = 4096;
  auto encoding = tokenizer.encode(text, {.add_special_tokens = false});
  if (encoding.size() > kMost) {
    throw std::runtime_error(fmt::format("a sentence of {} tokens; at most {} are aligned", encoding.size(), kMost));
  }
  const auto words = word_ranges(text);
  SentenceTokens tokens;
  for (const auto& offset : encoding.offsets) {
    const auto word =
        std::partition_point(words.begin(), words.end(), [&](const auto& range) { return range.second < offset.end; });
    const bool inside = word != words.end() && word->first < offset.end;
    tokens.words.push_back(inside ? static_cast<int>(word - words.begin()) : -1);
  }
  tokens.ids = std::move(encoding.ids);
  return tokens;
}

}  // namespace langzoo
