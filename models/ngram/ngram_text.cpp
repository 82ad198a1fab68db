#include "models/ngram/ngram_text.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <ostream>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/files/files.h"
#include "data/files/utf8.h"
#include "data/files/word_reader.h"

namespace langzoo {

namespace {

/// Lines, or words, of files: what NGramText's range counts.
class WordText {
 public:
  WordText(bool lines, std::uint64_t first, std::uint64_t last) : lines_(lines), first_(first), last_(last) {}

  void read(const std::filesystem::path& file, const NGramText::Visitor& visitor) {
    WordReader reader(file);
    std::string_view word;
    for (;;) {
      const auto item = reader.next(word);
      if (item == WordReader::Item::kEnd || at_ >= last_) return;
      const bool wanted = at_ >= first_;
      const bool is_word = item == WordReader::Item::kWord;
      if (is_word == !lines_) ++at_;
      if (!wanted || (!is_word && !lines_)) continue;
      if (std::exchange(between_, false)) visitor.begin();
      if (!is_word) {
        visitor.end();
        between_ = true;
        continue;
      }
      try {
        check_text_word(word);
      } catch (const std::runtime_error& error) {
        throw reader.error(error.what());
      }
      visitor.word(word);
    }
  }

 private:
  const bool lines_;
  const std::uint64_t first_, last_;
  std::uint64_t at_ = 0;
  bool between_ = true;  ///< sentences
};

/// Throws FileError where the words of `text` so far, and `more` bytes, take more than half of `memory`.
void check_memory(const NGramText& text, const NGramVocabulary& words, std::size_t more, std::size_t memory) {
  if (words.memory() + more <= memory / 2) return;
  throw FileError(text.name(), fmt::format("has more than {} different words: memory = {}K is too little", words.size(),
                                           memory >> 10));
}

/// The words to learn: those that occur often enough, in the order in which they first do.
NGramVocabulary frequent_words(const NGramText& text, const NGramWordOptions& options, std::size_t memory) {
  NGramVocabulary all;
  std::vector<std::int64_t> counts(all.size());
  text.read({[] {},
             [&](std::string_view word) {
               const auto id = as_size(all.add(word));
               if (id == counts.size()) {
                 counts.push_back(0);
                 check_memory(text, all, counts.capacity() * sizeof counts[0], memory);
               }
               ++counts[id];
             },
             [] {}});
  counts[as_size(NGramVocabulary::kUnknown)] = counts[as_size(NGramVocabulary::kSentenceEnd)] =
      std::numeric_limits<std::int64_t>::max();
  std::int64_t least = options.min_count;
  std::int64_t room = std::numeric_limits<std::int64_t>::max();  // for words that occur so often
  const auto most = as_size(options.max_words);
  if (most > 0 && most < counts.size()) {
    auto sorted = counts;
    const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(most) - 1;
    std::nth_element(sorted.begin(), last, sorted.end(), std::greater<>());
    if (*last >= least) {
      least = *last;
      room = static_cast<std::int64_t>(most) -
             std::count_if(counts.begin(), counts.end(), [least](std::int64_t count) { return count > least; });
    }
  }
  NGramVocabulary kept;
  for (std::size_t id = 0; id < counts.size(); ++id) {
    if (counts[id] < least || (counts[id] == least && --room < 0)) continue;
    kept.add(all.word(static_cast<std::int32_t>(id)));
  }
  return kept;
}

}  // namespace

NGramText::NGramText(std::filesystem::path file, bool lines) : NGramText(std::vector{std::move(file)}, lines) {}

NGramText::NGramText(std::vector<std::filesystem::path> files, bool lines, std::uint64_t first, std::uint64_t last)
    : name_(files.empty()       ? ""
            : files.size() == 1 ? files[0].string()
                                : files[0].parent_path().string()),
      read_([=](const Visitor& visitor) {
        WordText text(lines, first, last);
        for (const auto& file : files) text.read(file, visitor);
      }) {}

void check_text_word(std::string_view word) {
  if (!is_valid_utf8(word)) throw std::runtime_error("is not UTF-8");
  if (word != kSentenceStartText && word != kSentenceEndText) return;
  throw std::runtime_error(fmt::format("has \"{}\", which stands for a sentence's {} and cannot be a word of the text",
                                       word, word == kSentenceStartText ? "beginning" : "end"));
}

NGramTextReport train_ngrams(const NGramText& text, const std::filesystem::path& model, const NGramOptions& options,
                             const NGramWordOptions& word_options) {
  NGramTextReport report;
  NGramEstimator estimator(options, model);
  const bool all = word_options.min_count <= 1 && word_options.max_words == 0;
  if (word_options.max_words != 0 && word_options.max_words < 2) {
    throw std::invalid_argument(fmt::format("max_words {}: expected 0, or 2 at least", word_options.max_words));
  }
  NGramVocabulary words;
  if (!all) words = frequent_words(text, word_options, options.memory);
  const auto learn = [&](std::string_view word) {
    const std::int32_t id = words.find(word);
    if (id >= 0) return id;
    if (!all) {
      ++report.unknown;
      return NGramVocabulary::kUnknown;
    }
    check_memory(text, words, 0, options.memory);
    if (words.size() >= word_options.limit) {
      throw FileError(text.name(),
                      fmt::format("has more than {} different words: data.tokenizer = words:N says how many "
                                  "of them to learn",
                                  word_options.limit));
    }
    return words.add(word);
  };
  text.read({[&] { estimator.begin_sentence(); },
             [&](std::string_view word) {
               estimator.add(learn(word));
               ++report.tokens;
             },
             [&] {
               estimator.add(NGramVocabulary::kSentenceEnd);
               ++report.tokens;
             }});
  if (report.tokens == 0) throw FileError(text.name(), "has no words");
  report.vocabulary = static_cast<std::int32_t>(words.size());
  write_file_atomically(model, [&](std::ostream& out) {
    try {
      report.model = estimator.write(out, report.vocabulary, NGramVocabulary::kSentenceEnd, &words);
    } catch (const FileError&) {
      throw;
    } catch (const std::runtime_error& error) {
      throw FileError(text.name(), error.what());
    }
  });
  return report;
}

double NGramEvaluation::perplexity_without_oov() const {
  return std::exp((nats - oov_nats) / static_cast<double>(tokens - oov));
}

void for_each_token(const NGramText& text, const NGramVocabulary& words, const std::function<void()>& begin,
                    const std::function<void(std::int32_t id)>& token) {
  text.read({begin, [&](std::string_view word) { token(std::max(words.find(word), NGramVocabulary::kUnknown)); },
             [&] { token(NGramVocabulary::kSentenceEnd); }});
}

}  // namespace langzoo
