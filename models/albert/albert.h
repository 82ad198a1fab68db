/// ALBERT: BERT with embeddings narrower than the layers, and layers that share their parameters: groups of them, all
/// in one group unless told otherwise. It is pretrained to tell whether two consecutive segments are in order.
///
/// Paper: Lan et al., "ALBERT: A Lite BERT for Self-supervised Learning of Language Representations", 2020. Mirrors
/// transformers' modeling_albert.py; parameter names are its state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::AlbertForMaskedLm>("albert-base-v2");
#pragma once

#include <cstdint>
#include <string>

#include "models/encoder_heads.h"
#include "models/encoder_stack.h"

namespace langzoo {

/// Hugging Face's config.json of model_type "albert", key by key, and how layers share; the defaults are
/// albert-xxlarge-v2.
struct AlbertConfig : EncoderConfig {
  std::int64_t embedding_size = 128;
  std::int64_t num_hidden_groups = 1;
  std::int64_t inner_group_num = 1;  ///< layers in a group: each of num_hidden_layers runs them all
  double classifier_dropout_prob = 0.1;
  /// "all": a group's layers share everything; "attention", "feed_forward": all layers share that; "none". The last
  /// three have as many groups as layers, and their files hold each layer, as transformers reads them.
  std::string parameter_sharing = "all";

  AlbertConfig();
  /// Version 2's "albert-base", "albert-large", "albert-xlarge" and "albert-xxlarge". std::invalid_argument for others.
  static AlbertConfig preset(const std::string& name);

  std::int64_t groups() const { return parameter_sharing == "all" ? num_hidden_groups : num_hidden_layers; }

  void for_each_field(FieldVisitor& visit);
  void validate() const;
};

class AlbertModelImpl : public TaskModule<AlbertModelImpl, AlbertConfig, EncoderStack> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit AlbertModelImpl(const AlbertConfig& config) : AlbertModelImpl(config, config.add_pooling_layer) {}
  AlbertModelImpl(const AlbertConfig& config, bool with_pooler);

  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return config_.max_position_embeddings; }

 protected:
  const char* family_name() const override { return "albert"; }
};
TORCH_MODULE(AlbertModel);

/// For models/encoder_heads.h.
struct AlbertFamily {
  using Config = AlbertConfig;
  using Model = AlbertModel;
  static constexpr const char* kName = "albert";
  static PretrainedTraits traits(const std::string& task);
  static VocabularyHeadOptions masked_lm(const Config& config);
  static VectorHeadOptions classifier(const Config& config) {
    return {.pooled = true, .dropout = config.classifier_dropout_prob};
  }
  static VectorHeadOptions choice(const Config& config) { return classifier(config); }
  static VectorHeadOptions sentence(const Config& config) {
    return {.output = "sop_classifier.classifier", .pooled = true, .dropout = config.classifier_dropout_prob};
  }
  static double tagging_dropout(const Config& config) { return config.classifier_dropout_prob; }
  static double answer_dropout(const Config& /*config*/) { return 0; }
};

using AlbertForPreTrainingImpl = ForPreTrainingImpl<AlbertFamily>;
using AlbertForMaskedLmImpl = ForMaskedLmImpl<AlbertFamily>;
using AlbertForSequenceClassificationImpl = ForSequenceClassificationImpl<AlbertFamily>;
using AlbertForMultipleChoiceImpl = ForMultipleChoiceImpl<AlbertFamily>;
using AlbertForTokenClassificationImpl = ForTokenClassificationImpl<AlbertFamily>;
using AlbertForQuestionAnsweringImpl = ForQuestionAnsweringImpl<AlbertFamily>;
TORCH_MODULE(AlbertForPreTraining);
TORCH_MODULE(AlbertForMaskedLm);
TORCH_MODULE(AlbertForSequenceClassification);
TORCH_MODULE(AlbertForMultipleChoice);
TORCH_MODULE(AlbertForTokenClassification);
TORCH_MODULE(AlbertForQuestionAnswering);

}  // namespace langzoo
