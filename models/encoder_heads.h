/// The heads of BERT and its relatives, as each kind of task asks for them. A family says what their parameters are
/// called and what differs, in a struct that has
///
///     using Config = BertConfig;                            // a kind of EncoderConfig, or what has its members
///     using Model = BertModel;                              // Model(config, bool pooler), with word_embeddings()
///     static constexpr const char* kName = "bert";          // begins errors
///     static PretrainedTraits traits(const std::string& task);   // of "Bert" + task: "ForMaskedLM"
///     static VocabularyHeadOptions masked_lm(const Config&);
///     static VectorHeadOptions classifier(const Config&), choice(const Config&), sentence(const Config&);
///     static double tagging_dropout(const Config&), answer_dropout(const Config&);
///
/// and names the classes: `using BertForMaskedLmImpl = ForMaskedLmImpl<BertFamily>; TORCH_MODULE(BertForMaskedLm);`
#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>

#include <torch/nn/modules/normalization.h>

#include "models/encoder.h"
#include "models/encoder_config.h"
#include "models/layers/activations.h"
#include "models/layers/linear.h"
#include "models/masked_lm.h"
#include "models/multiple_choice.h"
#include "models/next_sentence.h"
#include "models/question_answering.h"
#include "models/sequence_classifier.h"
#include "models/task_module.h"
#include "models/token_classifier.h"

namespace langzoo {

/// Paths are the parameters' below the model.
struct VectorHeadOptions {
  std::string dense = {};  ///< empty: none
  std::string output = "classifier";
  bool pooled = false;  ///< reads the pooler's vector, not the first token's
  Activation activation = Activation::kTanh;
  double dropout_before = 0, dropout = 0;  ///< of what the dense layer, and the last one, reads
};

/// Scores of a row, from one vector of it: activation(x A^T + a) W^T + b.
class VectorHead {
 public:
  VectorHead(torch::nn::Module& at, const VectorHeadOptions& options, std::int64_t width, std::int64_t outputs);

  /// Shapes: (B, outputs).
  torch::Tensor operator()(const EncoderOutput& encoded);

 private:
  const torch::nn::Module& at_;
  VectorHeadOptions options_;
  Linear dense_{nullptr}, output_{nullptr};
};

/// Scores of every token: x W^T + b.
class TokenHead {
 public:
  TokenHead(torch::nn::Module& at, const char* name, double dropout, std::int64_t width, std::int64_t outputs);

  /// Shapes: hidden (B,T,C) -> (B,T,outputs).
  torch::Tensor operator()(const torch::Tensor& hidden);

 private:
  const torch::nn::Module& at_;
  double dropout_;
  Linear output_{nullptr};
};

/// Paths are the parameters' below the model.
struct VocabularyHeadOptions {
  std::string dense, norm, decoder;
  std::string bias;  ///< empty: decoder.bias. Where the decoder is not tied, it has a bias besides, which counts alone
  std::int64_t width, embedding_width;
  Activation activation;
  double layer_norm_eps;
  bool tied;
};

/// Scores of every word of the vocabulary: LayerNorm(activation(x A^T + a)) W^T + b. Tied, W is the word embeddings,
/// which every call is given.
class VocabularyHead {
 public:
  VocabularyHead(torch::nn::Module& at, const VocabularyHeadOptions& options, std::int64_t vocab_size);

  /// Shapes: hidden (...,C), words (V,E) -> (...,V).
  torch::Tensor logits(const torch::Tensor& hidden, const torch::Tensor& words);
  /// Of the places whose label is not -100. Shapes: hidden (B,T,C), labels (B,T) int64, words (V,E) -> scalar.
  torch::Tensor loss_sum(const torch::Tensor& hidden, const torch::Tensor& labels, const torch::Tensor& words);
  /// Takes the values of another's parameters but W. Throws std::invalid_argument where sizes differ.
  void copy_from(const VocabularyHead& other);

 private:
  torch::Tensor transformed(const torch::Tensor& hidden);

  Activation activation_;
  Linear dense_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
  torch::Tensor own_weight_, bias_;
};

/// A model with such a head.
class VocabularyModel {
 public:
  virtual ~VocabularyModel() = default;
  virtual VocabularyHead& vocabulary_head() = 0;
};

/// The tokens at `places` among the B T. Shapes: hidden (B,T,C), places (N) -> (N,C).
torch::Tensor hidden_at(const torch::Tensor& hidden, const torch::Tensor& places);
/// Throws std::invalid_argument "FAMILY config: ..." unless there are two labels.
void check_two_labels(const char* family, const ClassLabels& labels, const char* task);
/// The choices as rows. Shapes: inputs (B,choices,T) -> (B choices, T).
TokenInputs choices_as_rows(const TokenInputs& inputs);

/// What models with a head have in common: the model without one, under its name.
template <class Impl, class Family, class Interface>
class EncoderTaskModule : public TaskModule<Impl, typename Family::Config, Interface>, public EncoderModel {
 public:
  using typename TaskModule<Impl, typename Family::Config, Interface>::Config;

  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = Family::traits(Impl::kTask);
    return traits;
  }

  std::int64_t vocab_size() const override { return this->config_.vocab_size; }
  std::int64_t n_positions() const override { return base->n_positions(); }
  std::int64_t n_segments() const override { return base->n_segments(); }
  Encoder& encoder() override { return *base; }

  typename Family::Model base{nullptr};  ///< registered as "bert", ...

 protected:
  EncoderTaskModule(const Config& config, bool pooler)
      : TaskModule<Impl, typename Family::Config, Interface>(config),
        base(this->register_module(Family::traits("").base_model_prefix, make_base(config, pooler))) {
    this->config_ = base->config();  // as the model takes it
  }

  /// What has no pooler is not asked about it.
  static typename Family::Model make_base(const Config& config, bool pooler) {
    if constexpr (std::is_constructible_v<typename Family::Model::ContainedType, const Config&, bool>)
      return typename Family::Model(config, pooler);
    else
      return typename Family::Model(config);
  }

  /// Of the head, as of the model: N(0, initializer_range^2), biases 0.
  void init_head() {
    if (SkipInit::active()) return;
    for (const auto& child : this->named_children()) {
      if (child.value().get() != base.get()) init_encoder(*child.value(), this->config_.initializer_range, {});
    }
    for (const auto& item : this->named_parameters(/*recurse=*/false)) item.value().detach().zero_();
  }
};

/// Masked LM, whatever judges the segments besides.
template <class Impl, class Family, class Interface>
class MaskedLmModule : public EncoderTaskModule<Impl, Family, Interface>, public VocabularyModel {
 public:
  MaskedLmModule(const typename Family::Config& config, bool pooler)
      : EncoderTaskModule<Impl, Family, Interface>(config, pooler),
        head_(*this, Family::masked_lm(config), config.vocab_size) {}

  torch::Tensor logits(const TokenInputs& inputs) override {
    return head_.logits(this->base->encode(inputs).hidden, this->base->word_embeddings());
  }
  torch::Tensor logits_at(const TokenInputs& inputs, const torch::Tensor& places) override {
    return head_.logits(hidden_at(this->base->encode(inputs).hidden, places), this->base->word_embeddings());
  }
  torch::Tensor loss_sum(const TokenInputs& inputs, const torch::Tensor& labels) override {
    return head_.loss_sum(this->base->encode(inputs).hidden, labels, this->base->word_embeddings());
  }
  VocabularyHead& vocabulary_head() override { return head_; }

 protected:
  VocabularyHead head_;
};

template <class Family>
class ForMaskedLmImpl : public MaskedLmModule<ForMaskedLmImpl<Family>, Family, MaskedLm> {
 public:
  static constexpr const char* kTask = "ForMaskedLM";

  explicit ForMaskedLmImpl(const typename Family::Config& config)
      : ForMaskedLmImpl::MaskedLmModule(config, /*pooler=*/false) {
    this->init_head();
  }
};

/// Masked LM and a judgement of the two segments.
template <class Family>
class ForPreTrainingImpl : public MaskedLmModule<ForPreTrainingImpl<Family>, Family, PretrainingModel> {
 public:
  static constexpr const char* kTask = "ForPreTraining";

  explicit ForPreTrainingImpl(const typename Family::Config& config)
      : ForPreTrainingImpl::MaskedLmModule(config, /*pooler=*/true),
        sentence_(*this, Family::sentence(config), config.hidden_size, 2) {
    this->init_head();
  }

  PretrainingLogits pretraining_logits(const TokenInputs& inputs) override {
    const auto encoded = this->base->encode(inputs);
    return {this->head_.logits(encoded.hidden, this->base->word_embeddings()), sentence_(encoded)};
  }
  PretrainingLoss pretraining_loss(const TokenInputs& inputs, const torch::Tensor& labels,
                                   const torch::Tensor& sentence_labels) override {
    const auto encoded = this->base->encode(inputs);
    return {this->head_.loss_sum(encoded.hidden, labels, this->base->word_embeddings()),
            cross_entropy(sentence_(encoded), sentence_labels)};
  }

 private:
  VectorHead sentence_;
};

template <class Family>
class ForNextSentencePredictionImpl
    : public EncoderTaskModule<ForNextSentencePredictionImpl<Family>, Family, NextSentencePredictor> {
 public:
  static constexpr const char* kTask = "ForNextSentencePrediction";

  explicit ForNextSentencePredictionImpl(const typename Family::Config& config)
      : ForNextSentencePredictionImpl::EncoderTaskModule(config, /*pooler=*/true),
        head_(*this, Family::sentence(config), config.hidden_size, 2) {
    this->init_head();
  }

  torch::Tensor logits(const TokenInputs& inputs) override { return head_(this->base->encode(inputs)); }

 private:
  VectorHead head_;
};

template <class Family>
class ForSequenceClassificationImpl
    : public EncoderTaskModule<ForSequenceClassificationImpl<Family>, Family, SequenceClassifier> {
 public:
  static constexpr const char* kTask = "ForSequenceClassification";

  explicit ForSequenceClassificationImpl(const typename Family::Config& config)
      : ForSequenceClassificationImpl::EncoderTaskModule(config, Family::classifier(config).pooled),
        head_(*this, Family::classifier(config), this->base->width(), config.labels.size()) {
    this->init_head();
  }

  const ClassLabels& labels() const override { return this->config_.labels; }
  ProblemType problem_type() const override { return this->config_.problem(); }
  torch::Tensor logits(const TokenInputs& inputs) override { return head_(this->base->encode(inputs)); }

 private:
  VectorHead head_;
};

template <class Family>
class ForMultipleChoiceImpl : public EncoderTaskModule<ForMultipleChoiceImpl<Family>, Family, MultipleChoice> {
 public:
  static constexpr const char* kTask = "ForMultipleChoice";

  explicit ForMultipleChoiceImpl(const typename Family::Config& config)
      : ForMultipleChoiceImpl::EncoderTaskModule(config, Family::choice(config).pooled),
        head_(*this, Family::choice(config), this->base->width(), 1) {
    this->init_head();
  }

  torch::Tensor logits(const TokenInputs& inputs) override {
    return head_(this->base->encode(choices_as_rows(inputs))).view({inputs.ids.size(0), inputs.ids.size(1)});
  }

 private:
  VectorHead head_;
};

template <class Family>
class ForTokenClassificationImpl
    : public EncoderTaskModule<ForTokenClassificationImpl<Family>, Family, TokenClassifier> {
 public:
  static constexpr const char* kTask = "ForTokenClassification";

  explicit ForTokenClassificationImpl(const typename Family::Config& config)
      : ForTokenClassificationImpl::EncoderTaskModule(config, /*pooler=*/false),
        head_(*this, "classifier", Family::tagging_dropout(config), this->base->width(), config.labels.size()) {
    this->init_head();
  }

  const ClassLabels& labels() const override { return this->config_.labels; }
  torch::Tensor logits(const TokenInputs& inputs) override { return head_(this->base->encode(inputs).hidden); }

 private:
  TokenHead head_;
};

template <class Family>
class ForQuestionAnsweringImpl : public EncoderTaskModule<ForQuestionAnsweringImpl<Family>, Family, QuestionAnswerer> {
 public:
  static constexpr const char* kTask = "ForQuestionAnswering";

  /// Throws std::invalid_argument unless there are two labels, the start's and the end's.
  explicit ForQuestionAnsweringImpl(const typename Family::Config& config)
      : ForQuestionAnsweringImpl::EncoderTaskModule(config, /*pooler=*/false),
        head_(*this, "qa_outputs", Family::answer_dropout(config), this->base->width(), 2) {
    check_two_labels(Family::kName, config.labels, "question answering");
    this->init_head();
  }

  SpanLogits logits(const TokenInputs& inputs) override {
    const auto both = head_(this->base->encode(inputs).hidden);  // (B,T,2)
    return {both.select(-1, 0), both.select(-1, 1)};
  }

 private:
  TokenHead head_;
};

}  // namespace langzoo
