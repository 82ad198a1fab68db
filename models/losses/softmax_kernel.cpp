#include "models/losses/softmax_kernel.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

template <class T>
LANGZOO_INLINE float largest(const T* x, std::int64_t n) {
  float part[kLanes];
  for (std::int64_t j = 0; j < kLanes; ++j) part[j] = load(x[0]);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) part[j] = std::max(part[j], load(x[i + j]));
  }
  for (; i < n; ++i) part[0] = std::max(part[0], load(x[i]));
  return *std::max_element(part, part + kLanes);
}

/// sum_i e^(x_i - m)
template <class T>
LANGZOO_INLINE float sum_exp(const T* x, std::int64_t n, float m) {
  float part[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) part[j] += exp_approx(load(x[i + j]) - m);
  }
  for (; i < n; ++i) part[0] += exp_approx(load(x[i]) - m);
  float sum = 0;
  for (const float p : part) sum += p;
  return sum;
}

/// sum_i (x_i - m)
template <class T>
LANGZOO_INLINE float sum_below(const T* x, std::int64_t n, float m) {
  float part[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) part[j] += load(x[i + j]) - m;
  }
  for (; i < n; ++i) part[0] += load(x[i]) - m;
  float sum = 0;
  for (const float p : part) sum += p;
  return sum;
}

/// A TargetDistribution, and the weight of the z-loss, as the loops want them.
struct RowTarget {
  float target, other;
  std::int64_t excluded;
  float z_loss;
};

/// One row: its loss; with `want_grad`, x becomes (1 + 2 z log(sum e^x)) softmax(x) - q.
template <class T>
LANGZOO_INLINE float row_loss(T* x, std::int64_t n, std::int64_t target, bool want_grad, const RowTarget& q) {
  const float m = largest(x, n);
  const float sum = sum_exp(x, n, m), log_sum = std::log(sum);
  const bool excludes = q.excluded >= 0;
  float loss = log_sum - (q.target - q.other) * (load(x[target]) - m);
  if (q.other != 0.0f) loss -= q.other * (sum_below(x, n, m) - (excludes ? load(x[q.excluded]) - m : 0.0f));
  const float log_z = log_sum + m;
  if (q.z_loss != 0.0f) loss += q.z_loss * log_z * log_z;
  if (want_grad) {
    const float scale = (1.0f + 2 * q.z_loss * log_z) / sum;
    const float of_target = exp_approx(load(x[target]) - m) * scale - q.target;
    const float of_excluded = excludes ? exp_approx(load(x[q.excluded]) - m) * scale : 0.0f;
    for (std::int64_t i = 0; i < n; ++i) store(x[i], exp_approx(load(x[i]) - m) * scale - q.other);
    if (excludes) store(x[q.excluded], of_excluded);
    store(x[target], of_target);
  }
  return loss;
}

LANGZOO_VECTOR_CLONES float row_loss_f32(float* x, std::int64_t n, std::int64_t target, bool want_grad,
                                         const RowTarget& q) {
  return row_loss(x, n, target, want_grad, q);
}
LANGZOO_VECTOR_CLONES float row_loss_bf16(std::uint16_t* x, std::int64_t n, std::int64_t target, bool want_grad,
                                          const RowTarget& q) {
  return row_loss(x, n, target, want_grad, q);
}

}  // namespace

double softmax_cross_entropy_(const torch::Tensor& logits, const torch::Tensor& targets, std::int64_t ignore_index,
                              bool want_grad, const TargetDistribution& distribution, double z_loss) {
  const auto rows = logits.size(0), vocabulary = logits.size(1);
  const auto index = targets.contiguous();
  const auto* const target = index.const_data_ptr<std::int64_t>();
  for (std::int64_t i = 0; i < rows; ++i) {
    if (target[i] != ignore_index && (target[i] < 0 || target[i] >= vocabulary)) {
      throw std::invalid_argument("cross-entropy: target " + std::to_string(target[i]) + " is not in [0, " +
                                  std::to_string(vocabulary) + ")");
    }
    if (target[i] != ignore_index && target[i] == distribution.excluded) {
      throw std::invalid_argument("cross-entropy: target " + std::to_string(target[i]) +
                                  " is the padding, which label smoothing leaves out");
    }
  }
  const RowTarget q{static_cast<float>(distribution.target), static_cast<float>(distribution.other),
                    distribution.excluded, static_cast<float>(z_loss)};
  std::vector<float> losses(static_cast<std::size_t>(rows), 0.0f);
  const bool reduced = logits.scalar_type() == torch::kBFloat16;
  parallel_for(rows, 1 + 4096 / vocabulary, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      auto& loss = losses[static_cast<std::size_t>(i)];
      const auto at = i * vocabulary;
      if (target[i] == ignore_index) {
        if (!want_grad) continue;
        if (reduced) std::fill_n(static_cast<std::uint16_t*>(logits.data_ptr()) + at, vocabulary, std::uint16_t{0});
        if (!reduced) std::fill_n(static_cast<float*>(logits.data_ptr()) + at, vocabulary, 0.0f);
      } else if (reduced) {
        loss = row_loss_bf16(static_cast<std::uint16_t*>(logits.data_ptr()) + at, vocabulary, target[i], want_grad, q);
      } else {
        loss = row_loss_f32(static_cast<float*>(logits.data_ptr()) + at, vocabulary, target[i], want_grad, q);
      }
    }
  });
  double sum = 0;
  for (std::int64_t i = 0; i < rows; ++i) {
    if (target[i] != ignore_index) sum += losses[static_cast<std::size_t>(i)] - distribution.entropy;
  }
  return sum;
}

}  // namespace langzoo
