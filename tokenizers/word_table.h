/// A table of strings with counts: internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/hash.h"

namespace langzoo {

/// Open addressing; the bytes of all words stand in one string.
class WordTable {
 public:
  WordTable() : slots_(1024) {}

  void add(std::string_view word, std::uint64_t count) {
    const std::uint32_t hash = hash_of(word);
    std::size_t at = hash & (slots_.size() - 1);
    for (; slots_[at].number != 0; at = (at + 1) & (slots_.size() - 1)) {
      if (slots_[at].hash == hash && this->word(slots_[at].number - 1) == word) {
        counts_[slots_[at].number - 1] += count;
        return;
      }
    }
    bytes_ += word;
    ends_.push_back(bytes_.size());
    counts_.push_back(count);
    slots_[at] = {hash, static_cast<std::uint32_t>(counts_.size())};
    if (counts_.size() * 2 > slots_.size()) grow();
  }

  void add(const WordTable& other) {
    for (std::size_t i = 0; i < other.size(); ++i) add(other.word(i), other.count(i));
  }

  /// Removes the words that occur at most `count` times; the others keep their order.
  void remove_up_to(std::uint64_t count) {
    std::size_t kept = 0, bytes = 0;
    for (std::size_t i = 0, begin = 0, end = 0; i < size(); ++i, begin = end) {
      end = ends_[i];
      if (counts_[i] <= count) continue;
      std::memmove(bytes_.data() + bytes, bytes_.data() + begin, end - begin);
      bytes += end - begin;
      ends_[kept] = bytes;
      counts_[kept++] = counts_[i];
    }
    bytes_.resize(bytes);
    ends_.resize(kept);
    counts_.resize(kept);
    slots_.assign(slots_.size(), {});
    for (std::size_t i = 0; i < kept; ++i) place({hash_of(word(i)), static_cast<std::uint32_t>(i + 1)});
  }

  std::size_t size() const { return counts_.size(); }
  std::size_t bytes() const { return bytes_.size(); }  // of all words
  std::string_view word(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(bytes_).substr(begin, ends_[i] - begin);
  }
  std::uint64_t count(std::size_t i) const { return counts_[i]; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = 0;  // of the word, from 1 on; 0: free
  };

  static std::uint32_t hash_of(std::string_view word) { return static_cast<std::uint32_t>(hash_bytes(word) >> 32); }

  void place(const Slot& slot) {
    std::size_t at = slot.hash & (slots_.size() - 1);
    while (slots_[at].number != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }

  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.number != 0) place(slot);
    }
  }

  std::string bytes_;
  std::vector<std::size_t> ends_;  // of the words in bytes_
  std::vector<std::uint64_t> counts_;
  std::vector<Slot> slots_;  // a power of two
};

}  // namespace langzoo
