#include "models/losses/r_drop.h"

#include <algorithm>
#include <array>
#include <optional>
#include <stdexcept>

#include "models/layers/matmul.h"
#include "models/losses/chunked_head.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The divergence of logits a and b (n,V), which become its gradients:
///
///     d/da = (p (ln p - ln q - KL(p || q)) + p - q) / 2,    d/db likewise.
torch::Tensor divergence_and_gradients(torch::Tensor& a, torch::Tensor& b, bool want_grad) {
  const auto dtype = a.scalar_type(), precise = sum_dtype(a);
  const auto log_p = at::log_softmax(a, 1, precise), log_q = at::log_softmax(b, 1, precise);  // (n,V)
  const auto p = log_p.exp(), q = log_q.exp(), ratio = log_p - log_q;
  const auto forward = (p * ratio).sum(1, true), backward = -(q * ratio).sum(1, true);  // KL(p || q), KL(q || p): (n,1)
  if (want_grad) {
    const auto apart = p - q;
    a = ((ratio - forward) * p).add_(apart).mul_(0.5).to(dtype);
    b = ((-ratio - backward) * q).sub_(apart).mul_(0.5).to(dtype);
  }
  return (forward + backward).sum() / 2;
}

class LinearSymmetricKl : public torch::autograd::Function<LinearSymmetricKl> {
 public:
  static torch::Tensor forward(AutogradContext* ctx, const torch::Tensor& a, const torch::Tensor& b,
                               const torch::Tensor& weight, const std::optional<torch::Tensor>& bias,
                               std::int64_t chunk_rows, std::array<bool, 4> wants) {
    const auto rows = a.size(0);
    if (chunk_rows <= 0) chunk_rows = std::max<std::int64_t>(1, head_chunk_rows(weight.size(0)) / 2);
    const auto precise = sum_dtype(a);
    const bool any = std::any_of(wants.begin(), wants.end(), [](bool wanted) { return wanted; });
    auto sum = at::zeros({}, a.options().dtype(precise));
    const std::array<const torch::Tensor*, 2> states = {&a, &b};
    std::array<torch::Tensor, 4> grads;  // of a, b, weight and bias
    for (std::size_t i = 0; i < 2; ++i)
      if (wants[i]) grads[i] = at::empty_like(*states[i], at::MemoryFormat::Contiguous);
    if (wants[2]) grads[2] = at::zeros(weight.sizes(), weight.options().dtype(precise));
    if (wants[3]) grads[3] = at::zeros(bias->sizes(), bias->options().dtype(precise));

    for (std::int64_t begin = 0; begin < rows; begin += chunk_rows) {
      const auto n = std::min(chunk_rows, rows - begin);
      std::array<torch::Tensor, 2> logits;  // (n,V)
      for (std::size_t i = 0; i < 2; ++i) {
        logits[i] = matmul_2d(states[i]->narrow(0, begin, n), weight.t());
        if (bias) logits[i].add_(*bias);
      }
      sum += divergence_and_gradients(logits[0], logits[1], any);
      for (std::size_t i = 0; i < 2; ++i) {
        if (wants[i]) grads[i].narrow(0, begin, n).copy_(matmul_2d(logits[i], weight));
        if (wants[2]) grads[2].add_(matmul_2d(logits[i].t(), states[i]->narrow(0, begin, n)));
        if (wants[3]) grads[3].add_(logits[i].sum(0));
      }
    }
    ctx->save_for_backward(variable_list(grads.begin(), grads.end()));
    return sum;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto saved = ctx->get_saved_variables();
    variable_list result(6);
    for (std::size_t i = 0; i < 4; ++i)
      if (saved[i].defined()) result[i] = saved[i] * grads[0];
    return result;
  }
};

}  // namespace

torch::Tensor symmetric_kl(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.dim() != 2 || a.sizes() != b.sizes()) throw std::invalid_argument("symmetric_kl: a and b are (N,V) both");
  const auto log_p = at::log_softmax(a, 1, sum_dtype(a)), log_q = at::log_softmax(b, 1, sum_dtype(b));
  return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum() / 2;
}

torch::Tensor linear_symmetric_kl(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& weight,
                                  const torch::Tensor& bias, std::int64_t chunk_rows) {
  if (a.dim() != 2 || a.sizes() != b.sizes() || weight.dim() != 2 || a.size(1) != weight.size(1) ||
      (bias.defined() && bias.numel() != weight.size(0)))
    throw std::invalid_argument("linear_symmetric_kl: a and b (N,C), weight (V,C) and bias (V) do not fit together");
  const auto x = autocast_operand(a), y = autocast_operand(b), w = autocast_operand(weight), c = autocast_operand(bias);
  const bool graph = at::GradMode::is_enabled();
  const auto wants = [&](const torch::Tensor& t) { return graph && t.defined() && t.requires_grad(); };
  return LinearSymmetricKl::apply(x, y, w, c.defined() ? std::optional(c) : std::nullopt, chunk_rows,
                                  std::array<bool, 4>{wants(x), wants(y), wants(w), wants(c)});
}

}  // namespace langzoo
