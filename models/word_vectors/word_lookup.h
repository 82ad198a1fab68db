/// How the evaluations find the words of a test set among those of a model.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/word_vectors/word_index.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

struct LookupOptions {
  /// Upper and lower case are one, and of several spellings the first in the table stands for all. ASCII letters, as
  /// in word2vec's compute-accuracy; gensim (case_insensitive) folds those beyond as well.
  bool ignore_case = true;
  std::int64_t restrict_vocab = 0;  ///< only the first, most frequent words exist; 0: all
};

class WordLookup {
 public:
  WordLookup(const WordVectors& vectors, const LookupOptions& options);

  /// Rows that exist.
  std::int64_t size() const { return static_cast<std::int64_t>(spelling_.size()); }
  /// The row of the first spelling, or -1.
  std::int64_t find(std::string_view word) const;
  /// The row of the first spelling of row `row`'s word.
  std::int64_t first_spelling(std::int64_t row) const { return spelling_[static_cast<std::size_t>(row)]; }

 private:
  std::string folded(std::string_view word) const;

  bool ignore_case_;
  std::vector<std::string> words_;  ///< distinct, folded
  std::vector<std::int64_t> rows_;  ///< of each of them, the first
  std::vector<std::int64_t> spelling_;
  WordIndex index_;
};

}  // namespace langzoo
