/// Character n-grams of words, hashed into a fixed number of rows: vectors for words never seen (Bojanowski et al.
/// 2017, "Enriching word vectors with subword information").
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// fastText's choice of n-grams, with its hash, so that its buckets are ours.
struct Subwords {
  std::int64_t min_n = 3, max_n = 6;  ///< characters, the marks < and > around the word counted
  std::int64_t buckets = 2'000'000;

  /// The buckets of the word's n-grams, in fastText's order. An n-gram that is one mark alone does not count; the bytes
  /// of invalid UTF-8 are grouped as fastText does it, by continuation bits.
  std::vector<std::int64_t> of(std::string_view word) const;
};

/// FNV-1a over bytes taken as signed, which is what fastText's files were made with.
std::uint32_t fasttext_hash(std::string_view text);

/// The rows of an embedding that a word's vector is the mean of: its own row (where it has one) and its n-grams'.
class SubwordRows {
 public:
  /// Rows [0, words.size()) are the words', bucket b is row words.size() + b.
  SubwordRows(std::span<const std::string> words, const Subwords& subwords);

  std::size_t num_words() const { return begins_.size() - 1; }
  struct Rows {
    const std::int32_t* data;
    std::int64_t size;
  };
  Rows of(std::int64_t word) const {
    const auto begin = begins_[static_cast<std::size_t>(word)];
    return {rows_.data() + begin, begins_[static_cast<std::size_t>(word) + 1] - begin};
  }

 private:
  std::vector<std::int64_t> begins_;
  std::vector<std::int32_t> rows_;
};

}  // namespace langzoo
