#include "tokenizers/trainers/unigram_text.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using CharacterCounts = std::vector<std::pair<char32_t, std::uint64_t>>;

/// The characters to keep, the most frequent first.
CharacterCounts choose_alphabet(const std::vector<WordCount>& words, std::string_view initial_alphabet,
                                double character_coverage) {
  std::map<char32_t, std::uint64_t> counts, required;
  double total = 0;
  for (const WordCount& word : words) {
    for (std::size_t at = 0; at < word.word.size();) {
      const Utf8Char c = decode_utf8(word.word, at);
      at += c.length;
      counts[c.code_point] += word.count;
      total += static_cast<double>(word.count);
    }
  }
  CharacterCounts kept;
  for (std::size_t at = 0; at < initial_alphabet.size();) {
    const Utf8Char c = decode_utf8(initial_alphabet, at);
    at += c.length;
    required.emplace(c.code_point, counts[c.code_point]);
  }
  kept.assign(counts.begin(), counts.end());
  const auto more_frequent = [](const auto& a, const auto& b) { return a.second > b.second; };
  std::stable_sort(kept.begin(), kept.end(), more_frequent);
  std::size_t size = 0;
  for (double covered = 0; size < kept.size() && covered < character_coverage * total; ++size) {
    covered += static_cast<double>(kept[size].second);
  }
  for (std::size_t i = size; i < kept.size(); ++i) {
    if (required.contains(kept[i].first)) kept[size++] = kept[i];
  }
  kept.resize(size);
  return kept;
}

}  // namespace

std::string UnigramText::spell(std::size_t begin, std::size_t size) const {
  std::string spelled;
  for (std::size_t i = begin; i < begin + size; ++i) append_utf8(spelled, alphabet[symbols[i]]);
  return spelled;
}

UnigramText make_unigram_text(const std::vector<WordCount>& words, std::string_view initial_alphabet,
                              double character_coverage) {
  UnigramText text;
  text.alphabet = {0};
  text.counts = {0};
  std::unordered_map<char32_t, std::uint32_t> numbers;
  for (const auto& [character, count] : choose_alphabet(words, initial_alphabet, character_coverage)) {
    numbers.emplace(character, static_cast<std::uint32_t>(text.alphabet.size()));
    text.alphabet.push_back(character);
    text.counts.push_back(count);
  }
  std::size_t begin = 0;
  const auto end_word = [&](std::uint64_t count) {
    const std::size_t size = text.symbols.size() - begin;
    if (size > 0) {
      text.words.push_back({begin, static_cast<std::uint32_t>(size), count});
      text.symbols.push_back(UnigramText::kEnd);
    }
    begin = text.symbols.size();
  };
  for (const WordCount& word : words) {
    for (std::size_t at = 0; at < word.word.size();) {
      const Utf8Char c = decode_utf8(word.word, at);
      at += c.length;
      const auto found = numbers.find(c.code_point);
      if (found != numbers.end()) text.symbols.push_back(found->second);
      if (found == numbers.end() || text.symbols.size() - begin == kMaxUnigramWord) end_word(word.count);
    }
    end_word(word.count);
  }
  for (std::uint32_t number = 1; number < text.alphabet.size(); ++number) {
    if (text.counts[number] > 0) continue;
    text.symbols.push_back(number);
    end_word(0);
  }
  return text;
}

}  // namespace langzoo
