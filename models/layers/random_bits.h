/// Random numbers of our own vectorised kernels: functions of a key and a counter, so that a backward pass draws again
/// what it needs to know instead of storing it.
#pragma once

#include <cstdint>

#include "models/layers/vector_math.h"

namespace langzoo {

using Words = std::uint32_t __attribute__((vector_size(sizeof(Lanes))));

/// Two halves of splitmix64's number `index` of `seed`.
struct RandomKey {
  std::uint32_t first, second;
};
LANGZOO_INLINE RandomKey random_key(std::uint64_t seed, std::uint64_t index) {
  auto x = seed + (index + 1) * 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  x ^= x >> 31;
  return {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(x >> 32)};
}

/// 32 random bits a lane of a counter: multiplicative mixing, keyed at its beginning and in its middle.
LANGZOO_INLINE void random_bits(const Words& first, const Words& second, const Words& counter, Words& bits) {
  Words x = first + counter * 0x9e3779b9u;
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x ^= second;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  bits = x ^ (x >> 16);
}

/// Dropout decides by 16 bits: of 65,536 elements so many are dropped.
constexpr std::uint32_t kDropoutParts = 65536;
inline std::uint32_t dropped_parts(double p) {
  const auto parts = static_cast<std::int64_t>(p * kDropoutParts + 0.5);
  return p <= 0 ? 0 : static_cast<std::uint32_t>(parts < 1 ? 1 : parts >= kDropoutParts ? kDropoutParts - 1 : parts);
}
/// What the others are multiplied by.
LANGZOO_INLINE float keep_factor(std::uint32_t dropped) {
  return static_cast<float>(kDropoutParts) / static_cast<float>(kDropoutParts - dropped);
}

}  // namespace langzoo
