/// Classification: labelled texts as data, the cross-entropy of their labels as loss, accuracy and F1 as measures.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/task_setup.h"
#include "data/parallel/parallel_corpus.h"
#include "data/text/labelled_text.h"
#include "models/sequence_classifier.h"

namespace langzoo {

/// The section `data` of a run configuration.
struct ClassificationOptions {
  std::string train, valid;  ///< files of labelled texts; no `valid`: a share of `train`, evenly spread
  std::string tokenizer = "train:word:50000";
  std::string text_column = "text", label_column = "label";
  double valid_fraction = 0.1;

  void for_each_field(FieldVisitor& visit);
};

struct ClassificationData {
  std::shared_ptr<const Tokenizer> tokenizer;
  ClassLabels labels;  ///< of data.train, in the order of their bytes
  std::vector<LabelledText> train, valid;
  std::string train_file, valid_file;  ///< what errors name
};

/// The tokenizer is that in `dir`, or made and saved there. Throws ConfigError, FileError.
ClassificationData open_classification_data(const ClassificationOptions& options, const std::filesystem::path& dir,
                                            const Message& message);
/// Texts as `model` takes them, cut to its n_positions: sources are tokens, targets one id, the label's. Throws
/// FileError naming `file` and the line of a label that the model does not have; an empty one counts as the first.
ParallelCorpus encode_labelled(const std::string& file, const std::vector<LabelledText>& rows,
                               const Tokenizer& tokenizer, const SequenceClassifier& model);

/// (texts, labels) float32 on the CPU.
torch::Tensor class_log_probs(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device);
/// loss, accuracy; precision, recall and f1, the means of the labels'.
EvalMetrics evaluate_classifier(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device);

std::unique_ptr<TrainingTask> classification_task(ClassificationData data, std::shared_ptr<SequenceClassifier> model,
                                                  BatchLimits limits, std::uint64_t seed, torch::Device device);

/// What --model DIR holds, in evaluation mode.
struct LoadedClassifier {
  std::shared_ptr<SequenceClassifier> model;
  std::shared_ptr<const Tokenizer> tokenizer;
};
/// Throws FileError for a folder that is none, a model of another kind, or a tokenizer that does not fit it.
LoadedClassifier load_classifier(const std::filesystem::path& dir, const DeviceOptions& options,
                                 LoadReport* report = nullptr);

/// Training on labelled texts: the sections `data` and `model`; the data gives the labels, the tokenizer vocab_size.
class ClassificationSetup : public TaskSetup {
 public:
  ClassificationSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : registered_(registered), config_(std::move(config)) {}

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override {
    return {{"--valid", "data.valid"}, {"--tokenizer", "data.tokenizer"}};
  }
  std::vector<std::string> data_keys() const override { return {"data.train", "data.valid"}; }
  void complete(RunConfig& config) override;
  std::vector<std::string> metric_names() const override { return {"loss", "accuracy", "precision", "recall", "f1"}; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;
  std::int64_t tokens_per_sequence() const override { return 0; }  // the batches heed train.batch_tokens

 private:
  const RegisteredModel& registered_;
  std::unique_ptr<ModelConfig> config_;
  ClassificationOptions data_;
};

}  // namespace langzoo
