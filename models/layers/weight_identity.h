/// Whether a matrix is still what a copy of it was made from.
#pragma once

#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// A change is noticed by the storage, its version counter (copy_ and every in-place operator), the dtype, the shape
/// and a new gradient (so by any optimizer's step after a backward pass). A write through a raw pointer, `.data()` or
/// another tensor on the same storage is not, unless it is announced: torch::autograd::impl::bump_version(weight).
/// Tensors made under c10::InferenceMode count no versions and have no identity.
class WeightIdentity {
 public:
  /// Whether `weight` has one: a leaf that counts versions.
  static bool has(const torch::Tensor& weight);

  explicit WeightIdentity(const torch::Tensor& weight);
  bool is_of(const torch::Tensor& weight) const;

 private:
  // Weak references keep an identity from being used again, not memory. The gradient belongs to it because torch::optim
  // writes through `.data()` and the fused kernels count no version: only a backward pass before every step gives their
  // changes away.
  c10::weak_intrusive_ptr<c10::StorageImpl> storage_;
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> grad_;
  std::int64_t offset_;
  std::uint32_t version_, grad_version_;
  at::ScalarType dtype_;
  std::vector<std::int64_t> sizes_, strides_;
};

}  // namespace langzoo
