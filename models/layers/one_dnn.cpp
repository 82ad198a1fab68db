#include "models/layers/one_dnn.h"

#include <string_view>

#include <ATen/core/dispatch/Dispatcher.h>

#include "third_party/torch.h"

namespace langzoo {

namespace {

using Linear = torch::Tensor(const torch::Tensor&, const torch::Tensor&, const std::optional<torch::Tensor>&,
                             std::string_view, c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
using Reorder = torch::Tensor(const torch::Tensor&, std::optional<std::int64_t>);

const auto& linear_op() {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Linear>();
  return op;
}

const auto& reorder_op() {
  static const auto op =
      c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_reorder_linear_weight", "").typed<Reorder>();
  return op;
}

}  // namespace

torch::Tensor OneDnn::linear(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) const {
  // For a matrix with gaps between its rows oneDNN has reference loops only, a hundred times slower than a copy.
  const bool dense = weight.is_contiguous() || weight.t().is_contiguous();
  return linear_op().call(x, dense ? weight : weight.contiguous(), bias.defined() ? std::optional(bias) : std::nullopt,
                          "none", c10::List<std::optional<at::Scalar>>(), "");
}

torch::Tensor OneDnn::reorder(const torch::Tensor& weight, std::int64_t rows) const {
  return reorder_op().call(weight, rows);
}

const std::optional<OneDnn>& one_dnn() {
  static const auto found = []() -> std::optional<OneDnn> {
    if (!at::globalContext().hasMKLDNN()) return std::nullopt;
    try {
      linear_op(), reorder_op();
      const auto bfloat16 = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_is_mkldnn_bf16_supported", "");
      return OneDnn(bfloat16.typed<bool()>().call());
    } catch (const c10::Error&) {
      return std::nullopt;
    }
  }();
  return found;
}

}  // namespace langzoo
