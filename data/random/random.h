/// The integer generator behind everything that must come out the same on every machine and standard library: orders,
/// corruptions, made-up text. (The distributions of <random> differ between libraries.)
#pragma once

#include <cstdint>

namespace langzoo {

/// A bijection of 64 bits in which every input bit reaches every output bit: the finaliser of SplitMix64 (Steele, Lea,
/// Flood 2014, "Fast splittable pseudorandom number generators", the constants of Stafford's Mix13).
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// SplitMix64: a counter with the golden ratio as its step, through mix_bits. Period 2^64; not for cryptography.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) : state_(seed) {}
  /// An independent stream for each (seed, stream): an epoch, a document, a purpose.
  constexpr Random(std::uint64_t seed, std::uint64_t stream) : state_(mix_bits(mix_bits(seed + kStep) + stream)) {}

  constexpr std::uint64_t next() { return mix_bits(state_ += kStep); }

  /// Uniform in [0, n), exactly: draws beyond the largest multiple of n are thrown away. Requires n > 0.
  constexpr std::uint64_t below(std::uint64_t n) {
    const std::uint64_t excess = -n % n;  // 2^64 mod n
    while (true) {
      const std::uint64_t draw = next();
      if (draw >= excess) return draw % n;
    }
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  constexpr double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15u;
  std::uint64_t state_;
};

}  // namespace langzoo
