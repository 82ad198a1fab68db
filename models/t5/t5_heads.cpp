#include "models/t5/t5_heads.h"

#include <optional>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/encoder_heads.h"
#include "models/layers/dropout.h"
#include "models/layers/masks.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// Whether no row has padding between its tokens, which distances would count. Shapes: mask (B,T).
bool has_no_gaps(const Tensor& mask) {
  const auto kept = mask != 0;
  const auto begins =
      kept.narrow(1, 1, kept.size(1) - 1).logical_and(kept.narrow(1, 0, kept.size(1) - 1).logical_not());
  return (begins.sum(1) + kept.select(1, 0)).le(1).all().item<bool>();
}

}  // namespace

T5EncoderModelImpl::T5EncoderModelImpl(const T5Config& config, const PretrainedTraits& traits)
    : T5TaskModule(config, traits), body(*this, config, /*with_decoder=*/false) {
  init();
}

EncoderOutput T5EncoderModelImpl::encode(const TokenInputs& inputs, const EncoderWants& wants) {
  check_t5_inputs(inputs);
  const auto& mask = inputs.attention_mask;
  const auto& weight = body.shared->weight;
  std::optional<PackedRows> rows;
  const bool may_pack = !inputs.compute_padding && !wants.attentions && !wants.attention_scores;
  if (mask.defined() && may_pack && has_no_gaps(mask)) {
    rows.emplace(mask);
    if (!rows->padded() || rows->tokens() == 0) rows.reset();
  }
  const auto unpacked = [&](const Tensor& x) { return rows ? rows->unpack(x) : x; };
  EncoderOutput output;
  AttentionWeights weights{AttentionKind::kEncoder};
  T5StackInputs pass{.rows = rows ? &*rows : nullptr};
  if (mask.defined() && !rows) pass.padding_bias = padding_bias(mask, weight.scalar_type());
  if (wants.attentions) pass.self_attentions = &weights;
  if (wants.attention_scores) pass.self_scores = &output.attention_scores;
  if (wants.hidden_states) pass.hidden_states = &output.hidden_states;
  output.hidden = unpacked(body.encoder->forward(inputs.ids, pass).hidden);
  for (auto& x : output.hidden_states) x = unpacked(x);
  if (wants.hidden_states) output.hidden_states.push_back(output.hidden);
  output.attentions = std::move(weights.layers);
  return output;
}

std::vector<std::string> T5EncoderModelImpl::depth_patterns() const {
  std::vector<std::string> patterns = {"*shared.*"};
  for (std::int64_t i = 0; i < config_.num_layers; ++i) patterns.push_back(c10::str("*encoder.block.", i, ".*"));
  return patterns;
}

T5ForSequenceClassificationImpl::T5ForSequenceClassificationImpl(const T5Config& config, const PretrainedTraits& traits)
    : T5TaskModule(config, traits), body(nested_module(*this, "transformer"), config, /*with_decoder=*/true) {
  dense_ = register_nested(*this, "classification_head.dense", Linear(config.d_model, config.d_model));
  out_proj_ = register_nested(*this, "classification_head.out_proj", Linear(config.d_model, config.labels.size()));
  init();
}

Tensor T5ForSequenceClassificationImpl::logits(const TokenInputs& inputs) {
  const auto hidden = body.decode_again(inputs, config_.decoder_start_token_id);  // (B,T,C)
  const auto& ids = inputs.ids;
  auto ends = at::zeros_like(ids, torch::kBool);
  for (const auto id : config_.eos_token_id) ends = ends.logical_or(ids == id);
  if (!ends.any(1).all().item<bool>())
    throw std::invalid_argument("t5: a row to classify has no end token, at whose last one its state is read");
  const auto last = (ends * at::arange(1, ids.size(1) + 1, ids.options())).argmax(1);                 // (B)
  const auto x = hidden.gather(1, last.view({-1, 1, 1}).expand({-1, 1, hidden.size(2)})).squeeze(1);  // (B,C)
  const auto dropout = [&](const Tensor& y) { return dropped(y, config_.classifier_dropout, is_training()); };
  return out_proj_(dropout(at::tanh(dense_(dropout(x)))));
}

T5ForTokenClassificationImpl::T5ForTokenClassificationImpl(const T5Config& config, const PretrainedTraits& traits)
    : T5TaskModule(config, traits) {
  {
    const SkipInit filled_below;
    transformer = register_module("transformer", T5EncoderModel(config));
  }
  classifier_ = register_module("classifier", Linear(config.d_model, config.labels.size()));
  init();
}

Tensor T5ForTokenClassificationImpl::logits(const TokenInputs& inputs) {
  return classifier_(dropped(transformer->encode(inputs).hidden, config_.classifier_dropout, is_training()));
}

T5ForQuestionAnsweringImpl::T5ForQuestionAnsweringImpl(const T5Config& config, const PretrainedTraits& traits)
    : T5TaskModule(config, traits), body(*this, config, /*with_decoder=*/true) {
  check_two_labels("t5", config.labels, "question answering");
  qa_outputs_ = register_module("qa_outputs", Linear(config.d_model, config.labels.size()));
  init();
}

SpanLogits T5ForQuestionAnsweringImpl::logits(const TokenInputs& inputs) {
  const auto both = qa_outputs_(body.decode_again(inputs, config_.decoder_start_token_id));  // (B,T,2)
  return {both.select(-1, 0), both.select(-1, 1)};
}

}  // namespace langzoo
