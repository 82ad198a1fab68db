/// ERNIE of Tsinghua University: BERT whose last layers also read the entities that its tokens name, as vectors that a
/// knowledge graph was embedded into, and mix what both say. (Baidu's model of that name is BERT that hides entities
/// and phrases as a whole: data.phrases of langzoo-bert.)
///
/// Paper: Zhang et al., "ERNIE: Enhanced Language Representation with Informative Entities", 2019
/// (https://arxiv.org/abs/1905.07129). Mirrors thunlp/ERNIE's knowledge_bert/modeling.py, parameter names with it.
/// Entities stand at the first token of what names them, and their vectors do not learn.
///
///     auto model = langzoo::from_pretrained<langzoo::ErnieForRelationClassification>("run");
///     auto logits = model->logits({.ids = ids, .attention_mask = mask, .entity_ids = entities});
///
/// Letters: B batch, T tokens, C width (hidden_size), E width of entities (entity_size), F intermediate_size, N
/// entities.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "models/bert/bert.h"
#include "models/entity_pretraining.h"
#include "models/knowledge_reader.h"

namespace langzoo {

/// config.json of model_type "ernie-thu". What BERT's config has is read as BERT's.
struct ErnieConfig : EncoderConfig {
  std::int64_t entity_size = 100;
  std::int64_t num_entity_attention_heads = 4;
  /// Of each layer, the first ones first: sim (BERT's), mix (entities join, without attention of their own), norm
  /// (entities attend as well). Empty: the released model's proportions (5 of 12 sim, one mix).
  std::vector<std::string> layer_types;
  std::vector<std::string> entities;  ///< names, by id
  double classifier_dropout = 0.1;

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
  /// layer_types, with those that it stands for where it is empty.
  std::vector<std::string> types() const;

  /// The last ids of the vocabulary mark names: [ENT] around the one to be typed, [HD] and [TL] around those whose
  /// relation is asked for.
  static constexpr std::int64_t kMarkers = 3;
  std::int64_t marker(std::int64_t which) const { return vocab_size - kMarkers + which; }
};

/// A layer of self-attention with its norm, of tokens or of entities.
struct FusedAttention {
  FusedAttention() = default;
  /// Registers self.query, ... and output.dense, ... in `at`; of entities with "_ent" behind self and output.
  FusedAttention(torch::nn::Module& at, const std::string& suffix, std::int64_t width, std::int64_t heads,
                 const ErnieConfig& config);
  /// Shapes: x (B,T,C) -> (B,T,C).
  torch::Tensor operator()(const torch::Tensor& x, const TokenRows& rows, double attention_dropout, double dropout);

  std::int64_t heads = 1;
  Linear query{nullptr}, key{nullptr}, value{nullptr}, output{nullptr};
  torch::nn::LayerNorm norm{nullptr};
};

struct ErnieStates {
  torch::Tensor tokens;    ///< (B,T,C)
  torch::Tensor entities;  ///< (B,T,E), whatever it is where no token names one
};

/// The aggregator of section 3.3: both streams attend, each to itself, and a common hidden layer mixes them:
///
///     h = gelu(W_t w + b_t + W_e e + b_e),  w' = LN(w + W_t' h + b_t'),  e' = LN(e + W_e' h + b_e')
class ErnieLayerImpl : public torch::nn::Module {
 public:
  /// Without `entities_attend` a mix layer.
  ErnieLayerImpl(const ErnieConfig& config, bool entities_attend);

  /// Shapes: entity_mask (B,T,1), 0 where there is no entity.
  ErnieStates forward(const ErnieStates& before, const TokenRows& rows, const TokenRows& entity_rows,
                      const torch::Tensor& entity_mask);

  FusedAttention attention, entity_attention;
  Linear inner{nullptr}, inner_ent{nullptr}, outer{nullptr}, outer_ent{nullptr};
  torch::nn::LayerNorm norm{nullptr}, norm_ent{nullptr};

 private:
  bool entities_attend_;
  double attention_dropout_, dropout_;
  Activation activation_;
};
TORCH_MODULE(ErnieLayer);

/// The encoder. Initialised as BERT; entity_embeddings are zeros until they are given.
class ErnieModelImpl : public TaskModule<ErnieModelImpl, ErnieConfig, EncoderStack>, public KnowledgeReader {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit ErnieModelImpl(const ErnieConfig& config) : ErnieModelImpl(config, config.add_pooling_layer) {}
  ErnieModelImpl(const ErnieConfig& config, bool with_pooler);

  EncoderOutput encode(const TokenInputs& inputs, const EncoderWants& wants = {}) override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }
  std::int64_t num_layers() const override { return config_.num_hidden_layers; }
  /// The id of an entity; -1 where there is none of that name.
  std::int64_t entity_id(const std::string& name) const;

  torch::Tensor entity_embeddings;  ///< (N,E), a buffer

 protected:
  const char* family_name() const override { return "ernie"; }

 private:
  Linear pool_{nullptr};
  std::vector<ErnieLayer> fused_;
  std::unordered_map<std::string, std::int64_t> entity_ids_;
};
TORCH_MODULE(ErnieModel);

/// For models/encoder_heads.h.
struct ErnieFamily : BertFamily {
  using Config = ErnieConfig;
  using Model = ErnieModel;
  static constexpr const char* kName = "ernie";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    return {.pooled = true, .dropout = config.classifier_dropout};
  }
  static VectorHeadOptions sentence(const Config& /*config*/) { return BertFamily::sentence(BertConfig()); }
};
/// A classifier of texts of which so many names are marked: one is typed, of two the relation is asked for.
template <int kMarkedNames>
struct ErnieClassifierFamily : ErnieFamily {
  static PretrainedTraits traits(const std::string& task) {
    return ErnieFamily::traits(task.empty() ? "" : kMarkedNames == 1 ? "ForEntityTyping" : "ForRelationClassification");
  }
};
template <int kMarkedNames>
class ErnieClassifierImpl : public ForSequenceClassificationImpl<ErnieClassifierFamily<kMarkedNames>>,
                            public EntityReader {
 public:
  using ForSequenceClassificationImpl<ErnieClassifierFamily<kMarkedNames>>::ForSequenceClassificationImpl;
  std::int64_t entity_id(const std::string& name) const override { return this->base->entity_id(name); }
  std::int64_t marked_names() const override { return kMarkedNames; }
  std::int64_t marker(std::int64_t name) const override {
    return this->config().marker(kMarkedNames == 1 ? 0 : name + 1);
  }
};
using ErnieForEntityTypingImpl = ErnieClassifierImpl<1>;
using ErnieForRelationClassificationImpl = ErnieClassifierImpl<2>;
TORCH_MODULE(ErnieForEntityTyping);
TORCH_MODULE(ErnieForRelationClassification);

/// Masked LM, a judgement of the two segments, and the denoising entity auto-encoder (dEA, section 3.4): which of the
/// batch's entities a token names, from what the model makes of the token.
class ErnieForPreTrainingImpl : public MaskedLmModule<ErnieForPreTrainingImpl, ErnieFamily, EntityPretrainer> {
 public:
  static constexpr const char* kTask = "ForPreTraining";

  explicit ErnieForPreTrainingImpl(const ErnieConfig& config);

  PretrainingLogits pretraining_logits(const TokenInputs& inputs) override;
  PretrainingLoss pretraining_loss(const TokenInputs& inputs, const torch::Tensor& labels,
                                   const torch::Tensor& sentence_labels) override;
  const std::vector<std::string>& entity_names() const override { return config_.entities; }
  torch::Tensor entity_logits_at(const TokenInputs& inputs, const torch::Tensor& places,
                                 const torch::Tensor& candidates) override;
  EntityPretrainingLoss entity_pretraining_loss(const TokenInputs& inputs, const torch::Tensor& labels,
                                                const torch::Tensor& sentence_labels, const torch::Tensor& candidates,
                                                const torch::Tensor& entity_labels) override;

 private:
  /// Equation 5. Shapes: hidden (N,C), candidates (K) -> (N,K).
  torch::Tensor entity_logits(const torch::Tensor& hidden, const torch::Tensor& candidates);

  VectorHead sentence_;
  Linear entity_dense_{nullptr};
  torch::nn::LayerNorm entity_norm_{nullptr};
};
TORCH_MODULE(ErnieForPreTraining);

}  // namespace langzoo
