/// The heads of the GPT line. A model says what differs, in a struct that has
///
///     struct Gpt2Family : GptFamily<Gpt2Config, Gpt2Model> {              // a GptHeadFields and a GptModel
///       static constexpr const char* kName = "gpt2";                      // begins errors
///       static constexpr const char* kLmHead = "LMHeadModel";             // its language model is "GPT2" + this
///       static PretrainedTraits traits(const std::string& task);          // of "GPT2" + task
///     };
///
/// and names the classes: `using Gpt2LmHeadModelImpl = GptLmHeadModelImpl<Gpt2Family>; TORCH_MODULE(Gpt2LmHeadModel);`
/// Taggers and question answering are those of models/encoder_heads.h.
///
/// What reads a text reads its last token, which alone knows all of it; Radford et al. 2018, section 3.2.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/auxiliary_lm.h"
#include "models/causal_lm.h"
#include "models/encoder_heads.h"
#include "models/gpt/gpt_stack.h"
#include "models/gpt/gpt_step.h"
#include "models/io/class_labels.h"
#include "models/layers/linear.h"
#include "models/task_module.h"

namespace langzoo {

/// The part of a config that its heads need: the configs are derived from it. The keys are transformers', but for
/// pair_in_both_orders.
struct GptHeadFields {
  ClassLabels labels;
  std::optional<std::string> problem_type;   ///< kProblemTypeNames; null: one label is a number, more are classes
  double summary_first_dropout = 0.1;        ///< of what DoubleHeads' choices are scored by
  std::optional<double> classifier_dropout;  ///< of what a tagger reads; null: 0.1
  bool pair_in_both_orders = false;          ///< AuxiliaryLm::reads_both_orders()

  void visit_heads(FieldVisitor& visit);
  ProblemType problem() const;
};

/// What the families have alike.
template <class ConfigType, class ModelType>
struct GptFamily {
  using Config = ConfigType;
  using Model = ModelType;
  static double tagging_dropout(const Config& config) { return config.classifier_dropout.value_or(0.1); }
  static double answer_dropout(const Config& /*config*/) { return 0; }
};

/// Next-token logits and the states that they are of.
struct CausalLmOutput {
  torch::Tensor logits;  ///< (B,T,V)
  torch::Tensor hidden;  ///< (B,T,C) after the last block
};

PretrainedTraits gpt_traits(const std::string& model_type, const std::string& prefix, const std::string& words,
                            const std::string& task);

/// LogitsWithLm::lm_loss of rows whose padding, if any, is where `mask` is 0.
/// Shapes: hidden (B,T,C), ids and mask (B,T), words (V,C) -> scalar.
torch::Tensor lm_loss_of_rows(const torch::Tensor& hidden, const torch::Tensor& ids, const torch::Tensor& mask,
                              const torch::Tensor& words);

/// The output layer of a language model: untied one of its own, registered as `at`'s lm_head. Shapes: words (V,C).
Linear output_layer(torch::nn::Module& at, const torch::Tensor& words, bool tied);

/// The language model: next-token logits after every token.
template <class Family>
class GptLmHeadModelImpl : public TaskModule<GptLmHeadModelImpl<Family>, typename Family::Config, CausalLm>,
                           public GptLm {
 public:
  using typename TaskModule<GptLmHeadModelImpl<Family>, typename Family::Config, CausalLm>::Config;

  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = Family::traits(Family::kLmHead);
    return traits;
  }

  /// Initialised as the model; an output layer of its own as its matrices.
  explicit GptLmHeadModelImpl(const Config& config)
      : GptLmHeadModelImpl::TaskModule(config),
        transformer(this->register_module("transformer", typename Family::Model(config))),
        lm_head(output_layer(*this, transformer->word_embeddings(), config.tie_word_embeddings)) {
    if (!config.tie_word_embeddings && !SkipInit::active()) init_encoder(*lm_head, config.initializer_range, {});
  }

  /// Shapes: ids (B,T) int64 -> logits (B,T,V), hidden (B,T,C).
  CausalLmOutput forward(const torch::Tensor& ids, const GptInputs& inputs = {}) {
    const auto states = transformer->forward(ids, inputs);
    return {lm_head(states), states};
  }
  /// The cross-entropy of `targets` summed over those that are not -100, a scalar, without holding all logits.
  /// `targets[b][t]` is what follows ids[b][..t]: the caller has shifted them.
  /// Shapes: ids, targets (B,T) int64.
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets, const GptInputs& inputs) {
    return linear_cross_entropy(transformer->forward(ids, inputs).flatten(0, 1), lm_head->weight, targets.flatten());
  }

  std::int64_t n_positions() const override { return transformer->n_positions(); }
  std::int64_t vocab_size() const override { return transformer->vocab_size(); }
  std::vector<std::int32_t> end_tokens() const override {
    const auto& generation = this->generation_config;
    return token_ids(generation.file.empty() ? this->config_.eos_token_id : generation.eos_token_id);
  }
  torch::Tensor logits(const torch::Tensor& ids) override { return forward(ids).logits; }
  torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) override {
    return loss_sum(ids, targets, {});
  }
  std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) override {
    const auto self = std::static_pointer_cast<GptLmHeadModelImpl>(this->shared_from_this());
    return std::make_unique<GptStepFunction>(self, mask, capacity);
  }
  AttentionWeights attentions(const torch::Tensor& ids, std::int64_t most) override {
    AttentionWeights weights{AttentionKind::kDecoder, most};
    transformer->forward(ids, {.attentions = &weights});
    return weights;
  }
  const char* family_name() const override { return Family::kName; }
  GptModel& stack() override { return *transformer; }
  Linear& head() override { return lm_head; }

  void set_gradient_checkpointing(bool on) { transformer->set_gradient_checkpointing(on); }
  void train(bool on = true) override {
    torch::nn::Module::train(on);
    lm_head->train(on);
  }

  typename Family::Model transformer{nullptr};
  Linear lm_head{nullptr};  ///< registered only when not tied
};

/// Classification and regression of texts by their last tokens.
template <class Family>
class GptForSequenceClassificationImpl
    : public EncoderTaskModule<GptForSequenceClassificationImpl<Family>, Family, SequenceClassifier>,
      public AuxiliaryLm {
 public:
  static constexpr const char* kTask = "ForSequenceClassification";

  explicit GptForSequenceClassificationImpl(const typename Family::Config& config)
      : GptForSequenceClassificationImpl::EncoderTaskModule(config, /*pooler=*/false),
        score(this->register_module("score", Linear(this->base->width(), config.labels.size(), false))) {
    this->init_head();
  }

  const ClassLabels& labels() const override { return this->config_.labels; }
  ProblemType problem_type() const override { return this->config_.problem(); }
  /// Of several rows of an example, a pair in both orders, the sum. Shapes: inputs (B,T) or (B,rows,T) -> (B, labels).
  torch::Tensor logits(const TokenInputs& inputs) override {
    return by_example(inputs, score(this->base->encode(one_by_one(inputs)).pooled));
  }
  LogitsWithLm logits_with_lm(const TokenInputs& inputs) override {
    const auto rows = one_by_one(inputs);
    const auto encoded = this->base->encode(rows);
    return {by_example(inputs, score(encoded.pooled)),
            lm_loss_of_rows(encoded.hidden, rows.ids, rows.attention_mask, this->base->word_embeddings())};
  }
  bool reads_both_orders() const override { return this->config_.pair_in_both_orders; }

  Linear score{nullptr};

 private:
  static TokenInputs one_by_one(const TokenInputs& inputs) {
    return inputs.ids.dim() == 3 ? choices_as_rows(inputs) : inputs;
  }
  /// Shapes: scores (B rows, labels) -> (B, labels).
  static torch::Tensor by_example(const TokenInputs& inputs, const torch::Tensor& scores) {
    return inputs.ids.dim() == 3 ? scores.unflatten(0, {inputs.ids.size(0), inputs.ids.size(1)}).sum(1) : scores;
  }
};

/// Multiple choice by the last token of each choice, beside the language model.
template <class Family>
class GptDoubleHeadsModelImpl : public EncoderTaskModule<GptDoubleHeadsModelImpl<Family>, Family, MultipleChoice>,
                                public AuxiliaryLm {
 public:
  static constexpr const char* kTask = "DoubleHeadsModel";

  explicit GptDoubleHeadsModelImpl(const typename Family::Config& config)
      : GptDoubleHeadsModelImpl::EncoderTaskModule(config, /*pooler=*/false),
        lm_head(output_layer(*this, this->base->word_embeddings(), config.tie_word_embeddings)),
        head_(*this,
              {.output = "multiple_choice_head.summary", .pooled = true, .dropout = config.summary_first_dropout},
              this->base->width(), 1) {
    this->init_head();
  }

  torch::Tensor logits(const TokenInputs& inputs) override {
    return by_choice(inputs, head_(this->base->encode(choices_as_rows(inputs))));
  }
  LogitsWithLm logits_with_lm(const TokenInputs& inputs) override {
    const auto rows = choices_as_rows(inputs);
    const auto encoded = this->base->encode(rows);
    return {by_choice(inputs, head_(encoded)),
            lm_loss_of_rows(encoded.hidden, rows.ids, rows.attention_mask, lm_head->weight)};
  }

  Linear lm_head{nullptr};  ///< registered only when not tied

 private:
  /// Shapes: scores (B choices, 1) -> (B, choices).
  static torch::Tensor by_choice(const TokenInputs& inputs, const torch::Tensor& scores) {
    return scores.view({inputs.ids.size(0), inputs.ids.size(1)});
  }

  VectorHead head_;
};

}  // namespace langzoo
