#include "models/rnn_lm/rnn_lm.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/losses/cross_entropy.h"
#include "models/losses/sampled_softmax.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void RnnLmConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help) { return FieldRules{.least = 1, .most = kLargest, .help = help}; };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  const auto token = [](std::string_view help, bool or_more = false) {
    return FieldRules{.least = -1, .most = kLargestVocabulary, .one_or_more = or_more, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens it knows"});
  visit("cell", cell, {.choices = {"rnn_tanh", "rnn_relu", "lstm", "gru"}, .help = "rnn_tanh, rnn_relu, lstm or gru"});
  visit("embedding_size", embedding_size, size("width of the embedding"));
  visit("hidden_size", hidden_size, size("width of the layers"));
  visit("layers", layers, {.least = 1, .most = 256, .help = "recurrent layers"});
  visit("tie_word_embeddings", tie_word_embeddings,
        {.help = "the output layer is the embedding; the top layer is then as wide"});
  visit("dropout", dropout, share("of what enters each layer and the output layer"));
  visit("input_dropout", input_dropout, share("of what enters the lowest layer; null: dropout"));
  visit("hidden_dropout", hidden_dropout, share("of what passes from layer to layer; null: dropout"));
  visit("variational_dropout", variational_dropout, {.help = "dropout has one mask for all steps of a batch"});
  visit("embedding_dropout", embedding_dropout, share("share of the vocabulary whose embedding is zero"));
  visit("weight_drop", weight_drop, share("share of the recurrent weights that is zero"));
  visit("adaptive_cutoffs", adaptive_cutoffs,
        {.least = 1, .most = kLargestVocabulary, .help = "ends of the clusters of an adaptive softmax but the last"});
  visit("sampled_softmax", sampled_softmax,
        {.least = 0, .most = kLargestVocabulary, .help = "words that training compares each with; 0: all"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "embedding and output begin within it"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
}

void RnnLmConfig::validate() const {
  check_fields(*this, "rnn-lm config");
  recurrent_cell_from_name(cell);
  if (adaptive_cutoffs.empty()) return;
  const auto refuse = [](const char* beside) {
    throw std::invalid_argument(c10::str("rnn-lm config: adaptive_cutoffs must be null beside ", beside));
  };
  if (tie_word_embeddings) refuse("tie_word_embeddings = true");
  if (sampled_softmax > 0) refuse("sampled_softmax");
  adaptive_softmax().validate();
}

AdaptiveSoftmaxOptions RnnLmConfig::adaptive_softmax() const {
  AdaptiveSoftmaxOptions options;
  options.width = hidden_size;
  options.vocabulary = vocab_size;
  options.cutoffs = adaptive_cutoffs;
  return options;
}

RecurrentLayersImpl::RecurrentLayersImpl(const RnnLmConfig& config) {
  RecurrentOptions options;
  options.cell = recurrent_cell_from_name(config.cell);
  options.input_size = config.embedding_size;
  for (std::int64_t i = 0; i < config.layers; ++i) {
    options.hidden_size = config.layer_width(i);
    layers.emplace_back(options);
    for (const auto& item : layers.back()->named_parameters()) {
      const auto& name = item.key();  // "weight_ih_l0"
      register_parameter(c10::str(name.substr(0, name.size() - 1), i), item.value());
    }
    options.input_size = options.hidden_size;
  }
}

RnnLmImpl::RnnLmImpl(const RnnLmConfig& config) : TaskModule(config) {
  config_.validate();
  const auto table = torch::empty({config_.vocab_size, config_.embedding_size});
  embedding = register_module(
      "embedding", torch::nn::Embedding(torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table)));
  rnn = register_module("rnn", RecurrentLayers(config_));
  if (!config_.adaptive_cutoffs.empty()) {
    adaptive = register_module("output", AdaptiveSoftmax(config_.adaptive_softmax()));
  } else {
    const SkipInit filled_below;
    output = register_module("output", config_.tie_word_embeddings ? Linear(embedding->weight, /*with_bias=*/true)
                                                                   : Linear(config_.hidden_size, config_.vocab_size));
  }
  if (SkipInit::active()) return;
  // As AWD-LSTM's and PyTorch's word_language_model: Zaremba et al. 2014 has one range for all.
  const torch::NoGradGuard no_grad;
  const double range = config_.initializer_range;
  embedding->weight.uniform_(-range, range);
  if (output.is_empty()) return;
  if (!config_.tie_word_embeddings) output->weight.uniform_(-range, range);
  output->bias.zero_();
}

StreamMemory RnnLmImpl::memory(std::int64_t rows) const {
  StreamMemory memory;
  const bool lstm = config_.cell == "lstm";
  for (std::int64_t i = 0; i < (lstm ? 2 : 1) * config_.layers; ++i) {
    memory.push_back(at::zeros({1, rows, config_.layer_width(i % config_.layers)},
                               embedding->weight.options().requires_grad(false)));
  }
  return memory;
}

Tensor RnnLmImpl::drop(const Tensor& x, double p) const {
  return config_.variational_dropout ? locked_dropped(x, p, is_training()) : dropped(x, p, is_training());
}

/// Shapes: ids (B,T) -> (T,B,E).
Tensor RnnLmImpl::embed(const Tensor& ids) const {
  const auto& weight = embedding->weight;
  const auto tokens = ids.t();
  const auto x = at::embedding(weight, tokens);
  const double p = config_.embedding_dropout;
  if (!is_training() || p == 0) return x;
  const auto kept = at::empty({weight.size(0), 1}, weight.options().requires_grad(false)).bernoulli_(1.0 - p);
  return x * at::embedding(kept.div_(1.0 - p), tokens);
}

StreamStates RnnLmImpl::read(const Tensor& ids, StreamMemory& memory) {
  return read(ids, memory, nullptr);
}

StreamStates RnnLmImpl::read(const Tensor& ids, StreamMemory& memory, std::vector<Tensor>* each) {
  if (ids.dim() != 2 || ids.numel() == 0)
    throw std::invalid_argument(c10::str("rnn-lm: ids must be (B,T), not empty, are ", ids.sizes()));
  const auto L = static_cast<std::size_t>(config_.layers);
  const bool lstm = config_.cell == "lstm";
  if (memory.size() != (lstm ? 2 : 1) * L || memory.front().size(1) != ids.size(0))
    throw std::invalid_argument(c10::str("rnn-lm: the memory is not that of ", ids.size(0), " rows"));
  auto x = embed(ids);
  if (each) each->push_back(x);
  x = drop(x, config_.input_dropout.value_or(config_.dropout));
  for (std::size_t i = 0; i < L; ++i) {
    auto& layer = rnn->layers[i];
    if (i > 0) x = drop(x, config_.hidden_dropout.value_or(config_.dropout));
    RecurrentInputs inputs{.state = {memory[i], lstm ? memory[L + i] : Tensor()}};
    if (is_training() && config_.weight_drop > 0)
      inputs.weight_hh = dropped(layer->named_parameters()["weight_hh_l0"], config_.weight_drop, true);
    const auto result = layer(x, inputs);
    memory[i] = result.state.hidden;
    if (lstm) memory[L + i] = result.state.cell;
    x = result.output;
    if (each) each->push_back(x);
  }
  return {drop(x, config_.dropout), x};
}

Tensor RnnLmImpl::output_logits(const Tensor& hidden) {
  return output.is_empty() ? adaptive->log_probabilities(hidden) : output(hidden);
}

Tensor RnnLmImpl::output_loss(const Tensor& hidden, const Tensor& targets) {
  if (output.is_empty()) return adaptive->loss_sum(hidden, targets);
  if (is_training() && config_.sampled_softmax > 0) {
    const auto samples = log_uniform_samples(config_.sampled_softmax, config_.vocab_size).to(hidden.device());
    return sampled_softmax_loss(hidden, output->weight, output->bias, targets, samples);
  }
  return linear_cross_entropy(hidden, output->weight, targets, {}, 0, output->bias);
}

std::vector<std::int32_t> RnnLmImpl::end_tokens() const {
  return token_ids(generation_config.file.empty() ? config_.eos_token_id : generation_config.eos_token_id);
}

const PretrainedTraits& RnnLmImpl::pretrained_traits() {
  static const PretrainedTraits traits{.model_type = "rnn-lm",
                                       .architecture = "RnnLM",
                                       .base_model_prefix = "",
                                       .tied = {{"output.weight", "embedding.weight", "tie_word_embeddings"}}};
  return traits;
}

}  // namespace langzoo
