#include "models/layers/gelu_kernel.h"

#include <cstdint>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

constexpr float kCubic = 0.044715f;
constexpr float kTwoRootTwoOverPi = 1.5957691216057308f;

/// 0.5 (1 + tanh u) = sigmoid(2u), with u = sqrt(2/pi) (x + 0.044715 x^3).
LANGZOO_INLINE float gate(float x) {
  return 1.0f / (1.0f + exp_approx(-kTwoRootTwoOverPi * x * (1.0f + kCubic * x * x)));
}

template <class T>
LANGZOO_INLINE void forward_loop(const T* x, T* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = load(x[i]);
    store(y[i], v * gate(v));
  }
}

template <class T>
LANGZOO_INLINE void backward_loop(const T* x, const T* dy, T* dx, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float v = load(x[i]);
    const float s = gate(v);
    const float slope = kTwoRootTwoOverPi * (1.0f + 3 * kCubic * v * v);
    store(dx[i], load(dy[i]) * (s + v * s * (1.0f - s) * slope));
  }
}

LANGZOO_VECTOR_CLONES void forward_f32(const float* x, float* y, std::int64_t n) {
  forward_loop(x, y, n);
}
LANGZOO_VECTOR_CLONES void forward_bf16(const std::uint16_t* x, std::uint16_t* y, std::int64_t n) {
  forward_loop(x, y, n);
}
LANGZOO_VECTOR_CLONES void backward_f32(const float* x, const float* dy, float* dx, std::int64_t n) {
  backward_loop(x, dy, dx, n);
}
LANGZOO_VECTOR_CLONES void backward_bf16(const std::uint16_t* x, const std::uint16_t* dy, std::uint16_t* dx,
                                         std::int64_t n) {
  backward_loop(x, dy, dx, n);
}

template <class T>
T* data(const Tensor& x) {
  return static_cast<T*>(x.data_ptr());
}

constexpr std::int64_t kGrain = 16384;

struct GeluTanh : torch::autograd::Function<GeluTanh> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& x) {
    ctx->save_for_backward({x});
    const auto y = torch::empty_like(x);
    parallel_for(x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (x.scalar_type() == torch::kFloat32) {
        forward_f32(data<float>(x) + begin, data<float>(y) + begin, end - begin);
      } else {
        forward_bf16(data<std::uint16_t>(x) + begin, data<std::uint16_t>(y) + begin, end - begin);
      }
    });
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list gradients) {
    const auto x = ctx->get_saved_variables()[0];
    const auto dy = gradients[0].to(x.scalar_type()).contiguous();
    const auto dx = torch::empty_like(x);
    parallel_for(x.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
      if (x.scalar_type() == torch::kFloat32) {
        backward_f32(data<float>(x) + begin, data<float>(dy) + begin, data<float>(dx) + begin, end - begin);
      } else {
        backward_bf16(data<std::uint16_t>(x) + begin, data<std::uint16_t>(dy) + begin, data<std::uint16_t>(dx) + begin,
                      end - begin);
      }
    });
    return {dx};
  }
};

}  // namespace

Tensor gelu_tanh_cpu(const Tensor& x) {
  TORCH_CHECK(x.is_cpu() && (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16),
              "gelu_tanh_cpu: x must be float32 or bfloat16 on the CPU, is ", x.toString());
  return GeluTanh::apply(x.contiguous());
}

}  // namespace langzoo
