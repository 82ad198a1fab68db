/// T5: every task is text to text, for one encoder-decoder that is pretrained to write the spans that were cut out of a
/// text. T5 1.0 and 1.1, FLAN-T5, ByT5 and mT5 are all of these classes; T5Config says what differs.
///
/// Papers: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2020;
/// Xue et al., "mT5", 2021, and "ByT5", 2022; Chung et al., "Scaling Instruction-Finetuned Language Models", 2022.
/// Mirrors transformers' modeling_t5.py and modeling_mt5.py; parameter names are their state-dict names.
///
///     auto model = langzoo::from_pretrained<langzoo::T5ForConditionalGeneration>("t5-small");
///     auto logits = model->forward(source, source_lengths, decoder_input);
///
/// Letters: as in t5_stack.h, V vocabulary, N tokens of packed rows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/encoder_decoder.h"
#include "models/t5/t5_stack.h"
#include "models/task_module.h"
#include "models/token_inputs.h"

namespace langzoo {

/// The embedding, the encoder and, of most models, the decoder, as parts of a module.
class T5Body {
 public:
  /// Registers the parts at `at`, not initialised.
  T5Body(torch::nn::Module& at, const T5Config& config, bool with_decoder);

  /// What the decoder reads of the sources. Shapes: source (B,S), padded on the right, source_lengths (B).
  std::vector<CrossKvCache> read(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                 AttentionWeights* weights = nullptr);
  /// The decoder's states. Shapes: as read(), decoder_input (B,T) -> (B,T,C).
  torch::Tensor decode(const torch::Tensor& source, const torch::Tensor& source_lengths,
                       const torch::Tensor& decoder_input);
  /// The same, of tokens alone: no padding is computed, of either side. Shapes: -> (1,N,C).
  torch::Tensor decode_packed(const torch::Tensor& source, const torch::Tensor& source_lengths,
                              const torch::Tensor& decoder_input, const PackedRows& targets);
  /// The decoder's states where it writes what the encoder has read. Padding on the left is no padding to the decoder,
  /// as in transformers. Shapes: inputs (B,T) -> (B,T,C).
  torch::Tensor decode_again(const TokenInputs& inputs, std::int64_t start_token);

  torch::nn::Embedding shared{nullptr};
  T5Stack encoder{nullptr}, decoder{nullptr};
};

/// How a class is known in Hugging Face directories; `task` is "ForConditionalGeneration" and the like.
PretrainedTraits t5_traits(const std::string& task);
/// Those of the model_type "mt5".
PretrainedTraits mt5_traits(PretrainedTraits t5);

/// Fills the parameters as the paper says, from torch's default generator, with transformers' numbers but for a
/// softmax's matrix of its own: N(0, 1/d_model), as in T5X.
void init_t5(torch::nn::Module& module, const T5Config& config);

/// Throws std::invalid_argument unless ids are (B,T), not empty, and the mask fits them.
void check_t5_inputs(const TokenInputs& inputs);

/// What T5's classes have in common. Impl has kTask, which is what its name ends with.
template <class Impl, class Interface>
class T5TaskModule : public TaskModule<Impl, T5Config, Interface> {
 public:
  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = t5_traits(Impl::kTask);
    return traits;
  }

  void save_pretrained(const std::filesystem::path& dir) const override {
    const GenerationConfig* generation = nullptr;
    if constexpr (requires { this->generation_config; }) generation = &this->generation_config;
    langzoo::save_pretrained(*this, this->config_, traits_, dir, generation);
  }

 protected:
  T5TaskModule(const T5Config& config, const PretrainedTraits& traits)
      : TaskModule<Impl, T5Config, Interface>(config), traits_(traits) {
    this->config_.validate();
    // Which files are to say.
    this->config_.scale_decoder_outputs = config.scales_outputs();
    this->config_.dense_act_fn = config.activation_name();
  }

  void init() {
    if (!SkipInit::active()) init_t5(*this, this->config_);
  }

 private:
  const PretrainedTraits& traits_;  ///< of the class or, derived from it, mT5's
};

/// mT5's class for one of T5's. Not under the names of another config, it never scales.
template <class T5Impl>
class Mt5Impl : public T5Impl {
 public:
  using Config = Mt5Config;

  static const PretrainedTraits& pretrained_traits() {
    static const PretrainedTraits traits = mt5_traits(T5Impl::pretrained_traits());
    return traits;
  }

  explicit Mt5Impl(Mt5Config config) : T5Impl(unscaled(config), pretrained_traits()) {}

 private:
  static const T5Config& unscaled(Mt5Config& config) {
    config.scale_decoder_outputs = false;
    return config;
  }
};

/// Text to text: the decoder's states' products with the embedding, or a matrix of its own.
class T5ForConditionalGenerationImpl : public T5TaskModule<T5ForConditionalGenerationImpl, EncoderDecoder> {
 public:
  static constexpr const char* kTask = "ForConditionalGeneration";

  explicit T5ForConditionalGenerationImpl(const T5Config& config, const PretrainedTraits& traits = pretrained_traits());

  /// For from_pretrained(): the softmax's matrix is the embedding unless `file` has another, whatever the config says.
  /// Throws std::invalid_argument where a stack has an embedding of its own.
  static void fit_config(T5Config& config, const StateDict& file, LoadReport& report);

  /// Next-token logits after every token of decoder_input. Throws std::invalid_argument where shapes do not fit.
  /// Shapes: source (B,S) padded on the right, source_lengths (B) in [1,S], decoder_input (B,T), all int64 -> (B,T,V).
  torch::Tensor forward(const torch::Tensor& source, const torch::Tensor& source_lengths,
                        const torch::Tensor& decoder_input);
  LabelStates label_states(const torch::Tensor& source, const torch::Tensor& source_lengths,
                           const torch::Tensor& decoder_input, const torch::Tensor& labels) override;
  /// What lm_head takes: hidden states, divided by sqrt(d_model) where the config says so.
  torch::Tensor scaled(const torch::Tensor& hidden) const;
  /// Shapes: hidden (...,C) -> (...,V).
  torch::Tensor logits(const torch::Tensor& hidden) { return lm_head(scaled(hidden)); }
  /// The encoder's states, zeros on padding. Shapes: source (B,S), source_lengths (B) -> (B,S,C).
  torch::Tensor encode(const torch::Tensor& source, const torch::Tensor& source_lengths);
  torch::Tensor encoder_states(const torch::Tensor& source, const torch::Tensor& source_lengths) override {
    return encode(source, source_lengths);
  }

  std::int64_t source_vocab_size() const override { return config_.vocab_size; }
  std::int64_t target_vocab_size() const override { return config_.vocab_size; }
  std::int32_t start_token() const override { return static_cast<std::int32_t>(config_.decoder_start_token_id); }
  std::optional<std::int32_t> end_token() const override;
  std::unique_ptr<StepFunction> start(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                      std::int64_t capacity) override;
  torch::Tensor attention(const torch::Tensor& source, const torch::Tensor& source_lengths,
                          const torch::Tensor& decoder_input) override;
  std::vector<AttentionWeights> attentions(const torch::Tensor& source, const torch::Tensor& source_lengths,
                                           const torch::Tensor& decoder_input, std::int64_t most) override;

  T5Body body;
  Linear lm_head{nullptr};  ///< its weight is the embedding itself when tied
};
TORCH_MODULE(T5ForConditionalGeneration);

using Mt5ForConditionalGenerationImpl = Mt5Impl<T5ForConditionalGenerationImpl>;
TORCH_MODULE(Mt5ForConditionalGeneration);

}  // namespace langzoo
