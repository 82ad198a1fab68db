#include "models/bert/bert.h"

#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/init.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

const PostNormLayerNames kBertLayerNames = {.query = "attention.self.query",
                                            .key = "attention.self.key",
                                            .value = "attention.self.value",
                                            .attention_output = "attention.output.dense",
                                            .attention_norm = "attention.output.LayerNorm",
                                            .inner = "intermediate.dense",
                                            .outer = "output.dense",
                                            .output_norm = "output.LayerNorm",
                                            .distances = "attention.self.distance_embedding"};

BertConfig BertConfig::preset(const std::string& name) {
  struct Size {
    std::int64_t layers, width, heads, inner, vocab = 30522;
  };
  static const std::map<std::string, Size> sizes = {
      {"bert-base", {12, 768, 12, 3072}},   {"bert-base-cased", {12, 768, 12, 3072, 28996}},
      {"bert-large", {24, 1024, 16, 4096}}, {"bert-tiny", {2, 128, 2, 512}},
      {"bert-mini", {4, 256, 4, 1024}},     {"bert-small", {4, 512, 8, 2048}},
      {"bert-medium", {8, 512, 8, 2048}},   {"tinybert-4l", {4, 312, 12, 1200}},
      {"tinybert-6l", {6, 768, 12, 3072}},
  };
  const auto found = sizes.find(name);
  if (found == sizes.end()) {
    std::string known;
    for (const auto& [preset, size] : sizes) known += (known.empty() ? "" : ", ") + preset;
    throw std::invalid_argument(fmt::format("BERT preset \"{}\" is not known: use one of {}", name, known));
  }
  BertConfig config;
  const auto& size = found->second;
  config.num_hidden_layers = size.layers;
  config.hidden_size = size.width;
  config.num_attention_heads = size.heads;
  config.intermediate_size = size.inner;
  config.vocab_size = size.vocab;
  return config;
}

void BertConfig::for_each_field(FieldVisitor& visit) {
  visit_fields(visit);
  visit("classifier_dropout", classifier_dropout,
        dropout_field("dropout of what heads read; null: hidden_dropout_prob"));
}

void BertConfig::validate() const {
  check_fields(*this, "bert config");
  check("bert config");
}

const PretrainedTraits& BertModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = BertFamily::traits("Model");
  return traits;
}

void wire_bert(torch::nn::Module& at, EncoderStack& stack, const EncoderConfig& config, const BertWiring& wiring) {
  const auto width = config.hidden_size, embedded = wiring.embedding_size.value_or(width);
  {
    const SkipInit filled_below;
    const TokenEmbeddingsOptions embeddings = {.vocab_size = config.vocab_size,
                                               .positions = config.max_position_embeddings,
                                               .width = embedded,
                                               .token_types = config.type_vocab_size,
                                               .layer_norm_eps = config.layer_norm_eps,
                                               .dropout = config.hidden_dropout_prob,
                                               .padding = config.pad_token_id,
                                               .pads_positions = wiring.pads_positions,
                                               .adds_positions = config.positions() == PositionType::kAbsolute};
    stack.embeddings = at.register_module("embeddings", TokenEmbeddings(embeddings));
    if (embedded != width) stack.projection = at.register_module("embeddings_project", Linear(embedded, width));
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
      stack.add_layer(at, fmt::format("encoder.layer.{}", i), PostNormLayer(config.layer(kBertLayerNames)));
    if (wiring.pooler) stack.pooler = register_nested(at, "pooler.dense", Linear(width, width));
  }
  if (!SkipInit::active()) init_encoder(at, config.initializer_range, config.pad_token_id);
}

BertModelImpl::BertModelImpl(const BertConfig& config, bool with_pooler) : TaskModule(config) {
  config.validate();
  config_.add_pooling_layer = with_pooler;
  wire_bert(*this, *this, config, {.pooler = with_pooler});
}

PretrainedTraits BertFamily::traits(const std::string& task) {
  return {.model_type = "bert",
          .architecture = "Bert" + task,
          .base_model_prefix = "bert",
          .heads = {"cls.", "classifier.", "qa_outputs.", "fit_dense"},  // the last is TinyBERT's, of distillation
          .optional_parts = {"pooler."},
          .ignored_suffixes = {".embeddings.position_ids", ".embeddings.token_type_ids"},
          .tied = {{"cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight", "tie_word_embeddings"},
                   {"cls.predictions.decoder.bias", "cls.predictions.bias", "tie_word_embeddings"}}};
}

VocabularyHeadOptions BertFamily::masked_lm(const BertConfig& config) {
  return {.dense = "cls.predictions.transform.dense",
          .norm = "cls.predictions.transform.LayerNorm",
          .decoder = "cls.predictions.decoder",
          .bias = "cls.predictions.bias",
          .width = config.hidden_size,
          .embedding_width = config.hidden_size,
          .activation = activation_from_name(config.hidden_act),
          .layer_norm_eps = config.layer_norm_eps,
          .tied = config.tie_word_embeddings};
}

}  // namespace langzoo
