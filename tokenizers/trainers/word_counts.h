/// The first half of every trainer: the distinct words of all texts and how often each occurs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/normalizers/normalizer.h"
#include "tokenizers/pre_tokenizers/pre_tokenizer.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

struct WordCount {
  std::string word;
  std::uint64_t count;
  bool operator==(const WordCount&) const = default;
};

struct WordCountOptions {
  std::size_t threads = 1;  // the result does not depend on it
  ProgressCallback progress;
};

/// Cuts a text, or the part of one between two borders, into words and calls `add` for each. `at_start` says whether it
/// is the beginning of its text. Called by several threads at a time.
using WordSplitter =
    std::function<void(std::string_view text, bool at_start, const std::function<void(std::string_view word)>& add)>;

/// The words of all texts, sorted byte by byte. Memory grows with the distinct words, not with the texts: where
/// `cuts_at_borders` says that the parts between borders give the same words, the distinct parts are counted and each
/// is cut once, else every text is cut. What `next` or `split` throws is thrown here.
std::vector<WordCount> count_words(const TextSource& next, const WordSplitter& split, bool cuts_at_borders,
                                   const WordCountOptions& options);

/// The words that a tokenizer's first two stages give, either of which may be null. Bytes that are not UTF-8 are read
/// as U+FFFD. Special tokens that stand in a text are words like all others.
std::vector<WordCount> count_words(const TextSource& next, const Normalizer* normalizer,
                                   const PreTokenizer* pre_tokenizer, const WordCountOptions& options);

}  // namespace langzoo
