#include "models/layers/gemv.h"

#include <algorithm>
#include <cstdint>

#include <torch/torch.h>

#include "models/layers/parallel.h"
#include "models/layers/vector_math.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// y += sum_i x_i w_i over `rows` rows of w (rows, n): one sequential read.
template <class T>
LANGZOO_INLINE void add_rows(const T* __restrict w, const float* __restrict x, float* __restrict y, std::int64_t rows,
                             std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4, w += 4 * n) {
    const float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
    for (std::int64_t j = 0; j < n; ++j) {
      y[j] += (x0 * load(w[j]) + x1 * load(w[n + j])) + (x2 * load(w[2 * n + j]) + x3 * load(w[3 * n + j]));
    }
  }
  for (; i < rows; ++i, w += n) {
    for (std::int64_t j = 0; j < n; ++j) y[j] += x[i] * load(w[j]);
  }
}

/// y_i = w_i . x for kRows rows of w (kRows, n): x is loaded once for them.
template <int kRows, class T>
LANGZOO_INLINE void dots(const T* __restrict w, const float* __restrict x, float* __restrict y, std::int64_t n) {
  Lanes sum[kRows] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes xs, ws;
    load_lanes(xs, x + j);
    for (int r = 0; r < kRows; ++r) {
      load_lanes(ws, w + r * n + j);
      sum[r] += xs * ws;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    y[r] = sum_of(sum[r]);
    for (std::int64_t k = j; k < n; ++k) y[r] += x[k] * load(w[r * n + k]);
  }
}

template <class T>
LANGZOO_INLINE void dot_rows(const T* w, const float* x, float* y, std::int64_t rows, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) dots<4>(w + i * n, x, y + i, n);
  for (; i < rows; ++i) dots<1>(w + i * n, x, y + i, n);
}

LANGZOO_VECTOR_CLONES void add_rows_f32(const float* w, const float* x, float* y, std::int64_t rows, std::int64_t n) {
  add_rows(w, x, y, rows, n);
}
LANGZOO_VECTOR_CLONES void add_rows_bf16(const std::uint16_t* w, const float* x, float* y, std::int64_t rows,
                                         std::int64_t n) {
  add_rows(w, x, y, rows, n);
}
LANGZOO_VECTOR_CLONES void dot_rows_f32(const float* w, const float* x, float* y, std::int64_t rows, std::int64_t n) {
  dot_rows(w, x, y, rows, n);
}
LANGZOO_VECTOR_CLONES void dot_rows_bf16(const std::uint16_t* w, const float* x, float* y, std::int64_t rows,
                                         std::int64_t n) {
  dot_rows(w, x, y, rows, n);
}

bool is_stored_in_out(const Tensor& weight) {
  return !weight.is_contiguous();
}

/// A part of the matrix smaller than this is not worth a second thread.
constexpr std::int64_t kGrainElements = 1 << 15;

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
  const auto out = weight.size(0), in = weight.size(1);
  const bool bf16 = weight.scalar_type() == torch::kBFloat16;
  const auto row = x.reshape({in}).to(torch::kFloat32).contiguous();
  const auto* const xs = row.const_data_ptr<float>();
  auto sum = bias.defined() ? bias.to(torch::kFloat32, /*non_blocking=*/false, /*copy=*/true)
                            : torch::zeros({out}, row.options());
  auto* const ys = sum.mutable_data_ptr<float>();
  const auto* const w32 = static_cast<const float*>(weight.const_data_ptr());
  const auto* const w16 = static_cast<const std::uint16_t*>(weight.const_data_ptr());

  if (is_stored_in_out(weight)) {
    // Threads share the rows, so that each reads one stretch of memory; each but the first sums into a row of its own.
    const std::int64_t parts = std::clamp<std::int64_t>(in * out / kGrainElements, 1, at::get_num_threads());
    const auto partial = torch::zeros({parts - 1, out}, row.options());
    parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto part = begin; part < end; ++part) {
        const auto first = in * part / parts, rows = in * (part + 1) / parts - first;
        auto* const y = part == 0 ? ys : static_cast<float*>(partial.data_ptr()) + (part - 1) * out;
        if (bf16) add_rows_bf16(w16 + first * out, xs + first, y, rows, out);
        if (!bf16) add_rows_f32(w32 + first * out, xs + first, y, rows, out);
      }
    });
    for (std::int64_t part = 1; part < parts; ++part) sum += partial[part - 1];
  } else {
    const auto product = torch::empty({out}, row.options());
    auto* const y = static_cast<float*>(product.data_ptr());
    parallel_for(out, 1 + kGrainElements / in, [&](std::int64_t begin, std::int64_t end) {
      if (bf16) dot_rows_bf16(w16 + begin * in, xs, y + begin, end - begin, in);
      if (!bf16) dot_rows_f32(w32 + begin * in, xs, y + begin, end - begin, in);
    });
    sum = bias.defined() ? sum.add_(product) : product;
  }
  auto shape = x.sizes().vec();
  shape.back() = out;
  return sum.to(x.scalar_type()).view(shape);
}

}  // namespace langzoo
