#include "models/layers/decode_attention.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

constexpr float kDropScore = -std::numeric_limits<float>::infinity();

/// One head: K elements of q, rows of k and v at their strides, S biases (null: none), K of the result and room for S
/// scores.
template <class T>
struct Head {
  const T *q, *k, *v, *bias;
  T* out;
  float* scores;
  std::int64_t keys, width, k_stride, v_stride, bias_stride;
  float scale;
};

template <class T>
LANGZOO_INLINE float dot(const T* a, const T* b, std::int64_t n) {
  Lanes sum{}, x, y;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load_lanes(x, a + i);
    load_lanes(y, b + i);
    sum += x * y;
  }
  float total = sum_of(sum);
  for (; i < n; ++i) total += load(a[i]) * load(b[i]);
  return total;
}

/// `scores` become e^(score - largest) and their sum is returned: 0 where every score is -inf.
LANGZOO_INLINE float exponentials(float* scores, std::int64_t n) {
  float largest = kDropScore;
  for (std::int64_t j = 0; j < n; ++j) largest = scores[j] > largest ? scores[j] : largest;
  if (largest == kDropScore) largest = 0;
  for (std::int64_t j = 0; j < n; ++j) scores[j] = exp_approx(scores[j] - largest);
  float total = 0;
  for (std::int64_t j = 0; j < n; ++j) total += scores[j];
  return total;
}

/// `out` = sum_j weights[j] v_j, kLanes columns of v at a time.
template <class T>
LANGZOO_INLINE void weighted_sum(const Head<T>& head, const float* weights, float factor) {
  std::int64_t i = 0;
  for (; i + kLanes <= head.width; i += kLanes) {
    const T* v = head.v + i;
    Lanes even{}, odd{}, x, y;
    std::int64_t j = 0;
    for (; j + 2 <= head.keys; j += 2, v += 2 * head.v_stride) {
      load_lanes(x, v);
      load_lanes(y, v + head.v_stride);
      even += weights[j] * x;
      odd += weights[j + 1] * y;
    }
    if (j < head.keys) {
      load_lanes(x, v);
      even += weights[j] * x;
    }
    even = (even + odd) * factor;
    for (std::int64_t lane = 0; lane < kLanes; ++lane) store(head.out[i + lane], even[lane]);
  }
  for (; i < head.width; ++i) {
    float total = 0;
    for (std::int64_t j = 0; j < head.keys; ++j) total += weights[j] * load(head.v[j * head.v_stride + i]);
    store(head.out[i], total * factor);
  }
}

template <class T>
LANGZOO_INLINE void attend_head(const Head<T>& head) {
  float* const scores = head.scores;
  for (std::int64_t j = 0; j < head.keys; ++j) {
    scores[j] = dot(head.q, head.k + j * head.k_stride, head.width) * head.scale;
  }
  if (head.bias) {
    for (std::int64_t j = 0; j < head.keys; ++j) scores[j] += load(head.bias[j * head.bias_stride]);
  }
  const float total = exponentials(scores, head.keys);
  weighted_sum(head, scores, total == 0 ? 0 : 1 / total);
}

LANGZOO_VECTOR_CLONES void attend_one(const Head<float>& head) {
  attend_head(head);
}
LANGZOO_VECTOR_CLONES void attend_one(const Head<std::uint16_t>& head) {
  attend_head(head);
}

template <class T>
void attend_all(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, float scale, const Tensor& out) {
  const auto heads = q.size(1), keys = k.size(2), width = q.size(3);
  const auto scores = torch::empty({q.size(0) * heads, keys}, torch::kFloat32);
  const auto at = [](const Tensor& x, std::int64_t b, std::int64_t h) {
    return static_cast<T*>(x.data_ptr()) + b * x.stride(0) + h * x.stride(1);
  };
  constexpr std::int64_t kProductsPerThread = 16384;
  const auto grain = 1 + kProductsPerThread / std::max<std::int64_t>(1, keys * width);
  parallel_for(q.size(0) * heads, grain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      const auto b = i / heads, h = i % heads;
      attend_one(Head<T>{.q = at(q, b, h),
                         .k = at(k, b, h),
                         .v = at(v, b, h),
                         .bias = bias.defined() ? at(bias, b, h) : nullptr,
                         .out = at(out, b, h),
                         .scores = scores.data_ptr<float>() + i * keys,
                         .keys = keys,
                         .width = width,
                         .k_stride = k.stride(2),
                         .v_stride = v.stride(2),
                         .bias_stride = bias.defined() ? bias.stride(3) : 0,
                         .scale = scale});
    }
  });
}

}  // namespace

bool is_decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias) {
  const auto dtype = q.scalar_type();
  if (q.dim() != 4 || q.size(2) != 1 || (dtype != torch::kFloat32 && dtype != torch::kBFloat16)) return false;
  const auto fits = [&](const Tensor& x) {
    return x.is_cpu() && x.scalar_type() == dtype && !(at::GradMode::is_enabled() && x.requires_grad());
  };
  const auto fits_heads = [&](const Tensor& x) {
    return fits(x) && x.dim() == 4 && x.size(0) == q.size(0) && x.size(1) == q.size(1) && x.size(3) == q.size(3) &&
           x.stride(3) == 1;
  };
  return fits_heads(q) && fits_heads(k) && fits_heads(v) && k.size(2) == v.size(2) && (!bias.defined() || fits(bias));
}

Tensor decode_attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double scale) {
  TORCH_CHECK(is_decode_attention(q, k, v, bias), "decode_attention: q ", q.sizes(), ", k ", k.sizes(), " or v ",
              v.sizes(), " does not fit");
  const auto batch = q.size(0), heads = q.size(1), width = q.size(3);
  const auto biases = bias.defined() ? bias.expand({batch, heads, 1, k.size(2)}) : bias;
  const auto out = torch::empty({batch, 1, heads, width}, q.options()).transpose(1, 2);
  if (q.scalar_type() == torch::kFloat32) {
    attend_all<float>(q, k, v, biases, static_cast<float>(scale), out);
  } else {
    attend_all<std::uint16_t>(q, k, v, biases, static_cast<float>(scale), out);
  }
  return out;
}

}  // namespace langzoo
