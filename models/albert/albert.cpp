#include "models/albert/albert.h"

#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/init.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr PostNormLayerNames kLayerNames = {.query = "attention.query",
                                            .key = "attention.key",
                                            .value = "attention.value",
                                            .attention_output = "attention.dense",
                                            .attention_norm = "attention.LayerNorm",
                                            .inner = "ffn",
                                            .outer = "ffn_output",
                                            .output_norm = "full_layer_layer_norm",
                                            .distances = "attention.distance_embedding"};

PostNormLayerOptions layer_options(const AlbertConfig& config) {
  auto options = config.layer(kLayerNames);
  options.output_dropout = 0;  // as the reference has it
  return options;
}

}  // namespace

AlbertConfig::AlbertConfig() {
  vocab_size = 30000;
  hidden_size = 4096;
  num_attention_heads = 64;
  intermediate_size = 16384;
  hidden_act = "gelu_new";
  hidden_dropout_prob = attention_probs_dropout_prob = 0;
  bos_token_id = 2;
  eos_token_id = {3};
}

AlbertConfig AlbertConfig::preset(const std::string& name) {
  AlbertConfig config;
  const auto sized = [&](std::int64_t layers, std::int64_t width, std::int64_t heads) {
    config.num_hidden_layers = layers;
    config.hidden_size = width;
    config.num_attention_heads = heads;
    config.intermediate_size = 4 * width;
    return config;
  };
  if (name == "albert-base") return sized(12, 768, 12);
  if (name == "albert-large") return sized(24, 1024, 16);
  if (name == "albert-xlarge") return sized(24, 2048, 16);
  if (name == "albert-xxlarge") return config;
  throw std::invalid_argument(fmt::format(
      "ALBERT preset \"{}\" is not known: use albert-base, albert-large, albert-xlarge or albert-xxlarge", name));
}

void AlbertConfig::for_each_field(FieldVisitor& visit) {
  visit_fields(visit);
  visit("embedding_size", embedding_size, size_field("width of the embeddings"));
  visit("num_hidden_groups", num_hidden_groups,
        {.least = 1, .most = 4096, .help = "groups of layers that share parameters"});
  visit("inner_group_num", inner_group_num, {.least = 1, .most = 4096, .help = "layers in a group, which run in turn"});
  visit("classifier_dropout_prob", classifier_dropout_prob, dropout_field("dropout of what heads read"));
  visit("parameter_sharing", parameter_sharing,
        {.choices = {"all", "attention", "feed_forward", "none"},
         .help = "what layers share: all, in each group; the attention or the feed-forward layer, everywhere; none"});
}

void AlbertConfig::validate() const {
  constexpr const char* kWhat = "albert config";
  check_fields(*this, kWhat);
  check(kWhat);
  if (parameter_sharing != "all" && num_hidden_groups != 1 && num_hidden_groups != num_hidden_layers)
    throw std::invalid_argument(
        fmt::format("{}: num_hidden_groups = {} must be num_hidden_layers = {} with parameter_sharing = {}", kWhat,
                    num_hidden_groups, num_hidden_layers, parameter_sharing));
}

const PretrainedTraits& AlbertModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = AlbertFamily::traits("Model");
  return traits;
}

AlbertModelImpl::AlbertModelImpl(const AlbertConfig& config, bool with_pooler) : TaskModule(config) {
  config.validate();
  config_.add_pooling_layer = with_pooler;
  config_.num_hidden_groups = config.groups();
  const auto width = config.hidden_size;
  {
    const SkipInit filled_below;
    const TokenEmbeddingsOptions tokens = {.vocab_size = config.vocab_size,
                                           .positions = config.max_position_embeddings,
                                           .width = config.embedding_size,
                                           .token_types = config.type_vocab_size,
                                           .layer_norm_eps = config.layer_norm_eps,
                                           .dropout = config.hidden_dropout_prob,
                                           .padding = config.pad_token_id,
                                           .adds_positions = config.positions() == PositionType::kAbsolute};
    embeddings = register_module("embeddings", TokenEmbeddings(tokens));
    projection = register_nested(*this, "encoder.embedding_hidden_mapping_in", Linear(config.embedding_size, width));
    const auto inner = static_cast<std::size_t>(config.inner_group_num);
    std::vector<PostNormLayer> own;  // those of group 0, then of group 1, ...
    for (std::int64_t group = 0; group < config.groups(); ++group) {
      for (std::size_t i = 0; i < inner; ++i) {
        const auto shared = [&](const char* part) {
          return group > 0 && config.parameter_sharing == part ? own[i].get() : nullptr;
        };
        const PostNormLayer layer(layer_options(config), shared("attention"), shared("feed_forward"));
        const auto path = fmt::format("encoder.albert_layer_groups.{}.albert_layers.{}", group, i);
        own.push_back(register_nested(*this, path, layer));
      }
      depth_patterns_.push_back(fmt::format("*encoder.albert_layer_groups.{}.*", group));
    }
    const double run = static_cast<double>(config.num_hidden_layers) / static_cast<double>(config.groups());
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i) {
      const auto group = static_cast<std::size_t>(static_cast<double>(i) / run);
      for (std::size_t j = 0; j < inner; ++j) layers.push_back(own[group * inner + j]);
    }
    if (with_pooler) pooler = register_module("pooler", Linear(width, width));
  }
  if (!SkipInit::active()) init_encoder(*this, config.initializer_range, config.pad_token_id);
}

PretrainedTraits AlbertFamily::traits(const std::string& task) {
  return {.model_type = "albert",
          .architecture = "Albert" + task,
          .base_model_prefix = "albert",
          .heads = {"predictions.", "sop_classifier.", "classifier.", "qa_outputs."},
          .optional_parts = {"pooler."},
          .ignored_suffixes = {".embeddings.position_ids", ".embeddings.token_type_ids"},
          .tied = {{"predictions.decoder.weight", "albert.embeddings.word_embeddings.weight", "tie_word_embeddings"},
                   {"predictions.decoder.bias", "predictions.bias", "tie_word_embeddings"}},
          .copied = ".albert_layer_groups."};
}

VocabularyHeadOptions AlbertFamily::masked_lm(const AlbertConfig& config) {
  return {.dense = "predictions.dense",
          .norm = "predictions.LayerNorm",
          .decoder = "predictions.decoder",
          .bias = "predictions.bias",
          .width = config.hidden_size,
          .embedding_width = config.embedding_size,
          .activation = activation_from_name(config.hidden_act),
          .layer_norm_eps = config.layer_norm_eps,
          .tied = config.tie_word_embeddings};
}

}  // namespace langzoo
