#include "apps/training/tasks/lm_gradients.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "models/optim/clip.h"
#include "models/rnn_lm/rnn_lm.h"
#include "models/transformer/transformer_lm.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

[[noreturn]] void refuse_kind() {
  throw std::invalid_argument("gradients through time are shown of recurrent and Transformer models");
}

}  // namespace

LmSizes lm_sizes(CausalLm& model) {
  if (const auto* const rnn = dynamic_cast<RnnLmImpl*>(&model)) {
    const auto& config = rnn->config();
    return {config.vocab_size, config.embedding_size, config.hidden_size, config.layers};
  }
  const auto* const transformer = dynamic_cast<TransformerLmImpl*>(&model);
  if (transformer == nullptr) refuse_kind();
  const auto& config = transformer->config();
  return {config.vocab_size, config.d_model, config.d_model, config.decoder_layers, config.max_position_embeddings};
}

std::shared_ptr<CausalLm> lm_of_size(std::string_view kind, const LmSizes& sizes) {
  if (kind == "transformer") {
    TransformerLmConfig config;
    constexpr std::int64_t kHeads = 4;
    config.vocab_size = sizes.vocab_size;
    config.d_model = (sizes.hidden_size + kHeads - 1) / kHeads * kHeads;
    config.decoder_ffn_dim = 4 * config.d_model;
    config.decoder_layers = sizes.layers;
    config.decoder_attention_heads = kHeads;
    config.max_position_embeddings = std::max<std::int64_t>(sizes.positions, 1024);
    return std::static_pointer_cast<TransformerLmImpl>(TransformerLm(config).ptr());
  }
  RnnLmConfig config;
  config.vocab_size = sizes.vocab_size;
  config.embedding_size = sizes.embedding_size;
  config.hidden_size = sizes.hidden_size;
  config.layers = sizes.layers;
  config.cell = kind == "rnn" ? "rnn_tanh" : std::string(kind);
  return std::static_pointer_cast<RnnLmImpl>(RnnLm(config).ptr());
}

std::vector<double> gradients_through_time(CausalLm& model, const Tensor& ids) {
  const auto T = ids.size(1) - 1, B = ids.size(0);
  const auto read = ids.narrow(1, 0, T), target = ids.select(1, T);
  model.module().eval();
  Tensor gradient;  // (T,B,C)
  if (auto* const rnn = dynamic_cast<RnnLmImpl*>(&model)) {
    auto memory = rnn->memory(B);
    std::vector<Tensor> each;
    const auto states = rnn->read(read, memory, &each);
    const auto loss = rnn->output_loss(states.hidden.select(0, T - 1), target);
    gradient = torch::autograd::grad({loss}, {each.front()}).front();
  } else {
    auto* const transformer = dynamic_cast<TransformerLmImpl*>(&model);
    if (transformer == nullptr) refuse_kind();
    Tensor embedded;  // (B,T,C)
    const auto hidden = transformer->hidden(read, {.embedded = &embedded});
    const auto loss =
        at::cross_entropy_loss(transformer->lm_head(hidden.select(1, T - 1)), target, {}, at::Reduction::Sum);
    gradient = torch::autograd::grad({loss}, {embedded}).front().transpose(0, 1);
  }
  const auto norms = gradient.norm(2, {2}).mean(1).flip(0).to(torch::kCPU, torch::kFloat64).contiguous();  // (T)
  return {norms.const_data_ptr<double>(), norms.const_data_ptr<double>() + T};
}

GradientNorms gradient_norms_in_training(CausalLm& model, std::span<const TokenId> ids,
                                         const GradientTraining& training) {
  const auto B = training.batch_size, T = training.bptt;
  const auto length = (static_cast<std::int64_t>(ids.size()) - 1) / B;
  if (length < T)
    throw std::invalid_argument(
        fmt::format("{} tokens are too few for {} rows of {}: give a longer text", ids.size(), B, T));
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const auto all = torch::tensor(wide, torch::kInt64);
  const auto columns = all.narrow(0, 0, B * length).view({B, length});
  const auto targets = all.narrow(0, 1, B * length).view({B, length});
  const auto parameters = model.module().parameters();
  GradientNorms result;
  for (std::int64_t step = 0; step < training.steps; ++step) {
    const auto begin = step * T % (length - T + 1);
    const auto loss = model.loss_sum(columns.narrow(1, begin, T), targets.narrow(1, begin, T).contiguous()) /
                      static_cast<double>(B * T);
    model.module().zero_grad();
    loss.backward();
    const double most = training.clip_norm > 0 ? training.clip_norm : INFINITY;
    const double norm = clip_grad_norm(parameters, most).item<double>();
    if (!std::isfinite(norm) || !std::isfinite(loss.item<double>())) break;
    result.norms.push_back(norm);
    result.losses.push_back(loss.item<double>());
    const torch::NoGradGuard no_grad;
    for (const auto& parameter : parameters) {
      if (parameter.grad().defined()) parameter.sub_(parameter.grad(), training.learning_rate);
    }
  }
  return result;
}

}  // namespace langzoo
