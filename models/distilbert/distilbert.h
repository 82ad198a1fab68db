/// DistilBERT: BERT with half the layers and neither segments nor a pooler, trained to give what BERT gives.
///
/// Paper: Sanh et al., "DistilBERT, a distilled version of BERT: smaller, faster, cheaper and lighter", 2019. Mirrors
/// transformers' modeling_distilbert.py; parameter names are its state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::DistilBertForMaskedLm>("distilbert-base-uncased");
#pragma once

#include <cstdint>
#include <string>

#include "models/encoder_heads.h"
#include "models/encoder_stack.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "distilbert", key by key; the defaults are distilbert-base-uncased.
struct DistilBertConfig : EncoderBaseConfig {
  bool sinusoidal_pos_embds = false;  ///< how the places' vectors begin
  std::int64_t n_layers = 6;
  std::int64_t n_heads = 12;
  std::int64_t dim = 768;
  std::int64_t hidden_dim = 3072;
  double dropout = 0.1;
  double attention_dropout = 0.1;
  std::string activation = "gelu";
  double qa_dropout = 0.1;
  double seq_classif_dropout = 0.2;

  void for_each_field(FieldVisitor& visit);
  void validate() const;
};

class DistilBertModelImpl : public TaskModule<DistilBertModelImpl, DistilBertConfig, EncoderStack> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// There is no pooler.
  explicit DistilBertModelImpl(const DistilBertConfig& config, bool pooler = false);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }

 protected:
  const char* family_name() const override { return "distilbert"; }
};
TORCH_MODULE(DistilBertModel);

/// For models/encoder_heads.h.
struct DistilBertFamily {
  using Config = DistilBertConfig;
  using Model = DistilBertModel;
  static constexpr const char* kName = "distilbert";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    return {.dense = "pre_classifier", .activation = Activation::kRelu, .dropout = config.seq_classif_dropout};
  }
  static VectorHeadOptions choice(const Config& config) { return classifier(config); }
  static double tagging_dropout(const Config& config) { return config.dropout; }
  static double answer_dropout(const Config& config) { return config.qa_dropout; }
};

using DistilBertForMaskedLmImpl = ForMaskedLmImpl<DistilBertFamily>;
using DistilBertForSequenceClassificationImpl = ForSequenceClassificationImpl<DistilBertFamily>;
using DistilBertForMultipleChoiceImpl = ForMultipleChoiceImpl<DistilBertFamily>;
using DistilBertForTokenClassificationImpl = ForTokenClassificationImpl<DistilBertFamily>;
using DistilBertForQuestionAnsweringImpl = ForQuestionAnsweringImpl<DistilBertFamily>;
TORCH_MODULE(DistilBertForMaskedLm);
TORCH_MODULE(DistilBertForSequenceClassification);
TORCH_MODULE(DistilBertForMultipleChoice);
TORCH_MODULE(DistilBertForTokenClassification);
TORCH_MODULE(DistilBertForQuestionAnswering);

}  // namespace langzoo
