/// Words for which a mistyped one may have been meant.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace langzoo {

/// Up to `n` of `words`, nearest first, of equally near ones the earlier: those that differ from `word` in at most two
/// letters (bytes; a difference of case counts least).
std::vector<std::string> close_words(const std::vector<std::string>& words, const std::string& word, std::size_t n = 3);

}  // namespace langzoo
