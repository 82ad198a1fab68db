/// Texts chunk by chunk, cut between words: internal to what counts and encodes words.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/text_source.h"
#include "data/words/vocabulary.h"

namespace langzoo {

struct WordChunk {
  std::string text;
  std::uint64_t bytes;     ///< read for it: more than the text's where a word was too long
  std::uint64_t too_long;  ///< words that were left out, by where they begin
  bool ends_document;
};

/// What lies between two chunks' words is white space or the end of a document; words longer than a chunk are left out.
class WordChunks {
 public:
  explicit WordChunks(std::span<const std::filesystem::path> documents);
  /// False at the end. Throws FileError, also when a document is not as long as it was at first.
  bool next(WordChunk& chunk);
  std::uint64_t total_bytes() const { return total_bytes_; }

 private:
  std::span<const std::filesystem::path> documents_;
  std::vector<std::uint64_t> sizes_;  ///< of the documents
  std::size_t document_ = 0;          ///< the one being read, or the next
  std::uint64_t read_ = 0;            ///< bytes of it
  std::optional<TextReader> reader_;
  bool inside_long_word_ = false;
  std::uint64_t total_bytes_ = 0;
};

/// Calls word(bytes) for each word of `text` and line() for each line feed, in order. Returns how many words were left
/// out, being longer than kMaxWordBytes.
template <class Word, class Line>
std::uint64_t for_each_word(std::string_view text, const Word& word, const Line& line) {
  std::uint64_t too_long = 0;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (is_word_space(*at)) {
      if (*at++ == '\n') line();
      continue;
    }
    const char* const begin = at;
    while (at != end && !is_word_space(*at)) ++at;
    const auto length = static_cast<std::size_t>(at - begin);
    if (length <= kMaxWordBytes) {
      word(std::string_view(begin, length));
    } else {
      ++too_long;
    }
  }
  return too_long;
}

}  // namespace langzoo
