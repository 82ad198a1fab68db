#include "apps/training/tasks/classification.h"

#include <set>

#include <fmt/format.h>
#include <torch/torch.h>

#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/metrics/classification.h"
#include "data/text/fingerprint.h"
#include "models/losses/cross_entropy.h"

namespace langzoo {

namespace {

torch::Tensor logits_of(SequenceClassifier& model, const ParallelBatch& batch, torch::Device device) {
  const auto mask = torch::arange(batch.source.size(1)) < batch.source_lengths.unsqueeze(1);
  return model.logits(batch.source.to(device), mask.to(device));
}

class ClassificationTask : public TrainingTask {
 public:
  ClassificationTask(ClassificationData data, std::shared_ptr<SequenceClassifier> model, BatchLimits limits,
                     std::uint64_t seed, torch::Device device)
      : model_(std::move(model)),
        tokenizer_(data.tokenizer),
        train_(encode_labelled(data.train_file, data.train, *tokenizer_, *model_)),
        valid_(encode_labelled(data.valid_file, data.valid, *tokenizer_, *model_)),
        device_(device),
        fingerprint_(fmt::format("classification {:016x} validation {:016x} tokenizer {:016x} batch {} {} seed {}",
                                 train_.fingerprint(), valid_.fingerprint(), tokenizer_fingerprint(*tokenizer_),
                                 limits.sentences, limits.tokens, seed)),
        batches_(parallel_batches(train_, {}, limits, seed, /*prepare_ahead=*/2)) {}

  torch::nn::Module& model() override { return model_->module(); }
  DataPosition position() const override { return batches_->position(); }
  void seek(const DataPosition& position) override { batches_->seek(position); }
  std::int64_t batches_per_epoch() const override { return batches_->batches_per_epoch(); }
  std::string fingerprint() const override { return fingerprint_; }
  std::string loss_unit() const override { return "nats a text"; }
  MicroBatch next() override {
    const auto batch = batches_->next();
    return {batch.source.size(0), batch.source_lengths.sum().item<std::int64_t>(), [this, batch] {
              return cross_entropy(logits_of(*model_, batch, device_), batch.labels.flatten().to(device_));
            }};
  }
  EvalMetrics evaluate() override {
    return valid_.size() == 0 ? EvalMetrics{} : evaluate_classifier(*model_, valid_, device_);
  }
  void save_model(const std::filesystem::path& dir) override {
    model_->save_pretrained(dir);
    tokenizer_->save(dir);
  }

 private:
  std::shared_ptr<SequenceClassifier> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ParallelCorpus train_, valid_;
  torch::Device device_;
  std::string fingerprint_;
  std::unique_ptr<BatchIterator<ParallelBatch>> batches_;
};

}  // namespace

void ClassificationOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train, {.help = "labelled texts: .csv, .jsonl or TSV"});
  visit("valid", valid, {.help = "as data.train; empty: a part of it"});
  visit("tokenizer", tokenizer, {.help = tokenizer_spec_help()});
  visit("text_column", text_column, {.help = "its name in the first line, or its number in files without names"});
  visit("label_column", label_column, {.help = "likewise of the labels"});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of data.train, where data.valid is empty"});
}

ClassificationData open_classification_data(const ClassificationOptions& options, const std::filesystem::path& dir,
                                            const Message& message) {
  if (options.train.empty()) throw ConfigError("data.train (--data) is missing: a file of labelled texts");
  const auto read = [&](const std::string& file) {
    return read_labelled_text(file, options.text_column, options.label_column);
  };
  ClassificationData data;
  data.train_file = options.train, data.valid_file = options.valid;
  const auto share = [&](std::int64_t texts) {
    return static_cast<std::int64_t>(static_cast<double>(texts) * options.valid_fraction);
  };
  std::set<std::string> names;
  for (std::int64_t i = 0; auto& row : read(options.train)) {
    names.insert(row.label);
    (options.valid.empty() && share(i + 1) > share(i) ? data.valid : data.train).push_back(std::move(row));
    ++i;
  }
  if (!options.valid.empty()) data.valid = read(options.valid);
  data.labels = ClassLabels::of({names.begin(), names.end()});
  data.tokenizer = find_tokenizer(dir, options.tokenizer);
  if (!data.tokenizer) {
    const auto next = [&data, i = std::size_t{0}](std::string& text) mutable {
      return i < data.train.size() && (text = data.train[i++].text, true);
    };
    data.tokenizer = make_tokenizer(parse_tokenizer_spec(options.tokenizer, "data.tokenizer"), next, {}, message);
    data.tokenizer->save(dir);
  }
  message(fmt::format("{} texts, {} to validate, {} labels", data.train.size(), data.valid.size(), names.size()));
  return data;
}

ParallelCorpus encode_labelled(const std::string& file, const std::vector<LabelledText>& rows,
                               const Tokenizer& tokenizer, const SequenceClassifier& model) {
  std::map<std::string, TokenId> labels = {{"", 0}};
  for (const auto& [id, name] : model.labels().id2label) labels[name] = static_cast<TokenId>(id);
  EncodeOptions options;
  if (model.n_positions() > 0) options.truncation = {.max_length = static_cast<std::size_t>(model.n_positions())};
  ParallelCorpus corpus;
  for (const auto& [text, label, line] : rows) {
    try {
      if (!labels.contains(label)) throw std::runtime_error("the model has no label \"" + label + '"');
      const auto encoded = tokenizer.encode(text, options);
      std::vector<TokenId> ids;  // without the padding that a tokenizer may be set to
      for (std::size_t i = 0; i < encoded.size(); ++i) {
        if (encoded.attention_mask[i] != 0) ids.push_back(encoded.ids[i]);
      }
      corpus.add(ids, std::vector{labels.at(label)});
    } catch (const std::runtime_error& error) {
      throw FileError(file, fmt::format("line {}: {}", line, error.what()));
    }
  }
  return corpus;
}

torch::Tensor class_log_probs(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device) {
  const c10::InferenceMode inference;
  auto log_probs = torch::empty({texts.size(), model.labels().size()});
  for (const auto& rows : batches_by_length(pair_lengths(texts, {}), {.sentences = 64})) {
    const auto logits = logits_of(model, parallel_batch(texts, rows, {}), device);
    log_probs.index_copy_(0, torch::tensor(rows), logits.log_softmax(-1, torch::kFloat32).cpu());
  }
  return log_probs;
}

EvalMetrics evaluate_classifier(SequenceClassifier& model, const ParallelCorpus& texts, torch::Device device) {
  const auto log_probs = class_log_probs(model, texts, device);
  const auto best = log_probs.argmax(-1);
  const auto& names = model.labels().id2label;
  std::vector<std::string_view> predicted, truth;
  double nats = 0;
  for (std::int64_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(names.at(best[i].item<std::int64_t>()));
    truth.push_back(names.at(texts.target(i)[0]));
    nats -= log_probs[i][texts.target(i)[0]].item<double>();
  }
  const auto scores = score_classification(predicted, truth);
  const auto higher = [](double value) { return Metric{.value = value, .direction = Direction::kHigherIsBetter}; };
  return {{"loss", {.value = nats / static_cast<double>(texts.size()), .chart = MetricChart::kLoss}},
          {"accuracy", higher(scores.accuracy)},
          {"precision", higher(scores.macro.precision)},
          {"recall", higher(scores.macro.recall)},
          {"f1", higher(scores.macro.f1)}};
}

std::unique_ptr<TrainingTask> classification_task(ClassificationData data, std::shared_ptr<SequenceClassifier> model,
                                                  BatchLimits limits, std::uint64_t seed, torch::Device device) {
  return std::make_unique<ClassificationTask>(std::move(data), std::move(model), limits, seed, device);
}

LoadedClassifier load_classifier(const std::filesystem::path& dir, const DeviceOptions& options, LoadReport* report) {
  const auto& registered = registered_model(dir);
  const auto module = registered.load(dir, report, {.dtype = options.dtype});
  auto model = std::dynamic_pointer_cast<SequenceClassifier>(module);
  if (!model) throw FileError(dir, fmt::format("a {} does not classify texts", registered.architecture));
  module->to(options.device);
  auto tokenizer = load_tokenizer(dir);
  check_vocabulary(dir, "text", *tokenizer, model->vocab_size());
  return {std::move(model), std::move(tokenizer)};
}

void ClassificationSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  config.bind("data", data_);
  config.bind("model", *config_, {"id2label", "label2id"});
  config.describe("train.batch_tokens", "of a micro-batch at most, padding included; 0: no such bound");
}

void ClassificationSetup::complete(RunConfig& /*config*/) {
  for (auto* file : {&data_.train, &data_.valid}) *file = absolute_if_there(*file);
}

std::unique_ptr<TrainingTask> ClassificationSetup::make_task(TrainSetting& setting) {
  auto data = open_classification_data(data_, setting.out, setting.message);
  const auto tokens = static_cast<std::int64_t>(data.tokenizer->vocab_size());
  fill_field(fields_in(*config_), "vocab_size", tokens);
  require_vocabulary(*config_, "vocab_size", tokens);
  read_fields(*config_, write_fields(data.labels), "labels");
  const auto model = make_model(registered_, *config_);
  model->to(setting.device);
  return classification_task(std::move(data), as_interface<SequenceClassifier>(model, registered_, "model"),
                             {.tokens = setting.batch.batch_tokens, .sentences = setting.batch.batch_size},
                             setting.trainer.seed, setting.device);
}

}  // namespace langzoo
