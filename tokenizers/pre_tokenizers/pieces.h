/// How the pre-tokenizers cut words: internal to them.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizers/normalizers/normalized_text.h"
#include "tokenizers/pre_tokenizers/split_behavior.h"
#include "tokenizers/utf8.h"

namespace langzoo {

/// A part of a text, matched by what the text is split at or not.
struct Piece {
  std::size_t begin, end;
  bool match;
};

/// Appends to `words` what `behavior` makes of `word`, whose pieces cover it in order; empty pieces count as pieces,
/// but no word is empty.
void append_words(NormalizedText word, std::vector<Piece>& pieces, SplitBehavior behavior,
                  std::vector<NormalizedText>& words);

/// Appends the part [begin, end) of `word`, which is all of it or a slice.
inline void append_word(NormalizedText& word, std::size_t begin, std::size_t end, std::vector<NormalizedText>& words) {
  if (begin == 0 && end == word.text().size()) {
    words.push_back(std::move(word));
  } else {
    words.push_back(word.slice(begin, end));
  }
}

/// Replaces each word by the words that cut(word, result) appends.
template <class Cut>
void cut_each(std::vector<NormalizedText>& words, Cut&& cut) {
  std::vector<NormalizedText> result;
  result.reserve(words.size());
  for (NormalizedText& word : words) {
    if (!word.empty()) cut(word, result);
  }
  words.swap(result);
}

/// Splits every word at the characters of which `matches` holds, each a match of its own.
template <class Matches>
void split_at_characters(std::vector<NormalizedText>& words, SplitBehavior behavior, Matches&& matches) {
  std::vector<Piece> pieces;
  cut_each(words, [&](NormalizedText& word, std::vector<NormalizedText>& result) {
    pieces.clear();
    const std::string_view text = word.text();
    std::size_t rest = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text, at);
      const std::size_t end = at + c.length;
      if (matches(c.code_point)) {
        if (rest < at) pieces.push_back({rest, at, false});
        pieces.push_back({at, end, true});
        rest = end;
      }
      at = end;
    }
    if (rest < text.size()) pieces.push_back({rest, text.size(), false});
    append_words(std::move(word), pieces, behavior, result);
  });
}

/// The part a character has in cut_runs().
enum class Run { Dropped, Alone, Word, Other };

/// Cuts every word into runs of characters of one kind; those of kind Alone are words by themselves.
template <class KindOf>
void cut_runs(std::vector<NormalizedText>& words, KindOf&& kind_of) {
  cut_each(words, [&](NormalizedText& word, std::vector<NormalizedText>& result) {
    const std::size_t size = word.text().size();
    std::size_t begin = 0;
    Run run = Run::Dropped;
    for (std::size_t at = 0; at < size;) {
      const Utf8Char c = decode_utf8(word.text(), at);
      const Run kind = kind_of(c.code_point);
      if (kind != run || kind == Run::Alone) {
        if (run != Run::Dropped) append_word(word, begin, at, result);
        begin = at;
        run = kind;
      }
      at += c.length;
    }
    if (run != Run::Dropped) append_word(word, begin, size, result);
  });
}

}  // namespace langzoo
