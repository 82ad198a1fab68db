/// Texts and words for the trainers' tests.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/trainers/text_source.h"
#include "tokenizers/trainers/word_counts.h"

namespace langzoo::test {

inline TextSource source_of(std::vector<std::string> texts) {
  return [texts = std::move(texts), i = std::size_t{0}](std::string& text) mutable {
    if (i == texts.size()) return false;
    text = texts[i++];
    return true;
  };
}

/// Cuts at spaces, which are dropped.
inline void split_at_spaces(std::string_view text, bool /*at_start*/,
                            const std::function<void(std::string_view)>& add) {
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (!word.empty()) add(word);
    text.remove_prefix(std::min(word.size() + 1, text.size()));
  }
}

inline std::vector<WordCount> words_of(std::vector<std::string> texts, std::size_t threads = 1) {
  return count_words(source_of(std::move(texts)), split_at_spaces, /*cuts_at_borders=*/true, {threads, {}});
}

}  // namespace langzoo::test
