/// BERT: a Transformer encoder that is pretrained to predict hidden tokens and whether one segment follows another.
/// Every token sees all others. Its ancestor GPT sees those before it and normalises before each part.
///
/// Paper: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding", 2019.
/// Mirrors transformers' modeling_bert.py (BertModel and the classes with heads); parameter names are its state-dict
/// names. TinyBERT's models are BERT's (Jiao et al. 2020).
///
///     auto model = langzoo::from_pretrained<langzoo::BertForSequenceClassification>("run");
///     auto logits = model->logits({.ids = ids, .token_type_ids = types, .attention_mask = mask});
///
/// Letters: B batch, T tokens, C width (hidden_size), H heads, K = C/H head width, V vocabulary.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "models/encoder_heads.h"
#include "models/encoder_stack.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "bert", key by key; the defaults are bert-base-uncased.
struct BertConfig : EncoderConfig {
  std::optional<double> classifier_dropout;  ///< hidden_dropout_prob when null

  /// Google's bert-base, bert-base-cased and bert-large, Turc et al.'s bert-tiny, bert-mini, bert-small and
  /// bert-medium, tinybert-4l and tinybert-6l. std::invalid_argument for others.
  static BertConfig preset(const std::string& name);

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;

  double head_dropout() const { return classifier_dropout.value_or(hidden_dropout_prob); }
};

/// What BERT calls the parameters of a layer.
extern const PostNormLayerNames kBertLayerNames;

/// How those that are wired like BERT differ from it.
struct BertWiring {
  bool pooler = false;
  std::optional<std::int64_t> embedding_size = {};  ///< of embeddings that are projected to the layers' width
  bool pads_positions = false;                      ///< as TokenEmbeddingsOptions
};
/// Registers BERT's parts, initialised, in the model `at`, which runs them as `stack`.
void wire_bert(torch::nn::Module& at, EncoderStack& stack, const EncoderConfig& config, const BertWiring& wiring);

/// The encoder. Initialised N(0, initializer_range^2), biases 0, from torch's default generator.
class BertModelImpl : public TaskModule<BertModelImpl, BertConfig, EncoderStack> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit BertModelImpl(const BertConfig& config) : BertModelImpl(config, config.add_pooling_layer) {}
  BertModelImpl(const BertConfig& config, bool with_pooler);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }

 protected:
  const char* family_name() const override { return "bert"; }
};
TORCH_MODULE(BertModel);

/// For models/encoder_heads.h.
struct BertFamily {
  using Config = BertConfig;
  using Model = BertModel;
  static constexpr const char* kName = "bert";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    return {.pooled = true, .dropout = config.head_dropout()};
  }
  static VectorHeadOptions choice(const Config& config) { return classifier(config); }
  static VectorHeadOptions sentence(const Config& /*config*/) {
    return {.output = "cls.seq_relationship", .pooled = true};
  }
  static double tagging_dropout(const Config& config) { return config.head_dropout(); }
  static double answer_dropout(const Config& /*config*/) { return 0; }
};

using BertForPreTrainingImpl = ForPreTrainingImpl<BertFamily>;
using BertForMaskedLmImpl = ForMaskedLmImpl<BertFamily>;
using BertForNextSentencePredictionImpl = ForNextSentencePredictionImpl<BertFamily>;
using BertForSequenceClassificationImpl = ForSequenceClassificationImpl<BertFamily>;
using BertForMultipleChoiceImpl = ForMultipleChoiceImpl<BertFamily>;
using BertForTokenClassificationImpl = ForTokenClassificationImpl<BertFamily>;
using BertForQuestionAnsweringImpl = ForQuestionAnsweringImpl<BertFamily>;
TORCH_MODULE(BertForPreTraining);
TORCH_MODULE(BertForMaskedLm);
TORCH_MODULE(BertForNextSentencePrediction);
TORCH_MODULE(BertForSequenceClassification);
TORCH_MODULE(BertForMultipleChoice);
TORCH_MODULE(BertForTokenClassification);
TORCH_MODULE(BertForQuestionAnswering);

}  // namespace langzoo
