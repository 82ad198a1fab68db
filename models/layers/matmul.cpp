#include "models/layers/matmul.h"

#include <ATen/autocast_mode.h>

#include "models/layers/one_dnn.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Below this many multiplications entering oneDNN costs more than it gives.
constexpr std::int64_t kLeastWork = 1 << 16;

bool rows_contiguous(const Tensor& x) {
  return x.stride(1) == 1 && x.stride(0) == x.size(1);
}

/// For float32.
bool onednn_is_faster() {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f");
#else
  constexpr bool avx512 = false;
#endif
  return !mkl_is_fastest() && (avx512 || !at::hasMKL());
}

/// Whether the product of (m,k) and (k,n) in a's dtype is oneDNN's.
bool suits_onednn(const Tensor& a, std::int64_t m, std::int64_t k, std::int64_t n) {
  const auto dtype = a.scalar_type();
  if (!a.is_cpu() || m * k * n < kLeastWork || !one_dnn() || !at::globalContext().userEnabledMkldnn()) return false;
  return dtype == torch::kFloat32 ? onednn_is_faster() : dtype == torch::kBFloat16 && one_dnn()->bfloat16();
}
bool suits_onednn(const Tensor& a, const Tensor& b) {
  return suits_onednn(a, a.size(0), a.size(1), b.size(1));
}

/// W may be (out,in) or the transposed view of an (in,out) matrix: both gradients are laid out as W is.
struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static Variable forward(AutogradContext* ctx, const Variable& x, const Variable& weight,
                          const std::optional<Variable>& bias) {
    ctx->save_for_backward({x, weight});
    ctx->saved_data["with_bias"] = bias.has_value();
    return one_dnn()->linear(x, weight, bias.value_or(Tensor()));
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto& x = saved[0];
    const auto& weight = saved[1];
    const auto g = gradients[0].contiguous();  // (N,out)
    Tensor dx, dweight, dbias;
    if (ctx->needs_input_grad(0)) dx = matmul_2d(g, weight);
    if (ctx->needs_input_grad(1)) {
      dweight = weight.stride(1) == 1 ? matmul_2d(g.t(), x) : matmul_2d(x.t(), g).t();
    }
    if (ctx->saved_data["with_bias"].toBool() && ctx->needs_input_grad(2)) dbias = g.sum(0);
    return {dx, dweight, dbias};
  }
};

}  // namespace

bool mkl_is_fastest() {
#if defined(__x86_64__)
  static const bool intel = at::hasMKL() && __builtin_cpu_is("intel");
  return intel;
#else
  return false;
#endif
}

Tensor matmul_2d(const Tensor& a, const Tensor& b) {
  if (!suits_onednn(a, b)) return at::mm(a, b);
  const auto product = [](const Tensor& x, const Tensor& weight) { return one_dnn()->linear(x, weight, {}); };
  if (rows_contiguous(a)) return product(a, b.t());
  // oneDNN wants contiguous rows on the left, so a transposed left side is copied. As (a b)^T = b^T a^T, the right side
  // can be that left side instead: the smaller one is copied.
  if (a.size(0) <= b.size(1)) return product(a.contiguous(), b.t());
  return product(b.t().contiguous(), a).t().contiguous();
}

void add_matmul_2d(const Tensor& sum, const Tensor& a, const Tensor& b) {
  if (suits_onednn(a, b)) {
    sum.add_(matmul_2d(a, b));
  } else {
    sum.addmm_(a, b);
  }
}

Tensor affine(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (x.is_cpu() && at::autocast::is_autocast_enabled(at::kCPU)) {
    const auto dtype = at::autocast::get_autocast_dtype(at::kCPU);
    const auto cast = [dtype](const Tensor& t) {
      return t.defined() ? at::autocast::cached_cast(dtype, t, c10::DeviceType::CPU) : t;
    };
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::DispatchKey::AutocastCPU);
    return affine(cast(x), cast(weight), cast(bias));
  }
  const std::int64_t in = x.size(-1), out = weight.size(0);
  TORCH_CHECK(weight.dim() == 2 && weight.size(1) == in, "affine: x has ", in, " features, the weight takes ",
              weight.size(-1));
  if (in == 0 || !suits_onednn(x, x.numel() / in, in, out) || weight.scalar_type() != x.scalar_type()) {
    return at::linear(x, weight, bias);
  }
  auto shape = x.sizes().vec();
  shape.back() = out;
  const auto given = bias.defined() ? std::optional(bias) : std::nullopt;
  return LinearFunction::apply(x.reshape({-1, in}).contiguous(), weight, given).view(shape);
}

}  // namespace langzoo
