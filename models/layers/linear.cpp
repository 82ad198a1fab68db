#include "models/layers/linear.h"

#include <ATen/autocast_mode.h>

#include <atomic>
#include <cmath>
#include <optional>
#include <vector>

#include "models/layers/gemv.h"
#include "models/layers/init.h"
#include "models/layers/matmul.h"
#include "models/layers/one_dnn.h"
#include "models/layers/weight_identity.h"
#include "third_party/torch.h"

namespace langzoo {
namespace {

std::atomic<bool> packing_enabled = true;

bool worth_packing(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias, std::int64_t in) {
  if (at::GradMode::is_enabled() || !packing_enabled || !WeightIdentity::has(weight) || !x.is_cpu() ||
      !weight.is_cpu()) {
    return false;
  }
  const auto dtype = weight.scalar_type();
  if (x.dim() < 2 || x.size(-1) != in || x.numel() == 0 || x.numel() > PackedWeight::kThinRows * in) return false;
  if (x.scalar_type() != dtype || (bias.defined() && bias.scalar_type() != dtype)) return false;
  if (dtype != at::kFloat && dtype != at::kBFloat16) return false;
  return one_dnn() && (dtype == at::kFloat || one_dnn()->bfloat16()) && at::globalContext().userEnabledMkldnn() &&
         !at::autocast::is_autocast_enabled(at::kCPU);
}

}  // namespace

/// The packed matrix and what it was made from.
struct PackedWeight::Copy {
  WeightIdentity identity;
  WeightLayout layout;
  torch::Tensor packed;

  Copy(const torch::Tensor& weight, WeightLayout layout) : identity(weight), layout(layout) {
    // The rows that oneDNN should expect: its arrangement for one row is slower for more, this one serves all.
    constexpr std::int64_t kTypicalRows = 64;
    const auto matrix = weight.detach();
    packed = one_dnn()->reorder(layout == WeightLayout::kOutIn ? matrix : matrix.t(), kTypicalRows);
  }

  bool is_of(const torch::Tensor& weight, WeightLayout other) const {
    return layout == other && identity.is_of(weight);
  }
};

PackedWeight::PackedWeight() = default;
PackedWeight::~PackedWeight() = default;

std::shared_ptr<const PackedWeight::Copy> PackedWeight::current(const torch::Tensor& weight, WeightLayout layout) {
  const std::lock_guard lock(mutex_);
  if (!copy_ || !copy_->is_of(weight, layout)) {
    copy_.reset();  // before the new one is made: never two in memory
    copy_ = std::make_shared<const Copy>(weight, layout);
  }
  return copy_;
}

torch::Tensor PackedWeight::apply(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                                  WeightLayout layout) {
  const auto matrix = layout == WeightLayout::kOutIn ? weight : weight.t();  // (out,in)
  if (is_gemv(x, matrix, bias) && !at::autocast::is_autocast_enabled(at::kCPU)) return gemv(x, matrix, bias);
  if (!worth_packing(x, weight, bias, weight.size(layout == WeightLayout::kOutIn ? 1 : 0))) {
    return affine(x, matrix, bias);
  }
  const auto copy = current(weight, layout);
  return one_dnn()->linear(x, copy->packed, bias);
}

void PackedWeight::clear() {
  const std::lock_guard lock(mutex_);
  copy_.reset();
}

bool PackedWeight::packed() const {
  const std::lock_guard lock(mutex_);
  return copy_ != nullptr;
}

void PackedWeight::set_enabled(bool enabled) {
  packing_enabled = enabled;
}

bool PackedWeight::enabled() {
  return packing_enabled;
}

LinearImpl::LinearImpl(std::int64_t in, std::int64_t out, bool with_bias, WeightLayout layout) : layout_(layout) {
  weight =
      register_parameter("weight", layout == WeightLayout::kOutIn ? torch::empty({out, in}) : torch::empty({in, out}));
  if (with_bias) bias = register_parameter("bias", torch::empty({out}));
  if (SkipInit::active()) return;
  // torch.nn.Linear's rule; families that follow another paper overwrite it.
  const torch::NoGradGuard no_grad;
  const double bound = 1.0 / std::sqrt(static_cast<double>(in));
  weight.uniform_(-bound, bound);
  if (bias.defined()) bias.uniform_(-bound, bound);
}

LinearImpl::LinearImpl(const torch::Tensor& shared_weight, bool with_bias)
    : weight(shared_weight), layout_(WeightLayout::kOutIn) {
  if (!with_bias) return;
  bias = register_parameter("bias", torch::empty({shared_weight.size(0)}));
  const torch::NoGradGuard no_grad;
  if (!SkipInit::active()) bias.zero_();
}

std::optional<std::int64_t> LinearImpl::argmax(const torch::Tensor& x) {
  if (layout_ != WeightLayout::kOutIn || !packing_enabled || at::autocast::is_autocast_enabled(at::kCPU)) return {};
  return quantized_.argmax(x, weight, bias);
}

void LinearImpl::train(bool on) {
  if (on != is_training()) packed_.clear(), quantized_.clear();
  torch::nn::Module::train(on);
}

}  // namespace langzoo
