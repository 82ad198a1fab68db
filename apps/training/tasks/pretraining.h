/// Pretraining of encoders: hidden tokens are predicted (MLM), and whether one segment follows another (NSP) or both
/// are in order (SOP), on documents of sentences.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "apps/training/text_corpus.h"
#include "data/pretraining/pretraining.h"
#include "models/masked_lm.h"

namespace langzoo {

/// The section `data` of a pretraining run beside TextCorpusOptions: PretrainingOptions, key by key.
struct MaskingKeys {
  std::int64_t max_length = 128;
  std::string examples = "packed";  ///< packed or pairs; of sentence tasks always pairs
  double short_examples = 0.1;
  double mask_probability = 0.15, mask_replace_prob = 0.8, random_replace_prob = 0.1;
  std::int64_t max_masked = 0;
  bool whole_words = false;
  std::string phrases;  ///< a file, or microworld; empty: none
  std::int64_t max_ngram = 1;
  double prefer_rare = 0;
  bool dynamic_masking = true;
  std::string microworld_language = "english";

  void for_each_field(FieldVisitor& visit);
  /// Of a run that asks `sentences`, which is kPacked where it asks nothing of them. Without phrases.
  PretrainingOptions options(SentenceTask sentences) const;
  /// With them. Throws FileError for a file that cannot be read or has no phrase of the tokenizer's.
  PretrainingOptions options(SentenceTask sentences, const Tokenizer& tokenizer) const;
};

/// A batch as a model reads it.
TokenInputs inputs_of(const PretrainingBatch& batch);

/// How much is looked at where nothing is learned.
struct PretrainingEvaluation {
  std::int64_t batch_size = 32;  ///< examples at a time
  std::int64_t most = 2000;      ///< examples, the first ones; 0: all
  Distributed* ranks = nullptr;  ///< processes that share the work; all call it
};

/// A batch as a model reads it that reads more than tokens.
using PretrainingReader = std::function<TokenInputs(const PretrainingBatch&)>;

/// Of examples that do not change: loss and perplexity of hidden tokens, accuracy of them, and where segments are
/// judged sentence_loss and sentence_accuracy.
EvalMetrics evaluate_pretraining(MaskedLm& model, const PretrainingDataset& examples, torch::Device device,
                                 const PretrainingEvaluation& evaluation = {}, const PretrainingReader& read = {});

/// Of the model in `dir` on all documents of `data`, with the run's masking.
EvalMetrics evaluate_pretraining(const RegisteredModel& registered, const std::filesystem::path& dir,
                                 const std::string& data, const DeviceOptions& options, std::int64_t batch_size = 32,
                                 const Message& message = {});

/// What microworld tells, so many bytes at least; none: its stories.
using TextTeller = std::function<std::string(std::uint64_t seed, std::uint64_t bytes)>;

/// Of documents with the masking of the run that made the model in `dir`, for a model that takes `n_positions` tokens.
PretrainingDataset evaluation_examples(const std::filesystem::path& dir, const std::string& data,
                                       const Tokenizer& tokenizer, std::int64_t n_positions, SentenceTask sentences,
                                       TokenizedText& text, const TextTeller& tell = {}, const Message& message = {});
/// Examples of the data set in batches on `device`, without gradients.
void for_all_batches(const PretrainingDataset& examples, torch::Device device, const PretrainingEvaluation& evaluation,
                     const std::function<void(const PretrainingBatch&)>& visit);

class PretrainingSetup : public ModelSetup {
 public:
  /// What is asked of segments: kPacked nothing.
  PretrainingSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, SentenceTask sentences)
      : ModelSetup(registered, std::move(config)), sentences_(sentences) {
    corpus_.tokenizer = "train:wordpiece:8000";
  }

  void bind(RunConfig& config, TrainSetting& setting) override;
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 protected:
  /// The corpus, its tokenizer and what they decide of the config.
  struct Data {
    TextCorpus corpus;
    PretrainingDataset train;
    std::unique_ptr<PretrainingDataset> valid;
  };
  Data open_data(const TrainSetting& setting);
  /// Fields of the config that are no settings.
  virtual std::vector<std::string> decided() const { return {}; }
  /// Gives the config what the tokenizer decides.
  virtual void complete_model(const Tokenizer& tokenizer);
  /// What microworld tells such a run.
  virtual TextTeller teller() const { return {}; }

  /// Throws ConfigError where examples are longer than the model takes, or pairs for one that knows but one segment.
  void require_fitting(const TokenModel& model) const;

  SentenceTask sentences_;
  TextCorpusOptions corpus_;
  MaskingKeys masking_;

 private:
  class Task;
};

/// What the data of a pretraining run is, for its fingerprint.
std::string fingerprint_of(const PretrainingOptions& options);

}  // namespace langzoo
