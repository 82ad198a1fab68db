#include "data/words/vocabulary.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <mutex>
#include <ostream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/files/cpus.h"
#include "data/files/escaped.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/words/word_chunks.h"
#include "tokenizers/hash.h"
#include "tokenizers/parallel.h"
#include "tokenizers/word_table.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// A thread hands over what it has counted when its own table has this many words or bytes: it then still fits into the
/// cache, and memory does not grow with threads.
constexpr std::size_t kThreadWords = std::size_t{1} << 17, kThreadBytes = std::size_t{1} << 22;
constexpr std::size_t kBytesPerWord = 32;
constexpr std::int64_t kMostWords = std::int64_t{1} << 30;

std::uint32_t slot_hash(std::string_view word) {
  return static_cast<std::uint32_t>(hash_bytes(word) >> 32);
}

/// The counts of all threads, within `max_words`.
class SharedCounts {
 public:
  explicit SharedCounts(std::size_t max_words) : max_words_(max_words) {}

  void add(const WordTable& counts) {
    table_.add(counts);
    if (is_full(max_words_)) forget_rare_words();
  }
  WordTable take() { return std::move(table_); }

 private:
  bool is_full(std::size_t words) const { return table_.size() > words || table_.bytes() / kBytesPerWord > words; }

  /// The largest count that is forgotten rises from time to time, as in ReduceVocab; at once so far that a quarter of
  /// the table becomes free, lest each new word cost a pass.
  void forget_rare_words() {
    std::vector<std::uint64_t> counts(table_.size());
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = table_.count(i);
    const auto quarter = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 4);
    std::nth_element(counts.begin(), quarter, counts.end());
    forgotten_ = std::max(forgotten_ + 1, *quarter);
    table_.remove_up_to(forgotten_);
    while (is_full(max_words_)) table_.remove_up_to(++forgotten_);
  }

  std::size_t max_words_;
  std::uint64_t forgotten_ = 0;
  WordTable table_;
};

WordTable count_all_words(std::span<const fs::path> documents, const VocabularyOptions& options) {
  if (options.min_count < 1 || options.max_size < 0) {
    throw std::invalid_argument(
        fmt::format("min_count {}, max_size {}: expected at least 1 and 0", options.min_count, options.max_size));
  }
  if (options.max_words < 1 || options.max_words > kMostWords) {
    throw std::invalid_argument(fmt::format("max_words {}: expected 1 to {}", options.max_words, kMostWords));
  }
  WordChunks chunks(documents);
  const std::uint64_t total = chunks.total_bytes();
  SharedCounts counts(static_cast<std::size_t>(options.max_words));
  std::uint64_t done = 0, too_long = 0;
  bool stopped = false;
  std::mutex reading, adding;
  const std::size_t threads = options.threads > 0 ? options.threads : available_cpus();
  run_on_threads(threads, [&](std::size_t thread) {
    try {
      WordTable own;
      std::uint64_t own_too_long = 0;
      const auto hand_over = [&] {
        const std::lock_guard lock(adding);
        counts.add(own);
        own = WordTable();
        too_long += std::exchange(own_too_long, 0);
      };
      WordChunk chunk;
      while (true) {
        std::uint64_t so_far = 0;
        {
          const std::lock_guard lock(reading);
          if (stopped || !chunks.next(chunk)) break;
          so_far = done += chunk.bytes;
        }
        own_too_long += chunk.too_long;
        own_too_long += for_each_word(
            chunk.text, [&](std::string_view word) { own.add(word, 1); }, [] {});
        if (own.size() >= kThreadWords || own.bytes() >= kThreadBytes) hand_over();
        if (thread == 0 && options.progress) options.progress(so_far, total);
      }
      hand_over();
    } catch (...) {
      const std::lock_guard lock(reading);
      stopped = true;
      throw;
    }
  });
  if (options.progress) options.progress(done, total);
  if (options.too_long && too_long > 0) options.too_long(too_long);
  return counts.take();
}

/// Numbers of the words of `table` that occur min_count times and that `is_wanted`, the most frequent first; at most
/// `max_size`.
template <class IsWanted>
std::vector<std::size_t> frequent_words(const WordTable& table, std::int64_t min_count, std::size_t max_size,
                                        const IsWanted& is_wanted) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (table.count(i) >= static_cast<std::uint64_t>(min_count) && is_wanted(table.word(i))) chosen.push_back(i);
  }
  std::sort(chosen.begin(), chosen.end(), [&](std::size_t a, std::size_t b) {
    if (table.count(a) != table.count(b)) return table.count(a) > table.count(b);
    return table.word(a) < table.word(b);
  });
  chosen.resize(std::min(chosen.size(), max_size));
  return chosen;
}

void append(const WordTable& table, const std::vector<std::size_t>& chosen, std::vector<std::string>& words,
            std::vector<std::int64_t>& counts) {
  for (const std::size_t i : chosen) {
    words.emplace_back(table.word(i));
    counts.push_back(static_cast<std::int64_t>(table.count(i)));
  }
}

}  // namespace

Vocabulary::Vocabulary(std::vector<std::string> words, std::vector<std::int64_t> counts)
    : words_(std::move(words)), counts_(std::move(counts)) {
  if (words_.size() != counts_.size()) {
    throw std::invalid_argument(fmt::format("{} words with {} counts", words_.size(), counts_.size()));
  }
  if (words_.size() > static_cast<std::size_t>(kMostWords)) {
    throw std::invalid_argument(fmt::format("{} words, at most {} make a vocabulary", words_.size(), kMostWords));
  }
  slots_.resize(std::bit_ceil(2 * words_.size() + 1));
  for (std::size_t id = 0; id < words_.size(); ++id) {
    const std::string& word = words_[id];
    if (word.empty()) throw std::invalid_argument(fmt::format("word {} is empty", id));
    if (word.size() > kMaxWordBytes) {
      throw std::invalid_argument(
          fmt::format("word {} has {} bytes, at most {} make a word", id, word.size(), kMaxWordBytes));
    }
    if (std::any_of(word.begin(), word.end(), is_word_space)) {
      throw std::invalid_argument(fmt::format("word {}, '{}', contains white space", id, escaped(word)));
    }
    if (find(word) >= 0) throw std::invalid_argument(fmt::format("the word '{}' is given twice", escaped(word)));
    if (counts_[id] < 0 || counts_[id] > std::numeric_limits<std::int64_t>::max() - total_) {
      throw std::invalid_argument(
          fmt::format("the count of '{}', {}, is negative or too large", escaped(word), counts_[id]));
    }
    total_ += counts_[id];
    const std::uint32_t hash = slot_hash(word);
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].id >= 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {hash, static_cast<std::int32_t>(id)};
  }
}

std::int32_t Vocabulary::find(std::string_view word) const {
  if (slots_.empty()) return -1;
  const std::uint32_t hash = slot_hash(word);
  for (std::size_t at = hash & (slots_.size() - 1);; at = (at + 1) & (slots_.size() - 1)) {
    const Slot slot = slots_[at];
    if (slot.id < 0 || (slot.hash == hash && words_[static_cast<std::size_t>(slot.id)] == word)) return slot.id;
  }
}

void Vocabulary::save(const fs::path& path) const {
  write_file_atomically(path, [this](std::ostream& out) {
    for (std::size_t id = 0; id < size(); ++id) out << words_[id] << '\t' << counts_[id] << '\n';
  });
}

Vocabulary Vocabulary::load(const fs::path& path) {
  std::vector<std::string> words;
  std::vector<std::int64_t> counts;
  WordTable seen;
  for_each_line(path, [&](std::string_view line) {
    const auto fail = [](const std::string& what) { return std::runtime_error(what); };
    const std::size_t tab = line.find('\t');
    const std::string_view word = line.substr(0, tab);
    if (tab == std::string_view::npos) throw fail("expected a word, a tab and a count");
    if (word.empty() || word.size() > kMaxWordBytes || std::any_of(word.begin(), word.end(), is_word_space)) {
      throw fail(fmt::format("a word has 1 to {} bytes and no white space", kMaxWordBytes));
    }
    std::int64_t count = 0;
    if (read_number(line.substr(tab + 1), count) != NumberFault::kNone || count < 0) {
      throw fail(fmt::format("the count of '{}' is no whole number from 0 on", escaped(word)));
    }
    const std::size_t before = seen.size();
    seen.add(word, 1);
    if (seen.size() == before) throw fail(fmt::format("the word '{}' is given twice", escaped(word)));
    words.emplace_back(word);
    counts.push_back(count);
  });
  try {
    return {std::move(words), std::move(counts)};
  } catch (const std::invalid_argument& error) {
    throw FileError(path, error.what());
  }
}

Vocabulary count_words(std::span<const fs::path> documents, const VocabularyOptions& options) {
  const WordTable table = count_all_words(documents, options);
  const std::size_t max_size = options.max_size > 0 ? static_cast<std::size_t>(options.max_size) : table.size();
  const auto chosen = frequent_words(table, options.min_count, max_size, [](std::string_view) { return true; });
  if (chosen.empty()) {
    if (table.size() == 0) throw std::runtime_error("the text holds no word");
    std::uint64_t largest = 0;
    for (std::size_t i = 0; i < table.size(); ++i) largest = std::max(largest, table.count(i));
    throw std::runtime_error(fmt::format("no word occurs min_count = {} times: the most frequent of {} words occurs {}",
                                         options.min_count, table.size(), largest));
  }
  std::vector<std::string> words;
  std::vector<std::int64_t> counts;
  append(table, chosen, words, counts);
  return {std::move(words), std::move(counts)};
}

Vocabulary extend_vocabulary(const Vocabulary& vocabulary, std::span<const fs::path> documents,
                             const VocabularyOptions& options) {
  const WordTable table = count_all_words(documents, options);
  std::vector<std::string> words = vocabulary.words();
  std::vector<std::int64_t> counts = vocabulary.counts();
  for (std::size_t i = 0; i < table.size(); ++i) {
    const std::int32_t id = vocabulary.find(table.word(i));
    if (id < 0) continue;
    if (__builtin_add_overflow(counts[static_cast<std::size_t>(id)], table.count(i),
                               &counts[static_cast<std::size_t>(id)])) {
      throw std::runtime_error(fmt::format("the count of '{}' becomes too large", escaped(table.word(i))));
    }
  }
  const std::size_t max_size =
      options.max_size > 0 ? static_cast<std::size_t>(options.max_size) : table.size() + words.size();
  const auto chosen = frequent_words(table, options.min_count, max_size - std::min(max_size, words.size()),
                                     [&](std::string_view word) { return vocabulary.find(word) < 0; });
  append(table, chosen, words, counts);
  return {std::move(words), std::move(counts)};
}

}  // namespace langzoo
