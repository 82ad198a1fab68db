#include "models/ernie/ernie.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/layers/dropout.h"
#include "models/layers/init.h"
#include "models/layers/nested.h"
#include "models/losses/cross_entropy.h"
#include "third_party/torch.h"

namespace langzoo {

using torch::Tensor;

namespace {

torch::nn::LayerNorm layer_norm(std::int64_t width, double eps) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({width}).eps(eps));
}

std::int64_t count_of(const std::vector<std::string>& types, const char* type) {
  return std::count(types.begin(), types.end(), type);
}

}  // namespace

void ErnieConfig::for_each_field(FieldVisitor& visit) {
  visit_fields(visit);
  visit("entity_size", entity_size, size_field("width of the entities' vectors"));
  visit("num_entity_attention_heads", num_entity_attention_heads, size_field("attention heads of entities"));
  visit("layer_types", layer_types,
        {.choices = {"sim", "mix", "norm"},
         .help = "of each layer, sim first: sim (BERT's), mix (entities join), norm (they attend too); null: 5 of 12 "
                 "sim, one mix; all sim is BERT"});
  visit("entities", entities, {.help = "names of the entities, by id"});
  visit("classifier_dropout", classifier_dropout, dropout_field("dropout of what heads read"));
}

std::vector<std::string> ErnieConfig::types() const {
  if (!layer_types.empty()) return layer_types;
  std::vector<std::string> types;
  const auto first = std::max<std::int64_t>(1, (num_hidden_layers - 2) / 2);
  for (std::int64_t i = 0; i < num_hidden_layers; ++i)
    types.emplace_back(i < first ? "sim" : i == first ? "mix" : "norm");
  return types;
}

void ErnieConfig::validate() const {
  constexpr const char* kWhat = "ernie config";
  check_fields(*this, kWhat);
  check(kWhat);
  const auto all = types();
  const auto require = [&](bool holds, const std::string& what) {
    if (!holds) throw std::invalid_argument(fmt::format("{}: {}", kWhat, what));
  };
  require(static_cast<std::int64_t>(all.size()) == num_hidden_layers,
          fmt::format("layer_types = {} are {}, but num_hidden_layers = {}", fmt::join(all, ","), all.size(),
                      num_hidden_layers));
  const auto first = std::find_if(all.begin(), all.end(), [](const auto& type) { return type != "sim"; });
  require(
      first != all.begin() && std::find(first, all.end(), "sim") == all.end(),
      fmt::format("layer_types = {}: layers of type sim come first, and there is one at least", fmt::join(all, ",")));
  require(entity_size % num_entity_attention_heads == 0,
          fmt::format("entity_size = {} must be a multiple of num_entity_attention_heads = {}", entity_size,
                      num_entity_attention_heads));
  require(positions() == PositionType::kAbsolute,
          fmt::format("position_embedding_type = {}: ERNIE's positions are absolute", position_embedding_type));
}

FusedAttention::FusedAttention(torch::nn::Module& at, const std::string& suffix, std::int64_t width, std::int64_t heads,
                               const ErnieConfig& config)
    : heads(heads) {
  const auto linear = [&](const char* name) {
    return register_nested(at, fmt::format("attention.self{}.{}", suffix, name), Linear(width, width));
  };
  query = linear("query");
  key = linear("key");
  value = linear("value");
  output = register_nested(at, fmt::format("attention.output{}.dense", suffix), Linear(width, width));
  norm = register_nested(at, fmt::format("attention.output{}.LayerNorm", suffix),
                         layer_norm(width, config.layer_norm_eps));
}

Tensor FusedAttention::operator()(const Tensor& x, const TokenRows& rows, double attention_dropout, double dropout) {
  const bool training = norm->is_training();
  const auto attended =
      self_attend(query(x), key(x), value(x), rows, {.heads = heads, .dropout = training ? attention_dropout : 0.0});
  return norm(add_dropped(x, output(attended), dropout, training));
}

ErnieLayerImpl::ErnieLayerImpl(const ErnieConfig& config, bool entities_attend)
    : entities_attend_(entities_attend),
      attention_dropout_(config.attention_probs_dropout_prob),
      dropout_(config.hidden_dropout_prob),
      activation_(activation_from_name(config.hidden_act)) {
  const auto width = config.hidden_size, entity = config.entity_size, mixed = config.intermediate_size;
  attention = FusedAttention(*this, "", width, config.num_attention_heads, config);
  if (entities_attend)
    entity_attention = FusedAttention(*this, "_ent", entity, config.num_entity_attention_heads, config);
  inner = register_nested(*this, "intermediate.dense", Linear(width, mixed));
  inner_ent = register_nested(*this, "intermediate.dense_ent", Linear(entity, mixed));
  outer = register_nested(*this, "output.dense", Linear(mixed, width));
  outer_ent = register_nested(*this, "output.dense_ent", Linear(mixed, entity));
  norm = register_nested(*this, "output.LayerNorm", layer_norm(width, config.layer_norm_eps));
  norm_ent = register_nested(*this, "output.LayerNorm_ent", layer_norm(entity, config.layer_norm_eps));
}

ErnieStates ErnieLayerImpl::forward(const ErnieStates& before, const TokenRows& rows, const TokenRows& entity_rows,
                                    const Tensor& entity_mask) {
  const bool training = is_training();
  const auto w = attention(before.tokens, rows, attention_dropout_, dropout_);
  auto e = before.entities;
  if (entities_attend_) e = entity_attention(e, entity_rows, attention_dropout_, dropout_);
  e = e * entity_mask;
  const auto h = activate(inner(w) + inner_ent(e), activation_);
  return {norm(add_dropped(w, outer(h), dropout_, training)),
          norm_ent(add_dropped(e, outer_ent(h), dropout_, training))};
}

const PretrainedTraits& ErnieModelImpl::pretrained_traits() {
  static const PretrainedTraits traits = ErnieFamily::traits("Model");
  return traits;
}

ErnieModelImpl::ErnieModelImpl(const ErnieConfig& config, bool with_pooler) : TaskModule(config) {
  config.validate();
  config_.add_pooling_layer = with_pooler;
  const auto types = config.types();
  auto bert = static_cast<const EncoderConfig&>(config);
  bert.num_hidden_layers = count_of(types, "sim");
  {
    const SkipInit filled_below;
    wire_bert(*this, *this, bert, {});
    for (auto i = bert.num_hidden_layers; i < config.num_hidden_layers; ++i) {
      const bool attends = types[static_cast<std::size_t>(i)] == "norm";
      const auto path = fmt::format("encoder.layer.{}", i);
      fused_.push_back(register_nested(*this, path, ErnieLayer(config, attends)));
      depth_patterns_.push_back("*" + path + ".*");
    }
    // Not the stack's own, which would read what only its layers make.
    if (with_pooler) pool_ = register_nested(*this, "pooler.dense", Linear(config.hidden_size, config.hidden_size));
  }
  const auto count = static_cast<std::int64_t>(config.entities.size());
  entity_embeddings = register_buffer("entity_embeddings", torch::zeros({count, config.entity_size}));
  for (const auto& name : config.entities) entity_ids_.emplace(name, static_cast<std::int64_t>(entity_ids_.size()));
  if (static_cast<std::int64_t>(entity_ids_.size()) != count)
    throw std::invalid_argument("ernie config: entities: a name comes twice");
  if (!SkipInit::active()) init_encoder(*this, config.initializer_range, config.pad_token_id);
}

std::int64_t ErnieModelImpl::entity_id(const std::string& name) const {
  const auto found = entity_ids_.find(name);
  return found == entity_ids_.end() ? -1 : found->second;
}

EncoderOutput ErnieModelImpl::encode(const TokenInputs& inputs, const EncoderWants& wants) {
  auto output = EncoderStack::encode(inputs, wants);
  if (!fused_.empty()) {
    const auto ids = inputs.entity_ids.defined() ? inputs.entity_ids : at::full_like(inputs.ids, -1);
    if (ids.sizes() != inputs.ids.sizes()) throw std::invalid_argument("ernie: entity_ids must have the shape of ids");
    const auto named = ids >= 0;  // (B,T)
    const auto like = output.hidden.options();
    auto entities = at::zeros({ids.size(0), ids.size(1), config_.entity_size}, like);
    if (entity_embeddings.size(0) > 0) {
      const auto rows = torch::embedding(entity_embeddings, ids.clamp_min(0));
      entities = (rows * named.unsqueeze(-1)).to(like.dtype());
    }
    // Somebody has to be there to attend to: the first place.
    const auto first = at::arange(ids.size(1), ids.options()).eq(0);
    const auto mask = named.logical_or(first);
    TokenRows rows(inputs.attention_mask, /*pack=*/false, output.hidden.scalar_type());
    const TokenRows entity_rows(mask, /*pack=*/false, output.hidden.scalar_type());
    AttentionRecord record{.keeps_weights = wants.attentions, .keeps_scores = wants.attention_scores};
    if (wants.attentions || wants.attention_scores) rows.record = &record;
    ErnieStates states{output.hidden, entities};
    for (auto& layer : fused_) {
      states = layer(states, rows, entity_rows, mask.unsqueeze(-1).to(like.dtype()));
      if (wants.hidden_states) output.hidden_states.push_back(states.tokens);
    }
    output.hidden = states.tokens;
    const auto append = [](std::vector<Tensor>& to, const std::vector<Tensor>& more) {
      to.insert(to.end(), more.begin(), more.end());
    };
    append(output.attentions, record.weights);
    append(output.attention_scores, record.scores);
  }
  if (!pool_.is_empty()) output.pooled = at::tanh(pool_(output.hidden.select(1, 0)));
  return output;
}

PretrainedTraits ErnieFamily::traits(const std::string& task) {
  auto traits = BertFamily::traits(task);
  traits.model_type = "ernie-thu";
  traits.architecture = "Ernie" + task;
  return traits;
}

VocabularyHeadOptions ErnieFamily::masked_lm(const ErnieConfig& config) {
  BertConfig bert;
  static_cast<EncoderConfig&>(bert) = config;
  return BertFamily::masked_lm(bert);
}

ErnieForPreTrainingImpl::ErnieForPreTrainingImpl(const ErnieConfig& config)
    : MaskedLmModule(config, /*pooler=*/true), sentence_(*this, ErnieFamily::sentence(config), config.hidden_size, 2) {
  const std::string transform = "cls.predictions_ent.transform.";
  entity_dense_ = register_nested(*this, transform + "dense", Linear(config.hidden_size, config.entity_size));
  entity_norm_ = register_nested(*this, transform + "LayerNorm", layer_norm(config.entity_size, config.layer_norm_eps));
  init_head();
}

PretrainingLogits ErnieForPreTrainingImpl::pretraining_logits(const TokenInputs& inputs) {
  const auto encoded = base->encode(inputs);
  return {head_.logits(encoded.hidden, base->word_embeddings()), sentence_(encoded)};
}

PretrainingLoss ErnieForPreTrainingImpl::pretraining_loss(const TokenInputs& inputs, const Tensor& labels,
                                                          const Tensor& sentence_labels) {
  const auto loss = entity_pretraining_loss(inputs, labels, sentence_labels, {}, {});
  return {loss.masked_lm, loss.sentence};
}

Tensor ErnieForPreTrainingImpl::entity_logits(const Tensor& hidden, const Tensor& candidates) {
  const auto x = entity_norm_(activate(entity_dense_(hidden), activation_from_name(config_.hidden_act)));
  return at::matmul(x, base->entity_embeddings.index_select(0, candidates).to(x.scalar_type()).t());
}

Tensor ErnieForPreTrainingImpl::entity_logits_at(const TokenInputs& inputs, const Tensor& places,
                                                 const Tensor& candidates) {
  return entity_logits(hidden_at(base->encode(inputs).hidden, places), candidates);
}

EntityPretrainingLoss ErnieForPreTrainingImpl::entity_pretraining_loss(const TokenInputs& inputs, const Tensor& labels,
                                                                       const Tensor& sentence_labels,
                                                                       const Tensor& candidates,
                                                                       const Tensor& entity_labels) {
  const auto encoded = base->encode(inputs);
  EntityPretrainingLoss loss{head_.loss_sum(encoded.hidden, labels, base->word_embeddings()),
                             cross_entropy(sentence_(encoded), sentence_labels), Tensor()};
  if (!candidates.defined() || candidates.numel() == 0) return loss;
  const auto targets = entity_labels.flatten();
  const auto places = (targets != -100).nonzero().squeeze(1);
  loss.entities =
      cross_entropy(entity_logits(hidden_at(encoded.hidden, places), candidates), targets.index_select(0, places));
  return loss;
}

}  // namespace langzoo
