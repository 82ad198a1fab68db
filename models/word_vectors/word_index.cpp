#include "models/word_vectors/word_index.h"

#include <algorithm>
#include <bit>
#include <functional>

namespace langzoo {

/// Where the word is, or the empty slot where it would be.
std::size_t WordIndex::slot_of(const std::vector<std::string>& words, std::string_view word) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = std::hash<std::string_view>{}(word)&mask;
  while (slots_[slot] >= 0 && words[static_cast<std::size_t>(slots_[slot])] != word) slot = (slot + 1) & mask;
  return slot;
}

/// Makes room for `count` words.
void WordIndex::grow(const std::vector<std::string>& words, std::size_t count) {
  if (2 * count <= slots_.size()) return;
  const auto old = std::move(slots_);
  slots_.assign(std::bit_ceil(std::max<std::size_t>(2 * count, 16)), -1);
  for (const auto row : old) {
    if (row >= 0) slots_[slot_of(words, words[static_cast<std::size_t>(row)])] = row;
  }
}

bool WordIndex::add(const std::vector<std::string>& words, std::size_t row) {
  grow(words, used_ + 1);
  auto& slot = slots_[slot_of(words, words[row])];
  if (slot >= 0) return false;
  slot = static_cast<std::int64_t>(row);
  ++used_;
  return true;
}

std::int64_t WordIndex::find(const std::vector<std::string>& words, std::string_view word) const {
  return slots_.empty() ? -1 : slots_[slot_of(words, word)];
}

bool WordIndex::add_last(const std::vector<std::string>& words) {
  return add(words, words.size() - 1);
}

std::int64_t WordIndex::add_all(const std::vector<std::string>& words) {
  grow(words, words.size());
  for (std::size_t row = 0; row < words.size(); ++row) {
    if (!add(words, row)) return static_cast<std::int64_t>(row);
  }
  return -1;
}

}  // namespace langzoo
