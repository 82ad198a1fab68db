#include "apps/training/tasks/examples.h"

#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Examples at a time where nothing is learned.
constexpr std::int64_t kAtOnce = 64;

struct ExampleData {
  std::shared_ptr<const Tokenizer> tokenizer;
  ParallelCorpus train, valid;
};

class ExampleTask : public ModelTask<TokenModel, ExampleData, ParallelBatch> {
 public:
  ExampleTask(const ExampleKind& kind, std::shared_ptr<TokenModel> model, ExampleData data, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting), kind_(kind) {
    batches_ = parallel_batches(data_.train, {}, limits(), seed_, kPrepareAhead, rank_);
    fingerprint_ = fmt::format("{} {:016x} validation {:016x} tokenizer {:016x} batch {} {} seed {}",
                               kind.format().task, data_.train.fingerprint(), data_.valid.fingerprint(),
                               tokenizer_fingerprint(*data_.tokenizer), limits().sentences, limits().tokens, seed_);
  }

  std::string fingerprint() const override { return fingerprint_; }
  std::string loss_unit() const override { return kind_.format().loss_unit; }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto tokens = batch.source_lengths.sum().item<std::int64_t>();
    return {batch.labels.ge(0).sum().item<std::int64_t>(), tokens,
            [this, batch = to_device(batch, device_)] { return kind_.loss_sum(*model_, batch); }};
  }
  EvalMetrics evaluate() override {
    return data_.valid.size() == 0 ? EvalMetrics{} : kind_.evaluate(*model_, data_.valid, device_);
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

 private:
  BatchLimits limits() const { return {.tokens = batch_.batch_tokens, .sentences = batch_.batch_size}; }

  const ExampleKind& kind_;
  std::string fingerprint_;
};

void require_accepted(const ExampleKind& kind, const TokenModel& model, const RegisteredModel& registered,
                      const std::string& where) {
  if (kind.accepts(model)) return;
  throw std::invalid_argument(fmt::format("{}: {} {}", where, registered.architecture, kind.format().otherwise));
}

}  // namespace

std::vector<TokenId> ExampleKind::input_ids(const TableRow& row, const Tokenizer& tokenizer,
                                            const TokenModel& model) const {
  EncodeOptions options;
  if (model.n_positions() > 0) options.truncation = {.max_length = static_cast<std::size_t>(model.n_positions())};
  const auto encoded = tokenizer.encode(row.values.at(0), options);
  std::vector<TokenId> ids;  // without the padding that a tokenizer may be set to
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded.attention_mask[i] != 0) ids.push_back(encoded.ids[i]);
  }
  return ids;
}

ExampleOptions::ExampleOptions(const ExampleFormat& of) : format(of) {
  for (const auto* group : {&of.input_columns, &of.target_columns}) {
    for (const auto& column : *group) columns.push_back(column.name);
  }
}

void ExampleOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train, {.help = format.examples + ": .csv, .jsonl or TSV"});
  visit("valid", valid, {.help = "as data.train; empty: a part of it"});
  visit("tokenizer", tokenizer, {.help = tokenizer_spec_help()});
  for_each_column(visit, true);
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of data.train, where data.valid is empty"});
}

void ExampleOptions::for_each_column(FieldVisitor& visit, bool targets) {
  auto name = columns.begin();
  for (const auto& column : format.input_columns)
    visit((column.name + "_column").c_str(), *name++, {.help = column.help});
  if (!targets) return;
  for (const auto& column : format.target_columns)
    visit((column.name + "_column").c_str(), *name++, {.help = column.help});
}

std::vector<TableRow> read_examples(const std::string& file, const ExampleOptions& options, bool targets) {
  std::vector<TableColumn> columns;
  const auto inputs = options.format.input_columns.size();
  for (std::size_t i = 0; i < (targets ? options.columns.size() : inputs); ++i) {
    columns.push_back({options.columns[i], /*required=*/i >= inputs});
  }
  return read_table(file, columns);
}

ExampleRows open_examples(const ExampleKind& kind, const ExampleOptions& options, ModelConfig& config,
                          const fs::path& dir, const Message& message) {
  const auto& format = kind.format();
  if (options.train.empty()) throw ConfigError("data.train is missing: a file of " + format.examples);
  ExampleRows rows;
  rows.train_file = options.train, rows.valid_file = options.valid.empty() ? options.train : options.valid;
  auto all = read_examples(options.train, options);
  const auto decided = kind.complete_config(config, all);
  const auto share = [&](std::int64_t count) {
    return static_cast<std::int64_t>(static_cast<double>(count) * options.valid_fraction);
  };
  for (std::int64_t i = 0; i < std::ssize(all); ++i) {
    const bool aside = options.valid.empty() && share(i + 1) > share(i);
    (aside ? rows.valid : rows.train).push_back(std::move(all[static_cast<std::size_t>(i)]));
  }
  if (!options.valid.empty()) rows.valid = read_examples(options.valid, options);
  rows.tokenizer = find_tokenizer(dir);
  if (!rows.tokenizer) {
    const auto inputs = format.input_columns.size();
    const auto next = [&, i = std::size_t{0}](std::string& text) mutable {
      if (i == rows.train.size() * inputs) return false;
      text = rows.train[i / inputs].values[i % inputs];
      ++i;
      return true;
    };
    rows.tokenizer = make_tokenizer(parse_tokenizer_spec(options.tokenizer, "data.tokenizer"), next, {}, message);
    rows.tokenizer->save(dir);
  }
  message(fmt::format("{} {}, {} to validate, {}", rows.train.size(), format.inputs, rows.valid.size(), decided));
  return rows;
}

ParallelCorpus encode_examples(const ExampleKind& kind, const std::string& file, const std::vector<TableRow>& rows,
                               const Tokenizer& tokenizer, const TokenModel& model) {
  ParallelCorpus corpus;
  for (const auto& row : rows) {
    try {
      std::vector<TokenId> targets;
      if (row.values.size() > kind.format().input_columns.size()) targets = kind.target_ids(row, tokenizer, model);
      corpus.add(kind.input_ids(row, tokenizer, model), targets);
    } catch (const std::runtime_error& error) {
      throw FileError(file, fmt::format("line {}: {}", row.line, error.what()));
    }
  }
  return corpus;
}

torch::Tensor input_mask(const ParallelBatch& batch) {
  return torch::arange(batch.source.size(1), batch.source.device()) < batch.source_lengths.unsqueeze(1);
}

torch::Tensor of_all_examples(const ParallelCorpus& examples, torch::Device device,
                              const std::function<torch::Tensor(const ParallelBatch&)>& compute) {
  const c10::InferenceMode inference;
  torch::Tensor all;
  for (const auto& rows : batches_by_length(pair_lengths(examples, {}), {.sentences = kAtOnce})) {
    const auto found = compute(to_device(parallel_batch(examples, rows, {}), device)).to(torch::kCPU, torch::kFloat32);
    auto sizes = found.sizes().vec();
    sizes[0] = examples.size();
    if (!all.defined()) all = torch::empty(sizes);
    all.index_copy_(0, torch::tensor(rows), found);
  }
  return all;
}

LoadedModel<TokenModel> load_example_model(const ExampleKind& kind, const fs::path& dir, const DeviceOptions& options,
                                           LoadReport* report) {
  const auto& registered = registered_model(dir);
  auto loaded = load_model<TokenModel>(registered, dir, options, report);
  require_accepted(kind, *loaded.model, registered, dir.string());
  loaded.tokenizer = load_model_tokenizer(dir, loaded.model->vocab_size());
  return loaded;
}

EvalMetrics evaluate_examples(const ExampleKind& kind, const fs::path& dir, const std::string& data,
                              const DeviceOptions& options) {
  const auto [tokenizer, model, device] = load_example_model(kind, dir, options);
  const auto rows = read_examples(data, ExampleOptions(kind.format()));
  return kind.evaluate(*model, encode_examples(kind, data, rows, *tokenizer, *model), device);
}

void ExampleSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  config.bind("data", data_);
  config.bind("model", *config_, kind_.format().decided);
  config.describe("train.batch_tokens", "of a micro-batch at most, padding included; 0: no such bound");
}

void ExampleSetup::complete(RunConfig& config) {
  for (auto* file : {&data_.train, &data_.valid}) *file = absolute_if_there(*file);
  data_.tokenizer = absolute_tokenizer(data_.tokenizer);
  ModelSetup::complete(config);
}

std::unique_ptr<TrainingTask> ExampleSetup::make_task(TrainSetting& setting) {
  const auto rows = open_examples(kind_, data_, *config_, setting.out, setting.message);
  complete_vocabulary(*config_, "vocab_size", *rows.tokenizer);
  auto model = make<TokenModel>(setting);
  require_accepted(kind_, *model, registered_, "model");
  ExampleData data{rows.tokenizer, encode_examples(kind_, rows.train_file, rows.train, *rows.tokenizer, *model),
                   encode_examples(kind_, rows.valid_file, rows.valid, *rows.tokenizer, *model)};
  return std::make_unique<ExampleTask>(kind_, std::move(model), std::move(data), setting);
}

}  // namespace langzoo
