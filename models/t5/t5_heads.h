/// T5's encoder alone, and its heads for tasks whose answers are no text. The classifier and the answerer let the
/// decoder write what the encoder has read, and look at the decoder's states; the tagger looks at the encoder's.
///
/// Mirrors transformers' T5EncoderModel, T5ForSequenceClassification, T5ForTokenClassification and
/// T5ForQuestionAnswering.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "models/encoder.h"
#include "models/question_answering.h"
#include "models/sequence_classifier.h"
#include "models/t5/t5.h"
#include "models/token_classifier.h"

namespace langzoo {

class T5EncoderModelImpl : public T5TaskModule<T5EncoderModelImpl, BareEncoder> {
 public:
  static constexpr const char* kTask = "EncoderModel";

  explicit T5EncoderModelImpl(const T5Config& config, const PretrainedTraits& traits = pretrained_traits());

  /// Segments have no part in it. The scores asked for have the positions' biases.
  EncoderOutput encode(const TokenInputs& inputs, const EncoderWants& wants = {}) override;
  std::int64_t width() const override { return config_.d_model; }
  std::int64_t num_layers() const override { return config_.num_layers; }
  void set_gradient_checkpointing(bool on) override { body.encoder->set_gradient_checkpointing(on); }
  std::vector<std::string> depth_patterns() const override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  T5Body body;
};
TORCH_MODULE(T5EncoderModel);

/// Classes of a text by the decoder's state at its last end token.
class T5ForSequenceClassificationImpl : public T5TaskModule<T5ForSequenceClassificationImpl, SequenceClassifier> {
 public:
  static constexpr const char* kTask = "ForSequenceClassification";

  explicit T5ForSequenceClassificationImpl(const T5Config& config,
                                           const PretrainedTraits& traits = pretrained_traits());

  const ClassLabels& labels() const override { return config_.labels; }
  ProblemType problem_type() const override { return config_.problem(); }
  /// Throws std::invalid_argument for a row without an end token.
  torch::Tensor logits(const TokenInputs& inputs) override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  T5Body body;

 private:
  Linear dense_{nullptr}, out_proj_{nullptr};
};
TORCH_MODULE(T5ForSequenceClassification);

class T5ForTokenClassificationImpl : public T5TaskModule<T5ForTokenClassificationImpl, TokenClassifier>,
                                     public EncoderModel {
 public:
  static constexpr const char* kTask = "ForTokenClassification";

  explicit T5ForTokenClassificationImpl(const T5Config& config, const PretrainedTraits& traits = pretrained_traits());

  const ClassLabels& labels() const override { return config_.labels; }
  torch::Tensor logits(const TokenInputs& inputs) override;
  Encoder& encoder() override { return *transformer; }
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  T5EncoderModel transformer{nullptr};

 private:
  Linear classifier_{nullptr};
};
TORCH_MODULE(T5ForTokenClassification);

class T5ForQuestionAnsweringImpl : public T5TaskModule<T5ForQuestionAnsweringImpl, QuestionAnswerer> {
 public:
  static constexpr const char* kTask = "ForQuestionAnswering";

  /// Throws std::invalid_argument unless there are two labels, the start's and the end's.
  explicit T5ForQuestionAnsweringImpl(const T5Config& config, const PretrainedTraits& traits = pretrained_traits());

  SpanLogits logits(const TokenInputs& inputs) override;
  std::int64_t vocab_size() const override { return config_.vocab_size; }
  std::int64_t n_positions() const override { return 0; }

  T5Body body;

 private:
  Linear qa_outputs_{nullptr};
};
TORCH_MODULE(T5ForQuestionAnswering);

using Mt5EncoderModelImpl = Mt5Impl<T5EncoderModelImpl>;
using Mt5ForSequenceClassificationImpl = Mt5Impl<T5ForSequenceClassificationImpl>;
using Mt5ForTokenClassificationImpl = Mt5Impl<T5ForTokenClassificationImpl>;
using Mt5ForQuestionAnsweringImpl = Mt5Impl<T5ForQuestionAnsweringImpl>;
TORCH_MODULE(Mt5EncoderModel);
TORCH_MODULE(Mt5ForSequenceClassification);
TORCH_MODULE(Mt5ForTokenClassification);
TORCH_MODULE(Mt5ForQuestionAnswering);

}  // namespace langzoo
