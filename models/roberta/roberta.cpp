#include "models/roberta/roberta.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

RobertaConfig::RobertaConfig() {
  vocab_size = 50265;
  pad_token_id = 1;
  bos_token_id = 0;
  eos_token_id = {2};
}

RobertaConfig RobertaConfig::preset(const std::string& name) {
  if (name != "roberta-base" && name != "roberta-large")
    throw std::invalid_argument(
        c10::str("RoBERTa preset \"", name, "\" is not known: use roberta-base or roberta-large"));
  RobertaConfig config;
  config.max_position_embeddings = 514;
  config.type_vocab_size = 1;
  config.layer_norm_eps = 1e-5;
  if (name == "roberta-base") return config;
  config.num_hidden_layers = 24;
  config.hidden_size = 1024;
  config.num_attention_heads = 16;
  config.intermediate_size = 4096;
  return config;
}

void RobertaConfig::validate() const {
  constexpr const char* kWhat = "roberta config";
  check_fields(*this, kWhat);
  check(kWhat);
  if (!pad_token_id || *pad_token_id < 0)
    throw std::invalid_argument("roberta config: pad_token_id = null must be a token: places begin after its id");
  if (*pad_token_id + 1 >= max_position_embeddings)
    throw std::invalid_argument(c10::str("roberta config: max_position_embeddings = ", max_position_embeddings,
                                         " must be above pad_token_id + 1 = ", *pad_token_id + 1));
}

const PretrainedTraits& RobertaModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = RobertaFamily::traits("Model");
  return traits;
}

RobertaModelImpl::RobertaModelImpl(const RobertaConfig& config, bool with_pooler) : TaskModule(config) {
  config.validate();
  config_.add_pooling_layer = with_pooler;
  wire_bert(*this, *this, config, {.pooler = with_pooler, .pads_positions = true});
}

torch::Tensor RobertaModelImpl::places(const torch::Tensor& ids) const {
  const auto tokens = (ids != *config_.pad_token_id).to(torch::kInt64);
  return tokens.cumsum(1) * tokens + *config_.pad_token_id;
}

PretrainedTraits RobertaFamily::traits(const std::string& task) {
  return {.model_type = "roberta",
          .architecture = "Roberta" + task,
          .base_model_prefix = "roberta",
          .heads = {"lm_head.", "classifier.", "qa_outputs."},
          .optional_parts = {"pooler."},
          .ignored_suffixes = {".embeddings.position_ids", ".embeddings.token_type_ids"},
          .tied = {{"lm_head.decoder.weight", "roberta.embeddings.word_embeddings.weight", "tie_word_embeddings"},
                   {"lm_head.decoder.bias", "lm_head.bias", "tie_word_embeddings"}}};
}

VocabularyHeadOptions RobertaFamily::masked_lm(const RobertaConfig& config) {
  return {.dense = "lm_head.dense",
          .norm = "lm_head.layer_norm",
          .decoder = "lm_head.decoder",
          .bias = "lm_head.bias",
          .width = config.hidden_size,
          .embedding_width = config.hidden_size,
          .activation = Activation::kGelu,  // whatever hidden_act is
          .layer_norm_eps = config.layer_norm_eps,
          .tied = config.tie_word_embeddings};
}

}  // namespace langzoo
