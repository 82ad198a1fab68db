/// RoBERTa: BERT pretrained for longer on more text and by masked language modelling alone. Its places are counted from
/// the padding's id on and leave padding out; its classifier reads the first token, not a pooler.
///
/// Paper: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019. Mirrors transformers'
/// modeling_roberta.py; parameter names are its state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::RobertaForMaskedLm>("roberta-base");
#pragma once

#include <string>

#include "models/bert/bert.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "roberta", key by key; the defaults are transformers'.
struct RobertaConfig : BertConfig {
  RobertaConfig();
  /// "roberta-base" and "roberta-large". std::invalid_argument for others.
  static RobertaConfig preset(const std::string& name);

  void validate() const;
};

class RobertaModelImpl : public TaskModule<RobertaModelImpl, RobertaConfig, EncoderStack> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit RobertaModelImpl(const RobertaConfig& config) : RobertaModelImpl(config, config.add_pooling_layer) {}
  RobertaModelImpl(const RobertaConfig& config, bool with_pooler);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  /// Places begin after the padding's.
  std::int64_t n_positions() const override { return config_.max_position_embeddings - *config_.pad_token_id - 1; }

 protected:
  const char* family_name() const override { return "roberta"; }
  torch::Tensor places(const torch::Tensor& ids) const override;
};
TORCH_MODULE(RobertaModel);

/// For models/encoder_heads.h.
struct RobertaFamily {
  using Config = RobertaConfig;
  using Model = RobertaModel;
  static constexpr const char* kName = "roberta";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    const double dropout = config.head_dropout();
    return {"classifier.dense", "classifier.out_proj", false, Activation::kTanh, dropout, dropout};
  }
  static VectorHeadOptions choice(const Config& config) {
    return {.pooled = true, .dropout = config.hidden_dropout_prob};
  }
  static double tagging_dropout(const Config& config) { return config.head_dropout(); }
  static double answer_dropout(const Config& /*config*/) { return 0; }
};

using RobertaForMaskedLmImpl = ForMaskedLmImpl<RobertaFamily>;
using RobertaForSequenceClassificationImpl = ForSequenceClassificationImpl<RobertaFamily>;
using RobertaForMultipleChoiceImpl = ForMultipleChoiceImpl<RobertaFamily>;
using RobertaForTokenClassificationImpl = ForTokenClassificationImpl<RobertaFamily>;
using RobertaForQuestionAnsweringImpl = ForQuestionAnsweringImpl<RobertaFamily>;
TORCH_MODULE(RobertaForMaskedLm);
TORCH_MODULE(RobertaForSequenceClassification);
TORCH_MODULE(RobertaForMultipleChoice);
TORCH_MODULE(RobertaForTokenClassification);
TORCH_MODULE(RobertaForQuestionAnswering);

}  // namespace langzoo
