#include "models/losses/cross_entropy.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include <c10/util/StringUtil.h>

#include "models/layers/matmul.h"
#include "models/losses/chunked_head.h"
#include "models/losses/softmax_kernel.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

torch::Tensor reduced(const torch::Tensor& sum, const torch::Tensor& targets, const CrossEntropyOptions& options) {
  if (options.reduction == Reduction::kSum) return sum;
  return sum / (targets != options.ignore_index).sum().clamp_min(1);
}

TargetDistribution distribution_of(const LabelSmoothing& smoothing, std::int64_t vocabulary) {
  const double e = smoothing.epsilon;
  if (e == 0) return {};
  smoothing.validate(vocabulary);
  const auto V = static_cast<double>(vocabulary);
  if (smoothing.kind == SmoothingKind::kUniform) return {.target = 1 - e + e / V, .other = e / V};
  const bool but_padding = smoothing.kind == SmoothingKind::kOthersButPadding;
  const double others = V - (but_padding ? 2 : 1);
  return {.target = 1 - e,
          .other = e / others,
          .excluded = but_padding ? smoothing.padding : -1,
          .entropy = -(1 - e) * std::log(1 - e) - e * std::log(e / others)};
}

/// sum_v q_v x_v of each row. Shapes: x (n,V), index (n,1) -> (n,1).
torch::Tensor expectation(const torch::Tensor& x, const torch::Tensor& index, const TargetDistribution& q) {
  auto sum = x.gather(1, index) * (q.target - q.other);
  if (q.other == 0) return sum;
  sum = sum + x.sum(1, true) * q.other;
  return q.excluded < 0 ? sum : sum - x.narrow(1, q.excluded, 1) * q.other;
}

/// The loss of logits (n,V), summed, a scalar; with `want_grad` the logits' gradient in the logits' place and dtype.
torch::Tensor loss_and_gradient(torch::Tensor& logits, const torch::Tensor& targets, std::int64_t ignore_index,
                                bool want_grad, const TargetDistribution& q, double z_loss) {
  const auto dtype = logits.scalar_type();
  if (logits.is_cpu() && (dtype == torch::kFloat32 || dtype == torch::kBFloat16)) {
    return torch::scalar_tensor(softmax_cross_entropy_(logits, targets, ignore_index, want_grad, q, z_loss),
                                torch::kFloat32);
  }
  const auto precise = sum_dtype(logits);
  const auto ignored = (targets == ignore_index).unsqueeze(1);
  const auto index = targets.unsqueeze(1).masked_fill(ignored, 0);            // (n,1)
  auto p = at::_log_softmax(logits.to(precise), 1, /*half_to_float=*/false);  // (n,V)
  auto losses = -expectation(p, index, q) - q.entropy;                        // (n,1)
  torch::Tensor log_z;
  if (z_loss != 0) {
    log_z = at::logsumexp(logits.to(precise), 1, /*keepdim=*/true);
    losses.addcmul_(log_z, log_z, z_loss);
  }
  const auto loss = losses.masked_fill_(ignored, 0).sum();
  if (want_grad) {
    p.exp_();
    if (z_loss != 0) p.mul_(1 + 2 * z_loss * log_z);
    p.sub_(q.other).scatter_add_(1, index, at::full({}, q.other - q.target, p.options()).expand({p.size(0), 1}));
    if (q.excluded >= 0) p.narrow(1, q.excluded, 1).add_(q.other);
    p.masked_fill_(ignored, 0);
    logits = p.to(dtype);
  }
  return loss;
}

class LinearCrossEntropy : public torch::autograd::Function<LinearCrossEntropy> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& hidden, const torch::Tensor& weight,
                               const std::optional<torch::Tensor>& bias, const torch::Tensor& targets,
                               const CrossEntropyOptions& options, std::int64_t chunk_rows, bool want_hidden_grad,
                               bool want_weight_grad, bool want_bias_grad) {
    const auto q = distribution_of(options.smoothing, weight.size(0));
    const auto rows = hidden.size(0), vocabulary = weight.size(0);
    if (chunk_rows <= 0) chunk_rows = head_chunk_rows(vocabulary);
    const auto precise = sum_dtype(hidden);
    auto loss = at::zeros({}, hidden.options().dtype(precise));
    torch::Tensor hidden_grad, weight_grad, bias_grad;
    if (want_hidden_grad) hidden_grad = at::empty_like(hidden, at::MemoryFormat::Contiguous);
    if (want_weight_grad) weight_grad = at::zeros(weight.sizes(), weight.options().dtype(precise));

    if (want_bias_grad) bias_grad = at::zeros(bias->sizes(), bias->options().dtype(precise));

    for (std::int64_t begin = 0; begin < rows; begin += chunk_rows) {
      const auto n = std::min(chunk_rows, rows - begin);
      const auto h = hidden.narrow(0, begin, n);
      auto logits = matmul_2d(h, weight.t());  // (n,V)
      if (bias) logits.add_(*bias);
      loss += loss_and_gradient(logits, targets.narrow(0, begin, n), options.ignore_index,
                                want_hidden_grad || want_weight_grad || want_bias_grad, q, options.z_loss);
      if (want_hidden_grad) hidden_grad.narrow(0, begin, n).copy_(matmul_2d(logits, weight));
      if (want_weight_grad && logits.scalar_type() == precise) add_matmul_2d(weight_grad, logits.t(), h);
      if (want_weight_grad && logits.scalar_type() != precise) weight_grad.add_(matmul_2d(logits.t(), h));
      if (want_bias_grad) bias_grad.add_(logits.sum(0));
    }
    ctx->save_for_backward({hidden_grad, weight_grad, bias_grad});
    return loss;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    variable_list result(9);
    for (int i = 0; i < 3; ++i)
      if (saved[i].defined()) result[i] = saved[i] * grads[0];
    return result;
  }
};

}  // namespace

void LabelSmoothing::validate(std::int64_t vocabulary) const {
  const auto require = [](bool holds, const char* field, auto value, const std::string& rule) {
    if (!holds) throw std::invalid_argument(c10::str("label smoothing: ", field, " = ", value, " must be ", rule));
  };
  require(epsilon >= 0 && epsilon < 1, "epsilon", epsilon, "in [0, 1)");
  const bool but_padding = kind == SmoothingKind::kOthersButPadding;
  require(vocabulary > (but_padding ? 2 : 1), "the vocabulary", vocabulary, "larger");
  if (but_padding)
    require(padding >= 0 && padding < vocabulary, "padding", padding, c10::str("in [0, ", vocabulary, ")"));
}

torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& targets,
                            const CrossEntropyOptions& options) {
  const auto precise = sum_dtype(logits);
  const auto q = distribution_of(options.smoothing, logits.size(1));
  const auto ignored = (targets == options.ignore_index).unsqueeze(1);
  const auto index = targets.unsqueeze(1).masked_fill(ignored, 0);
  auto losses = -expectation(at::log_softmax(logits, -1, precise), index, q) - q.entropy;  // (N,1)
  if (options.z_loss != 0)
    losses = losses + options.z_loss * at::logsumexp(logits.to(precise), 1, /*keepdim=*/true).square();
  return reduced(losses.masked_fill(ignored, 0).sum(), targets, options);
}

torch::Tensor linear_cross_entropy(const torch::Tensor& hidden, const torch::Tensor& weight,
                                   const torch::Tensor& targets, const CrossEntropyOptions& options,
                                   std::int64_t chunk_rows, const torch::Tensor& bias) {
  if (hidden.dim() != 2 || weight.dim() != 2 || targets.dim() != 1 || hidden.size(1) != weight.size(1) ||
      hidden.size(0) != targets.size(0) || (bias.defined() && bias.numel() != weight.size(0)))
    throw std::invalid_argument(
        "linear_cross_entropy: hidden (N,C), weight (V,C), targets (N) and bias (V) do not fit together");
  const auto h = autocast_operand(hidden), w = autocast_operand(weight), b = autocast_operand(bias);
  const bool graph = at::GradMode::is_enabled();
  const auto sum = LinearCrossEntropy::apply(h, w, b.defined() ? std::optional(b) : std::nullopt, targets, options,
                                             chunk_rows, graph && h.requires_grad(), graph && w.requires_grad(),
                                             graph && b.defined() && b.requires_grad());
  return reduced(sum, targets, options);
}

}  // namespace langzoo
