#include "models/t5/t5.h"

#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/attention.h"
#include "models/layers/init.h"
#include "models/layers/masks.h"
#include "models/t5/t5_step.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

void require(bool holds, const char* what, at::IntArrayRef sizes) {
  if (!holds) throw std::invalid_argument(c10::str("t5: ", what, ", is ", sizes));
}

void require_sources(const Tensor& source, const Tensor& lengths) {
  require(source.dim() == 2 && source.numel() > 0, "source must be (B,S), not empty", source.sizes());
  require(lengths.dim() == 1 && lengths.size(0) == source.size(0), "source_lengths must be (B)", lengths.sizes());
}

void require_targets(const Tensor& decoder_input, const Tensor& source) {
  require(decoder_input.dim() == 2 && decoder_input.size(0) == source.size(0), "decoder_input must be (B,T)",
          decoder_input.sizes());
}

/// 1 on a row's tokens; undefined where it is seen without asking the device that there is no padding.
/// Shapes: lengths (B) -> (B,S).
Tensor source_mask(const Tensor& lengths, std::int64_t longest, torch::Device device) {
  if (lengths.is_cpu() && lengths.min().item<std::int64_t>() >= longest) return {};
  return at::arange(longest, at::TensorOptions(torch::kInt64).device(device)) < lengths.to(device).unsqueeze(1);
}

/// The weights that a file may have for what is the embedding.
constexpr const char* kEmbeddings[] = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"};
constexpr const char* kPrefix = "transformer.";

const Tensor* find_below(const StateDict& file, const std::string& name) {
  const auto* const found = file.find(name);
  return found != nullptr ? found : file.find(kPrefix + name);
}

bool same_values(const Tensor& a, const Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() && torch::equal(a, b);
}

}  // namespace

T5Body::T5Body(torch::nn::Module& at, const T5Config& config, bool with_decoder) {
  const SkipInit filled_by_init_t5;
  const auto table = torch::empty({config.vocab_size, config.d_model});
  shared = at.register_module(
      "shared", torch::nn::Embedding(torch::nn::EmbeddingOptions(table.size(0), table.size(1))._weight(table)));
  encoder = at.register_module("encoder", T5Stack(config, /*decoder=*/false, shared));
  if (with_decoder) decoder = at.register_module("decoder", T5Stack(config, /*decoder=*/true, shared));
}

std::vector<CrossKvCache> T5Body::read(const Tensor& source, const Tensor& source_lengths, AttentionWeights* weights) {
  require_sources(source, source_lengths);
  const auto& weight = shared->weight;
  const auto mask = source_mask(source_lengths, source.size(1), weight.device());
  const auto bias = mask.defined() ? padding_bias(mask, weight.scalar_type()) : Tensor();
  if (weights || !mask.defined() || !attends_packed(weight)) {
    const auto encoded = encoder->forward(source, {.padding_bias = bias, .self_attentions = weights});
    return decoder->memory(encoded.hidden, bias);
  }
  const PackedRows rows(mask);
  return decoder->memory(rows.unpack(encoder->forward(source, {.rows = &rows}).hidden), bias);
}

Tensor T5Body::decode(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input) {
  require_targets(decoder_input, source);
  const auto memory = read(source, source_lengths);
  return decoder->forward(decoder_input, {.memory = &memory}).hidden;
}

Tensor T5Body::decode_packed(const Tensor& source, const Tensor& source_lengths, const Tensor& decoder_input,
                             const PackedRows& targets) {
  require_sources(source, source_lengths);
  require_targets(decoder_input, source);
  const PackedRows sources(source_lengths, source.size(1));
  const auto memory = decoder->memory(encoder->forward(source, {.rows = &sources}).hidden, {});
  return decoder->forward(decoder_input, {.memory = &memory, .rows = &targets, .sources = &sources}).hidden;
}

Tensor T5Body::decode_again(const TokenInputs& inputs, std::int64_t start_token) {
  check_t5_inputs(inputs);
  const auto &ids = inputs.ids, &mask = inputs.attention_mask;
  const auto places = ids.size(1);
  const auto written =
      at::cat({at::full({ids.size(0), 1}, start_token, ids.options()), ids.narrow(1, 0, places - 1)}, 1);
  const auto kept = mask.defined() ? mask != 0 : at::ones_like(ids, torch::kBool);
  const auto lengths = kept.sum(1);
  const bool on_the_right = kept.equal(at::arange(places, lengths.options()) < lengths.unsqueeze(1));
  if (on_the_right && !inputs.compute_padding && attends_packed(shared->weight) &&
      lengths.min().item<std::int64_t>() > 0) {
    const PackedRows rows(lengths.cpu(), places);
    return rows.unpack(decode_packed(ids, lengths, written, rows));
  }
  const auto bias = mask.defined() ? padding_bias(mask, shared->weight.scalar_type()) : Tensor();
  const auto memory = decoder->memory(encoder->forward(ids, {.padding_bias = bias}).hidden, bias);
  return decoder->forward(written, {.memory = &memory}).hidden;
}

PretrainedTraits t5_traits(const std::string& task) {
  PretrainedTraits traits{
      .model_type = "t5",
      .architecture = "T5" + task,
      .base_model_prefix = "transformer",
      .heads = {"lm_head.", "classification_head.", "classifier.", "qa_outputs."},
      .optional_parts = {"decoder."},
      // Of the first releases, which had it without a use.
      .ignored_suffixes = {".EncDecAttention.relative_attention_bias.weight"},
      .tied = {{"lm_head.weight", "transformer.shared.weight", "tie_word_embeddings", "scale_decoder_outputs"}}};
  // The stacks have no embedding of their own, whatever the config says.
  for (const std::string name : kEmbeddings) {
    for (const auto& path : {name, kPrefix + name}) traits.tied.push_back({path, "transformer.shared.weight", ""});
  }
  return traits;
}

PretrainedTraits mt5_traits(PretrainedTraits traits) {
  traits.model_type = "mt5";
  traits.architecture = "M" + traits.architecture;
  return traits;
}

void init_t5(torch::nn::Module& module, const T5Config& config) {
  const torch::NoGradGuard no_grad;
  const auto root = [&](std::int64_t n) { return config.initializer_factor / std::sqrt(static_cast<double>(n)); };
  const std::pair<const char*, double> deviations[] = {
      {"shared.weight", config.initializer_factor},
      {".q.weight", root(config.d_model * config.d_kv)},  // which stands for the scores' factor 1/sqrt(K)
      {".o.weight", root(config.num_heads * config.d_kv)},
      {".wo.weight", root(config.d_ff)},
      {"classifier.weight", config.initializer_factor}};
  for (const auto& item : module.named_parameters()) {
    const std::string name = "." + item.key();
    if (item.value().dim() == 1) {
      item.value().fill_(name.ends_with("layer_norm.weight") ? config.initializer_factor : 0.0);
      continue;
    }
    double deviation = root(config.d_model);
    for (const auto& [ending, own] : deviations) {
      if (name.ends_with(ending)) deviation = own;
    }
    init_normal(item.value(), deviation);
  }
}

void check_t5_inputs(const TokenInputs& inputs) {
  require(inputs.ids.defined() && inputs.ids.dim() == 2 && inputs.ids.numel() > 0, "ids must be (B,T), not empty",
          inputs.ids.defined() ? inputs.ids.sizes() : at::IntArrayRef());
  if (inputs.attention_mask.defined())
    require(inputs.attention_mask.sizes() == inputs.ids.sizes(), "attention_mask must have the shape of ids",
            inputs.attention_mask.sizes());
}

T5ForConditionalGenerationImpl::T5ForConditionalGenerationImpl(const T5Config& config, const PretrainedTraits& traits)
    : T5TaskModule(config, traits), body(*this, config, /*with_decoder=*/true) {
  {
    const SkipInit filled_below;
    lm_head = register_module("lm_head", config.tie_word_embeddings
                                             ? Linear(body.shared->weight, /*with_bias=*/false)
                                             : Linear(config.d_model, config.vocab_size, /*with_bias=*/false));
  }
  init();
}

void T5ForConditionalGenerationImpl::fit_config(T5Config& config, const StateDict& file, LoadReport& report) {
  const auto* const shared = find_below(file, "shared.weight");
  for (const auto* const name : kEmbeddings) {
    const auto* const own = find_below(file, name);
    if (shared && own && !same_values(*shared, *own))
      throw std::invalid_argument(c10::str(name, " differs from shared.weight: T5 has one embedding"));
  }
  config.scale_decoder_outputs = config.scales_outputs();
  const auto* const head = find_below(file, "lm_head.weight");
  if (head == nullptr && !config.tie_word_embeddings)
    report.tied.emplace_back("lm_head.weight, although config.json says tie_word_embeddings = false");
  config.tie_word_embeddings = !(shared && head) || same_values(*shared, *head);
}

Tensor T5ForConditionalGenerationImpl::scaled(const Tensor& hidden) const {
  return config_.scales_outputs() ? hidden / std::sqrt(static_cast<double>(config_.d_model)) : hidden;
}

Tensor T5ForConditionalGenerationImpl::forward(const Tensor& source, const Tensor& source_lengths,
                                               const Tensor& decoder_input) {
  return logits(body.decode(source, source_lengths, decoder_input));
}

LabelStates T5ForConditionalGenerationImpl::label_states(const Tensor& source, const Tensor& source_lengths,
                                                         const Tensor& decoder_input, const Tensor& labels) {
  require(labels.dim() == 2 && labels.sizes() == decoder_input.sizes(), "labels must be shaped as decoder_input",
          labels.sizes());
  // What comes after a row's last label nothing depends on.
  const auto places = at::arange(1, labels.size(1) + 1, torch::kInt64);
  const auto lengths = (places * (labels != -100)).amax(1);
  if (attends_packed(lm_head->weight) && lengths.any().item<bool>()) {
    const PackedRows rows(lengths, labels.size(1));
    const auto hidden = body.decode_packed(source, source_lengths, decoder_input, rows).squeeze(0);  // (N,C)
    return LabelStates::of(scaled(hidden), rows.pack(labels).squeeze(0), lm_head->weight, {});
  }
  const auto hidden = body.decode(source, source_lengths, decoder_input).flatten(0, 1);  // (B T, C)
  return LabelStates::of(scaled(hidden), labels.reshape({-1}), lm_head->weight, {});
}

Tensor T5ForConditionalGenerationImpl::encode(const Tensor& source, const Tensor& source_lengths) {
  require_sources(source, source_lengths);
  const auto mask = source_mask(source_lengths, source.size(1), source.device());
  if (!mask.defined()) return body.encoder->forward(source).hidden;
  if (attends_packed(body.shared->weight)) {
    const PackedRows rows(mask);
    return rows.unpack(body.encoder->forward(source, {.rows = &rows}).hidden);
  }
  const auto bias = padding_bias(mask, body.shared->weight.scalar_type());
  const auto hidden = body.encoder->forward(source, {.padding_bias = bias}).hidden;
  return hidden.masked_fill(mask.logical_not().unsqueeze(-1), 0.0);
}

std::optional<std::int32_t> T5ForConditionalGenerationImpl::end_token() const {
  if (config_.eos_token_id.empty()) return std::nullopt;
  return static_cast<std::int32_t>(config_.eos_token_id.front());
}

std::unique_ptr<StepFunction> T5ForConditionalGenerationImpl::start(const Tensor& source, const Tensor& source_lengths,
                                                                    std::int64_t capacity) {
  const auto self = std::static_pointer_cast<T5ForConditionalGenerationImpl>(shared_from_this());
  return std::make_unique<T5StepFunction>(T5ForConditionalGeneration(self), source, source_lengths, capacity);
}

Tensor T5ForConditionalGenerationImpl::attention(const Tensor& source, const Tensor& source_lengths,
                                                 const Tensor& decoder_input) {
  require_targets(decoder_input, source);
  const auto memory = body.read(source, source_lengths);
  const auto queries = body.decoder->forward(decoder_input, {.memory = &memory}).queries;
  return body.decoder->alignment(queries, memory);
}

std::vector<AttentionWeights> T5ForConditionalGenerationImpl::attentions(const Tensor& source,
                                                                         const Tensor& source_lengths,
                                                                         const Tensor& decoder_input,
                                                                         std::int64_t most) {
  using enum AttentionKind;
  require_targets(decoder_input, source);
  std::vector<AttentionWeights> all = {{kEncoder, most}, {kDecoder, most}, {kCross, most}};
  const auto memory = body.read(source, source_lengths, all.data());
  body.decoder->forward(decoder_input, {.memory = &memory, .self_attentions = &all[1], .cross_attentions = &all[2]});
  return all;
}

}  // namespace langzoo
