/// fastText's classifier: the mean of the vectors of a text's words and word n-grams, and a linear layer on it. The
/// n-grams share a table of `bucket` vectors, in which a hash of their words finds theirs.
///
/// Paper: Joulin et al., "Bag of Tricks for Efficient Text Classification", 2017. With the full softmax, not the
/// hierarchical one.
///
/// Letters: B batch, T tokens, C width (dim), V vocabulary.
#pragma once

#include <torch/nn/modules/embedding.h>

#include "models/layers/linear.h"
#include "models/sequence_classifier.h"
#include "models/task_module.h"

namespace langzoo {

/// Named as fastText's own options; the labels as in transformers.
struct FastTextConfig {
  std::int64_t vocab_size = kFromTokenizer;
  std::int64_t dim = 100;
  std::int64_t word_ngrams = 1;  ///< the longest that count
  std::int64_t bucket = 100'000;
  double dropout = 0;
  ClassLabels labels;

  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming the first impossible field and its value.
  void validate() const;
};

class FastTextForSequenceClassificationImpl
    : public TaskModule<FastTextForSequenceClassificationImpl, FastTextConfig, SequenceClassifier> {
 public:
  static const PretrainedTraits& pretrained_traits();

  /// Initialised as fastText does: embeddings U(-1/C, 1/C), the classifier 0.
  explicit FastTextForSequenceClassificationImpl(const Config& config);

  const ClassLabels& labels() const override { return config_.labels; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }
  /// A text has no segments here.
  torch::Tensor logits(const TokenInputs& inputs) override;
  torch::Tensor logits(const torch::Tensor& ids, const torch::Tensor& mask) {
    return logits({.ids = ids, .attention_mask = mask});
  }

  torch::nn::Embedding embeddings{nullptr};  ///< (V + bucket, C); V rows without n-grams
  Linear classifier{nullptr};
};
TORCH_MODULE(FastTextForSequenceClassification);

}  // namespace langzoo
