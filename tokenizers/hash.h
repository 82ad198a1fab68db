/// A hash of short strings for the tables that remember them: internal.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace langzoo {

/// Its high bits are the best ones.
inline std::uint64_t hash_bytes(std::string_view bytes) {
  std::uint64_t h = bytes.size() * 0x9E3779B97F4A7C15u;
  const auto mix = [&h](std::uint64_t word) {
    h = (h ^ word) * 0xD6E8FEB86659FD93u;
    h ^= h >> 32;
  };
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    mix(word);
  }
  if (at < bytes.size()) {
    std::uint64_t word = 0;
    for (; at < bytes.size(); ++at) word = word << 8 | static_cast<unsigned char>(bytes[at]);
    mix(word);
  }
  return h * 0x9E3779B97F4A7C15u;
}

}  // namespace langzoo
