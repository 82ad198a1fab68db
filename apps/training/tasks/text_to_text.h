/// Text to text, for every model that is an EncoderDecoder: learning from text alone (span corruption and other
/// denoising objectives), from pairs, or from a mixture of tasks, and measuring each task by its own metrics.
///
///     const auto translator = langzoo::load_translator("run");
///     for (const auto& scores : langzoo::evaluate_text_tasks(translator, langzoo::read_text_tasks("tasks.json"), {}))
///     ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "apps/training/tasks/named_setup.h"
#include "apps/training/tasks/translation.h"
#include "apps/training/text_corpus.h"
#include "data/metrics/text_metrics.h"
#include "data/parallel/pair_mixture.h"
#include "data/pretraining/denoising_dataset.h"
#include "data/tasks/text_tasks.h"

namespace langzoo {

/// The task of all runs here, by what run.json says.
inline constexpr const char* kTextToText = "text-to-text";
/// The data.objective of pairs and of tasks, beside kDenoisingObjectives.
inline constexpr const char* kPairs = "pairs";

/// The section `data` of a run beside TextCorpusOptions.
struct TextToTextKeys {
  std::string objective = "span_corruption";
  std::string tasks;  ///< a file of them, or microworld
  double noise_density = 0.15, mean_noise_span_length = 3.0;
  std::int64_t sentinels = kSentinels;
  std::int64_t max_source = 512, max_target = 512;  ///< tokens, the end token included; 0: no bound
  std::string mixing = "proportional";
  std::int64_t mixing_limit = 0;
  double mixing_temperature = 2.0;
  std::int64_t generated = 200;
  std::int64_t task_examples = 5000;
  std::uint64_t task_seed = 1;

  void for_each_field(FieldVisitor& visit);
  bool denoises() const { return objective != kPairs; }
  DenoisingObjective denoising_objective() const;
  /// Of a text's examples. Runs of earlier versions may have 0, which was the usual number.
  std::int64_t source_tokens() const { return max_source > 0 ? max_source : TextToTextKeys().max_source; }
  SpanCorruptionOptions spans() const { return {noise_density, mean_noise_span_length}; }
  MixingOptions mixing_options() const;
};

/// The tasks of a file, or those of "microworld".
std::vector<TextTask> open_text_tasks(const std::string& tasks);

struct TaskEvaluationOptions {
  BeamSearchOptions search = greedy();
  std::int64_t batch_size = kDecodeBatch;
  std::int64_t most = 0;  ///< examples of a task, from the first on; 0: all
  std::int64_t max_source = 512, max_target = 512;
  double valid_fraction = 0.1;  ///< of a task without validation data: its last part
  MadeUpRows made_up;           ///< those of validation follow another seed than a training's
  bool train_data = false;      ///< the examples to learn from, not those set aside
  Message message = [](const std::string&) {};

  static BeamSearchOptions greedy();
};

/// How well a model does a task.
struct TaskScores {
  std::string name;
  std::int64_t examples = 0;
  TargetNats nats;                         ///< of the targets that fit
  std::vector<TextScore> scores;           ///< metric by metric
  std::vector<std::string> inputs, texts;  ///< of the examples, what was written for each
};

/// Every task by what the model writes for its validation examples. Throws what read_text_examples() throws.
std::vector<TaskScores> evaluate_text_tasks(const Translator& translator, const std::vector<TextTask>& tasks,
                                            const TaskEvaluationOptions& options);
/// The mean of the tasks' first scores.
double mean_score(const std::vector<TaskScores>& tasks);

/// How a run's data was read, for the evaluation of the model in `dir`.
TaskEvaluationOptions task_evaluation_of(const std::filesystem::path& dir);
/// Of the denoising objective of the model's run, on a text.
TargetNats evaluate_denoising(const Translator& translator, const std::filesystem::path& dir, const std::string& data,
                              const Message& message = {});

/// Of the model in `dir`: on a file of tasks (.json), loss and "task.metric" of each; on pairs loss, perplexity, bleu,
/// chrf and exact_match; on any other text loss and perplexity of its run's denoising objective.
EvalMetrics evaluate_text_to_text(const RegisteredModel& registered, const std::filesystem::path& dir,
                                  const std::string& data, const DeviceOptions& options,
                                  std::optional<std::uint64_t> seed = {}, const Message& message = {});
/// Whether a file, or the name of a task, is of sentence pairs rather than of running text.
bool holds_pairs(const std::string& data);
/// The task of such pairs, to be measured on: bleu, chrf and exact_match.
TextTask pair_text_task(const std::string& data);

class TextToTextSetup : public ModelSetup {
 public:
  /// `objective` is that of a run that says nothing: kPairs or one of kDenoisingObjectives.
  TextToTextSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config,
                  std::string objective = kPairs);

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  std::vector<std::string> data_keys() const override {
    return {"data.train", "data.tasks", "data.valid", "data.tokenizer"};
  }
  bool needs_train_data() const override { return false; }
  std::string unread_beside_batch_tokens() const override { return "train.batch_size"; }
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override;
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::vector<ReportSample> samples() override;
  std::string notes() const override;

 private:
  class Task;
  class DenoisingTask;
  class MixtureTask;

  Translator make_translator(TranslationTokenizers tokenizers, const TrainSetting& setting) const;
  std::unique_ptr<Task> make_denoising_task(TrainSetting& setting);
  std::unique_ptr<Task> make_mixture_task(TrainSetting& setting);

  const std::string usual_objective_;
  NamedTask run_;
  TextCorpusOptions corpus_;
  TextToTextKeys keys_;
  double z_loss_ = 0;
  std::vector<TextTask> tasks_;
  TrainSetting* setting_ = nullptr;
  Task* task_ = nullptr;  ///< the run's
};

}  // namespace langzoo
