/// By which a file built from texts knows whether it is still current.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "tokenizers/tokenizer.h"

namespace langzoo {

/// An order-dependent 64-bit hash of numbers and byte strings: against forgetting to rebuild, not against forgery.
class Fingerprint {
 public:
  explicit Fingerprint(std::uint64_t seed) : value_(seed) {}
  void add(std::uint64_t number);
  void add(std::string_view bytes);
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

struct TextFingerprint {
  std::uint64_t bytes;  ///< of all documents
  std::uint64_t print;
};

/// Covers the documents in order, neither their names nor their times: the size of each and a hash of its bytes. Throws
/// FileError.
TextFingerprint text_fingerprint(std::span<const std::filesystem::path> documents, std::uint64_t seed);

/// Covers every token of the vocabulary by id, and which tokens have a role of their own.
std::uint64_t tokenizer_fingerprint(const Tokenizer& tokenizer);

}  // namespace langzoo
