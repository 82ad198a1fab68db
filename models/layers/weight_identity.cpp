#include "models/layers/weight_identity.h"

#include "third_party/torch.h"

namespace langzoo {

namespace {

std::uint32_t version_of(const torch::Tensor& gradient) {
  return gradient.defined() && !gradient.is_inference() ? gradient._version() : 0;
}

}  // namespace

bool WeightIdentity::has(const torch::Tensor& weight) {
  return !weight.is_inference() && weight.is_leaf();
}

WeightIdentity::WeightIdentity(const torch::Tensor& weight)
    : storage_(weight.storage().getWeakStorageImpl()),
      grad_(weight.grad().getIntrusivePtr()),
      offset_(weight.storage_offset()),
      version_(weight._version()),
      grad_version_(version_of(weight.grad())),
      dtype_(weight.scalar_type()),
      sizes_(weight.sizes().vec()),
      strides_(weight.strides().vec()) {}

bool WeightIdentity::is_of(const torch::Tensor& weight) const {
  const auto& gradient = weight.grad();
  return storage_._unsafe_get_target() == weight.storage().unsafeGetStorageImpl() && version_ == weight._version() &&
         grad_._unsafe_get_target() == gradient.unsafeGetTensorImpl() && grad_version_ == version_of(gradient) &&
         offset_ == weight.storage_offset() && dtype_ == weight.scalar_type() && weight.sizes() == sizes_ &&
         weight.strides() == strides_;
}

}  // namespace langzoo
