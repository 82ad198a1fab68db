#include "tokenizers/trainers/word_counts.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "tokenizers/parallel.h"
#include "tokenizers/pipeline.h"
#include "tokenizers/utf8.h"
#include "tokenizers/word_table.h"

namespace langzoo {

namespace {

/// A thread takes texts of about this many bytes at a time.
constexpr std::size_t kBatchBytes = std::size_t{1} << 16;
/// So many parts are cut at a time.
constexpr std::size_t kBatchParts = 256;

/// Hands out the texts of a source to threads, several at a time.
class SharedSource {
 public:
  SharedSource(const TextSource& next, const ProgressCallback& progress) : next_(next), callback_(progress) {}

  /// Puts the next texts, in a row, into `bytes` and their ends into `ends`; false at the end.
  bool take(std::string& bytes, std::vector<std::size_t>& ends) {
    bytes.clear();
    ends.clear();
    const std::lock_guard lock(mutex_);
    while (!ended_ && bytes.size() < kBatchBytes) {
      ended_ = true;  // also where next_ throws
      if (!next_(text_)) break;
      ended_ = false;
      bytes += text_;
      ends.push_back(bytes.size());
    }
    progress_.bytes_read += bytes.size();
    if (callback_ && !ends.empty()) callback_(progress_);
    return !ends.empty();
  }

 private:
  const TextSource& next_;
  const ProgressCallback& callback_;
  std::mutex mutex_;
  bool ended_ = false;
  std::string text_;
  TokenizerTrainingProgress progress_;
};

/// What texts are made of: the parts at their beginning and the others.
struct Parts {
  WordTable first, others;
};

void count_parts(std::string_view text, Parts& parts) {
  std::size_t begin = 0;
  for (std::size_t at = text.find(' '); at != std::string_view::npos; at = text.find(' ', at + 1)) {
    if (!is_border(text, at)) continue;
    (begin == 0 ? parts.first : parts.others).add(text.substr(begin, at - begin), 1);
    begin = at;
  }
  (begin == 0 ? parts.first : parts.others).add(text.substr(begin), 1);
}

WordTable sum(std::vector<WordTable>& tables) {
  for (std::size_t t = 1; t < tables.size(); ++t) {
    tables[0].add(tables[t]);
    tables[t] = WordTable();
  }
  return std::move(tables[0]);
}

/// Cuts each text as it comes.
WordTable count_by_text(SharedSource& source, const WordSplitter& split, std::size_t threads) {
  std::vector<WordTable> words(threads);
  run_on_threads(threads, [&](std::size_t thread) {
    std::string bytes;
    std::vector<std::size_t> ends;
    const auto add = [&](std::string_view word) { words[thread].add(word, 1); };
    while (source.take(bytes, ends)) {
      std::size_t begin = 0;
      for (const std::size_t end : ends) {
        split(std::string_view(bytes).substr(begin, end - begin), true, add);
        begin = end;
      }
    }
  });
  return sum(words);
}

/// Counts the parts between borders, then cuts each distinct part once.
WordTable count_by_part(SharedSource& source, const WordSplitter& split, std::size_t threads) {
  std::vector<WordTable> first(threads), others(threads);
  run_on_threads(threads, [&](std::size_t thread) {
    std::string bytes;
    std::vector<std::size_t> ends;
    Parts parts;
    while (source.take(bytes, ends)) {
      std::size_t begin = 0;
      for (const std::size_t end : ends) {
        count_parts(std::string_view(bytes).substr(begin, end - begin), parts);
        begin = end;
      }
    }
    first[thread] = std::move(parts.first);
    others[thread] = std::move(parts.others);
  });

  std::vector<WordTable> words(threads);
  for (const bool at_start : {true, false}) {
    const WordTable parts = sum(at_start ? first : others);
    std::atomic<std::size_t> next = 0;
    run_on_threads(threads, [&](std::size_t thread) {
      for (std::size_t begin; (begin = next.fetch_add(kBatchParts)) < parts.size();) {
        for (std::size_t i = begin; i < std::min(begin + kBatchParts, parts.size()); ++i) {
          split(parts.word(i), at_start, [&](std::string_view word) { words[thread].add(word, parts.count(i)); });
        }
      }
    });
  }
  return sum(words);
}

}  // namespace

std::vector<WordCount> count_words(const TextSource& next, const WordSplitter& split, bool cuts_at_borders,
                                   const WordCountOptions& options) {
  SharedSource source(next, options.progress);
  const std::size_t threads = std::max<std::size_t>(options.threads, 1);
  const WordTable words = (cuts_at_borders ? count_by_part : count_by_text)(source, split, threads);
  std::vector<WordCount> sorted;
  sorted.reserve(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) sorted.push_back({std::string(words.word(i)), words.count(i)});
  std::sort(sorted.begin(), sorted.end(), [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
  return sorted;
}

std::vector<WordCount> count_words(const TextSource& next, const Normalizer* normalizer,
                                   const PreTokenizer* pre_tokenizer, const WordCountOptions& options) {
  const auto split = [&](std::string_view text, bool at_start, const std::function<void(std::string_view)>& add) {
    std::string repaired;
    if (!is_valid_utf8(text)) text = repaired = sanitize_utf8(text);
    std::vector<NormalizedText> words;
    words.emplace_back(text, at_start ? 0 : 1);
    if (normalizer) normalizer->normalize(words[0]);
    if (pre_tokenizer) pre_tokenizer->cut(words);
    for (const NormalizedText& word : words) {
      if (!word.empty()) add(word.text());
    }
  };
  const bool cuts_at_borders = pre_tokenizer && pre_tokenizer->cuts_at_borders() &&
                               (!normalizer || (normalizer->cuts_at_borders() && normalizer->keeps_borders()));
  return count_words(next, split, cuts_at_borders, options);
}

}  // namespace langzoo
