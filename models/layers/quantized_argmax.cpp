#include "models/layers/quantized_argmax.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "models/layers/gemv.h"
#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "models/layers/weight_identity.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// A matrix that the processor's caches hold is not what a step waits for.
constexpr std::int64_t kLeastElements = 1 << 22;
/// Where more rows than one in so many are left, all are better read in turn.
constexpr std::int64_t kRowsPerCandidate = 8;
/// Of |x|: within them nothing finite overflows, and what products and squares below the least normal number lose is
/// less than kLeastError.
constexpr float kLeastNorm = 0x1p-50F, kMostNorm = 0x1p60F;
constexpr float kLeastError = 0x1p-62F;  ///< of a row of one element; sqrt(C) of it of C
/// Bytes; a row is short, and what reads it has few loads under way.
constexpr std::int64_t kAhead = 4096;

/// q = the row in steps of its largest element / 127. Returns |w - scale q|^2 and |w|^2.
template <class T>
LANGZOO_INLINE std::pair<float, float> quantize(const T* __restrict w, std::int8_t* __restrict q, float& scale,
                                                std::int64_t n) {
  Lanes most = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes ws;
    load_lanes(ws, w + j);
    ws = ws < 0 ? -ws : ws;
    most = ws > most ? ws : most;
  }
  float largest = 0;
  for (int i = 0; i < kLanes; ++i) largest = std::max(largest, most[i]);
  for (; j < n; ++j) largest = std::max(largest, std::fabs(load(w[j])));
  scale = largest / 127;
  const float steps = largest > 0 ? 127 / largest : 0;
  for (j = 0; j < n; ++j) {
    const float value = load(w[j]) * steps;
    q[j] =
        static_cast<std::int8_t>(__builtin_rintf(value > -127 ? (value < 127 ? value : 127.0f) : -127.0f));  // NaN too
  }
  Lanes error = {}, square = {};
  for (j = 0; j + kLanes <= n; j += kLanes) {
    Lanes ws, qs;
    load_lanes(ws, w + j);
    load_lanes(qs, q + j);
    const Lanes off = ws - scale * qs;
    error += off * off;
    square += ws * ws;
  }
  float errors = sum_of(error), squares = sum_of(square);
  for (; j < n; ++j) {
    const float value = load(w[j]), off = value - scale * static_cast<float>(q[j]);
    errors += off * off;
    squares += value * value;
  }
  return {errors, squares};
}

template <class T>
LANGZOO_INLINE void quantize_all(const T* w, std::int8_t* q, float* scales, float* errors, std::int64_t rows,
                                 std::int64_t n) {
  // Twice what the two products lose by rounding, each at most n 2^-24 of |x| |w|: these sums and bounds are rounded
  // too.
  const float rounding = static_cast<float>(n + 16) * 0x1p-22f;
  for (std::int64_t i = 0; i < rows; ++i) {
    const auto [error, square] = quantize(w + i * n, q + i * n, scales[i], n);
    errors[i] = std::sqrt(error) * (1 + rounding) + std::sqrt(square) * rounding +
                std::sqrt(static_cast<float>(n)) * kLeastError;
  }
}

LANGZOO_VECTOR_CLONES void quantize_rows(const float* w, std::int8_t* q, float* scales, float* errors,
                                         std::int64_t rows, std::int64_t n) {
  quantize_all(w, q, scales, errors, rows, n);
}
LANGZOO_VECTOR_CLONES void quantize_rows(const std::uint16_t* w, std::int8_t* q, float* scales, float* errors,
                                         std::int64_t rows, std::int64_t n) {
  quantize_all(w, q, scales, errors, rows, n);
}

/// The upper bounds of kRows rows; the largest lower one is returned.
template <int kRows>
LANGZOO_INLINE float bound(const std::int8_t* __restrict q, const float* __restrict x, const float* scales,
                           const float* errors, float norm, float* __restrict upper, std::int64_t n) {
  Lanes sum[kRows] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes xs, qs;
    load_lanes(xs, x + j);
    for (int r = 0; r < kRows; ++r) {
      __builtin_prefetch(q + kAhead + r * n + j);
      load_lanes(qs, q + r * n + j);
      sum[r] += xs * qs;
    }
  }
  float best = -HUGE_VALF;
  for (int r = 0; r < kRows; ++r) {
    float total = sum_of(sum[r]);
    for (std::int64_t k = j; k < n; ++k) total += x[k] * static_cast<float>(q[r * n + k]);
    const float product = scales[r] * total, error = errors[r] * norm;
    upper[r] = product + error;
    best = std::max(best, product - error);
  }
  return best;
}

LANGZOO_VECTOR_CLONES float bound_rows(const std::int8_t* q, const float* x, const float* scales, const float* errors,
                                       float norm, float* upper, std::int64_t rows, std::int64_t n) {
  float best = -HUGE_VALF;
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4)
    best = std::max(best, bound<4>(q + i * n, x, scales + i, errors + i, norm, upper + i, n));
  for (; i < rows; ++i) best = std::max(best, bound<1>(q + i * n, x, scales + i, errors + i, norm, upper + i, n));
  return best;
}

}  // namespace

QuantizedArgmax::QuantizedArgmax(const Tensor& weight)
    : quantized_(torch::empty(weight.sizes(), torch::kInt8)), scales_(weight.size(0)), errors_(weight.size(0)) {
  const auto n = weight.size(1);
  const auto fill = [&](const auto* w) {
    auto* const q = quantized_.data_ptr<std::int8_t>();
    parallel_for(weight.size(0), 1 + kGrainElements / n, [&](std::int64_t begin, std::int64_t end) {
      quantize_rows(w + begin * n, q + begin * n, scales_.data() + begin, errors_.data() + begin, end - begin, n);
    });
  };
  const auto* const w = weight.const_data_ptr();
  weight.scalar_type() == torch::kFloat32 ? fill(static_cast<const float*>(w))
                                          : fill(static_cast<const std::uint16_t*>(w));
  finite_ = std::all_of(errors_.begin(), errors_.end(), [](float error) { return std::isfinite(error); });
}

bool QuantizedArgmax::pays() const {
  constexpr std::int64_t kFew = 4;
  return failures_ <= kFew || 2 * failures_ <= calls_;
}

std::optional<std::int64_t> QuantizedArgmax::operator()(const Tensor& x, const Tensor& weight) const {
  const auto index = by_bounds(x, weight);
  ++calls_;
  if (!index) ++failures_;
  return index;
}

std::optional<std::int64_t> QuantizedArgmax::by_bounds(const Tensor& x, const Tensor& weight) const {
  const auto rows = weight.size(0), n = weight.size(1);
  const auto vector = x.reshape({n}).to(torch::kFloat32).contiguous();
  const auto* const xs = vector.const_data_ptr<float>();
  double square = 0;
  for (std::int64_t j = 0; j < n; ++j) square += static_cast<double>(xs[j]) * xs[j];
  const auto norm = static_cast<float>(std::sqrt(square) * (1 + 1e-6));
  if (!finite_ || !(norm >= kLeastNorm && norm <= kMostNorm)) return {};

  static thread_local std::vector<float> scratch;  // kept
  scratch.resize(static_cast<std::size_t>(rows));
  auto* const upper = scratch.data();
  const auto* const q = quantized_.const_data_ptr<std::int8_t>();
  float best = -HUGE_VALF;
  std::mutex mutex;
  parallel_for(rows, 1 + kGrainElements / n, [&](std::int64_t begin, std::int64_t end) {
    const auto lower = bound_rows(q + begin * n, xs, scales_.data() + begin, errors_.data() + begin, norm,
                                  upper + begin, end - begin, n);
    const std::lock_guard lock(mutex);
    best = std::max(best, lower);
  });
  // Of products that are rounded more than one may be the largest; rounding keeps their order, and that of bounds.
  const auto rounded = [as_it_is = weight.scalar_type() == torch::kFloat32](float product) {
    if (as_it_is) return product;
    std::uint16_t half;
    store(half, product);
    return load(half);
  };
  std::vector<std::int64_t> candidates;
  best = rounded(best);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (rounded(upper[i]) >= best) candidates.push_back(i);
  }
  if (candidates.empty() || kRowsPerCandidate * std::ssize(candidates) > rows + kRowsPerCandidate) return {};
  const auto products = gemv_rows(vector, weight, candidates);
  const auto largest = std::max_element(products.begin(), products.end());
  if (!std::isfinite(*largest)) return {};
  return candidates[largest - products.begin()];
}

struct QuantizedWeight::Copy {
  WeightIdentity identity;
  QuantizedArgmax argmax;

  explicit Copy(const Tensor& weight) : identity(weight), argmax(weight) {}
};

std::shared_ptr<const QuantizedWeight::Copy> QuantizedWeight::current(const Tensor& weight) {
  const std::lock_guard lock(mutex_);
  if (!copy_ || !copy_->identity.is_of(weight)) {
    copy_.reset();  // before the new one is made: never two in memory
    copy_ = std::make_shared<const Copy>(weight);
  }
  return copy_;
}

std::optional<std::int64_t> QuantizedWeight::argmax(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (weight.numel() < kLeastElements || bias.defined() || !is_gemv(x, weight, bias) || !weight.is_contiguous() ||
      !WeightIdentity::has(weight))
    return {};
  const auto copy = current(weight);
  return copy->argmax.pays() ? copy->argmax(x, weight) : std::nullopt;
}

void QuantizedWeight::clear() {
  const std::lock_guard lock(mutex_);
  copy_.reset();
}

}  // namespace langzoo
