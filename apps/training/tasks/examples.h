/// Learning from examples: classification, tagging, answers, and every kind of task whose data is texts and what is to
/// be found out about them. A kind says in words what its examples are (ExampleFormat), reads them, and makes tokens, a
/// loss and measures of them (ExampleKind); the run's tokenizer, validation data, batches, training, evaluation and the
/// verbs (apps/cli/examples.h) are the same for all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "data/microworld/tasks.h"
#include "data/tasks/tagged_text.h"
#include "data/tasks/token_examples.h"
#include "data/text/table.h"
#include "models/io/class_labels.h"
#include "models/knowledge_reader.h"
#include "models/losses/classification.h"
#include "models/losses/r_drop.h"
#include "models/task_model.h"
#include "models/token_inputs.h"
#include "tokenizers/trainers/text_source.h"

namespace langzoo {

/// A kind's examples in words, for keys, help and messages.
struct ExampleFormat {
  std::string task;      ///< "classification"
  std::string examples;  ///< "labelled texts"
  std::string inputs;    ///< those without their targets: "texts"
  std::string files;     ///< "a .csv, .jsonl or TSV file"
  std::string columns;   ///< what data.columns is unless told otherwise: "text,label"; empty: there are none
  std::string columns_help;
  std::string loss_unit;             ///< "nats a text"
  std::vector<std::string> metrics;  ///< those of ExampleKind::evaluate()
  std::string metrics_help;          ///< what they are
  std::string otherwise;             ///< what models of other kinds do not do: "does not classify texts"
  std::vector<std::string> decided;  ///< the fields of a config that the training data decides: "id2label"
  bool tables = true;                ///< files are tables, whose format may be said
  bool spells_tags = false;          ///< there is the key data.tag_spelling
  bool r_drop = false;               ///< there is the key train.r_drop
  bool label_smoothing = false;      ///< there is the key train.label_smoothing
  /// Why these two are not for a model without has_classes().
  std::string no_classes = "is of texts that have one label each, these may have several";
  /// Tasks of microworld whose examples are of this kind, the usual one first.
  std::vector<MicroworldTask> microworld = {};
};

/// What of a file is read.
struct ExampleReading {
  std::string columns = {};  ///< empty: those of ExampleFormat; without `targets` the inputs' alone
  bool targets = true;
  TableFormat format = TableFormat::kOfName;
  std::vector<std::string>* unread = nullptr;  ///< gets the columns that nobody asked for
  const TokenModel* model = nullptr;           ///< that they are for, once there is one
  TagSpelling spelling = TagSpelling::kBio;    ///< of tags, before there is one
};

/// The examples of a file, as they are written there.
class RawExamples {
 public:
  virtual ~RawExamples() = default;
  virtual std::int64_t size() const = 0;
  /// Those chosen, which are no more in this then.
  virtual std::unique_ptr<RawExamples> take(const std::vector<bool>& chosen) = 0;
};

/// Of a kind that reads them as Raw.
template <class Raw>
struct RawExamplesOf : RawExamples {
  RawExamplesOf() = default;
  explicit RawExamplesOf(std::vector<Raw> examples) : items(std::move(examples)) {}

  std::int64_t size() const override { return std::ssize(items); }
  std::unique_ptr<RawExamples> take(const std::vector<bool>& chosen) override {
    auto taken = std::make_unique<RawExamplesOf>();
    std::vector<Raw> left;
    for (std::size_t i = 0; i < items.size(); ++i) (chosen.at(i) ? taken->items : left).push_back(std::move(items[i]));
    items = std::move(left);
    return taken;
  }

  std::vector<Raw> items;
};

/// Raw examples as tokens: one for each, or several (windows of a long context).
struct EncodedExamples {
  TokenExamples examples;
  std::vector<std::int64_t> first;  ///< of each raw example, and the end
  TokenId pad = 0;                  ///< fills up batches
  std::int64_t cut = 0;             ///< raw examples of whose texts not all is read
  std::int64_t in_windows = 0;      ///< raw examples that are several here

  std::int64_t raw() const { return std::ssize(first) - 1; }
};

/// How tokens are made.
struct ExampleEncoding {
  const Tokenizer& tokenizer;
  const TokenModel& model;
  std::int64_t max_length = 0;  ///< tokens of a row at most; 0: all that the model takes
  bool targets = true;          ///< those of the examples are to be learned or compared with

  /// What a row may have, as EncodeOptions; a tokenizer's own padding means nothing here.
  EncodeOptions options() const;
  /// Tokens of a row at most; 0: any number.
  std::int64_t most() const { return max_length > 0 ? max_length : model.n_positions(); }
  /// A text, or a pair; what is too long is cut. For a model that is fine-tuned in GPT's way (models/auxiliary_lm.h),
  /// where the tokenizer has the tokens for it, between START, DELIM and EXTRACT (data/tasks/task_tokens.h).
  TokenRow row(std::string_view text, std::string_view pair = {}) const;
  /// One; or both orders of a pair where the model reads them. Throws std::runtime_error where there is no pair then.
  std::vector<TokenRow> rows(std::string_view text, std::string_view pair) const;
  /// The row as the model reads it: one that knows but one segment is told of none. Throws std::runtime_error where it
  /// knows several, but not one of the row's.
  TokenRow fitted(TokenRow row) const;
  /// Whether the model reads more of a token than its id.
  bool reads_texts() const;
  /// Gives the row what the model reads of its tokens' texts (models/token_features.h), one for each of them.
  void read_texts(TokenRow& row, std::span<const std::string_view> texts) const;
};

/// Models are those that accepts() accepts. ExampleKindFor has the types.
class ExampleKind {
 public:
  virtual ~ExampleKind() = default;

  virtual const ExampleFormat& format() const = 0;
  virtual bool accepts(const TokenModel& model) const = 0;
  /// Throws FileError, std::invalid_argument for columns that cannot be.
  virtual std::unique_ptr<RawExamples> read(const std::filesystem::path& file,
                                            const ExampleReading& reading = {}) const = 0;
  /// One, of inputs on a command line; nullptr: it needs others.
  virtual std::unique_ptr<RawExamples> of_texts(const std::vector<std::string>& texts) const = 0;
  /// What a tokenizer may be trained on.
  virtual std::vector<std::string> texts(const RawExamples& examples, std::int64_t i) const = 0;
  /// "line 3", for errors.
  virtual std::string where(const RawExamples& examples, std::int64_t i) const = 0;
  /// Gives `config` what the training examples decide; returns it in words: "77 labels".
  virtual std::string complete_config(ModelConfig& config, const RawExamples& examples) const = 0;
  /// Throws std::runtime_error saying what the model does not know.
  virtual std::vector<TokenExample> encode(const RawExamples& examples, std::int64_t i,
                                           const ExampleEncoding& encoding) const = 0;
  /// What of the inputs is not read, or not at once, in words; none: all is.
  virtual std::vector<std::string> notes(const EncodedExamples& encoded, const ExampleEncoding& encoding) const;
  /// What the model says of a batch, which is on its device: for each example a tensor, (labels) or, where
  /// tokens_dimension() is not 0, with the tokens of the row as that dimension of the batch's.
  virtual torch::Tensor logits(TokenModel& model, const TokenBatch& batch) const = 0;
  virtual std::int64_t tokens_dimension() const { return 0; }
  /// What the loss of a batch is a sum over.
  virtual std::int64_t targets(const TokenBatch& batch) const { return batch.ids.size(0); }
  /// Summed over the targets of the batch. There is no smoothing but of kinds with ExampleFormat::label_smoothing.
  virtual torch::Tensor loss_sum(const TokenModel& model, const torch::Tensor& logits, const TokenBatch& batch,
                                 const LabelSmoothing& smoothing = {}) const = 0;
  /// Whether a target is one of several classes, and the logits those of a softmax, which R-Drop and label smoothing
  /// need.
  virtual bool has_classes(const TokenModel& /*model*/) const { return true; }
  /// The measures beside the loss, of logits_of_all().
  virtual EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                             const std::vector<torch::Tensor>& logits) const = 0;
};

/// A kind whose models implement Interface (models/sequence_classifier.h, ...) and whose files hold Raw.
template <class Interface, class RawType>
class ExampleKindFor : public ExampleKind {
 public:
  using Raw = RawType;
  using Raws = std::vector<Raw>;

  bool accepts(const TokenModel& model) const override {
    return dynamic_cast<const Interface*>(&model) != nullptr && dynamic_cast<const KnowledgeReader*>(&model) == nullptr;
  }
  std::unique_ptr<RawExamples> read(const std::filesystem::path& file, const ExampleReading& reading = {}) const final {
    return std::make_unique<RawExamplesOf<Raw>>(read_raws(file, reading));
  }
  std::unique_ptr<RawExamples> of_texts(const std::vector<std::string>& texts) const final {
    auto raw = raw_of_texts(texts);
    if (!raw) return nullptr;
    return std::make_unique<RawExamplesOf<Raw>>(Raws{std::move(*raw)});
  }
  std::vector<std::string> texts(const RawExamples& examples, std::int64_t i) const final {
    return texts_of(raws(examples).at(static_cast<std::size_t>(i)));
  }
  std::string where(const RawExamples& examples, std::int64_t i) const final {
    return where_of(raws(examples).at(static_cast<std::size_t>(i)));
  }
  std::string complete_config(ModelConfig& config, const RawExamples& examples) const final {
    return complete_config_of(config, raws(examples));
  }
  std::vector<TokenExample> encode(const RawExamples& examples, std::int64_t i,
                                   const ExampleEncoding& encoding) const final {
    return encode_raw(raws(examples).at(static_cast<std::size_t>(i)), encoding);
  }
  torch::Tensor logits(TokenModel& model, const TokenBatch& batch) const final { return logits_of(of(model), batch); }
  torch::Tensor loss_sum(const TokenModel& model, const torch::Tensor& logits, const TokenBatch& batch,
                         const LabelSmoothing& smoothing = {}) const final {
    return loss_sum_of(of(model), logits, batch, smoothing);
  }
  EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     const std::vector<torch::Tensor>& logits) const final {
    return scores_of(of(model), raws(raw), encoded, logits);
  }

  /// An accepted model.
  static Interface& of(TokenModel& model) { return dynamic_cast<Interface&>(model); }
  static const Interface& of(const TokenModel& model) { return dynamic_cast<const Interface&>(model); }
  /// Examples that the kind has read.
  static const Raws& raws(const RawExamples& examples) {
    return dynamic_cast<const RawExamplesOf<Raw>&>(examples).items;
  }

 protected:
  // As the functions of ExampleKind.
  virtual Raws read_raws(const std::filesystem::path& file, const ExampleReading& reading) const = 0;
  virtual std::optional<Raw> raw_of_texts(const std::vector<std::string>& texts) const = 0;
  virtual std::vector<std::string> texts_of(const Raw& raw) const = 0;
  virtual std::string where_of(const Raw& raw) const {
    if constexpr (requires { raw.line; }) return "line " + std::to_string(raw.line);
    return {};
  }
  virtual std::string complete_config_of(ModelConfig& config, const Raws& raws) const = 0;
  virtual std::vector<TokenExample> encode_raw(const Raw& raw, const ExampleEncoding& encoding) const = 0;
  virtual torch::Tensor logits_of(Interface& model, const TokenBatch& batch) const = 0;
  virtual torch::Tensor loss_sum_of(const Interface& model, const torch::Tensor& logits, const TokenBatch& batch,
                                    const LabelSmoothing& smoothing) const = 0;
  virtual EvalMetrics scores_of(const Interface& model, const Raws& raws, const EncodedExamples& encoded,
                                const std::vector<torch::Tensor>& logits) const = 0;
};

/// Of two readings of a batch, each with a dropout of its own. Of a kind with ExampleFormat::r_drop.
RDropSums r_drop_sums(const ExampleKind& kind, TokenModel& model, const TokenBatch& batch,
                      const LabelSmoothing& smoothing = {});

/// "the model has no WHAT "x"; it has a, b", the first few of them.
std::string unknown_label(const char* what, const std::string& label, const ClassLabels& known);
/// Gives a config these labels, and where it has a problem_type this one, or none.
void set_labels(ModelConfig& config, const ClassLabels& labels, std::optional<ProblemType> problem = {});

/// The section `data` of a run configuration.
struct ExampleOptions {
  explicit ExampleOptions(const ExampleFormat& of);

  const ExampleFormat& format;
  /// Files, or "microworld", which makes the examples; no `valid`: a share of `train`, evenly spread, or as many that
  /// microworld makes besides.
  std::string train, valid;
  std::string table_format = kTableFormatNames[0];
  std::string tokenizer = "train:word:50000";
  std::string columns;
  double valid_fraction = 0.1;
  std::int64_t max_length = 0;
  std::string tag_spelling = std::string(kTagSpellingNames[0]);
  std::string microworld_task;  ///< one of ExampleFormat::microworld: "entailment"
  std::string microworld_language = "english";
  std::int64_t microworld_examples = 5000;  ///< to train on
  std::uint64_t microworld_seed = 1;
  /// Special tokens that the run's tokenizer is given where it lacks them; no key.
  std::vector<std::string_view> added_tokens = {};

  void for_each_field(FieldVisitor& visit);
  /// Whether microworld makes these data.
  bool made(const std::string& data) const;
  /// The file in `folder` of those that it makes, to train on or to validate: a seed's have nothing in common.
  std::string make_file(const std::filesystem::path& folder, bool valid) const;
  /// With all columns; of `unread`, if given, see ExampleReading.
  ExampleReading reading(std::vector<std::string>* unread = nullptr) const;
};
TableFormat table_format_of(std::string_view name);
inline constexpr const char* kTableFormatHelp =
    "how the table is written; auto: as its name ends, a pipe is TSV or a text a line";

/// What a run learns from, before its model is there.
struct ExampleData {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::unique_ptr<RawExamples> train, valid;
  std::string train_file, valid_file;  ///< what errors name
};
/// Makes the tokenizer of a run of the texts that it is to read.
using MakeTokenizer = std::function<std::unique_ptr<Tokenizer>(const TextSource& texts)>;
/// The tokenizer is that in `dir`, or made of the inputs, by make_tokenizer() unless told otherwise, and saved there;
/// `config` is given what the examples decide. Throws ConfigError, FileError.
ExampleData open_examples(const ExampleKind& kind, const ExampleOptions& options, ModelConfig& config,
                          const std::filesystem::path& dir, const Message& message, const MakeTokenizer& make = {});

/// With the features that the model reads. Throws FileError naming `file` and the place of the example that cannot be,
/// and where its features would not go into memory. `message`, if given, is told what is not read of the file.
EncodedExamples encode_examples(const ExampleKind& kind, const std::string& file, const RawExamples& raw,
                                const ExampleEncoding& encoding, const Message& message = {});

/// Those of `data`, a file or "microworld", of which they are those to validate of a run with these options. Nothing is
/// left on the disk. Throws as ExampleKind::read().
std::unique_ptr<RawExamples> read_examples(const ExampleKind& kind, const ExampleOptions& options,
                                           const std::string& data, const ExampleReading& reading);

/// A batch as a model reads it.
TokenInputs inputs_of(const TokenBatch& batch);

/// Examples at a time where nothing is learned, unless told otherwise.
inline constexpr std::int64_t kExamplesAtOnce = 64;

/// What a model says of each example, on the CPU in float32, without what stands for padding; and its loss, where
/// examples have targets.
struct ExampleLogits {
  std::vector<torch::Tensor> logits;  ///< in the order of the examples
  double loss = 0;                    ///< a target
};
/// In batches of like lengths on `device`, `batch_size` examples each, without gradients. Several `ranks` share the
/// work, and each gets all.
ExampleLogits logits_of_all(const ExampleKind& kind, TokenModel& model, const EncodedExamples& encoded,
                            torch::Device device, std::int64_t batch_size = kExamplesAtOnce,
                            Distributed* ranks = nullptr);
/// The kind's measures, loss among them.
EvalMetrics evaluate(const ExampleKind& kind, TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     torch::Device device, std::int64_t batch_size = kExamplesAtOnce, Distributed* ranks = nullptr);

/// What `dir` holds, tokenizer included. `check`, if given, may throw before the tokenizer is opened. Throws FileError
/// for a folder that is none or a tokenizer that does not fit, std::invalid_argument for a model that reads no tokens.
LoadedModel<TokenModel> load_example_model(const std::filesystem::path& dir, const DeviceOptions& options,
                                           LoadReport* report = nullptr,
                                           const std::function<void(const TokenModel&)>& check = {});
/// Throws std::invalid_argument naming `where` for a model that the kind does not accept.
void require_accepted(const ExampleKind& kind, const TokenModel& model, const std::string& where);
/// Of the model that is in `dir` on the file `data`, columns and lengths as in its run.
EvalMetrics evaluate_examples(const ExampleKind& kind, const LoadedModel<TokenModel>& model,
                              const std::filesystem::path& dir, const std::string& data,
                              std::int64_t batch_size = kExamplesAtOnce);
/// What the run that made the model folder `dir` says of data; the defaults where it does not.
ExampleOptions run_options(const ExampleKind& kind, const std::filesystem::path& dir);

/// Training: the sections `data` and `model`; the tokenizer gives vocab_size, the data ExampleFormat::decided.
class ExampleSetup : public ModelSetup {
 public:
  /// `kind` must outlive it.
  ExampleSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, const ExampleKind& kind)
      : ModelSetup(registered, std::move(config)), kind_(kind), data_(kind.format()) {}

  void bind(RunConfig& config, TrainSetting& setting) override;
  std::vector<TrainFlag> flags() const override;
  void complete(RunConfig& config) override;
  std::vector<UnreadKeys> unread_keys() const override;
  std::vector<std::string> metric_names() const override { return kind_.format().metrics; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override;

 protected:
  // What a family may have of its own.

  /// Fields of the config that no one may set: ExampleFormat::decided, and what else follows from the data.
  virtual std::vector<std::string> decided_fields() const { return kind_.format().decided; }
  virtual std::unique_ptr<Tokenizer> make_run_tokenizer(const TextSource& texts, const Message& message);
  /// Gives the config what the tokenizer decides.
  virtual void complete_model(const Tokenizer& tokenizer);
  /// And then what the data decides.
  virtual void complete_config(const ExampleData& /*data*/, const TrainSetting& /*setting*/) {}
  /// The model before it sees an example.
  virtual void set_up_model(TokenModel& /*model*/, const Tokenizer& /*tokenizer*/, const TrainSetting& /*setting*/) {}
  /// The model before it learns.
  virtual void prepare_training(TokenModel& /*model*/, const TokenExamples& /*train*/) {}

  const ExampleKind& kind_;
  ExampleOptions data_;
  double r_drop_ = 0;
  LabelSmoothing smoothing_;
  double lm_weight_ =
      0;  ///< of the language model's loss beside the task's, of models that are an AuxiliaryLm; 0: none
};

}  // namespace langzoo
