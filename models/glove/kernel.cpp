#include "models/glove/kernel.h"

#include <cmath>
#include <cstring>

#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

constexpr float kGradientLimit = 100.0f;
/// Rows are fetched this many entries ahead: they are scattered over tables that no cache holds.
constexpr std::size_t kFetchAhead = 4;

/// What is left of a row behind the last whole vector: most widths are multiples of 4.
using FourLanes = float __attribute__((vector_size(4 * sizeof(float))));

template <class V>
struct Words;
template <>
struct Words<Lanes> {
  using type = std::int32_t __attribute__((vector_size(sizeof(Lanes))));
};
template <>
struct Words<FourLanes> {
  using type = std::int32_t __attribute__((vector_size(sizeof(FourLanes))));
};
template <>
struct Words<float> {
  using type = std::int32_t;
};

/// 1/sqrt(x) to about 2 ulp for normal x > 0, several times faster than a root and a division: a first guess by halving
/// the exponent, then three of Newton's steps, each of which squares the error of 3%.
template <class V>
LANGZOO_INLINE void inverse_root(V& y, const V& x) {
  using Bits = typename Words<V>::type;
  Bits bits;
  std::memcpy(&bits, &x, sizeof(V));
  bits = 0x5f3759df - (bits >> 1);
  std::memcpy(&y, &bits, sizeof(V));
  const V half = x * 0.5f;
  for (int i = 0; i < 3; ++i) y = y * (1.5f - half * y * y);
}

template <class V>
LANGZOO_INLINE void clip(V& x) {
  const V limit = V{} + kGradientLimit;
  x = x > limit ? limit : x;
  x = x < -limit ? -limit : x;
}

template <class V>
LANGZOO_INLINE void read(V& to, const float* from) {
  std::memcpy(&to, from, sizeof(V));
}
template <class V>
LANGZOO_INLINE void write(float* to, const V& from) {
  std::memcpy(to, &from, sizeof(V));
}

struct Rows {
  float *word, *word_squares, *context, *context_squares;
};

/// The step of the elements from `at` on, as many as a V holds. The gradient of either vector is `error` times the
/// other, both as they are before the step.
template <class V>
LANGZOO_INLINE void update(const Rows& rows, std::int64_t at, float error, float learning_rate) {
  V word, context, word_squares, context_squares, root;
  read(word, rows.word + at);
  read(context, rows.context + at);
  read(word_squares, rows.word_squares + at);
  read(context_squares, rows.context_squares + at);
  V word_step = error * context, context_step = error * word;
  clip(word_step);
  clip(context_step);
  word_step = word_step * learning_rate;
  context_step = context_step * learning_rate;
  inverse_root(root, word_squares);
  write<V>(rows.word + at, word - word_step * root);
  inverse_root(root, context_squares);
  write<V>(rows.context + at, context - context_step * root);
  write<V>(rows.word_squares + at, word_squares + word_step * word_step);
  write<V>(rows.context_squares + at, context_squares + context_step * context_step);
}

LANGZOO_INLINE float dot(const float* a, const float* b, std::int64_t n) {
  Lanes sum = {}, x, y;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    read(x, a + i);
    read(y, b + i);
    sum += x * y;
  }
  float rest = 0.0f;
  for (; i < n; ++i) rest += a[i] * b[i];
  return sum_of(sum) + rest;
}

LANGZOO_INLINE void update_bias(float& bias, float& squares, float error) {
  float root;
  inverse_root(root, squares);
  bias -= error * root;
  squares += error * error;
}

LANGZOO_INLINE void prefetch(const float* row, std::int64_t n) {
  constexpr std::int64_t kLine = 64 / sizeof(float);
  for (std::int64_t i = 0; i < n; i += kLine) __builtin_prefetch(row + i, 1);
}

LANGZOO_VECTOR_CLONES EntriesLoss train_all(const GloveTable& words, const GloveTable& contexts, std::int64_t dim,
                                            const WeightedEntry* entries, std::size_t size, float learning_rate) {
  const auto rows_of = [&](const WeightedEntry& entry) __attribute__((always_inline)) {
    const auto row = entry.row * dim, column = entry.column * dim;
    return Rows{words.vectors + row, words.vector_squares + row, contexts.vectors + column,
                contexts.vector_squares + column};
  };
  EntriesLoss loss;
  for (std::size_t i = 0; i < size; ++i) {
    if (i + kFetchAhead < size) {
      const auto ahead = rows_of(entries[i + kFetchAhead]);
      for (const float* row : {ahead.word, ahead.word_squares, ahead.context, ahead.context_squares})
        prefetch(row, dim);
    }
    const auto& [row, column, log_count, weight] = entries[i];
    const auto rows = rows_of(entries[i]);
    const float difference =
        dot(rows.word, rows.context, dim) + words.biases[row] + contexts.biases[column] - log_count;
    const float error = weight * difference, squared_error = error * difference;
    if (!std::isfinite(squared_error)) {
      ++loss.not_finite;
      continue;
    }
    loss.sum += 0.5 * squared_error;
    std::int64_t at = 0;
    for (; at + kLanes <= dim; at += kLanes) update<Lanes>(rows, at, error, learning_rate);
    for (; at + 4 <= dim; at += 4) update<FourLanes>(rows, at, error, learning_rate);
    for (; at < dim; ++at) update<float>(rows, at, error, learning_rate);
    update_bias(words.biases[row], words.bias_squares[row], error);
    update_bias(contexts.biases[column], contexts.bias_squares[column], error);
  }
  return loss;
}

}  // namespace

EntriesLoss train_entries(const GloveTable& words, const GloveTable& contexts, std::int64_t dim,
                          std::span<const WeightedEntry> entries, float learning_rate) {
  return train_all(words, contexts, dim, entries.data(), entries.size(), learning_rate);
}

}  // namespace langzoo
