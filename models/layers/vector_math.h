/// What our own vectorised CPU kernels share: clones per instruction set, and elements in float32 and bfloat16.
///
/// Elements are computed in float32 whatever they are stored in; bfloat16 ones are handled as std::uint16_t.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

/// Compiled once per instruction set; the loader picks the widest the processor has.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define LANGZOO_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define LANGZOO_VECTOR_CLONES
#endif
/// For what a clone calls: compiled into it, with its instructions.
#define LANGZOO_INLINE inline __attribute__((always_inline))

namespace langzoo {

LANGZOO_INLINE float load(float x) {
  return x;
}
LANGZOO_INLINE float load(std::uint16_t bf16) {
  return std::bit_cast<float>(std::uint32_t{bf16} << 16);
}
LANGZOO_INLINE void store(float& to, float x) {
  to = x;
}
LANGZOO_INLINE void store(std::uint16_t& to, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  to = x != x ? 0x7fc0 : static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);  // to nearest even
}

/// e^x to about 2 ulp on [-87, 88]: e^x = 2^n e^r with |r| <= ln(2)/2, e^r by a degree-7 polynomial. Below -88 it is 0,
/// above 89 inf, of NaN NaN.
LANGZOO_INLINE float exp_approx(float x) {
  x = -88.0f > x ? -88.0f : x;                  // NaN stays one; at -88 n is -127, which makes 2^n zero
  const float bounded = x < 88.0f ? x : 88.0f;  // never NaN, so that n is an integer; what x is beyond, r keeps
  const float n = __builtin_rintf(bounded * 1.44269504f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return p * std::bit_cast<float>((static_cast<std::int32_t>(n) + 127) << 23);
}

/// Both within 2e-7 of the function.
LANGZOO_INLINE float sigmoid_approx(float x) {
  return 1.0f / (1.0f + exp_approx(-x));
}
LANGZOO_INLINE float tanh_approx(float x) {
  return 2.0f / (1.0f + exp_approx(-2.0f * x)) - 1.0f;
}

/// Lanes of a reduction, which no compiler vectorises by itself: the order of a sum is part of its result.
constexpr std::int64_t kLanes = 16;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

/// The next kLanes elements.
LANGZOO_INLINE void load_lanes(Lanes& to, const float* from) {
  std::memcpy(&to, from, sizeof(to));
}
LANGZOO_INLINE void load_lanes(Lanes& to, const std::uint16_t* from) {
  std::uint16_t __attribute__((vector_size(kLanes * sizeof(std::uint16_t)))) halves;
  using Words = std::uint32_t __attribute__((vector_size(sizeof(Lanes))));
  std::memcpy(&halves, from, sizeof(halves));
  to = reinterpret_cast<Lanes>(__builtin_convertvector(halves, Words) << 16);
}
LANGZOO_INLINE void load_lanes(Lanes& to, const std::int8_t* from) {
  std::int8_t __attribute__((vector_size(kLanes))) bytes;
  using Words = std::int32_t __attribute__((vector_size(sizeof(Lanes))));
  std::memcpy(&bytes, from, sizeof(bytes));
  to = __builtin_convertvector(__builtin_convertvector(bytes, Words), Lanes);
}

/// The next 2 kLanes elements, for sums that may take them in any order: in bfloat16 those of even index, then those of
/// odd, which are the halves of words as they stand in memory.
LANGZOO_INLINE void load_pair(Lanes& first, Lanes& second, const float* from) {
  load_lanes(first, from);
  load_lanes(second, from + kLanes);
}
LANGZOO_INLINE void load_pair(Lanes& even, Lanes& odd, const std::uint16_t* from) {
  using Words = std::uint32_t __attribute__((vector_size(sizeof(Lanes))));
  Words words;
  std::memcpy(&words, from, sizeof(words));
  const Words low = words << 16, high = words & 0xffff0000U;
  even = reinterpret_cast<Lanes>(std::endian::native == std::endian::little ? low : high);
  odd = reinterpret_cast<Lanes>(std::endian::native == std::endian::little ? high : low);
}

LANGZOO_INLINE float sum_of(const Lanes& x) {
  float part[kLanes];
  std::memcpy(part, &x, sizeof(part));
  for (std::int64_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::int64_t i = 0; i < width; ++i) part[i] += part[i + width];
  }
  return part[0];
}

}  // namespace langzoo
