#include "models/electra/electra.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

ElectraConfig::ElectraConfig() {
  hidden_size = 256;
  num_attention_heads = 4;
  intermediate_size = 1024;
}

ElectraConfig ElectraConfig::preset(const std::string& name) {
  ElectraConfig config;
  if (name == "electra-small") return config;
  const bool base = name == "electra-base";
  if (!base && name != "electra-large")
    throw std::invalid_argument(
        c10::str("ELECTRA preset \"", name, "\" is not known: use electra-small, electra-base or electra-large"));
  config.hidden_size = config.embedding_size = base ? 768 : 1024;
  config.num_hidden_layers = base ? 12 : 24;
  config.num_attention_heads = base ? 12 : 16;
  config.intermediate_size = base ? 3072 : 4096;
  return config;
}

ElectraConfig ElectraConfig::generator(double fraction) const {
  if (!(fraction > 0 && fraction <= 1))
    throw std::invalid_argument(c10::str("electra: a generator of ", fraction, " of the width must be in (0, 1]"));
  constexpr std::int64_t kHeadWidth = 64;  // in all published sizes
  auto config = *this;
  const auto head = std::min(kHeadWidth, hidden_size / num_attention_heads);
  config.num_attention_heads =
      std::max<std::int64_t>(1, std::llround(static_cast<double>(hidden_size) * fraction) / head);
  config.hidden_size = config.num_attention_heads * head;
  config.intermediate_size = 4 * config.hidden_size;
  return config;
}

void ElectraConfig::for_each_field(FieldVisitor& visit) {
  BertConfig::for_each_field(visit);
  visit("embedding_size", embedding_size, size_field("width of the embeddings"));
  visit("summary_activation", summary_activation, {.help = "activation of the multiple-choice head"});
  visit("summary_last_dropout", summary_last_dropout,
        dropout_field("dropout of what the multiple-choice head's last layer reads"));
  visit.constant("summary_type", "\"first\"", "multiple choice reads the first token");
  visit.constant("summary_use_proj", "true", "multiple choice reads a projection of the first token");
}

void ElectraConfig::validate() const {
  constexpr const char* kWhat = "electra config";
  check_fields(*this, kWhat);
  check(kWhat);
  check_activation(kWhat, "summary_activation", summary_activation);
}

const PretrainedTraits& ElectraModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = ElectraFamily::traits("Model");
  return traits;
}

ElectraModelImpl::ElectraModelImpl(const ElectraConfig& config, bool /*pooler*/) : TaskModule(config) {
  config.validate();
  wire_bert(*this, *this, config, {.embedding_size = config.embedding_size});
}

ElectraForPreTrainingImpl::ElectraForPreTrainingImpl(const ElectraConfig& config)
    : EncoderTaskModule(config, /*pooler=*/false) {
  const auto width = config.hidden_size;
  dense = register_nested(*this, "discriminator_predictions.dense", Linear(width, width));
  dense_prediction = register_nested(*this, "discriminator_predictions.dense_prediction", Linear(width, 1));
  init_head();
}

torch::Tensor ElectraForPreTrainingImpl::logits(const TokenInputs& inputs) {
  const auto hidden = activate(dense(base->encode(inputs).hidden), activation_from_name(config_.hidden_act));
  return dense_prediction(hidden).squeeze(-1);  // (B,T)
}

PretrainedTraits ElectraFamily::traits(const std::string& task) {
  return {.model_type = "electra",
          .architecture = "Electra" + task,
          .base_model_prefix = "electra",
          .heads = {"discriminator_predictions.", "generator_predictions.", "generator_lm_head.", "classifier.",
                    "qa_outputs.", "sequence_summary."},
          .ignored_suffixes = {".embeddings.position_ids", ".embeddings.token_type_ids"},
          .tied = {{"generator_lm_head.weight", "electra.embeddings.word_embeddings.weight", "tie_word_embeddings"}}};
}

VocabularyHeadOptions ElectraFamily::masked_lm(const ElectraConfig& config) {
  return {.dense = "generator_predictions.dense",
          .norm = "generator_predictions.LayerNorm",
          .decoder = "generator_lm_head",
          .width = config.hidden_size,
          .embedding_width = config.embedding_size,
          .activation = Activation::kGelu,  // whatever hidden_act is
          .layer_norm_eps = config.layer_norm_eps,
          .tied = config.tie_word_embeddings};
}

}  // namespace langzoo
