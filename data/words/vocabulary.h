/// Words and how often they occur, counted in texts of any size in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// Where a word ends: space, tab, line feed, carriage return, vertical tab, form feed, NUL. Any other byte belongs to
/// the word it stands in, valid UTF-8 or not: nothing of a text is lost or changed.
constexpr bool is_word_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0';
}

/// What is longer between two white spaces is no word (binary data, text without spaces): it is never in a vocabulary.
constexpr std::size_t kMaxWordBytes = 1000;

struct VocabularyOptions {
  std::int64_t min_count = 5;  ///< rarer words are left out
  std::int64_t max_size = 0;   ///< of the vocabulary, the most frequent are kept; 0: no bound
  /// Distinct words counted at a time, 32 bytes each on average: beyond, the rarest are forgotten on the way, as in
  /// word2vec.c's ReduceVocab. Memory is about 60 bytes times this.
  std::int64_t max_words = 30'000'000;
  std::size_t threads = 0;  ///< 0: as many as there are CPUs for the process
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< bytes; from the calling thread
  /// Called at the end where there were words of more than kMaxWordBytes: how many.
  std::function<void(std::uint64_t words)> too_long;
};

/// Ids are ranks: 0 is the most frequent word; words that occur equally often stand in the order of their bytes.
class Vocabulary {
 public:
  Vocabulary() = default;
  /// Throws std::invalid_argument for a word that is empty, longer than kMaxWordBytes, contains white space or is given
  /// twice, and for counts that are negative or not one a word.
  Vocabulary(std::vector<std::string> words, std::vector<std::int64_t> counts);

  std::size_t size() const { return words_.size(); }
  const std::vector<std::string>& words() const { return words_; }
  const std::vector<std::int64_t>& counts() const { return counts_; }
  std::int64_t total() const { return total_; }  ///< sum of counts()
  /// The word's id, or -1.
  std::int32_t find(std::string_view word) const;

  /// "word TAB count" lines in the order of ids. load() throws FileError naming file and line.
  void save(const std::filesystem::path& path) const;
  static Vocabulary load(const std::filesystem::path& path);

 private:
  std::vector<std::string> words_;
  std::vector<std::int64_t> counts_;
  std::int64_t total_ = 0;
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t id = -1;  ///< -1: empty
  };
  std::vector<Slot> slots_;  ///< open addressing; a power of two, at most half of them full
};

/// Counts the words of `documents` (see find_text_files). The result depends on neither threads nor chunks, as long as
/// no word had to be forgotten. Throws FileError for a file that cannot be read or changes meanwhile,
/// std::runtime_error naming the largest count when no word occurs min_count times, std::invalid_argument for options
/// below their least.
Vocabulary count_words(std::span<const std::filesystem::path> documents, const VocabularyOptions& options = {});

/// `vocabulary` for more text: its words keep their ids, with the counts of both; words it lacks that occur
/// options.min_count times in `documents` follow, by count, as far as options.max_size leaves room.
Vocabulary extend_vocabulary(const Vocabulary& vocabulary, std::span<const std::filesystem::path> documents,
                             const VocabularyOptions& options = {});

}  // namespace langzoo
