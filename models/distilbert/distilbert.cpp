#include "models/distilbert/distilbert.h"

#include <stdexcept>

#include <fmt/format.h>

#include "models/layers/init.h"
#include "models/layers/nested.h"
#include "models/layers/positions.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr double kLayerNormEps = 1e-12;

constexpr PostNormLayerNames kLayerNames = {.query = "attention.q_lin",
                                            .key = "attention.k_lin",
                                            .value = "attention.v_lin",
                                            .attention_output = "attention.out_lin",
                                            .attention_norm = "sa_layer_norm",
                                            .inner = "ffn.lin1",
                                            .outer = "ffn.lin2",
                                            .output_norm = "output_layer_norm"};

}  // namespace

void DistilBertConfig::for_each_field(FieldVisitor& visit) {
  visit_base_fields(visit);
  visit("sinusoidal_pos_embds", sinusoidal_pos_embds, {.help = "the places' vectors begin as sines and cosines"});
  visit("n_layers", n_layers, {.least = 1, .most = 4096, .alias = "num_hidden_layers", .help = "layers"});
  visit("n_heads", n_heads, size_field("attention heads, which share the width", "num_attention_heads"));
  visit("dim", dim, size_field("width", "hidden_size"));
  visit("hidden_dim", hidden_dim, size_field("width of the feed-forward layers"));
  visit("dropout", dropout, dropout_field("dropout of the embeddings and of what feed-forward layers add"));
  visit("attention_dropout", attention_dropout, dropout_field("dropout of the attention weights"));
  visit("activation", activation, {.help = "activation of the feed-forward layers"});
  visit("qa_dropout", qa_dropout, dropout_field("dropout of what question answering reads"));
  visit("seq_classif_dropout", seq_classif_dropout,
        dropout_field("dropout of what classification and multiple choice read"));
}

void DistilBertConfig::validate() const {
  constexpr const char* kWhat = "distilbert config";
  check_fields(*this, kWhat);
  if (dim % n_heads != 0)
    throw std::invalid_argument(fmt::format("{}: dim = {} must be a multiple of n_heads = {}", kWhat, dim, n_heads));
  check_activation(kWhat, "activation", activation);
  labels.validate(kWhat);
}

const PretrainedTraits& DistilBertModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = DistilBertFamily::traits("Model");
  return traits;
}

DistilBertModelImpl::DistilBertModelImpl(const DistilBertConfig& config, bool /*pooler*/) : TaskModule(config) {
  config.validate();
  {
    const SkipInit filled_below;
    const TokenEmbeddingsOptions tokens = {.vocab_size = config.vocab_size,
                                           .positions = config.max_position_embeddings,
                                           .width = config.dim,
                                           .layer_norm_eps = kLayerNormEps,
                                           .dropout = config.dropout,
                                           .padding = config.pad_token_id};
    embeddings = register_module("embeddings", TokenEmbeddings(tokens));
    const PostNormLayerOptions options = {.names = kLayerNames,
                                          .width = config.dim,
                                          .heads = config.n_heads,
                                          .inner_width = config.hidden_dim,
                                          .activation = activation_from_name(config.activation),
                                          .layer_norm_eps = kLayerNormEps,
                                          .attention_dropout = config.attention_dropout,
                                          .output_dropout = config.dropout};
    for (std::int64_t i = 0; i < config.n_layers; ++i)
      add_layer(*this, fmt::format("transformer.layer.{}", i), PostNormLayer(options));
  }
  if (SkipInit::active()) return;
  init_encoder(*this, config.initializer_range, config.pad_token_id);
  if (!config.sinusoidal_pos_embds) return;
  const torch::NoGradGuard no_grad;
  embeddings->position_embeddings->weight.copy_(
      sinusoidal_positions(config.max_position_embeddings, config.dim, SinusoidLayout::kInterleaved));
}

PretrainedTraits DistilBertFamily::traits(const std::string& task) {
  return {.model_type = "distilbert",
          .architecture = "DistilBert" + task,
          .base_model_prefix = "distilbert",
          .heads = {"vocab_transform.", "vocab_layer_norm.", "vocab_projector.", "pre_classifier.", "classifier.",
                    "qa_outputs."},
          .ignored_suffixes = {".embeddings.position_ids"},
          .tied = {{"vocab_projector.weight", "distilbert.embeddings.word_embeddings.weight", "tie_word_embeddings"}}};
}

VocabularyHeadOptions DistilBertFamily::masked_lm(const DistilBertConfig& config) {
  return {.dense = "vocab_transform",
          .norm = "vocab_layer_norm",
          .decoder = "vocab_projector",
          .width = config.dim,
          .embedding_width = config.dim,
          .activation = activation_from_name(config.activation),
          .layer_norm_eps = kLayerNormEps,
          .tied = config.tie_word_embeddings};
}

}  // namespace langzoo
