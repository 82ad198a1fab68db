#include "models/word2vec/kernel.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

constexpr std::int64_t kTile = 4;  // inputs and targets whose products are summed in registers at a time

/// Rows of the local copies are padded with zeros to whole Lanes.
constexpr std::int64_t padded(std::int64_t n) {
  return (n + kLanes - 1) / kLanes * kLanes;
}

/// The last elements of rows, which fill no Lanes, go four at a time where they can.
using Quad = float __attribute__((vector_size(4 * sizeof(float))));

template <class Vector>
LANGZOO_INLINE void add_scaled(float* to, const float* from, float scale) {
  Vector x, y;
  std::memcpy(&x, from, sizeof(x));
  std::memcpy(&y, to, sizeof(y));
  y += x * scale;
  std::memcpy(to, &y, sizeof(y));
}

/// to += scale * from
LANGZOO_INLINE void add_row(float* to, const float* from, float scale, std::int64_t dim) {
  std::int64_t i = 0;
  for (; i + kLanes <= dim; i += kLanes) add_scaled<Lanes>(to + i, from + i, scale);
  for (; i + 4 <= dim; i += 4) add_scaled<Quad>(to + i, from + i, scale);
  for (; i < dim; ++i) to[i] += from[i] * scale;
}

/// A local copy, padded. In pieces of constant size, which need no call of memcpy.
LANGZOO_INLINE void copy_row(float* to, const float* from, std::int64_t dim) {
  constexpr std::int64_t kPiece = 4 * kLanes;
  std::int64_t i = 0;
  for (; i + kPiece <= dim; i += kPiece) std::memcpy(to + i, from + i, kPiece * sizeof(float));
  if (dim - i >= 2 * kLanes) std::memcpy(to + i, from + i, 2 * sizeof(Lanes)), i += 2 * kLanes;
  if (dim - i >= kLanes) std::memcpy(to + i, from + i, sizeof(Lanes)), i += kLanes;
  if (i == dim) return;
  const Lanes zero = {};
  std::memcpy(to + i, &zero, sizeof(zero));
  if (dim - i >= 8) std::memcpy(to + i, from + i, 2 * sizeof(Quad)), i += 8;
  if (dim - i >= 4) std::memcpy(to + i, from + i, sizeof(Quad)), i += 4;
  for (; i < dim; ++i) to[i] = from[i];
}

/// Where sums_of wants the vector whose sum goes to lane k: k with its four bits reversed.
constexpr int kSlot[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};

/// Sums over the lanes of sixteen vectors at once, by halving pairs of them: 15 additions instead of 64.
LANGZOO_INLINE void sums_of(const Lanes* x, Lanes& sums) {
  Lanes a[8], b[4], c[2];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    const Lanes p = x[i], q = x[i + 8];
    a[i] = __builtin_shufflevector(p, q, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23) +
           __builtin_shufflevector(p, q, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const Lanes p = a[i], q = a[i + 4];
    b[i] = __builtin_shufflevector(p, q, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(p, q, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const Lanes p = b[i], q = b[i + 2];
    c[i] = __builtin_shufflevector(p, q, 0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21, 24, 25, 28, 29) +
           __builtin_shufflevector(p, q, 2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  }
  const Lanes p = c[0], q = c[1];
  sums = __builtin_shufflevector(p, q, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(p, q, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/// g[i * stride + j] = u_i . v_j for kU rows of u and kV rows of v, all of them `width` wide.
template <int kU, int kV>
LANGZOO_INLINE void dots(const float* __restrict u, const float* __restrict v, std::int64_t width, float* __restrict g,
                         std::int64_t stride) {
  Lanes sums[16] = {};
  for (std::int64_t d = 0; d < width; d += kLanes) {
    Lanes us[kU];
#pragma GCC unroll 4
    for (int i = 0; i < kU; ++i) load_lanes(us[i], u + i * width + d);
#pragma GCC unroll 4
    for (int j = 0; j < kV; ++j) {
      Lanes vs;
      load_lanes(vs, v + j * width + d);
#pragma GCC unroll 4
      for (int i = 0; i < kU; ++i) sums[kSlot[i * kV + j]] += us[i] * vs;
    }
  }
  float all[kLanes];
  sums_of(sums, sums[0]);
  std::memcpy(all, &sums[0], sizeof(all));
  for (int i = 0; i < kU; ++i) {
    for (int j = 0; j < kV; ++j) g[i * stride + j] = all[i * kV + j];
  }
}

template <int kU>
LANGZOO_INLINE void dots(std::int64_t n, const float* u, const float* v, std::int64_t width, float* g,
                         std::int64_t stride) {
  std::int64_t j = 0;
  for (; j + kTile <= n; j += kTile) dots<kU, kTile>(u, v + j * width, width, g + j, stride);
  if (n - j == 3) dots<kU, 3>(u, v + j * width, width, g + j, stride);
  if (n - j == 2) dots<kU, 2>(u, v + j * width, width, g + j, stride);
  if (n - j == 1) dots<kU, 1>(u, v + j * width, width, g + j, stride);
}

/// to += sum_k g[k * stride] x_k for `count` rows of x, kVectors Lanes of them; `room` elements of `to` are there.
template <int kVectors>
LANGZOO_INLINE void add_products(float* __restrict to, std::int64_t room, const float* __restrict x, std::int64_t width,
                                 const float* __restrict g, std::int64_t stride, std::int64_t count) {
  Lanes sums[kVectors] = {};
  for (std::int64_t k = 0; k < count; ++k) {
    const float scale = g[k * stride];
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; ++i) {
      Lanes xs;
      load_lanes(xs, x + k * width + i * kLanes);
      sums[i] += xs * scale;
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kVectors; ++i) {
    if ((i + 1) * kLanes <= room) {
      Lanes old;
      load_lanes(old, to + i * kLanes);
      old += sums[i];
      std::memcpy(to + i * kLanes, &old, sizeof(old));
    } else {
      float rest[kLanes];
      std::memcpy(rest, &sums[i], sizeof(rest));
      // Less than kLanes are left, which g++ does not see.
      add_row(to + i * kLanes, rest, 1.0f, std::min(room - i * kLanes, kLanes - 1));
    }
  }
}

LANGZOO_INLINE void add_products(float* to, std::int64_t dim, const float* x, std::int64_t width, const float* g,
                                 std::int64_t stride, std::int64_t count) {
  constexpr std::int64_t kMost = 8;
  std::int64_t d = 0;
  for (; d + kMost * kLanes <= width; d += kMost * kLanes) {
    add_products<kMost>(to + d, dim - d, x + d, width, g, stride, count);
  }
  switch ((width - d) / kLanes) {
    case 1:
      return add_products<1>(to + d, dim - d, x + d, width, g, stride, count);
    case 2:
      return add_products<2>(to + d, dim - d, x + d, width, g, stride, count);
    case 3:
      return add_products<3>(to + d, dim - d, x + d, width, g, stride, count);
    case 4:
      return add_products<4>(to + d, dim - d, x + d, width, g, stride, count);
    case 5:
      return add_products<5>(to + d, dim - d, x + d, width, g, stride, count);
    case 6:
      return add_products<6>(to + d, dim - d, x + d, width, g, stride, count);
    case 7:
      return add_products<7>(to + d, dim - d, x + d, width, g, stride, count);
    default:
      return;
  }
}

/// Scores become steps, learning_rate (y - sigma(score)); returns the sum of the losses of the first `count`. Both
/// arrays have whole Lanes.
LANGZOO_INLINE float logistic(float* __restrict scores, const float* __restrict labels, std::int64_t count,
                              float learning_rate) {
  float part[kLanes] = {};
  for (std::int64_t k = 0; k < count; k += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) {
      const float x = scores[k + j], y = labels[k + j];
      const float e = exp_approx(x < 0 ? x : -x);  // e^-|x|
      const float sigma = (x < 0 ? e : 1.0f) / (1.0f + e);
      // -log sigma(+-x) = max(-+x, 0) + log(1 + e^-|x|), and log(1 + e) = 2 artanh(e / (2 + e)), whose series is short.
      const float s = e / (2.0f + e), t = s * s;
      const float log1p =
          2.0f * s * (1.0f + t * (1.0f / 3 + t * (1.0f / 5 + t * (1.0f / 7 + t * (1.0f / 9 + t * (1.0f / 11))))));
      const float wrong = y > 0.5f ? -x : x;
      const float loss = (wrong > 0 ? wrong : 0.0f) + log1p;
      part[j] += k + j < count ? loss : 0.0f;
      scores[k + j] = learning_rate * (y - sigma);
    }
  }
  float sum = 0;
  for (const float p : part) sum += p;
  return sum;
}

LANGZOO_VECTOR_CLONES float apply_step(const LogisticStep& step, float* scratch) {
  const auto dim = step.dim, width = padded(dim);
  float* const* inputs = step.inputs.data();
  float* const* targets = step.targets.data();
  const auto rows = static_cast<std::int64_t>(step.inputs.size()), n = static_cast<std::int64_t>(step.targets.size());
  const auto m = step.composed ? 1 : rows;
  float* u = scratch;
  float* v = u + m * width;
  float* g = v + n * width;
  float* labels = g + padded(m * n);

  if (step.composed) {
    std::memset(u, 0, sizeof(float) * static_cast<std::size_t>(width));
    const float share = 1.0f / static_cast<float>(rows);
    for (std::int64_t i = 0; i < rows; ++i) add_row(u, inputs[i], share, dim);
  } else {
    for (std::int64_t i = 0; i < m; ++i) copy_row(u + i * width, inputs[i], dim);
  }
  for (std::int64_t j = 0; j < n; ++j) copy_row(v + j * width, targets[j], dim);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) labels[i * n + j] = step.labels[static_cast<std::size_t>(j)];
  }
  for (std::int64_t k = m * n; k < padded(m * n); ++k) g[k] = labels[k] = 0;

  std::int64_t i = 0;
  for (; i + kTile <= m; i += kTile) dots<kTile>(n, u + i * width, v, width, g + i * n, n);
  if (m - i == 3) dots<3>(n, u + i * width, v, width, g + i * n, n);
  if (m - i == 2) dots<2>(n, u + i * width, v, width, g + i * n, n);
  if (m - i == 1) dots<1>(n, u + i * width, v, width, g + i * n, n);
  const float loss = logistic(g, labels, m * n, step.learning_rate);

  for (std::int64_t j = 0; j < n; ++j) add_products(targets[j], dim, u, width, g + j, n, m);
  if (!step.composed) {
    for (i = 0; i < m; ++i) add_products(inputs[i], dim, v, width, g + i * n, 1, n);
    return loss;
  }
  std::memset(u, 0, sizeof(float) * static_cast<std::size_t>(width));
  add_products(u, width, v, width, g, 1, n);
  const float share = step.full_gradient ? 1.0f : 1.0f / static_cast<float>(rows);
  for (i = 0; i < rows; ++i) add_row(inputs[i], u, share, dim);
  return loss;
}

}  // namespace

float* LogisticScratch::floats(std::int64_t count) {
  const auto spare = static_cast<std::size_t>(kLanes);
  if (storage_.size() < static_cast<std::size_t>(count) + spare)
    storage_.resize(static_cast<std::size_t>(count) + spare);
  void* begin = storage_.data();
  std::size_t room = storage_.size() * sizeof(float);
  return static_cast<float*>(std::align(sizeof(Lanes), static_cast<std::size_t>(count) * sizeof(float), begin, room));
}

float apply(const LogisticStep& step, LogisticScratch& scratch) {
  const auto m = step.composed ? 1 : static_cast<std::int64_t>(step.inputs.size());
  const auto n = static_cast<std::int64_t>(step.targets.size());
  return apply_step(step, scratch.floats((m + n) * padded(step.dim) + 2 * padded(m * n)));
}

}  // namespace langzoo
