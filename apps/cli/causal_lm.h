/// Causal language models on the command line: training, evaluation, generation and scoring, over an interface that
/// names no family. A program of such a family implements CausalLm and CausalLmFamily and lists the four verbs.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/compute_verb.h"
#include "apps/cli/corpus.h"
#include "apps/cli/train_verb.h"
#include "models/generation/generate.h"
#include "models/generation/step.h"
#include "models/model_config.h"
#include "models/pretrained.h"

namespace langzoo {

/// A model that predicts each token from those before it.
class CausalLm {
 public:
  virtual ~CausalLm() = default;

  virtual torch::nn::Module& module() = 0;
  virtual std::int64_t n_positions() const = 0;
  virtual std::int64_t vocab_size() const = 0;
  virtual std::vector<TokenId> end_tokens() const = 0;
  /// Shapes: ids (B,T) int64 -> (B,T,V).
  virtual torch::Tensor logits(const torch::Tensor& ids) = 0;
  /// Cross-entropy summed over the targets that are not ignored. Shapes: ids, targets (B,T) int64 -> scalar.
  virtual torch::Tensor loss_sum(const torch::Tensor& ids, const torch::Tensor& targets) = 0;
  /// Generation from a left-padded prompt. Shapes: mask (B,T) bool.
  virtual std::unique_ptr<StepFunction> start(const torch::Tensor& mask, std::int64_t capacity) = 0;
  /// Writes config.json and the weights.
  virtual void save(const std::filesystem::path& dir) = 0;
};

/// How a family's models come into being.
class CausalLmFamily {
 public:
  virtual ~CausalLmFamily() = default;
  /// "gpt", for langzoo-gpt.
  virtual std::string program() const = 0;
  /// The config of a run that says nothing. A run's tokenizer gives vocab_size, bos_token_id and eos_token_id where
  /// they are kFromTokenizer or have no value.
  virtual std::unique_ptr<ModelConfig> default_config() const = 0;
  /// A model with random weights. Throws std::runtime_error naming the key that is impossible.
  virtual std::unique_ptr<CausalLm> create(const ModelConfig& config) const = 0;
  /// A saved model, in evaluation mode.
  virtual std::unique_ptr<CausalLm> load(const std::filesystem::path& dir, const PretrainedOptions& options,
                                         LoadReport& report) const = 0;
};

/// The verbs train, eval, generate and score. `family` must outlive them.
Verbs causal_lm_verbs(const CausalLmFamily& family);

/// The four verbs' makers, for programs that have fewer or more.
std::unique_ptr<Verb> train_verb(const CausalLmFamily& family);
std::unique_ptr<Verb> eval_verb(const CausalLmFamily& family);
std::unique_ptr<Verb> generate_verb(const CausalLmFamily& family);
std::unique_ptr<Verb> score_verb(const CausalLmFamily& family);

/// What --model DIR holds.
struct LoadedLm {
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<CausalLm> model;
};
/// With `with_tokenizer` throws where there is none, and where it has ids that the model does not know; without, the
/// tokenizer is null where there is none.
LoadedLm load_lm(const CausalLmFamily& family, const std::filesystem::path& dir, const ComputeOptions& common,
                 bool with_tokenizer);

/// The nats of every token but the first, summed, in windows that begin every `stride` tokens.
double total_nats(CausalLm& model, const TokenView& tokens, std::int64_t stride, torch::Device device);

/// A prompt's ids. Throws UsageError naming both lengths where it leaves no room in the context; an empty prompt is the
/// beginning (else the end) token, an error where there is none.
std::vector<TokenId> encode_prompt(const std::string& prompt, const LoadedLm& lm);

}  // namespace langzoo
