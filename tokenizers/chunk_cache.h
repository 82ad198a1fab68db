/// The tokens of chunks of text seen lately: internal to the pipeline.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "tokenizers/encoding.h"
#include "tokenizers/hash.h"

namespace langzoo {

/// A direct-mapped table of fixed size (4 MiB, its pages taken as they are used).
class ChunkCache {
 public:
  /// Bytes [begin, end) of the chunk, from its word `word`.
  struct Token {
    TokenId id;
    std::uint8_t begin, end, word;
  };

  class alignas(128) Entry {
   public:
    static constexpr std::size_t kMaxBytes = 28, kMaxTokens = 12;

    bool holds(std::string_view chunk, bool at_start) const {
      return size_ == chunk.size() && at_start_ == at_start && std::memcmp(bytes_, chunk.data(), chunk.size()) == 0;
    }
    std::span<const Token> tokens() const { return {tokens_, count_}; }
    std::size_t words() const { return words_; }

    /// `chunk` has from 1 to kMaxBytes bytes, `tokens` at most kMaxTokens entries.
    void assign(std::string_view chunk, bool at_start, std::span<const Token> tokens, std::size_t words) {
      size_ = static_cast<std::uint8_t>(chunk.size());
      at_start_ = at_start;
      count_ = static_cast<std::uint8_t>(tokens.size());
      words_ = static_cast<std::uint8_t>(words);
      std::memcpy(bytes_, chunk.data(), chunk.size());
      std::copy(tokens.begin(), tokens.end(), tokens_);
    }

   private:
    std::uint8_t size_ = 0, count_ = 0, words_ = 0;
    bool at_start_ = false;
    char bytes_[kMaxBytes];
    Token tokens_[kMaxTokens];
  };

  ChunkCache() : entries_(new Entry[kEntries]) {}

  /// The entry that may hold `chunk`, which is not empty.
  Entry& entry_of(std::string_view chunk) { return entries_[hash_bytes(chunk) >> (64 - kBits)]; }

 private:
  static constexpr int kBits = 15;
  static constexpr std::size_t kEntries = std::size_t{1} << kBits;

  std::unique_ptr<Entry[]> entries_;
};

}  // namespace langzoo
