#include "apps/cli/word_vectors/close_words.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

namespace langzoo {

namespace {

constexpr std::size_t kLongest = 64;  // of the words compared
constexpr int kCase = 1, kEdit = 4;   // costs
constexpr int kMostCost = 2 * kEdit;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Least cost to turn a into b by inserting, deleting and replacing bytes (Levenshtein); at least kMostCost + 1 where
/// it is more than kMostCost.
int edit_cost(std::string_view a, std::string_view b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j) * kEdit;
  for (std::size_t i = 0; i < a.size(); ++i) {
    int diagonal = std::exchange(row[0], row[0] + kEdit);
    int least = row[0];
    for (std::size_t j = 0; j < b.size(); ++j) {
      const int replace = a[i] == b[j] ? 0 : lower(a[i]) == lower(b[j]) ? kCase : kEdit;
      const int cost = std::min({diagonal + replace, row[j] + kEdit, row[j + 1] + kEdit});
      diagonal = std::exchange(row[j + 1], cost);
      least = std::min(least, cost);
    }
    if (least > kMostCost) return least;
  }
  return row.back();
}

}  // namespace

std::vector<std::string> close_words(const std::vector<std::string>& words, const std::string& word, std::size_t n) {
  std::vector<std::pair<int, std::size_t>> found;
  if (word.size() > kLongest) return {};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto longer = std::max(words[i].size(), word.size()), shorter = std::min(words[i].size(), word.size());
    if ((longer - shorter) * kEdit > kMostCost) continue;
    const int cost = edit_cost(word, words[i]);
    // Of a short word two edits leave nothing.
    if (cost <= kMostCost && cost < static_cast<int>(longer) * kEdit / 2) found.emplace_back(cost, i);
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> close;
  for (std::size_t i = 0; i < std::min(n, found.size()); ++i) close.push_back(words[found[i].second]);
  return close;
}

}  // namespace langzoo
