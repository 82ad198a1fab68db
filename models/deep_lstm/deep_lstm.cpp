#include "models/deep_lstm/deep_lstm.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/init.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void DeepLstmConfig::for_each_field(FieldVisitor& visit) {
  visit(
      "input_size", input_size,
      {.least = 1, .most = 1 << 16, .from_tokenizer = true, .help = "width of the vectors it reads; null: the task's"});
  visit("output_size", output_size,
        {.least = 1, .most = 1 << 16, .from_tokenizer = true, .help = "bits it writes in a step; null: the task's"});
  visit("hidden_size", hidden_size, {.least = 1, .most = 1 << 16, .help = "width of a layer"});
  visit("layers", layers, {.least = 1, .most = 256, .help = "layers"});
}

void DeepLstmConfig::validate() const {
  check_fields(*this, "deep-lstm config");
}

DeepLstmImpl::DeepLstmImpl(const DeepLstmConfig& config) : TaskModule(config) {
  config_.validate();
  const auto C = config_.hidden_size;
  torch::nn::ModuleList list;
  for (std::int64_t i = 0; i < config_.layers; ++i) {
    RecurrentOptions options;
    options.input_size = config_.input_size + (i > 0 ? C : 0);
    options.hidden_size = C;
    options.recurrent_bias = false;
    layers.emplace_back(options);
    list->push_back(layers.back().ptr());
  }
  register_module("layers", list);
  output = register_module("output", Linear(config_.layers * C, config_.output_size));
  initial_hidden = register_parameter("initial_hidden", torch::empty({config_.layers, C}));
  initial_cell = register_parameter("initial_cell", torch::empty({config_.layers, C}));
  if (SkipInit::active()) return;
  const torch::NoGradGuard no_grad;
  const auto bound = 1 / std::sqrt(static_cast<double>(output->weight.size(1)));
  output->weight.uniform_(-bound, bound);
  for (const auto& zero : {output->bias, initial_hidden, initial_cell}) zero.zero_();
}

Tensor DeepLstmImpl::logits(const Tensor& inputs) {
  if (inputs.dim() != 3 || inputs.size(2) != config_.input_size || inputs.numel() == 0)
    throw std::invalid_argument(
        c10::str("deep-lstm: inputs must be (T,B,", config_.input_size, "), not empty, are ", inputs.sizes()));
  const auto B = inputs.size(1), C = config_.hidden_size;
  const auto first = [&](const Tensor& states, std::int64_t layer) {
    return states[layer].expand({1, B, C}).contiguous();
  };
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto x = i == 0 ? inputs : at::cat({inputs, outputs.back()}, 2);
    const auto layer = static_cast<std::int64_t>(i);
    outputs.push_back(
        layers[i](x, RecurrentInputs{.state = {first(initial_hidden, layer), first(initial_cell, layer)}}).output);
  }
  return output(at::cat(outputs, 2));
}

const PretrainedTraits& DeepLstmImpl::pretrained_traits() {
  static const PretrainedTraits traits{.model_type = "deep-lstm", .architecture = "DeepLSTM", .base_model_prefix = ""};
  return traits;
}

}  // namespace langzoo
