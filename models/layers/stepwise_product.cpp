#include "models/layers/stepwise_product.h"

#include <vector>

#include "models/layers/matmul.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct StepwiseProduct::Steps : torch::CustomClassHolder {
  /// The matrix for one more product: from the second on with contiguous rows, which MKL takes faster.
  const Tensor& for_product(const Tensor& matrix) {
    if (matrix.dim() == 3 || !used) {
      used = true;
      return matrix;
    }
    if (!by_rows.defined()) by_rows = matrix.detach().contiguous();
    return by_rows;
  }

  bool used = false;
  Tensor by_rows;
  std::vector<Tensor> inputs, gradients;  ///< what the backward pass has met so far
};

/// The matrix as the steps use it; its backward pass runs when theirs have all run.
struct StepwiseProduct::Gathered : torch::autograd::Function<Gathered> {
  static Tensor forward(AutogradContext* ctx, const Tensor& matrix, const c10::intrusive_ptr<Steps>& steps) {
    ctx->saved_data["steps"] = c10::IValue::make_capsule(steps);
    ctx->set_materialize_grads(false);
    return matrix.view_as(matrix);
  }

  static variable_list backward(AutogradContext* ctx, variable_list /*none: the steps keep theirs*/) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const auto steps = c10::static_intrusive_pointer_cast<Steps>(ctx->saved_data["steps"].toCapsule());
    if (steps->inputs.empty()) return {Tensor(), Tensor()};
    const bool one_matrix = steps->inputs.front().dim() == 2;
    const auto x = at::cat(steps->inputs, one_matrix ? 0 : 1), g = at::cat(steps->gradients, one_matrix ? 0 : 1);
    steps->inputs.clear();
    steps->gradients.clear();
    return {one_matrix ? matmul_2d(g.t(), x).t() : at::bmm(x.transpose(1, 2), g), Tensor()};
  }
};

struct StepwiseProduct::Step : torch::autograd::Function<Step> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& matrix,
                        const c10::intrusive_ptr<Steps>& steps) {
    ctx->save_for_backward({x, matrix});
    ctx->saved_data["steps"] = c10::IValue::make_capsule(steps);
    return at::matmul(x, steps->for_product(matrix));
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const auto saved = ctx->get_saved_variables();
    const auto &x = saved[0], &matrix = saved[1], &g = gradients[0];
    const auto steps = c10::static_intrusive_pointer_cast<Steps>(ctx->saved_data["steps"].toCapsule());
    if (ctx->needs_input_grad(1)) {
      steps->inputs.push_back(x);
      steps->gradients.push_back(g);
    }
    return {at::matmul(g, matrix.transpose(-2, -1)), Tensor(), Tensor()};
  }
};

StepwiseProduct::StepwiseProduct(const Tensor& matrix) : matrix_(matrix) {
  if (!at::GradMode::is_enabled() || !matrix.requires_grad()) return;
  const auto steps = c10::make_intrusive<Steps>();
  matrix_ = Gathered::apply(matrix, steps);
  steps_ = steps;
}

Tensor StepwiseProduct::operator()(const Tensor& given) const {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  const auto x = given.to(matrix_.scalar_type());
  if (!steps_) return at::matmul(x, matrix_);
  const auto steps = c10::static_intrusive_pointer_cast<Steps>(steps_);
  if (matrix_.dim() == 3 || x.dim() == 2) return Step::apply(x, matrix_, steps);
  auto shape = x.sizes().vec();
  shape.back() = matrix_.size(1);
  return Step::apply(x.reshape({-1, x.size(-1)}), matrix_, steps).view(shape);
}

}  // namespace langzoo
