#include "models/encoder_stack.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "models/knowledge_reader.h"
#include "models/layers/activation_checkpoint.h"
#include "models/layers/nested.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

/// Throws std::invalid_argument unless they fit each other and the model.
void check(const TokenInputs& inputs, std::int64_t max_tokens, const std::string& name) {
  const auto& ids = inputs.ids;
  const auto require = [&](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument(name + ": " + what);
  };
  require(ids.defined() && ids.dim() == 2 && ids.numel() > 0, "ids must be (B,T), not empty");
  require(ids.size(1) <= max_tokens,
          fmt::format("{} tokens in a row are more than the {} that the model takes", ids.size(1), max_tokens));
  const auto fits = [&](const Tensor& x) { return !x.defined() || x.sizes() == ids.sizes(); };
  require(fits(inputs.attention_mask), "attention_mask must have the shape of ids");
  require(fits(inputs.token_type_ids), "token_type_ids must have the shape of ids");
}

}  // namespace

Tensor EncoderStack::places(const Tensor& ids) const {
  return at::arange(ids.size(1), ids.options()).expand_as(ids);
}

std::int64_t EncoderStack::n_segments() const {
  const auto& segments = embeddings->token_type_embeddings;
  return segments.is_empty() ? 0 : segments->weight.size(0);
}

EncoderOutput EncoderStack::encode(const TokenInputs& inputs, const EncoderWants& wants) {
  check(inputs, n_positions(), family_name());
  const auto &ids = inputs.ids, &token_types = inputs.token_type_ids;
  if (inputs.entity_ids.defined() && dynamic_cast<KnowledgeReader*>(this) == nullptr)
    throw std::invalid_argument(std::string(family_name()) + ": knows no entities");
  const bool recorded = wants.attentions || wants.attention_scores;
  const bool relative = !layers.front()->distances.is_empty();
  TokenRows rows(inputs.attention_mask, !inputs.compute_padding && !recorded && !relative,
                 word_embeddings().scalar_type());
  AttentionRecord record{.keeps_weights = wants.attentions, .keeps_scores = wants.attention_scores};
  if (recorded) rows.record = &record;

  EncoderOutput output;
  const auto keep = [&](const Tensor& x) {
    if (wants.hidden_states) output.hidden_states.push_back(rows.unpack(x));
  };
  const auto types = token_types.defined() ? rows.pack(token_types) : Tensor();
  auto x = embeddings(rows.pack(ids), rows.pack(places(ids)), types);  // (R,T,C)
  if (!projection.is_empty()) x = projection(x);
  for (auto& layer : layers) {
    keep(x);
    auto* const run = layer.get();
    if (gradient_checkpointing_ && run->is_training() && !recorded)
      x = checkpoint([run, rows](const Tensor& y) { return run->forward(y, rows); }, x, run->parameters());
    else
      x = run->forward(x, rows);
  }
  keep(x);
  output.hidden = rows.unpack(x);
  if (!pooler.is_empty()) output.pooled = at::tanh(pooler(output.hidden.select(1, 0)));
  output.attentions = std::move(record.weights);
  output.attention_scores = std::move(record.scores);
  return output;
}

void EncoderStack::fit_config(EncoderConfig& config, const StateDict& file, LoadReport& /*report*/) {
  config.add_pooling_layer = std::any_of(file.begin(), file.end(), [](const auto& item) {
    return ("." + item.key()).find(".pooler.") != std::string::npos;
  });
}

void EncoderStack::share_embeddings(torch::nn::Module& at, const TokenEmbeddings& others) {
  embeddings = at.replace_module("embeddings", others);
}

void EncoderStack::add_layer(torch::nn::Module& at, const std::string& path, const PostNormLayer& layer) {
  layers.push_back(register_nested(at, path, layer));
  depth_patterns_.push_back("*" + path + ".*");
}

}  // namespace langzoo
