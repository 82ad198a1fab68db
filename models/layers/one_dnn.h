/// LibTorch's bindings of oneDNN's inner product, which have no C++ header.
#pragma once

#include <cstdint>
#include <optional>

#include <torch/types.h>

namespace langzoo {

class OneDnn {
 public:
  /// Whether this processor multiplies bfloat16 through oneDNN.
  bool bfloat16() const { return bfloat16_; }

  /// x W^T + bias without a graph; `bias` may be undefined. `weight` is W (out,in) with any strides, or what reorder
  /// returned. Shapes: x (...,in) with contiguous rows -> (...,out).
  torch::Tensor linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) const;

  /// A copy of W (out,in) in the arrangement that suits products with about `rows` rows.
  torch::Tensor reorder(const torch::Tensor& weight, std::int64_t rows) const;

 private:
  friend const std::optional<OneDnn>& one_dnn();
  explicit OneDnn(bool bfloat16) : bfloat16_(bfloat16) {}
  bool bfloat16_;
};

/// Nothing where this LibTorch was built without oneDNN or binds it differently.
const std::optional<OneDnn>& one_dnn();

}  // namespace langzoo
