/// Recurrent taggers and classifiers: each token's state, or one vector of all, gives the labels' scores; a CRF on top
/// makes the tags of a sentence one choice. Before pretrained encoders (bert/) this was what tagged; fasttext/ is the
/// classifier without an order of words.
///
/// Papers: Huang, Xu and Yu 2015, https://arxiv.org/abs/1508.01991 (bidirectional LSTM and CRF); Lample et al. 2016,
/// https://arxiv.org/abs/1603.01360 (characters by an LSTM, tanh layer, singletons); Ma and Hovy 2016,
/// https://arxiv.org/abs/1603.01354 (characters by a CNN); Peters et al. 2018, https://arxiv.org/abs/1802.05365 (ELMo
/// as features); Yang et al. 2016, https://aclanthology.org/N16-1174 (attention as pooling). The recurrent layers are
/// torch.nn's by name, the CRF's weights pytorch-crf's.
///
///     langzoo-tagger train --task tagging --data train.conll --valid valid.conll --out run --set model.crf=true
///
/// Letters: B rows, T tokens, N labels, D directions of width H.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/layers/crf.h"
#include "models/layers/linear.h"
#include "models/losses/classification.h"
#include "models/sequence_classifier.h"
#include "models/tagger/tagger_encoder.h"
#include "models/token_classifier.h"

namespace langzoo {

/// config.json of model_type "tagger", architecture TaggerForTokenClassification.
struct TaggerConfig : TaggerEncoderConfig {
  bool crf = false;
  std::string crf_constraints = "auto";  ///< auto: those of the tags' scheme, BIO or IOBES; none
  std::int64_t projection_size = 0;      ///< a tanh layer below the scores; 0: none

  /// What the CRF allows of the labels; empty: all, or there is none.
  CrfConstraints constraints() const;
  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class TaggerForTokenClassificationImpl
    : public TaggerTaskModule<TaggerForTokenClassificationImpl, TaggerConfig, TokenClassifier> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Embeddings U(-sqrt(3/E), sqrt(3/E)), the rest as torch.nn and pytorch-crf.
  explicit TaggerForTokenClassificationImpl(const Config& config);

  /// Emissions, where there is a CRF. Shapes: (B,T) -> (B,T,N).
  torch::Tensor logits(const TokenInputs& inputs) override;
  bool labels_are_chained() const override { return config_.crf; }
  torch::Tensor loss_sum(const torch::Tensor& logits, const torch::Tensor& labels,
                         const LabelSmoothing& smoothing) const override;
  std::vector<std::int64_t> best_labels(const torch::Tensor& logits) const override;

  Linear projection{nullptr}, output{nullptr};
  LinearChainCrf crf{nullptr};
};
TORCH_MODULE(TaggerForTokenClassification);

/// config.json of model_type "tagger", architecture TaggerForSequenceClassification.
struct TaggerClassifierConfig : TaggerEncoderConfig {
  /// last: where each direction ends; mean, max: over the tokens; attention: sum_t softmax(v . tanh(W h_t + b))_t h_t.
  std::string pooling = "max";
  std::optional<std::string> problem_type;  ///< kProblemTypeNames; null: single_label_classification

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class TaggerForSequenceClassificationImpl
    : public TaggerTaskModule<TaggerForSequenceClassificationImpl, TaggerClassifierConfig, SequenceClassifier> {
 public:
  static const PretrainedTraits& pretrained_traits();

  explicit TaggerForSequenceClassificationImpl(const Config& config);

  ProblemType problem_type() const override;
  /// Of a text without tokens those of zeros. Shapes: (B,T) -> (B,N).
  torch::Tensor logits(const TokenInputs& inputs) override;
  /// What pooling makes of the states. Shapes: hidden (T,B,D H), last (B,D H), lengths (B) -> (B,D H).
  torch::Tensor pooled(const TaggerStates& states);

  Linear attention{nullptr}, attention_vector{nullptr}, output{nullptr};
};
TORCH_MODULE(TaggerForSequenceClassification);

}  // namespace langzoo
