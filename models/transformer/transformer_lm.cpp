#include "models/transformer/transformer_lm.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/nested.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

void TransformerLmConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto size = [](std::string_view help, std::string_view alias = {}) {
    return FieldRules{.least = 1, .most = kLargest, .alias = alias, .help = help};
  };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  const auto token = [](std::string_view help, bool or_more = false) {
    return FieldRules{.least = -1, .most = kLargestVocabulary, .one_or_more = or_more, .help = help};
  };
  visit("vocab_size", vocab_size,
        {.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = "tokens it knows"});
  visit("max_position_embeddings", max_position_embeddings,
        {.least = 1, .most = 1 << 20, .help = "tokens it takes at once: its context"});
  visit("d_model", d_model, size("width", "hidden_size"));
  visit("decoder_layers", decoder_layers, {.least = 1, .most = 256, .alias = "num_hidden_layers", .help = "blocks"});
  visit("decoder_attention_heads", decoder_attention_heads,
        size("attention heads, which share the width", "num_attention_heads"));
  visit("decoder_ffn_dim", decoder_ffn_dim, size("width of the feed-forward layers"));
  visit("activation_function", activation_function, {.help = "of the feed-forward layers: relu, gelu, swish, ..."});
  visit("normalize_before", normalize_before, {.help = "layer norms before each part (pre-norm) instead of after"});
  visit("position_embedding_type", position_embedding_type,
        {.choices = {"sinusoidal", "interleaved", "learned"},
         .help = "sinusoidal (Marian: sines, then cosines), interleaved (the paper's order) or learned"});
  visit("scale_embedding", scale_embedding, {.help = "multiply embeddings by the root of d_model"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the head is the embedding"});
  visit("dropout", dropout, share("of the embeddings and of what is added to the residual stream"));
  visit("attention_dropout", attention_dropout, share("of the attention weights"));
  visit("activation_dropout", activation_dropout, share("between the feed-forward layers"));
  visit("initializer", initializer,
        {.choices = {"normal", "xavier"}, .help = "normal (of init_std) or xavier (embeddings N(0, 1/d_model))"});
  visit("init_std", init_std, {.least = 0, .help = "standard deviation of initializer normal"});
  visit("bos_token_id", bos_token_id, token("begins a text"));
  visit("eos_token_id", eos_token_id, token("ends a text; one token or several", true));
}

void TransformerLmConfig::validate() const {
  check_fields(*this, "transformer-lm config");
  if (d_model % decoder_attention_heads != 0)
    throw std::invalid_argument(c10::str("transformer-lm config: d_model = ", d_model,
                                         " must be a multiple of decoder_attention_heads = ", decoder_attention_heads));
  try {
    activation_from_name(activation_function);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(c10::str("transformer-lm config: activation_function: ", error.what()));
  }
}

TransformerConfig TransformerLmConfig::decoder() const {
  TransformerConfig config;
  config.vocab_size = vocab_size;
  config.max_position_embeddings = max_position_embeddings;
  config.d_model = d_model;
  config.decoder_layers = config.encoder_layers = decoder_layers;
  config.decoder_attention_heads = config.encoder_attention_heads = decoder_attention_heads;
  config.decoder_ffn_dim = config.encoder_ffn_dim = decoder_ffn_dim;
  config.activation_function = activation_function;
  config.normalize_before = normalize_before;
  config.position_embedding_type = position_embedding_type;
  config.scale_embedding = scale_embedding;
  config.dropout = dropout;
  config.attention_dropout = attention_dropout;
  config.activation_dropout = activation_dropout;
  config.initializer = initializer;
  config.init_std = init_std;
  config.decoder_start_token_id = 0;
  config.pad_token_id.reset();
  config.eos_token_id.clear();
  config.forced_eos_token_id.clear();
  return config;
}

TransformerLmImpl::TransformerLmImpl(const TransformerLmConfig& config) : TaskModule(config) {
  config_.validate();
  decoder = register_nested(*this, "model.decoder",
                            TransformerDecoder(config_.decoder(), nullptr, /*cross_attention=*/false));
  const auto& embedding = decoder->embed_tokens->weight;
  lm_head = register_module("lm_head", config_.tie_word_embeddings
                                           ? Linear(embedding, /*with_bias=*/false)
                                           : Linear(config_.d_model, config_.vocab_size, /*with_bias=*/false));
}

Tensor TransformerLmImpl::loss_sum(const Tensor& ids, const Tensor& targets) {
  return linear_cross_entropy(hidden(ids).flatten(0, 1), lm_head->weight, targets.flatten());
}

std::vector<std::int32_t> TransformerLmImpl::end_tokens() const {
  return token_ids(generation_config.file.empty() ? config_.eos_token_id : generation_config.eos_token_id);
}

std::optional<std::int32_t> TransformerLmImpl::prompt_start() const {
  const auto ends = end_tokens();
  return ends.empty() ? std::nullopt : std::optional(ends.front());
}

std::unique_ptr<StepFunction> TransformerLmImpl::start(const Tensor& mask, std::int64_t capacity) {
  const auto self = std::static_pointer_cast<TransformerLmImpl>(shared_from_this());
  return std::make_unique<TransformerLmStepFunction>(TransformerLm(self), mask, capacity);
}

AttentionWeights TransformerLmImpl::attentions(const Tensor& ids, std::int64_t most) {
  AttentionWeights weights{AttentionKind::kDecoder, most};
  hidden(ids, {.self_attentions = &weights});
  return weights;
}

const PretrainedTraits& TransformerLmImpl::pretrained_traits() {
  static const PretrainedTraits traits{
      .model_type = "transformer-lm",
      .architecture = "TransformerLM",
      .base_model_prefix = "model",
      .heads = {"lm_head."},
      .tied = {{"lm_head.weight", "model.decoder.embed_tokens.weight", "tie_word_embeddings"}}};
  return traits;
}

TransformerLmStepFunction::TransformerLmStepFunction(TransformerLm model, const Tensor& mask, std::int64_t capacity)
    : model_(std::move(model)), capacity_(capacity) {
  const auto positions = model_->n_positions();
  if (capacity < 1 || capacity > positions)
    throw std::invalid_argument(c10::str("transformer-lm: a sequence of ", capacity,
                                         " tokens must lie between 1 and max_position_embeddings = ", positions));
  if (model_->is_training())
    throw std::invalid_argument("transformer-lm: generation needs evaluation mode: call eval() first");
  caches_.assign(static_cast<std::size_t>(model_->config().decoder_layers), KvCache(capacity));
  if (!mask.defined() || mask.ne(0).all().item<bool>()) return;
  if (mask.dim() != 2 || mask.size(1) > capacity)
    throw std::invalid_argument(
        c10::str("transformer-lm: prompt mask ", mask.sizes(), " is not (B,T) with T of at most ", capacity));
  mask_ = at::ones({mask.size(0), capacity}, mask.options());
  mask_.narrow(1, 0, mask.size(1)).copy_(mask);
}

/// Hidden states after the new tokens. Shapes: (B,T) -> (B,T,C).
Tensor TransformerLmStepFunction::read(const Tensor& ids) {
  const auto seen = caches_.front().length() + ids.size(1);
  if (seen > capacity_)
    throw std::invalid_argument(c10::str("transformer-lm: ", seen, " tokens exceed the capacity of ", capacity_));
  TransformerDecoderInputs inputs;
  if (mask_.defined()) inputs.attention_mask = mask_.narrow(1, 0, seen);
  inputs.caches = &caches_;
  return model_->hidden(ids, inputs);
}

Tensor TransformerLmStepFunction::step(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->lm_head(read(ids).select(1, -1)).to(torch::kFloat32);  // (B,V)
}

Tensor TransformerLmStepFunction::all_logits(const Tensor& ids) {
  const c10::InferenceMode inference;
  return model_->lm_head(read(ids)).to(torch::kFloat32);  // (B,T,V)
}

void TransformerLmStepFunction::reorder(const Tensor& rows) {
  const c10::InferenceMode inference;
  for (auto& cache : caches_) cache.reorder(rows);
  if (mask_.defined()) mask_ = mask_.index_select(0, rows);
}

}  // namespace langzoo
