/// Learning from examples in a table: classification, and every kind of task whose data is rows of texts and of what is
/// to be found out about them. A kind says in words what its examples are (ExampleFormat) and makes ids, a loss and
/// measures of them (ExampleKind); reading, the run's tokenizer, validation data, batches, training, evaluation and the
/// verbs (apps/cli/examples.h) are the same for all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "data/parallel/parallel_corpus.h"
#include "data/text/table.h"
#include "models/task_model.h"

namespace langzoo {

/// A column of the table: `data.NAME_column` says what it is called there, NAME unless told otherwise.
struct ExampleColumn {
  std::string name, help;
};

/// A kind's examples in words, for keys, help and messages.
struct ExampleFormat {
  std::string task;      ///< "classification"
  std::string examples;  ///< "labelled texts"
  std::string inputs;    ///< those without their targets: "texts"
  std::vector<ExampleColumn> input_columns, target_columns;
  std::string loss_unit;             ///< "nats a text"
  std::vector<std::string> metrics;  ///< those of ExampleKind::evaluate()
  std::string metrics_help;          ///< what they are
  std::string otherwise;             ///< what models of other kinds do not do: "does not classify texts"
  std::vector<std::string> decided;  ///< the fields of a config that the training data decides: "id2label"
};

/// Models are those that accepts() accepts; an example's input and target are ids, in a ParallelCorpus.
class ExampleKind {
 public:
  virtual ~ExampleKind() = default;

  virtual const ExampleFormat& format() const = 0;
  virtual bool accepts(const TokenModel& model) const = 0;
  /// Gives `config` what all rows of the training file decide; returns it in words: "77 labels".
  virtual std::string complete_config(ModelConfig& config, const std::vector<TableRow>& rows) const = 0;
  /// Of a row's inputs; the first column's text alone unless a kind does otherwise. No more than the model takes.
  virtual std::vector<TokenId> input_ids(const TableRow& row, const Tokenizer& tokenizer,
                                         const TokenModel& model) const;
  /// Of a row's targets. Throws std::runtime_error saying what the model does not know.
  virtual std::vector<TokenId> target_ids(const TableRow& row, const Tokenizer& tokenizer,
                                          const TokenModel& model) const = 0;
  /// Summed over the examples of the batch, which is on the model's device.
  virtual torch::Tensor loss_sum(TokenModel& model, const ParallelBatch& batch) const = 0;
  virtual EvalMetrics evaluate(TokenModel& model, const ParallelCorpus& examples, torch::Device device) const = 0;
};

/// A kind whose models implement Interface (models/sequence_classifier.h, ...).
template <class Interface>
class ExampleKindFor : public ExampleKind {
 public:
  bool accepts(const TokenModel& model) const final { return dynamic_cast<const Interface*>(&model) != nullptr; }

 protected:
  /// An accepted model.
  static Interface& of(TokenModel& model) { return dynamic_cast<Interface&>(model); }
  static const Interface& of(const TokenModel& model) { return dynamic_cast<const Interface&>(model); }
};

/// The section `data` of a run configuration.
struct ExampleOptions {
  explicit ExampleOptions(const ExampleFormat& format);

  const ExampleFormat& format;
  std::string train, valid;  ///< tables; no `valid`: a share of `train`, evenly spread
  std::string tokenizer = "train:word:50000";
  std::vector<std::string> columns;  ///< what format.input_columns, then format.target_columns, are called
  double valid_fraction = 0.1;

  void for_each_field(FieldVisitor& visit);
  /// Those of the inputs, and with `targets` of the targets, as visited above: text_column, ...
  void for_each_column(FieldVisitor& visit, bool targets);
};

/// The rows of `file` in the columns of `options`; without `targets` those of the inputs only.
std::vector<TableRow> read_examples(const std::string& file, const ExampleOptions& options, bool targets = true);

/// What a run learns from, before its model is there.
struct ExampleRows {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<TableRow> train, valid;
  std::string train_file, valid_file;  ///< what errors name
};
/// The tokenizer is that in `dir`, or made of the inputs and saved there; `config` is given what the rows decide.
/// Throws ConfigError, FileError.
ExampleRows open_examples(const ExampleKind& kind, const ExampleOptions& options, ModelConfig& config,
                          const std::filesystem::path& dir, const Message& message);

/// The rows as ids, without targets where rows have none. Throws FileError naming `file` and the line that cannot be.
ParallelCorpus encode_examples(const ExampleKind& kind, const std::string& file, const std::vector<TableRow>& rows,
                               const Tokenizer& tokenizer, const TokenModel& model);

/// Which ids of a batch's inputs are no padding. Shapes: -> (B,S) bool, where the batch is.
torch::Tensor input_mask(const ParallelBatch& batch);

/// What `compute` makes of each example, in their order, without gradients; its batches are of like lengths.
/// Shapes: compute: a batch on `device` -> (B,...) -> (examples,...) float32 on the CPU.
torch::Tensor of_all_examples(const ParallelCorpus& examples, torch::Device device,
                              const std::function<torch::Tensor(const ParallelBatch&)>& compute);

/// What `dir` holds. Throws FileError for a folder that is none or a tokenizer that does not fit,
/// std::invalid_argument for a model that the kind does not accept.
LoadedModel<TokenModel> load_example_model(const ExampleKind& kind, const std::filesystem::path& dir,
                                           const DeviceOptions& options, LoadReport* report = nullptr);
/// Of the model in `dir` on the table `data`.
EvalMetrics evaluate_examples(const ExampleKind& kind, const std::filesystem::path& dir, const std::string& data,
                              const DeviceOptions& options);

/// Training: the sections `data` and `model`; the tokenizer gives vocab_size, the data ExampleFormat::decided.
class ExampleSetup : public ModelSetup {
 public:
  /// `kind` must outlive it.
  ExampleSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, const ExampleKind& kind)
      : ModelSetup(registered, std::move(config)), kind_(kind), data_(kind.format()) {}

  void bind(RunConfig& config, TrainSetting& setting) override;
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override {
    return {{!data_.valid.empty(), "a run with data.valid", {"data.valid_fraction"}}};
  }
  std::vector<std::string> metric_names() const override { return kind_.format().metrics; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 private:
  const ExampleKind& kind_;
  ExampleOptions data_;
};

}  // namespace langzoo
