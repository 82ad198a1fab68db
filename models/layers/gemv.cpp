#include "models/layers/gemv.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// y += sum_i x_i w_i over kRows rows of w (kRows, n).
template <int kRows, class T>
LANGZOO_INLINE void add(const T* __restrict w, const float* __restrict x, float* __restrict y, std::int64_t n) {
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes sum, ws;
    load_lanes(sum, y + j);
    for (int r = 0; r < kRows; ++r) {
      load_lanes(ws, w + r * n + j);
      sum += x[r] * ws;
    }
    std::memcpy(y + j, &sum, sizeof(sum));
  }
  for (; j < n; ++j) {
    for (int r = 0; r < kRows; ++r) y[j] += x[r] * load(w[r * n + j]);
  }
}

/// The same over `rows` rows: one sequential read.
template <class T>
LANGZOO_INLINE void add_rows(const T* w, const float* x, float* y, std::int64_t rows, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 8 <= rows; i += 8) add<8>(w + i * n, x + i, y, n);
  for (; i < rows; ++i) add<1>(w + i * n, x + i, y, n);
}

/// The order in which dot() takes x: that in which load_pair() gives what it is multiplied with.
template <class T>
void arrange(float* x, std::int64_t n) {
  if constexpr (std::is_same_v<T, std::uint16_t>) {
    for (std::int64_t j = 0; j + 2 * kLanes <= n; j += 2 * kLanes) {
      float block[2 * kLanes];
      std::copy_n(x + j, 2 * kLanes, block);
      for (std::int64_t i = 0; i < kLanes; ++i) x[j + i] = block[2 * i], x[j + kLanes + i] = block[2 * i + 1];
    }
  }
}

/// sum[0] + sum[1] += the products of the next 2 kLanes elements.
template <class T>
LANGZOO_INLINE void add_pair(const T* __restrict w, const float* __restrict x, Lanes* sum) {
  Lanes ws[2], xs;
  load_pair(ws[0], ws[1], w);
  for (int i = 0; i < 2; ++i) {
    load_lanes(xs, x + i * kLanes);
    sum[i] += xs * ws[i];
  }
}

/// w . x, with x arranged. Of one row at a time: several side by side are streams of memory that are not prefetched
/// well where rows are short. One after the other, rows of 512 come in at twice the speed.
template <class T>
LANGZOO_INLINE float dot(const T* __restrict w, const float* __restrict x, std::int64_t n) {
  constexpr int kSums = 4;
  Lanes sum[kSums] = {};
  std::int64_t j = 0;
  for (; j + kSums * kLanes <= n; j += kSums * kLanes) {
    for (int i = 0; i < kSums; i += 2) add_pair(w + j + i * kLanes, x + j + i * kLanes, sum + i);
  }
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) add_pair(w + j, x + j, sum);
  float total = sum_of((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; j < n; ++j) total += x[j] * load(w[j]);
  return total;
}

template <class T>
LANGZOO_INLINE void dot_rows(const T* w, const float* x, const T* bias, T* y, std::int64_t rows, std::int64_t n) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float product = dot(w + i * n, x, n);
    store(y[i], bias ? product + load(bias[i]) : product);
  }
}

/// y = bias + the rows of `sums` (parts, n)
template <class T>
LANGZOO_INLINE void finish(const float* sums, std::int64_t parts, const T* bias, T* y, std::int64_t n) {
  for (std::int64_t j = 0; j < n; ++j) {
    float total = bias ? load(bias[j]) : 0.0f;
    for (std::int64_t part = 0; part < parts; ++part) total += sums[part * n + j];
    store(y[j], total);
  }
}

LANGZOO_VECTOR_CLONES void add_rows_of(const float* w, const float* x, float* y, std::int64_t rows, std::int64_t n) {
  add_rows(w, x, y, rows, n);
}
LANGZOO_VECTOR_CLONES void add_rows_of(const std::uint16_t* w, const float* x, float* y, std::int64_t rows,
                                       std::int64_t n) {
  add_rows(w, x, y, rows, n);
}
LANGZOO_VECTOR_CLONES void dot_rows_of(const float* w, const float* x, const float* bias, float* y, std::int64_t rows,
                                       std::int64_t n) {
  dot_rows(w, x, bias, y, rows, n);
}
LANGZOO_VECTOR_CLONES void dot_rows_of(const std::uint16_t* w, const float* x, const std::uint16_t* bias,
                                       std::uint16_t* y, std::int64_t rows, std::int64_t n) {
  dot_rows(w, x, bias, y, rows, n);
}

bool is_stored_in_out(const Tensor& weight) {
  return !weight.is_contiguous();
}

template <class T>
void run(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& y) {
  const auto out = weight.size(0), in = weight.size(1);
  const auto* const w = static_cast<const T*>(weight.const_data_ptr());
  const auto* const b = bias.defined() ? static_cast<const T*>(bias.const_data_ptr()) : nullptr;
  auto* const result = static_cast<T*>(y.data_ptr());

  // One buffer a thread, kept: x in float32, then each part's sums.
  static thread_local std::vector<float> scratch;
  const std::int64_t parts = std::clamp<std::int64_t>(in * out / kGrainElements, 1, at::get_num_threads());
  scratch.resize(static_cast<std::size_t>(in + (is_stored_in_out(weight) ? parts * out : 0)));
  auto* const xs = scratch.data();
  auto* const sums = xs + in;
  for (std::int64_t i = 0; i < in; ++i) xs[i] = load(static_cast<const T*>(x.const_data_ptr())[i]);

  if (is_stored_in_out(weight)) {
    // The parts share the rows, so that each thread reads one stretch of memory.
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = begin; part < end; ++part) {
        const auto first = in * part / parts, rows = in * (part + 1) / parts - first;
        std::fill_n(sums + part * out, out, 0.0f);
        add_rows_of(w + first * out, xs + first, sums + part * out, rows, out);
      }
    });
    finish(sums, parts, b, result, out);
  } else {
    arrange<T>(xs, in);
    parallel_for(out, 1 + kGrainElements / in, [&](std::int64_t begin, std::int64_t end) {
      dot_rows_of(w + begin * in, xs, b ? b + begin : b, result + begin, end - begin, in);
    });
  }
}

template <class T>
std::vector<float> run_rows(const Tensor& x, const Tensor& weight, std::span<const std::int64_t> rows) {
  const auto in = weight.size(1);
  const auto* const w = static_cast<const T*>(weight.const_data_ptr());
  const auto vector = x.to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true).contiguous();
  auto* const xs = vector.data_ptr<float>();
  arrange<T>(xs, in);
  std::vector<float> y(rows.size());
  parallel_for(std::ssize(rows), 1 + kGrainElements / in, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      T product;
      dot_rows_of(w + rows[i] * in, xs, nullptr, &product, 1, in);
      y[i] = load(product);
    }
  });
  return y;
}

}  // namespace

bool is_gemv(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto dtype = weight.scalar_type();
  return !at::GradMode::is_enabled() && x.is_cpu() && weight.is_cpu() && weight.dim() == 2 && weight.numel() > 0 &&
         x.dim() >= 1 && x.numel() == weight.size(1) && x.size(-1) == weight.size(1) && x.scalar_type() == dtype &&
         (dtype == torch::kFloat32 || dtype == torch::kBFloat16) &&
         (!bias.defined() || (bias.scalar_type() == dtype && bias.is_contiguous())) &&
         (weight.is_contiguous() || weight.t().is_contiguous());
}

Tensor gemv(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  const auto row = x.reshape({weight.size(1)}).contiguous();
  auto shape = x.sizes().vec();
  shape.back() = weight.size(0);
  auto y = torch::empty(shape, x.options());
  if (weight.scalar_type() == torch::kFloat32) {
    run<float>(row, weight, bias, y);
  } else {
    run<std::uint16_t>(row, weight, bias, y);
  }
  return y;
}

std::vector<float> gemv_rows(const Tensor& x, const Tensor& weight, std::span<const std::int64_t> rows) {
  return weight.scalar_type() == torch::kFloat32 ? run_rows<float>(x, weight, rows)
                                                 : run_rows<std::uint16_t>(x, weight, rows);
}

}  // namespace langzoo
