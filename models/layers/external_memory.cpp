#include "models/layers/external_memory.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

constexpr auto kTiny = static_cast<float>(kLeastWeight);
constexpr auto kEpsilon = static_cast<float>(kCosineEpsilon);

LANGZOO_INLINE float softplus(float x) {
  return x > 20.0f ? x : std::log1p(std::exp(x));
}

/// ln x of a positive normal number, to about 2 ulp (the polynomial is that of Cephes' logf).
LANGZOO_INLINE float log_approx(float x) {
  const auto bits = std::bit_cast<std::int32_t>(x);
  const auto shifted = bits - 0x3f3504f3;  // sqrt(1/2)
  const auto e = static_cast<float>(shifted >> 23);
  const float m = std::bit_cast<float>(bits - (shifted & static_cast<std::int32_t>(0xff800000))) - 1.0f;
  const float z = m * m;
  float p = 7.0376836292e-2f;
  p = p * m - 1.1514610310e-1f;
  p = p * m + 1.1676998740e-1f;
  p = p * m - 1.2420140846e-1f;
  p = p * m + 1.4249322787e-1f;
  p = p * m - 1.6668057665e-1f;
  p = p * m + 2.0000714765e-1f;
  p = p * m - 2.4999993993e-1f;
  p = p * m + 3.3333331174e-1f;
  return m + (m * z * p + (e * -2.12194440e-4f - 0.5f * z)) + e * 0.693359375f;
}

LANGZOO_INLINE float row_dot(const float* __restrict a, const float* __restrict b, std::int64_t n) {
  Lanes sum{}, x, y;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load_lanes(x, a + i);
    load_lanes(y, b + i);
    sum += x * y;
  }
  float rest = sum_of(sum);
  for (; i < n; ++i) rest += a[i] * b[i];
  return rest;
}

/// x becomes its softmax.
LANGZOO_INLINE void softmax_row(float* __restrict x, std::int64_t n) {
  float most = x[0];
  std::int64_t begin = 0;
  if (n >= kLanes) {
    Lanes larger, next;
    load_lanes(larger, x);
    for (begin = kLanes; begin + kLanes <= n; begin += kLanes) {
      load_lanes(next, x + begin);
      larger = next > larger ? next : larger;
    }
    for (std::int64_t i = 0; i < kLanes; ++i) most = std::max(most, larger[i]);
  }
  for (auto i = begin; i < n; ++i) most = std::max(most, x[i]);
  for (std::int64_t i = 0; i < n; ++i) x[i] = exp_approx(x[i] - most);
  Lanes sums{}, next;
  for (begin = 0; begin + kLanes <= n; begin += kLanes) {
    load_lanes(next, x + begin);
    sums += next;
  }
  float sum = sum_of(sums);
  for (auto i = begin; i < n; ++i) sum += x[i];
  const float scale = 1.0f / sum;
  for (std::int64_t i = 0; i < n; ++i) x[i] *= scale;
}

/// What a head is told, in its ranges.
struct MemoryHead {
  float *key, *shift, *erase, *add;  ///< in scratch
  float strength, gate, sharpening, length;
};

/// Of the interface; values go to `at`, which has room for as many.
LANGZOO_INLINE MemoryHead head_of(const MemorySizes& sizes, const float* interface, float* at, std::int64_t head) {
  const auto M = sizes.width, S = sizes.shifts;
  const float* const told = interface + sizes.begin(head);
  float* const values = at + sizes.begin(head);
  MemoryHead h{values, values + M + 2, nullptr, nullptr, softplus(told[M]), 0, 1.0f + softplus(told[M + 2 + S]), 0};
  h.gate = sigmoid_approx(told[M + 1]);
  std::copy_n(told, M, h.key);
  h.length = std::sqrt(row_dot(told, told, M));
  std::copy_n(told + M + 2, S, h.shift);
  softmax_row(h.shift, S);
  if (head >= sizes.read_heads) {
    h.erase = values + sizes.address_size();
    h.add = h.erase + M;
    for (std::int64_t j = 0; j < M; ++j) h.erase[j] = sigmoid_approx(told[sizes.address_size() + j]);
    std::copy_n(told + sizes.address_size() + M, M, h.add);
  }
  return h;
}

/// to[i] += sum_s from[i - shift_s] weight_s, in a circle; backwards (sign -1) the other way.
LANGZOO_INLINE void add_rotated(float* __restrict to, const float* __restrict from, float weight, std::int64_t shift,
                                std::int64_t n) {
  const auto k = (shift % n + n) % n;  // to[i] takes from[i - k]
  for (std::int64_t i = 0; i < k; ++i) to[i] += weight * from[i - k + n];
  for (std::int64_t i = k; i < n; ++i) to[i] += weight * from[i - k];
}
/// sum_i a[i] b[i - shift], in a circle.
LANGZOO_INLINE float rotated_dot(const float* a, const float* b, std::int64_t shift, std::int64_t n) {
  const auto k = (shift % n + n) % n;
  return row_dot(a, b + (n - k), k) + row_dot(a + k, b, n - k);
}

LANGZOO_VECTOR_CLONES void forward_row(const MemorySizes& sizes, const MemoryForward& step) {
  const auto N = sizes.rows, M = sizes.width, S = sizes.shifts;
  const float* __restrict memory = step.memory;
  float* __restrict lengths = step.saved;
  float* const gated = step.scratch;
  float* const told = step.scratch + N * (4 + 2 * sizes.write_heads);
  std::fill_n(lengths, N, 0.0f);
  for (std::int64_t j = 0; j < M; ++j) {
    for (std::int64_t i = 0; i < N; ++i) lengths[i] += memory[j * N + i] * memory[j * N + i];
  }
  for (std::int64_t i = 0; i < N; ++i) lengths[i] = std::sqrt(lengths[i]);
  for (std::int64_t h = 0; h < sizes.heads(); ++h) {
    const MemoryHead head = head_of(sizes, step.interface, told, h);
    float* __restrict cosine = step.saved + N * (1 + 3 * h);
    float* __restrict content = cosine + N;
    float* __restrict shifted = content + N;
    float* __restrict weights = step.weights + h * N;
    std::fill_n(cosine, N, 0.0f);
    for (std::int64_t j = 0; j < M; ++j) {
      const float key = head.key[j];
      for (std::int64_t i = 0; i < N; ++i) cosine[i] += key * memory[j * N + i];
    }
    for (std::int64_t i = 0; i < N; ++i) {
      cosine[i] /= head.length * lengths[i] + kEpsilon;
      content[i] = head.strength * cosine[i];
    }
    softmax_row(content, N);
    const float* __restrict before = step.before + h * N;
    for (std::int64_t i = 0; i < N; ++i) gated[i] = head.gate * content[i] + (1.0f - head.gate) * before[i];
    std::fill_n(shifted, N, 0.0f);
    for (std::int64_t s = 0; s < S; ++s) add_rotated(shifted, gated, head.shift[s], s - S / 2, N);
    for (std::int64_t i = 0; i < N; ++i) weights[i] = head.sharpening * log_approx(std::max(shifted[i], kTiny));
    softmax_row(weights, N);
    if (h < sizes.read_heads) {
      for (std::int64_t j = 0; j < M; ++j) step.reads[h * M + j] = row_dot(weights, memory + j * N, N);
    }
  }
  std::copy_n(memory, N * M, step.after);
  for (std::int64_t pass = 0; pass < 2; ++pass) {
    for (auto h = sizes.read_heads; h < sizes.heads(); ++h) {
      const float* const erase = told + sizes.begin(h) + sizes.address_size();
      const float* __restrict w = step.weights + h * N;
      for (std::int64_t j = 0; j < M; ++j) {
        float* __restrict after = step.after + j * N;
        if (pass == 0) {
          for (std::int64_t i = 0; i < N; ++i) after[i] *= 1.0f - w[i] * erase[j];
        } else {
          for (std::int64_t i = 0; i < N; ++i) after[i] += w[i] * erase[M + j];
        }
      }
    }
  }
}

LANGZOO_VECTOR_CLONES void backward_row(const MemorySizes& sizes, const MemoryBackward& step) {
  const auto N = sizes.rows, M = sizes.width, S = sizes.shifts, R = sizes.read_heads, W = sizes.write_heads;
  const float* __restrict memory = step.memory;
  const float* __restrict lengths = step.saved;
  float* __restrict gated = step.scratch;
  float* __restrict dshifted = gated + N;
  float* __restrict dgated = dshifted + N;
  float* __restrict dcosine = dgated + N;
  float* const kept = dcosine + N;  // (W,N) what a head leaves of each cell, and what the others do
  float* const told = kept + 2 * W * N;

  for (std::int64_t h = 0; h < sizes.heads(); ++h) head_of(sizes, step.interface, told, h);

  // M = M_before prod_h (1 - w_h e_h) + sum_h w_h a_h.
  for (std::int64_t j = 0; j < M; ++j) {
    float* __restrict dm = step.dmemory + j * N;
    const float* __restrict m = memory + j * N;
    for (std::int64_t h = 0; h < W; ++h) {
      const float erase = told[sizes.begin(R + h) + sizes.address_size() + j];
      const float* __restrict w = step.weights + (R + h) * N;
      for (std::int64_t i = 0; i < N; ++i) kept[h * N + i] = 1.0f - w[i] * erase;
    }
    for (std::int64_t h = 0; h < W; ++h) {
      const auto at = sizes.begin(R + h) + sizes.address_size() + j;
      const float erase = told[at], add = told[at + M];
      float* __restrict others = kept + (W + h) * N;  // d(memory behind it) M_before prod of the others
      for (std::int64_t i = 0; i < N; ++i) others[i] = dm[i] * m[i];
      for (std::int64_t g = 0; g < W; ++g) {
        const float* __restrict of = kept + g * N;
        if (g == h) continue;
        for (std::int64_t i = 0; i < N; ++i) others[i] *= of[i];
      }
      const float* const w = step.weights + (R + h) * N;
      float* __restrict dw = step.dweights + (R + h) * N;
      for (std::int64_t i = 0; i < N; ++i) dw[i] += dm[i] * add - others[i] * erase;
      step.dinterface[at] = -row_dot(others, w, N) * erase * (1.0f - erase);
      step.dinterface[at + M] = row_dot(dm, w, N);
    }
    for (std::int64_t h = 0; h < W; ++h) {
      for (std::int64_t i = 0; i < N; ++i) dm[i] *= kept[h * N + i];
    }
    for (std::int64_t h = 0; h < R; ++h) {
      const float dread = step.dreads[h * M + j];
      const float* __restrict w = step.weights + h * N;
      float* __restrict dw = step.dweights + h * N;
      for (std::int64_t i = 0; i < N; ++i) {
        dw[i] += dread * m[i];
        dm[i] += dread * w[i];
      }
    }
  }

  for (std::int64_t h = 0; h < sizes.heads(); ++h) {
    const MemoryHead head = head_of(sizes, step.interface, told, h);
    const float* const raw = step.interface + sizes.begin(h);
    float* const dtold = step.dinterface + sizes.begin(h);
    const float* __restrict cosine = step.saved + N * (1 + 3 * h);
    const float* __restrict content = cosine + N;
    const float* __restrict shifted = content + N;
    const float* __restrict before = step.before + h * N;
    const float* __restrict w = step.weights + h * N;
    float* __restrict dw = step.dweights + h * N;

    // w = softmax(sharpening * ln(shifted))
    const float mean = row_dot(dw, w, N);
    for (std::int64_t i = 0; i < N; ++i) {
      const float dlogit = w[i] * (dw[i] - mean), bounded = std::max(shifted[i], kTiny);
      dgated[i] = dlogit;
      dcosine[i] = log_approx(bounded);
      dshifted[i] = shifted[i] > kTiny ? head.sharpening * dlogit / bounded : 0.0f;
    }
    dtold[M + 2 + S] = row_dot(dgated, dcosine, N) * sigmoid_approx(raw[M + 2 + S]);

    for (std::int64_t i = 0; i < N; ++i) gated[i] = head.gate * content[i] + (1.0f - head.gate) * before[i];
    std::fill_n(dgated, N, 0.0f);
    float shift_mean = 0;
    for (std::int64_t s = 0; s < S; ++s) {
      add_rotated(dgated, dshifted, head.shift[s], S / 2 - s, N);
      dtold[M + 2 + s] = rotated_dot(dshifted, gated, s - S / 2, N);
      shift_mean += dtold[M + 2 + s] * head.shift[s];
    }
    for (std::int64_t s = 0; s < S; ++s) dtold[M + 2 + s] = head.shift[s] * (dtold[M + 2 + s] - shift_mean);

    const float of_content = row_dot(dgated, content, N), of_before = row_dot(dgated, before, N);
    dtold[M + 1] = (of_content - of_before) * head.gate * (1.0f - head.gate);
    for (std::int64_t i = 0; i < N; ++i) {
      dw[i] = (1.0f - head.gate) * dgated[i];
      dcosine[i] = head.gate * content[i] * (dgated[i] - of_content);
    }
    dtold[M] = row_dot(dcosine, cosine, N) * sigmoid_approx(raw[M]);

    // cosine = key . m / (|key| |m| + epsilon); dcosine becomes the gradient of key . m, dshifted that of |m|.
    for (std::int64_t i = 0; i < N; ++i) {
      dcosine[i] *= head.strength / (head.length * lengths[i] + kEpsilon);
      dshifted[i] = -dcosine[i] * cosine[i];
    }
    const float dlength = row_dot(dshifted, lengths, N);
    const float along_key = head.length > 0 ? dlength / head.length : 0.0f;
    for (std::int64_t i = 0; i < N; ++i) dshifted[i] = lengths[i] > 0 ? dshifted[i] * head.length / lengths[i] : 0.0f;
    for (std::int64_t j = 0; j < M; ++j) {
      const float* __restrict m = memory + j * N;
      float* __restrict dm = step.dmemory + j * N;
      dtold[j] = row_dot(dcosine, m, N) + along_key * head.key[j];
      for (std::int64_t i = 0; i < N; ++i) dm[i] += dcosine[i] * head.key[j] + dshifted[i] * m[i];
    }
  }
}

}  // namespace

void memory_forward(const MemorySizes& sizes, const MemoryForward& step) {
  forward_row(sizes, step);
}

void memory_backward(const MemorySizes& sizes, const MemoryBackward& step) {
  backward_row(sizes, step);
}

}  // namespace langzoo
