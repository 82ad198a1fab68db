/// Random numbers that depend on a position, not on what was drawn before.
#pragma once

#include <array>
#include <cstdint>

namespace langzoo {

/// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011): a bijection
/// of the 128-bit counter chosen by the 64-bit key.
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const auto a = std::uint64_t{0xD2511F53} * counter[0];
    const auto b = std::uint64_t{0xCD9E8D57} * counter[2];
    counter = {static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
               static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// The number in [0, 1), a multiple of 2^-52, that decides token `step` of sample `sample` of sequence `sequence`.
constexpr double philox_uniform(std::uint64_t seed, std::uint64_t sequence, std::uint32_t sample, std::uint32_t step) {
  const auto low = [](std::uint64_t x) { return static_cast<std::uint32_t>(x); };
  const auto r = philox({step, sample, low(sequence), low(sequence >> 32)}, {low(seed), low(seed >> 32)});
  return static_cast<double>((std::uint64_t{r[0]} << 20) | (r[1] >> 12)) * 0x1p-52;
}

}  // namespace langzoo
