#include "models/word_vectors/word_lookup.h"

#include <algorithm>

namespace langzoo {

WordLookup::WordLookup(const WordVectors& vectors, const LookupOptions& options) : ignore_case_(options.ignore_case) {
  auto size = static_cast<std::int64_t>(vectors.size());
  if (options.restrict_vocab > 0) size = std::min(size, options.restrict_vocab);
  for (std::int64_t row = 0; row < size; ++row) {
    words_.push_back(folded(vectors.words()[static_cast<std::size_t>(row)]));
    if (index_.add_last(words_)) {
      rows_.push_back(row);
      spelling_.push_back(row);
    } else {
      spelling_.push_back(rows_[static_cast<std::size_t>(index_.find(words_, words_.back()))]);
      words_.pop_back();
    }
  }
}

std::int64_t WordLookup::find(std::string_view word) const {
  const auto at = index_.find(words_, folded(word));
  return at < 0 ? -1 : rows_[static_cast<std::size_t>(at)];
}

std::string WordLookup::folded(std::string_view word) const {
  std::string folded(word);
  if (!ignore_case_) return folded;
  for (char& c : folded) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return folded;
}

}  // namespace langzoo
