/// ELECTRA: BERT's encoder that is pretrained to tell which tokens a small generator, itself a masked LM, has replaced.
/// Embeddings may be narrower than the layers and are projected then; nothing is pooled.
///
/// Paper: Clark et al., "ELECTRA: Pre-training Text Encoders as Discriminators Rather Than Generators", 2020. Mirrors
/// transformers' modeling_electra.py; parameter names are its state-dict names. electra_pretraining.h has both models.
///
///     auto model = langzoo::from_pretrained<langzoo::ElectraForPreTraining>("electra-small-discriminator");
#pragma once

#include <cstdint>
#include <string>

#include "models/bert/bert.h"
#include "models/replaced_token_detector.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "electra", key by key; the defaults are electra-small-discriminator.
struct ElectraConfig : BertConfig {
  std::int64_t embedding_size = 128;
  std::string summary_activation = "gelu";  ///< of the multiple-choice head
  double summary_last_dropout = 0.1;

  ElectraConfig();
  /// The discriminators "electra-small", "electra-base" and "electra-large". std::invalid_argument for others.
  static ElectraConfig preset(const std::string& name);

  /// That of a generator as wide as `fraction` of this model, with its embeddings and as many layers (section 3.2).
  ElectraConfig generator(double fraction) const;

  void for_each_field(FieldVisitor& visit);
  void validate() const;
};

class ElectraModelImpl : public TaskModule<ElectraModelImpl, ElectraConfig, EncoderStack> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// There is no pooler.
  explicit ElectraModelImpl(const ElectraConfig& config, bool pooler = false);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }

 protected:
  const char* family_name() const override { return "electra"; }
};
TORCH_MODULE(ElectraModel);

/// For models/encoder_heads.h.
struct ElectraFamily {
  using Config = ElectraConfig;
  using Model = ElectraModel;
  static constexpr const char* kName = "electra";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    const double dropout = config.head_dropout();
    return {"classifier.dense", "classifier.out_proj", false, Activation::kGelu, dropout, dropout};
  }
  static VectorHeadOptions choice(const Config& config) {
    return {.dense = "sequence_summary.summary",
            .activation = activation_from_name(config.summary_activation),
            .dropout = config.summary_last_dropout};
  }
  static double tagging_dropout(const Config& config) { return config.head_dropout(); }
  static double answer_dropout(const Config& /*config*/) { return 0; }
};

/// The discriminator.
class ElectraForPreTrainingImpl
    : public EncoderTaskModule<ElectraForPreTrainingImpl, ElectraFamily, ReplacedTokenDetector> {
 public:
  static constexpr const char* kTask = "ForPreTraining";

  explicit ElectraForPreTrainingImpl(const ElectraConfig& config);

  torch::Tensor logits(const TokenInputs& inputs) override;

  Linear dense{nullptr}, dense_prediction{nullptr};
};
TORCH_MODULE(ElectraForPreTraining);

using ElectraForMaskedLmImpl = ForMaskedLmImpl<ElectraFamily>;  ///< the generator
using ElectraForSequenceClassificationImpl = ForSequenceClassificationImpl<ElectraFamily>;
using ElectraForMultipleChoiceImpl = ForMultipleChoiceImpl<ElectraFamily>;
using ElectraForTokenClassificationImpl = ForTokenClassificationImpl<ElectraFamily>;
using ElectraForQuestionAnsweringImpl = ForQuestionAnsweringImpl<ElectraFamily>;
TORCH_MODULE(ElectraForMaskedLm);
TORCH_MODULE(ElectraForSequenceClassification);
TORCH_MODULE(ElectraForMultipleChoice);
TORCH_MODULE(ElectraForTokenClassification);
TORCH_MODULE(ElectraForQuestionAnswering);

}  // namespace langzoo
