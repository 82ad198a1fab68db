#include "models/encoder_heads.h"

#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/copy_parameters.h"
#include "models/layers/dropout.h"
#include "models/layers/matmul.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

VectorHead::VectorHead(torch::nn::Module& at, const VectorHeadOptions& options, std::int64_t width,
                       std::int64_t outputs)
    : at_(at), options_(options) {
  if (!options.dense.empty()) dense_ = register_nested(at, options.dense, Linear(width, width));
  output_ = register_nested(at, options.output, Linear(width, outputs));
}

Tensor VectorHead::operator()(const EncoderOutput& encoded) {
  const bool training = at_.is_training();
  auto x = options_.pooled ? encoded.pooled : encoded.hidden.select(1, 0);  // (B,C)
  if (!dense_.is_empty()) {
    x = activate(dense_(dropped(x, options_.dropout_before, training)), options_.activation);
  }
  return output_(dropped(x, options_.dropout, training));
}

TokenHead::TokenHead(torch::nn::Module& at, const char* name, double dropout, std::int64_t width, std::int64_t outputs)
    : at_(at), dropout_(dropout), output_(register_nested(at, name, Linear(width, outputs))) {}

Tensor TokenHead::operator()(const Tensor& hidden) {
  return output_(dropped(hidden, dropout_, at_.is_training()));
}

VocabularyHead::VocabularyHead(torch::nn::Module& at, const VocabularyHeadOptions& options, std::int64_t vocab_size)
    : activation_(options.activation) {
  dense_ = register_nested(at, options.dense, Linear(options.width, options.embedding_width));
  const auto norm = torch::nn::LayerNormOptions({options.embedding_width}).eps(options.layer_norm_eps);
  norm_ = register_nested(at, options.norm, torch::nn::LayerNorm(norm));
  const auto register_bias = [&](const std::string& path) {
    const auto dot = path.rfind('.');
    return nested_module(at, path.substr(0, dot)).register_parameter(path.substr(dot + 1), torch::zeros({vocab_size}));
  };
  if (!options.bias.empty()) bias_ = register_bias(options.bias);
  if (options.tied) {
    if (options.bias.empty()) bias_ = register_bias(options.decoder + ".bias");
  } else {
    const auto decoder = register_nested(at, options.decoder, Linear(options.embedding_width, vocab_size));
    own_weight_ = decoder->weight;
    bias_ = decoder->bias;
  }
}

Tensor VocabularyHead::transformed(const Tensor& hidden) {
  return norm_(activate(dense_(hidden), activation_));
}

Tensor VocabularyHead::logits(const Tensor& hidden, const Tensor& words) {
  return affine(transformed(hidden), own_weight_.defined() ? own_weight_ : words, bias_);
}

Tensor VocabularyHead::loss_sum(const Tensor& hidden, const Tensor& labels, const Tensor& words) {
  if (labels.sizes() != hidden.sizes().slice(0, 2)) throw std::invalid_argument("masked LM: labels must be (B,T)");
  const auto targets = labels.flatten();
  const auto places = (targets != -100).nonzero().squeeze(1);
  return linear_cross_entropy(transformed(hidden_at(hidden, places)), own_weight_.defined() ? own_weight_ : words,
                              targets.index_select(0, places), {}, /*chunk_rows=*/0, bias_);
}

void VocabularyHead::copy_from(const VocabularyHead& other) {
  copy_parameters(*dense_, *other.dense_);
  copy_parameters(*norm_, *other.norm_);
  copy_parameter(bias_, other.bias_);
}

Tensor hidden_at(const Tensor& hidden, const Tensor& places) {
  return hidden.flatten(0, 1).index_select(0, places);
}

void check_two_labels(const char* family, const ClassLabels& labels, const char* task) {
  if (labels.size() == 2) return;
  throw std::invalid_argument(
      fmt::format("{} config: id2label: has {} labels, {} has two: set id2label", family, labels.size(), task));
}

TokenInputs choices_as_rows(const TokenInputs& inputs) {
  if (inputs.ids.dim() != 3) throw std::invalid_argument("multiple choice: ids must be (B,choices,T)");
  const auto rows = [](const Tensor& x) { return x.defined() ? x.flatten(0, 1) : x; };
  return {rows(inputs.ids), rows(inputs.token_type_ids), rows(inputs.attention_mask), inputs.compute_padding};
}

}  // namespace langzoo
