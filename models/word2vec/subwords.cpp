#include "models/word2vec/subwords.h"

namespace langzoo {

namespace {

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

}  // namespace

std::uint32_t fasttext_hash(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (const char byte : text) {
    hash ^= static_cast<std::uint32_t>(static_cast<std::int8_t>(byte));
    hash *= 16777619u;
  }
  return hash;
}

std::vector<std::int64_t> Subwords::of(std::string_view word) const {
  const std::string marked = "<" + std::string(word) + ">";
  const std::string_view text = marked;
  std::vector<std::int64_t> found;
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    if (continues(text[begin])) continue;
    std::size_t end = begin;
    for (std::int64_t n = 1; n <= max_n && end < text.size(); ++n) {
      do ++end;
      while (end < text.size() && continues(text[end]));
      const bool mark = n == 1 && (begin == 0 || end == text.size());
      if (n >= min_n && !mark) found.push_back(fasttext_hash(text.substr(begin, end - begin)) % buckets);
    }
  }
  return found;
}

SubwordRows::SubwordRows(std::span<const std::string> words, const Subwords& subwords) {
  begins_.push_back(0);
  for (std::size_t i = 0; i < words.size(); ++i) {
    rows_.push_back(static_cast<std::int32_t>(i));
    for (const auto bucket : subwords.of(words[i])) {
      rows_.push_back(static_cast<std::int32_t>(static_cast<std::int64_t>(words.size()) + bucket));
    }
    begins_.push_back(static_cast<std::int64_t>(rows_.size()));
  }
}

}  // namespace langzoo
