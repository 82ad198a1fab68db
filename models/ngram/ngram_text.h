/// N-gram models and text files: training and evaluation by the words between blanks.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/files/file_error.h"
#include "models/ngram/ngram_estimator.h"

namespace langzoo {

/// A text as its words, which can be read any number of times.
class NGramText {
 public:
  struct Visitor {
    std::function<void()> begin;  ///< behind "<s>"
    std::function<void(std::string_view word)> word;
    std::function<void()> end;  ///< "</s>"
  };
  using Read = std::function<void(const Visitor&)>;

  /// The words between blanks of a file. By lines each is a sentence, an empty one too, that begins behind "<s>" and
  /// ends in "</s>". Else line ends are blanks, and the text stands behind one "<s>", without an end.
  NGramText(std::filesystem::path file, bool lines = true);  // NOLINT: a file is such a text
  /// Of several files, one after the other, and of these the lines (words, where not by lines) [first, last).
  NGramText(std::vector<std::filesystem::path> files, bool lines, std::uint64_t first = 0,
            std::uint64_t last = std::numeric_limits<std::uint64_t>::max());
  /// One that is read otherwise; `name` stands in errors.
  NGramText(std::string name, Read read) : name_(std::move(name)), read_(std::move(read)) {}

  const std::string& name() const { return name_; }
  /// Throws FileError naming the line for "<s>" or "</s>" in the text, which would be other words than the model's own,
  /// and for what is not UTF-8.
  void read(const Visitor& visitor) const { read_(visitor); }

 private:
  std::string name_;
  Read read_;
};

/// Throws std::runtime_error for "<s>" and "</s>", and for what is not UTF-8.
void check_text_word(std::string_view word);

/// What of a text is learned.
struct NGramWordOptions {
  std::int64_t min_count = 1;  ///< of words to learn; rarer ones become "<unk>"
  std::int64_t max_words = 0;  ///< the most frequent are learned, "<unk>" and "</s>" among them; 0: all
  std::size_t limit = std::numeric_limits<std::int32_t>::max();  ///< of a text with more different words: an error
};

struct NGramTextReport {
  std::uint64_t tokens = 0;   ///< words and line ends
  std::uint64_t unknown = 0;  ///< words that became "<unk>"
  std::int32_t vocabulary = 0;
  NGramEstimator::Result model;
};

/// Counts the words of `text` and writes the model's file, atomically. What is sorted on disk is beside it. Throws
/// FileError as NGramText; else as NGramEstimator, in the name of `text`.
NGramTextReport train_ngrams(const NGramText& text, const std::filesystem::path& model,
                             const NGramOptions& options = {}, const NGramWordOptions& word_options = {});

/// How well a model predicts a text.
struct NGramEvaluation {
  std::uint64_t tokens = 0;  ///< words and line ends
  std::uint64_t oov = 0;     ///< words that are "<unk>": not in the vocabulary, or written so
  double nats = 0;           ///< -log P of all tokens, an unknown word being "<unk>"
  double oov_nats = 0;       ///< of these those of unknown words

  double nats_per_token() const { return nats / static_cast<double>(tokens); }
  double perplexity() const { return std::exp(nats_per_token()); }
  /// Unknown words are not predicted, and yet are history.
  double perplexity_without_oov() const;
};

/// Calls token(id) for every word and sentence end, an unknown word being "<unk>", and begin() before the first of each
/// sentence, or of the text. Throws FileError as NGramText.
void for_each_token(const NGramText& text, const NGramVocabulary& words, const std::function<void()>& begin,
                    const std::function<void(std::int32_t id)>& token);

/// Of an NGramModel or NGramMixture. Throws FileError also for a text without tokens.
template <class Model>
NGramEvaluation evaluate_ngrams(const Model& model, const NGramText& text) {
  NGramEvaluation result;
  auto state = model.start();
  for_each_token(
      text, model.words(), [&] { state = model.start(); },
      [&](std::int32_t id) {
        const double nats = -model.log_probability(state, id);
        ++result.tokens;
        result.nats += nats;
        if (id != NGramVocabulary::kUnknown) return;
        ++result.oov;
        result.oov_nats += nats;
      });
  if (result.tokens == 0) throw FileError(text.name(), "has no word to predict");
  return result;
}

}  // namespace langzoo
