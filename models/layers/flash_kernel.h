/// The loops of flash_attention.h, on bare memory: one head of one row, several queries an instruction.
#pragma once

#include <cstdint>

namespace langzoo {

/// Row i begins at data + i * stride; its elements lie side by side.
template <class T>
struct HeadRows {
  T* data = nullptr;
  std::int64_t stride = 0;
  T* operator[](std::int64_t i) const { return data + i * stride; }
};

/// What one softmax was normalised by: weights are 2^(score log2(e) - largest) * factor, 0 where no key is seen.
struct Normaliser {
  float largest, factor;
};

/// Attention of T queries over S keys, of width K. Elements are float, or bfloat16 as std::uint16_t; sums are float.
template <class T>
struct FlashHead {
  HeadRows<const T> q, k, v;  ///< (T,K), (S,K), (S,K)
  std::int64_t queries, keys, width;
  float scale;
  /// Element (i,j) is bias[i * bias_query_stride + j]; null: none.
  const float* bias = nullptr;
  std::int64_t bias_query_stride = 0;
  bool causal = false;
  std::int64_t window = 0;  ///< AttendOptions says what both mean
  /// Of 65,536 weights so many are dropped (random_bits.h), by query number first_query + i and key number.
  std::uint32_t dropped = 0;
  std::uint64_t seed = 0, first_query = 0;

  HeadRows<T> out;                    ///< (T,K); read by the backward pass
  Normaliser* normalisers = nullptr;  ///< (T) at their stride; written by the forward pass
  std::int64_t normaliser_stride = 0;

  // The backward pass.
  HeadRows<const T> d_out;
  HeadRows<T> dq, dk, dv;
  /// (S,T): the gradient is added to element (j,i); null: not wanted.
  float* d_bias = nullptr;
  std::int64_t d_bias_stride = 0;
};

/// Queries that a tile has: work of the forward pass is divided there.
constexpr std::int64_t kFlashQueries = 32;

/// Floats that a pass over such a head needs to work with, and over any with fewer queries and keys.
std::int64_t flash_scratch(std::int64_t queries, std::int64_t keys, std::int64_t width, bool backward);

/// Queries [begin, end) of the head, begin being a multiple of kFlashQueries.
void flash_forward(const FlashHead<float>& head, std::int64_t begin, std::int64_t end, float* scratch);
void flash_forward(const FlashHead<std::uint16_t>& head, std::int64_t begin, std::int64_t end, float* scratch);

/// All gradients of the head.
void flash_backward(const FlashHead<float>& head, float* scratch);
void flash_backward(const FlashHead<std::uint16_t>& head, float* scratch);

/// The instructions that the loops exist for. A processor that has some has those before them, too.
enum class FlashPath { kPlain, kAvx2, kAvx512, kAvx512Bf16 };

FlashPath best_flash_path();

/// What the loops use: the best ones, unless set_flash_path chose others for the whole process, as tests do.
FlashPath flash_path();
/// Throws std::invalid_argument for what the processor lacks.
void set_flash_path(FlashPath path);

}  // namespace langzoo
