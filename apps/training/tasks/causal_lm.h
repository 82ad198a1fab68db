/// Language modelling, for every model that is a CausalLm: training on text, evaluation, and continuing a text.
///
///     const auto lm = langzoo::load_causal_lm("run");
///     for (const auto& text : langzoo::continue_text(lm, "Mary went to ", {.max_new_tokens = 20})) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "apps/training/text_corpus.h"
#include "models/causal_lm.h"
#include "models/generation/generate.h"
#include "models/pretrained.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

using LoadedLm = LoadedModel<CausalLm>;
/// What `dir` holds, as a model of `registered`. With `with_tokenizer` throws FileError where there is none, and where
/// it has ids that the model does not know; without, the tokenizer is null where there is none. `report`: what of the
/// model was not as it should be, and yet could be loaded.
LoadedLm load_causal_lm(const RegisteredModel& registered, const std::filesystem::path& dir,
                        const DeviceOptions& options = {}, bool with_tokenizer = true, LoadReport* report = nullptr);
/// As the model that its config.json names.
LoadedLm load_causal_lm(const std::filesystem::path& dir, const DeviceOptions& options = {});

/// Tokens that a model takes at once; of one that takes any number, more than any text has.
std::int64_t context_of(const CausalLm& model);

/// The nats of every token but the first, summed, in windows that begin every `stride` tokens. Several `ranks` share
/// the windows.
double total_nats(CausalLm& model, const TokenView& tokens, std::int64_t stride, torch::Device device,
                  Distributed* ranks = nullptr);

/// How well a model predicts a text.
struct TextNats {
  double nats = 0;          ///< -ln p of all its tokens but the first
  std::int64_t tokens = 0;  ///< as many
  std::uint64_t bytes = 0, words = 0;
  std::optional<double> source_nats;  ///< the least that any model can have, where that is known

  double per_token() const { return nats / static_cast<double>(tokens); }
  double perplexity() const;
  double bits_per_byte() const;
  double word_perplexity() const;
  /// loss and perplexity, bits_per_byte of a text with bytes, and source_loss where it is known.
  EvalMetrics metrics() const;
};
/// Of a text of two tokens at least.
TextNats text_nats(CausalLm& model, const TokenizedText& text, std::int64_t stride, torch::Device device,
                   Distributed* ranks = nullptr);

/// A text to evaluate, as open_text() takes it. Throws std::runtime_error for one that has no token to predict.
TokenizedText open_evaluation_text(const std::string& data, const Tokenizer& tokenizer, std::uint64_t microworld_seed,
                                   const Message& message = {});

/// A prompt's ids, those of the tokenizer's template among them unless told otherwise; where there is none, the
/// beginning (else the end) token. Throws ConfigError where there is no such token, std::runtime_error as
/// check_prompt_length().
std::vector<TokenId> encode_prompt(const std::string& prompt, const LoadedLm& lm, bool add_special_tokens = true);
/// Throws std::runtime_error naming both lengths where a prompt does not fit the context.
void check_prompt_length(std::size_t tokens, const CausalLm& model);
/// The new ids after `prompt`, options.num_return_sequences times; the model's end tokens end them, and so does its
/// context. Nothing where the prompt fills it.
std::vector<std::vector<TokenId>> continue_ids(CausalLm& model, const std::vector<TokenId>& prompt,
                                               GenerateOptions options, torch::Device device);
/// The new text likewise, without special tokens.
std::vector<std::string> continue_text(const LoadedLm& lm, const std::string& prompt,
                                       const GenerateOptions& options = {});

/// Training on plain text: the sections `data` (text_corpus.h, and data.context) and `model`.
class CausalLmSetup : public ModelSetup {
 public:
  /// The tokenizer gives vocab_size, bos_token_id and eos_token_id.
  using ModelSetup::ModelSetup;

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::string unread_beside_batch_tokens() const override { return "train.accumulation"; }
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override { return {"loss", "perplexity", "bits_per_byte"}; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::int64_t tokens_per_sequence() const override { return tokens_; }
  std::vector<ReportSample> samples() override;

 private:
  class Task;

  TextCorpusOptions options_;
  std::int64_t context_ = 0, tokens_ = 0;
  Task* task_ = nullptr;  ///< the run's
};

}  // namespace langzoo
