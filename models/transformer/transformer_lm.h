/// The Transformer language model: the paper's decoder alone, without an encoder to attend to. Its ancestors, recurrent
/// language models, pass a state from token to token; this one looks at the tokens themselves, as far as its context
/// reaches. Against GPT-2 it has the original block: norms behind each part unless normalize_before says otherwise,
/// sinusoids unless positions are learned, ReLU, embeddings scaled by sqrt(d_model).
///
/// Paper: Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762. With its own wiring it
/// computes what transformers' MarianForCausalLM does without cross-attention; parameter names are its state-dict
/// names.
///
///     langzoo-lm train --model transformer --data book.txt --out run
///
/// Letters: B rows, T tokens given now, P tokens so far, C width (d_model), V vocabulary.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/causal_lm.h"
#include "models/layers/kv_cache.h"
#include "models/layers/linear.h"
#include "models/task_module.h"
#include "models/transformer/transformer.h"

namespace langzoo {

/// config.json of model_type "transformer-lm": the fields of TransformerConfig that concern a decoder.
struct TransformerLmConfig {
  std::int64_t vocab_size = 10000;
  std::int64_t max_position_embeddings = 256;
  std::int64_t d_model = 256;
  std::int64_t decoder_layers = 4;
  std::int64_t decoder_attention_heads = 4;
  std::int64_t decoder_ffn_dim = 1024;
  std::string activation_function = "relu";
  bool normalize_before = false;
  std::string position_embedding_type = "sinusoidal";  ///< sinusoidal, interleaved or learned
  bool scale_embedding = true;
  bool tie_word_embeddings = true;
  double dropout = 0.1, attention_dropout = 0.0, activation_dropout = 0.0;
  std::string initializer = "xavier";  ///< xavier or normal
  double init_std = 0.02;
  std::optional<std::int64_t> bos_token_id;
  std::vector<std::int64_t> eos_token_id;  ///< any of these

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
  /// That of the decoder.
  TransformerConfig decoder() const;
};

class TransformerLmImpl : public TaskModule<TransformerLmImpl, TransformerLmConfig, CausalLm> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit TransformerLmImpl(const TransformerLmConfig& config);

  /// Shapes: ids (B,T) -> (B,T,C).
  torch::Tensor hidden(const torch::Tensor& ids, const TransformerDecoderInputs& inputs = {}) {
    return decoder->forward(ids, inputs).hidden;
  }

  std::int64_t n_positions() const override { return config_.max_position_embeddings; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::vector<std::int32_t> end_tokens() const override;
  std::optional<std::int32_t> prompt_start() const override;
  torch::Tensor logits(const torch::Tensor& ids) override { return lm_head(hidden(ids)); }
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override;
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override;
  AttentionWeights attentions(const torch::Tensor& ids, std::int64_t most) override;

  TransformerDecoder decoder{nullptr};  ///< "model.decoder"
  Linear lm_head{nullptr};              ///< its weight is the embedding itself when tied
};
TORCH_MODULE(TransformerLm);

/// Decodes with a key-value cache a layer. Rows of different length are padded on the left, hidden by the mask and
/// counted from their first token.
class TransformerLmStepFunction : public StepFunction {
 public:
  /// `model` must be in evaluation mode and is shared, not copied. Throws std::invalid_argument where `capacity`
  /// exceeds max_position_embeddings. Shapes: mask (B,T) of the first ids, 0 on padding; undefined: none.
  TransformerLmStepFunction(TransformerLm model, const torch::Tensor& mask, std::int64_t capacity);

  torch::Tensor step(const torch::Tensor& ids) override;
  torch::Tensor all_logits(const torch::Tensor& ids) override;
  void reorder(const torch::Tensor& rows) override;
  std::int64_t capacity() const override { return capacity_; }

 private:
  torch::Tensor read(const torch::Tensor& ids);

  TransformerLm model_;
  torch::Tensor mask_;  ///< (B,capacity): the prompt's, then ones; undefined without padding
  std::int64_t capacity_;
  std::vector<KvCache> caches_;
};

}  // namespace langzoo
