/// A product with one matrix in each of many steps that must be taken one after the other.
#pragma once

#include <torch/types.h>

namespace langzoo {

/// x M for the x of every step. Autograd's own product would give M a gradient in each step and add them up, reading
/// and writing all of M's size each time; here the steps' x and gradients are kept, and M's gradient is one product
/// over all of them when the last is known. Differentiable once, and computed in M's dtype, autocast or not. An object
/// serves one forward pass; copies share it.
///
///     const StepwiseProduct recurrent(weight.t());
///     for (...) h = (x[t] + recurrent(h)).tanh();
class StepwiseProduct {
 public:
  StepwiseProduct() = default;
  /// M (K,N), or (B,K,N) with a matrix of its own for each row of the batch.
  explicit StepwiseProduct(const torch::Tensor& matrix);

  /// Shapes: x (...,K) -> (...,N); for M (B,K,N) x is (B,T,K).
  torch::Tensor operator()(const torch::Tensor& x) const;

  const torch::Tensor& matrix() const { return matrix_; }

 private:
  struct Steps;
  struct Gathered;
  struct Step;
  torch::Tensor matrix_;
  c10::intrusive_ptr<torch::CustomClassHolder> steps_;
};

}  // namespace langzoo
