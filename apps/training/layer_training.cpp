#include "apps/training/layer_training.h"

#include <cmath>

#include <fmt/format.h>

#include "data/files/config_error.h"
#include "models/encoder.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// Of a model that has one, or of the parts of one that is pretrained with another (ELECTRA).
std::vector<Encoder*> encoders_in(torch::nn::Module& model) {
  if (auto* const owner = dynamic_cast<EncoderModel*>(&model)) return {&owner->encoder()};
  std::vector<Encoder*> encoders;
  for (const auto& child : model.children()) {
    if (auto* const owner = dynamic_cast<EncoderModel*>(child.get())) encoders.push_back(&owner->encoder());
  }
  return encoders;
}

}  // namespace

void LayerTraining::for_each_field(FieldVisitor& visit) {
  visit(
      "layer_decay", layer_decay,
      {.most = 1, .above = 0, .help = "a layer's learning rate beside that of the one above it; the head's is whole"});
  visit("freeze_embeddings", freeze_embeddings, {.help = "the embeddings do not learn"});
  visit("freeze_layers", freeze_layers, {.least = 0, .help = "nor do so many layers from below, and the embeddings"});
  visit("gradient_checkpointing", gradient_checkpointing,
        {.help = "layers are computed again for their gradients: less memory, more time"});
}

std::vector<ParameterRule> LayerTraining::apply(torch::nn::Module& model) const {
  const bool asks = layer_decay != 1 || freeze_embeddings || freeze_layers > 0 || gradient_checkpointing;
  if (!asks) return {};
  const auto encoders = encoders_in(model);
  if (encoders.empty()) throw ConfigError("train.layer_decay, train.freeze_layers: the model has no encoder");
  for (auto* const encoder : encoders) encoder->set_gradient_checkpointing(gradient_checkpointing);
  const auto patterns = encoders.front()->depth_patterns();  // the embeddings, then each layer
  const auto depths = std::ssize(patterns);
  if (freeze_layers >= depths) {
    throw ConfigError(
        fmt::format("train.freeze_layers = {}: the model has {} that learn by themselves", freeze_layers, depths - 1));
  }
  std::vector<ParameterRule> rules;
  for (std::int64_t depth = 0; depth < depths; ++depth) {
    const bool frozen = freeze_layers > 0 ? depth <= freeze_layers : freeze_embeddings && depth == 0;
    const auto scale = std::pow(layer_decay, static_cast<double>(depths - depth));
    if (!frozen && scale == 1) continue;
    rules.push_back({.pattern = patterns[static_cast<std::size_t>(depth)], .lr_scale = scale, .frozen = frozen});
  }
  return rules;
}

}  // namespace langzoo
