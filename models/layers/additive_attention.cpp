#include "models/layers/additive_attention.h"

#include <cstdint>

#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

namespace {

/// v . tanh(q + k)
LANGZOO_VECTOR_CLONES float score(const float* q, const float* k, const float* v, std::int64_t n) {
  float part[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) part[j] += v[i + j] * tanh_approx(q[i + j] + k[i + j]);
  }
  for (; i < n; ++i) part[0] += v[i] * tanh_approx(q[i] + k[i]);
  float sum = 0;
  for (const float p : part) sum += p;
  return sum;
}

LANGZOO_INLINE void add_gradients(const float* __restrict q, const float* __restrict k, const float* __restrict v,
                                  float g, float* __restrict dq, float* __restrict dk, float* __restrict dv,
                                  std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float e = tanh_approx(q[i] + k[i]);
    const float d = g * v[i] * (1.0f - e * e);
    dq[i] += d;
    dk[i] += d;
    dv[i] += g * e;
  }
}
/// Adds to dq, dk and dv what the gradient g of score(q, k, v) gives them.
LANGZOO_VECTOR_CLONES void score_backward(const float* q, const float* k, const float* v, float g, float* dq, float* dk,
                                          float* dv, std::int64_t n) {
  add_gradients(q, k, v, g, dq, dk, dv, n);
}

bool suits_kernel(const Tensor& x) {
  return x.is_cpu() && x.scalar_type() == torch::kFloat32;
}

}  // namespace

struct AdditiveScores::Sums : torch::CustomClassHolder {
  Tensor keys;  ///< (B,S,A)
  Tensor v;     ///< (B,A), a sum for each row, so that rows may be worked on at the same time
};

/// Keys and v as the steps use them; its backward pass runs when theirs have all run.
struct AdditiveScores::Gathered : torch::autograd::Function<Gathered> {
  static variable_list forward(AutogradContext* ctx, const Tensor& keys, const Tensor& v,
                               const c10::intrusive_ptr<Sums>& sums) {
    ctx->saved_data["sums"] = c10::IValue::make_capsule(sums);
    ctx->set_materialize_grads(false);
    return {keys.view_as(keys), v.view_as(v)};
  }

  static variable_list backward(AutogradContext* ctx, variable_list /*none: the steps add to the sums*/) {
    const auto sums = c10::static_intrusive_pointer_cast<Sums>(ctx->saved_data["sums"].toCapsule());
    if (!sums->keys.defined()) return {Tensor(), Tensor(), Tensor()};
    const variable_list result{sums->keys, sums->v.sum(0), Tensor()};
    sums->keys = sums->v = Tensor();
    return result;
  }
};

struct AdditiveScores::Scores : torch::autograd::Function<Scores> {
  static Tensor forward(AutogradContext* ctx, const Tensor& queries, const Tensor& keys, const Tensor& v,
                        const c10::intrusive_ptr<Sums>& sums) {
    const auto T = queries.size(1), S = keys.size(1), A = keys.size(2);
    const auto rows = queries.contiguous();
    const auto scores = at::empty({queries.size(0), T, S}, queries.options());
    const float *const q = rows.const_data_ptr<float>(), *const k = keys.const_data_ptr<float>(),
                       *const weights = v.const_data_ptr<float>();
    float* const out = scores.data_ptr<float>();
    parallel_for(queries.size(0) * T, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        for (std::int64_t s = 0; s < S; ++s) {
          out[row * S + s] = score(q + row * A, k + (row / T * S + s) * A, weights, A);
        }
      }
    });
    ctx->save_for_backward({rows, keys, v});
    if (sums) ctx->saved_data["sums"] = c10::IValue::make_capsule(sums);
    return scores;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const auto saved = ctx->get_saved_variables();
    const auto &rows = saved[0], &keys = saved[1], &v = saved[2];
    const auto B = keys.size(0), T = rows.size(1), S = keys.size(1), A = keys.size(2);
    const auto sums = ctx->saved_data.count("sums") != 0
                          ? c10::static_intrusive_pointer_cast<Sums>(ctx->saved_data["sums"].toCapsule())
                          : c10::make_intrusive<Sums>();
    if (!sums->keys.defined()) {
      sums->keys = at::zeros_like(keys);
      sums->v = at::zeros({B, A}, keys.options());
    }
    const auto dqueries = at::zeros_like(rows), g = gradients[0].contiguous();
    const float *const q = rows.const_data_ptr<float>(), *const k = keys.const_data_ptr<float>(),
                       *const weights = v.const_data_ptr<float>(), *const dscores = g.const_data_ptr<float>();
    float *const dq = dqueries.data_ptr<float>(), *const dk = sums->keys.data_ptr<float>(),
                 *const dv = sums->v.data_ptr<float>();
    parallel_for(B, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t b = begin; b < end; ++b) {
        for (std::int64_t row = b * T; row < (b + 1) * T; ++row) {
          for (std::int64_t s = 0; s < S; ++s) {
            const float d = dscores[row * S + s];
            if (d == 0.0f) continue;  // padding
            const auto key = (b * S + s) * A;
            score_backward(q + row * A, k + key, weights, d, dq + row * A, dk + key, dv + b * A, A);
          }
        }
      }
    });
    return {dqueries, Tensor(), Tensor(), Tensor()};
  }
};

AdditiveScores::AdditiveScores(const Tensor& keys, const Tensor& v) : keys_(keys), v_(v) {
  if (!suits_kernel(keys)) return;
  keys_ = keys.contiguous();
  if (!at::GradMode::is_enabled() || !(keys.requires_grad() || v.requires_grad())) return;
  const auto sums = c10::make_intrusive<Sums>();
  const auto gathered = Gathered::apply(keys_, v, sums);
  keys_ = gathered[0];
  v_ = gathered[1];
  sums_ = sums;
}

Tensor AdditiveScores::operator()(const Tensor& queries) const {
  if (!suits_kernel(queries) || !suits_kernel(keys_)) {
    return (queries.unsqueeze(2) + keys_.unsqueeze(1)).tanh().matmul(v_);
  }
  return Scores::apply(queries, keys_, v_, c10::static_intrusive_pointer_cast<Sums>(sums_));
}

}  // namespace langzoo
