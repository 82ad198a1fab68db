#include "models/layers/rms_norm.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

/// Elements that one thread normalises at least.
constexpr std::int64_t kNormalisedPerThread = 16384;
/// Rows whose gradients of the weight are summed by one thread: the sum's order, whatever the number of threads.
constexpr std::int64_t kRowsSummed = 64;

template <class T>
LANGZOO_INLINE void normalise_row(const T* x, const T* weight, T* y, float* inverse, std::int64_t n, float eps) {
  Lanes lanes{}, v;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load_lanes(v, x + i);
    lanes += v * v;
  }
  float squares = sum_of(lanes);
  for (; i < n; ++i) squares += load(x[i]) * load(x[i]);
  const float factor = 1.0f / std::sqrt(squares / static_cast<float>(n) + eps);
  for (i = 0; i < n; ++i) store(y[i], load(x[i]) * factor * load(weight[i]));
  if (inverse) *inverse = factor;
}

/// dx = r (g - x r^2 mean(g x)) with g = w dy; d_weight += dy x r.
template <class T>
LANGZOO_INLINE void differentiate_row(const T* x, const T* weight, const T* dy, float r, T* dx, float* d_weight,
                                      std::int64_t n) {
  Lanes lanes{}, a, b, c;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    load_lanes(a, x + i);
    load_lanes(b, weight + i);
    load_lanes(c, dy + i);
    lanes += a * b * c;
  }
  float product = sum_of(lanes);
  for (; i < n; ++i) product += load(x[i]) * load(weight[i]) * load(dy[i]);
  const float along = product * r * r / static_cast<float>(n);
  for (i = 0; i < n; ++i) {
    const float v = load(x[i]), d = load(dy[i]);
    store(dx[i], r * (load(weight[i]) * d - v * along));
    d_weight[i] += d * v * r;
  }
}

LANGZOO_VECTOR_CLONES void normalise(const float* x, const float* weight, float* y, float* inverse, std::int64_t n,
                                     float eps) {
  normalise_row(x, weight, y, inverse, n, eps);
}
LANGZOO_VECTOR_CLONES void normalise(const std::uint16_t* x, const std::uint16_t* weight, std::uint16_t* y,
                                     float* inverse, std::int64_t n, float eps) {
  normalise_row(x, weight, y, inverse, n, eps);
}
LANGZOO_VECTOR_CLONES void differentiate(const float* x, const float* weight, const float* dy, float r, float* dx,
                                         float* d_weight, std::int64_t n) {
  differentiate_row(x, weight, dy, r, dx, d_weight, n);
}
LANGZOO_VECTOR_CLONES void differentiate(const std::uint16_t* x, const std::uint16_t* weight, const std::uint16_t* dy,
                                         float r, std::uint16_t* dx, float* d_weight, std::int64_t n) {
  differentiate_row(x, weight, dy, r, dx, d_weight, n);
}

template <class T>
T* elements(const Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

/// Where `inverse` (rows) float32 is defined it gets what each row is multiplied by.
template <class T>
void normalise_rows(const Tensor& x, const Tensor& weight, const Tensor& y, const Tensor& inverse, double eps) {
  const auto n = x.size(-1), rows = x.numel() / n;
  auto* const inverses = inverse.defined() ? inverse.data_ptr<float>() : nullptr;
  parallel_for(rows, 1 + kNormalisedPerThread / n, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i)
      normalise(elements<T>(x) + i * n, elements<T>(weight), elements<T>(y) + i * n, inverses ? inverses + i : nullptr,
                n, static_cast<float>(eps));
  });
}

template <class T>
void differentiate_rows(const Tensor& x, const Tensor& weight, const Tensor& dy, const Tensor& inverse,
                        const Tensor& dx, const Tensor& d_weights) {
  const auto n = x.size(-1), rows = x.numel() / n;
  const auto* const inverses = inverse.const_data_ptr<float>();
  parallel_for(d_weights.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto part = begin; part < end; ++part) {
      auto* const d_weight = d_weights.data_ptr<float>() + part * n;
      for (auto i = part * kRowsSummed; i < std::min(rows, (part + 1) * kRowsSummed); ++i)
        differentiate(elements<T>(x) + i * n, elements<T>(weight), elements<T>(dy) + i * n, inverses[i],
                      elements<T>(dx) + i * n, d_weight, n);
    }
  });
}

Tensor normalised(const Tensor& x, const Tensor& weight, const Tensor& inverse, double eps) {
  auto y = torch::empty(x.sizes(), x.options().requires_grad(false));
  x.scalar_type() == torch::kFloat32 ? normalise_rows<float>(x, weight, y, inverse, eps)
                                     : normalise_rows<std::uint16_t>(x, weight, y, inverse, eps);
  return y;
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x, const Tensor& weight, double eps) {
    const auto inverse = torch::empty({x.numel() / x.size(-1)}, torch::kFloat32);
    ctx->save_for_backward({x, weight, inverse});
    return normalised(x, weight, inverse, eps);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1], &inverse = saved[2];
    const auto dy = grads[0].to(x.scalar_type()).contiguous();
    const auto dx = torch::empty(x.sizes(), x.options().requires_grad(false));
    const auto d_weights = torch::zeros({(inverse.size(0) + kRowsSummed - 1) / kRowsSummed, x.size(-1)});
    x.scalar_type() == torch::kFloat32 ? differentiate_rows<float>(x, weight, dy, inverse, dx, d_weights)
                                       : differentiate_rows<std::uint16_t>(x, weight, dy, inverse, dx, d_weights);
    return {dx, d_weights.sum(0).to(weight.scalar_type()), Tensor()};
  }
};

}  // namespace

Tensor rms_norm(const Tensor& x0, const Tensor& weight, double eps) {
  if (x0.dim() < 1 || weight.dim() != 1 || x0.size(-1) != weight.size(0))
    throw std::invalid_argument(c10::str("rms_norm: a weight ", weight.sizes(), " does not fit x ", x0.sizes()));
  const auto dtype = x0.scalar_type();
  const bool own = x0.is_cpu() && weight.is_cpu() && x0.numel() > 0 && weight.scalar_type() == dtype &&
                   weight.is_contiguous() && (dtype == torch::kFloat32 || dtype == torch::kBFloat16);
  if (!own) {
    const auto x = dtype == torch::kFloat64 ? x0 : x0.to(torch::kFloat32);
    const auto y = x * at::rsqrt(x.square().mean(-1, /*keepdim=*/true) + eps);
    return weight * y.to(weight.scalar_type());
  }
  const auto x = x0.contiguous();
  const bool differentiable = at::GradMode::is_enabled() && (x.requires_grad() || weight.requires_grad());
  return differentiable ? RmsNormFunction::apply(x, weight, eps) : normalised(x, weight, {}, eps);
}

RmsNormImpl::RmsNormImpl(std::int64_t width, double eps)
    : weight(register_parameter("weight", torch::ones({width}))), eps_(eps) {}

}  // namespace langzoo
