#include "apps/training/tasks/examples.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/scratch_dir.h"
#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::pair<MicroworldTask, const char*> kMicroworldTasks[] = {
    {MicroworldTask::kClassification, "classification"}, {MicroworldTask::kEntailment, "entailment"},
    {MicroworldTask::kSimilarity, "similarity"},         {MicroworldTask::kTags, "tags"},
    {MicroworldTask::kQuestions, "questions"},           {MicroworldTask::kChoices, "choices"}};

std::vector<std::string_view> names_of(const std::vector<MicroworldTask>& tasks) {
  std::vector<std::string_view> names;
  for (const auto wanted : tasks) {
    for (const auto& [task, name] : kMicroworldTasks) {
      if (task == wanted) names.emplace_back(name);
    }
  }
  return names;
}

struct LearnedExamples {
  std::shared_ptr<const Tokenizer> tokenizer;
  EncodedExamples train, valid;
  std::unique_ptr<RawExamples> raw_valid;
};

class ExampleTask : public ModelTask<TokenModel, LearnedExamples, TokenBatch> {
 public:
  ExampleTask(const ExampleKind& kind, std::shared_ptr<TokenModel> model, LearnedExamples data, double r_drop,
              const LabelSmoothing& smoothing, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting), kind_(kind), r_drop_(r_drop), smoothing_(smoothing) {
    batches_ = token_batches(data_.train.examples, data_.train.pad, limits(), seed_, kPrepareAhead, rank_);
    fingerprint_ =
        fmt::format("{} {:016x} validation {:016x} tokenizer {:016x} batch {} {} seed {}", kind.format().task,
                    data_.train.examples.fingerprint(), data_.valid.examples.fingerprint(),
                    tokenizer_fingerprint(*data_.tokenizer), limits().sentences, limits().tokens, seed_);
  }

  std::string fingerprint() const override { return fingerprint_; }
  std::string loss_unit() const override { return kind_.format().loss_unit; }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto targets = kind_.targets(batch), tokens = batch.mask.sum().item<std::int64_t>();
    if (r_drop_ == 0) {
      return {targets, tokens, [this, batch = to_device(batch, device_)] {
                return kind_.loss_sum(*model_, kind_.logits(*model_, batch), batch, smoothing_);
              }};
    }
    return {{2 * targets, targets}, tokens, [this, batch = to_device(batch, device_)] {
              const auto sums = r_drop_sums(kind_, *model_, batch, smoothing_);
              return std::vector{sums.cross_entropy, sums.divergence};
            }};
  }
  std::vector<LossTerm> loss_terms() const override { return terms_with_r_drop(r_drop_); }
  EvalMetrics evaluate() override {
    if (data_.valid.examples.size() == 0) return {};
    return langzoo::evaluate(kind_, *model_, *data_.raw_valid, data_.valid, device_);
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

 private:
  BatchLimits limits() const { return {.tokens = batch_.batch_tokens, .sentences = batch_.batch_size}; }

  const ExampleKind& kind_;
  const double r_drop_;
  const LabelSmoothing smoothing_;
  std::string fingerprint_;
};

}  // namespace

EncodeOptions ExampleEncoding::options() const {
  EncodeOptions options;
  if (most() > 0) options.truncation = {.max_length = static_cast<std::size_t>(most())};
  options.own_padding = false;
  options.own_truncation = false;
  options.overflowing = false;
  return options;
}

TokenRow ExampleEncoding::row(std::string_view text, std::string_view pair) const {
  const auto encoded = pair.empty() ? tokenizer.encode(text, options()) : tokenizer.encode_pair(text, pair, options());
  return fitted({encoded.ids, encoded.type_ids, encoded.cut > 0});
}

TokenRow ExampleEncoding::fitted(TokenRow row) const {
  const auto known = model.n_segments();
  if (known == 1) row.type_ids.clear();
  for (const auto type : row.type_ids) {
    if (known == 0 || type < known) continue;
    throw std::runtime_error(
        fmt::format("the tokenizer gives segment {}, the model knows {} (type_vocab_size)", type, known));
  }
  return row;
}

std::vector<std::string> ExampleKind::notes(const EncodedExamples& encoded, const ExampleEncoding& encoding) const {
  if (encoded.cut == 0) return {};
  return {
      fmt::format("{} of {} {} were cut to {} tokens", encoded.cut, encoded.raw(), format().inputs, encoding.most())};
}

RDropSums r_drop_sums(const ExampleKind& kind, TokenModel& model, const TokenBatch& batch,
                      const LabelSmoothing& smoothing) {
  const auto first = kind.logits(model, batch), second = kind.logits(model, batch);
  return {kind.loss_sum(model, first, batch, smoothing) + kind.loss_sum(model, second, batch, smoothing),
          symmetric_kl(first, second)};
}

std::string unknown_label(const char* what, const std::string& label, const ClassLabels& known) {
  constexpr std::size_t kShown = 8;
  std::vector<std::string> names;
  for (const auto& [id, name] : known.id2label) {
    if (names.size() < kShown) names.push_back(name);
  }
  if (known.id2label.size() > kShown) names.push_back(fmt::format("{} more", known.id2label.size() - kShown));
  return fmt::format("the model has no {} \"{}\", which its training data lacks; it has {}", what, label,
                     fmt::join(names, ", "));
}

void set_labels(ModelConfig& config, const ClassLabels& labels, std::optional<ProblemType> problem) {
  read_fields(config, write_fields(labels), "labels");
  const auto type = find_field(fields_in(config), "problem_type");
  if (type) type->set(problem ? fmt::format("\"{}\"", kProblemTypeNames[static_cast<std::size_t>(*problem)]) : "null");
}

TableFormat table_format_of(std::string_view name) {
  const auto* const found = std::find(std::begin(kTableFormatNames), std::end(kTableFormatNames), name);
  if (found == std::end(kTableFormatNames)) throw std::invalid_argument(fmt::format("no table format {}", name));
  return static_cast<TableFormat>(found - kTableFormatNames);
}

ExampleOptions::ExampleOptions(const ExampleFormat& of) : format(of), columns(of.columns) {
  if (!format.microworld.empty()) microworld_task = names_of(format.microworld).front();
}

bool ExampleOptions::made(const std::string& data) const {
  return data == kMicroworld && !format.microworld.empty();
}

std::string ExampleOptions::make_file(const fs::path& folder, bool valid) const {
  const auto names = names_of(format.microworld);
  const auto found = std::find(names.begin(), names.end(), microworld_task);
  if (found == names.end()) throw std::invalid_argument(fmt::format("no task of microworld: {}", microworld_task));
  const auto task = format.microworld[static_cast<std::size_t>(found - names.begin())];
  const auto language = microworld_language == "korean" ? MicroworldLanguage::kKorean : MicroworldLanguage::kEnglish;
  auto count = microworld_examples;
  if (valid) count = std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(count) * valid_fraction));
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(folder, "cannot be created: " + error.message());
  const auto file = folder / fmt::format("{}{}", valid ? "valid" : "train", suffix_of(task));
  write_file_atomically(file, microworld_task_file(task, 2 * microworld_seed + (valid ? 1 : 0), count, language));
  return file.string();
}

ExampleReading ExampleOptions::reading(std::vector<std::string>* unread) const {
  return {.columns = columns == format.columns ? "" : columns,
          .targets = true,
          .format = table_format_of(table_format),
          .unread = unread};
}

void ExampleOptions::for_each_field(FieldVisitor& visit) {
  visit("train", train,
        {.help = format.examples + ": " + format.files + (format.microworld.empty() ? "" : ", or microworld")});
  visit("valid", valid, {.help = "as data.train; empty: a part of it"});
  if (format.tables) {
    visit("format", table_format,
          {.choices = {std::begin(kTableFormatNames), std::end(kTableFormatNames)}, .help = kTableFormatHelp});
  }
  visit("tokenizer", tokenizer, {.help = tokenizer_spec_help()});
  if (!format.columns_help.empty()) visit("columns", columns, {.help = format.columns_help});
  visit("valid_fraction", valid_fraction,
        {.least = 0, .most = 0.9, .help = "of data.train, where data.valid is empty"});
  visit("max_length", max_length,
        {.least = 0, .help = "tokens of an example; what is longer is cut; 0: all the model takes"});
  if (format.microworld.empty()) return;
  if (format.microworld.size() > 1) {
    visit("microworld_task", microworld_task,
          {.choices = names_of(format.microworld), .help = "which task microworld makes examples of"});
  }
  visit("microworld_examples", microworld_examples,
        {.least = 1, .most = 1e8, .help = "that microworld makes to train on, where data.train = microworld"});
  visit("microworld_seed", microworld_seed, {.help = "which ones"});
  visit("microworld_language", microworld_language, {.choices = {"english", "korean"}, .help = "in which language"});
}

ExampleData open_examples(const ExampleKind& kind, const ExampleOptions& options, ModelConfig& config,
                          const fs::path& dir, const Message& message) {
  const auto& format = kind.format();
  if (options.train.empty()) throw ConfigError("data.train is missing: a file of " + format.examples);
  std::vector<std::string> unread;
  const auto read = [&](const std::string& file, bool tell) {
    try {
      return kind.read(file, options.reading(tell ? &unread : nullptr));
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.columns = {}: {}", options.columns, error.what()));
    }
  };
  ExampleData data;
  const auto file_of = [&](const std::string& name, bool valid) {
    return options.made(name) ? options.make_file(dir / "data", valid) : name;
  };
  auto valid = options.valid;
  if (valid.empty() && options.made(options.train) && options.valid_fraction > 0) valid = options.train;
  data.train_file = file_of(options.train, false);
  data.valid_file = valid.empty() ? data.train_file : file_of(valid, true);
  data.train = read(data.train_file, true);
  const auto decided = kind.complete_config(config, *data.train);
  const auto share = [&](std::int64_t count) {
    return static_cast<std::int64_t>(static_cast<double>(count) * options.valid_fraction);
  };
  std::vector<bool> aside;
  for (std::int64_t i = 0; i < data.train->size(); ++i) {
    aside.push_back(valid.empty() && share(i + 1) > share(i));
  }
  data.valid = valid.empty() ? data.train->take(aside) : read(data.valid_file, false);
  data.tokenizer = find_tokenizer(dir);
  if (!data.tokenizer) {
    std::vector<std::string> texts;  // of the example under way
    std::int64_t example = 0;
    const auto next = [&, i = std::size_t{0}](std::string& text) mutable {
      while (i == texts.size()) {
        if (example == data.train->size()) return false;
        texts = kind.texts(*data.train, example++);
        i = 0;
      }
      text = std::move(texts[i++]);
      return true;
    };
    data.tokenizer = make_tokenizer(parse_tokenizer_spec(options.tokenizer, "data.tokenizer"), next, {}, message);
    data.tokenizer->save(dir);
  }
  if (!unread.empty())
    message(fmt::format("{}: columns that are not read: {}", options.train, fmt::join(unread, ", ")));
  message(fmt::format("{} {}, {} to validate{}", data.train->size(), format.inputs, data.valid->size(),
                      decided.empty() ? "" : ", " + decided));
  return data;
}

EncodedExamples encode_examples(const ExampleKind& kind, const std::string& file, const RawExamples& raw,
                                const ExampleEncoding& encoding, const Message& message) {
  EncodedExamples encoded;
  encoded.pad = encoding.tokenizer.special_tokens().pad.value_or(0);
  for (std::int64_t i = 0; i < raw.size(); ++i) {
    encoded.first.push_back(encoded.examples.size());
    try {
      const auto examples = kind.encode(raw, i, encoding);
      bool cut = false;
      for (const auto& example : examples) {
        encoded.examples.add(example);
        for (const auto& row : example.rows) cut = cut || row.cut;
      }
      encoded.cut += cut ? 1 : 0;
      encoded.in_windows += examples.size() > 1 ? 1 : 0;
    } catch (const std::runtime_error& error) {
      throw FileError(file, fmt::format("{}: {}", kind.where(raw, i), error.what()));
    } catch (const std::invalid_argument& error) {
      throw FileError(file, fmt::format("{}: {}", kind.where(raw, i), error.what()));
    }
  }
  encoded.first.push_back(encoded.examples.size());
  if (message) {
    for (const auto& note : kind.notes(encoded, encoding)) message(fmt::format("{}: {}", file, note));
  }
  return encoded;
}

std::unique_ptr<RawExamples> read_examples(const ExampleKind& kind, const ExampleOptions& options,
                                           const std::string& data, const ExampleReading& reading) {
  if (!options.made(data)) return kind.read(data, reading);
  const ScratchDir scratch;
  return kind.read(options.make_file(scratch.path(), /*valid=*/true), reading);
}

TokenInputs inputs_of(const TokenBatch& batch) {
  return {.ids = batch.ids, .token_type_ids = batch.type_ids, .attention_mask = batch.mask};
}

ExampleLogits logits_of_all(const ExampleKind& kind, TokenModel& model, const EncodedExamples& encoded,
                            torch::Device device, std::int64_t batch_size) {
  const auto& examples = encoded.examples;
  ExampleLogits all;
  all.logits.resize(static_cast<std::size_t>(examples.size()));
  if (examples.size() == 0) return all;
  const c10::InferenceMode inference;
  double loss = 0;
  std::int64_t targets = 0;
  for (const auto& chosen : batches_by_length(token_lengths(examples), {.sentences = batch_size})) {
    const auto batch = to_device(token_batch(examples, chosen, encoded.pad), device);
    const auto logits = kind.logits(model, batch);
    if (batch.labels.defined() || batch.values.defined()) {
      loss += kind.loss_sum(model, logits, batch).item<double>();
      targets += kind.targets(batch);
    }
    const auto found = logits.to(torch::kCPU, torch::kFloat32);
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      auto own = found[static_cast<std::int64_t>(i)];
      if (const auto dimension = kind.tokens_dimension(); dimension > 0) {
        own = own.narrow(dimension - 1, 0, examples.length(chosen[i]));
      }
      all.logits[static_cast<std::size_t>(chosen[i])] = own.clone();
    }
  }
  all.loss = targets == 0 ? 0 : loss / static_cast<double>(targets);
  return all;
}

EvalMetrics evaluate(const ExampleKind& kind, TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     torch::Device device, std::int64_t batch_size) {
  const auto [logits, loss] = logits_of_all(kind, model, encoded, device, batch_size);
  auto metrics = kind.scores(model, raw, encoded, logits);
  metrics["loss"] = {.value = loss, .chart = MetricChart::kLoss};
  return metrics;
}

LoadedModel<TokenModel> load_example_model(const fs::path& dir, const DeviceOptions& options, LoadReport* report,
                                           const std::function<void(const TokenModel&)>& check) {
  auto loaded = load_model<TokenModel>(registered_model(dir), dir, options, report);
  if (check) check(*loaded.model);
  loaded.tokenizer = load_model_tokenizer(dir, loaded.model->vocab_size());
  return loaded;
}

void require_accepted(const ExampleKind& kind, const TokenModel& model, const std::string& where) {
  if (!kind.accepts(model)) throw std::invalid_argument(fmt::format("{}: {}", where, kind.format().otherwise));
}

EvalMetrics evaluate_examples(const ExampleKind& kind, const LoadedModel<TokenModel>& loaded, const fs::path& dir,
                              const std::string& data, std::int64_t batch_size) {
  require_accepted(kind, *loaded.model, dir.string());
  const auto run = run_options(kind, dir);
  auto reading = run.reading();
  reading.model = loaded.model.get();
  const auto raw = read_examples(kind, run, data, reading);
  const ExampleEncoding encoding{*loaded.tokenizer, *loaded.model, run.max_length};
  return evaluate(kind, *loaded.model, *raw, encode_examples(kind, data, *raw, encoding), loaded.device, batch_size);
}

ExampleOptions run_options(const ExampleKind& kind, const fs::path& dir) {
  ExampleOptions options(kind.format());
  read_run_section(dir, "data", options);
  return options;
}

void ExampleSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  config.bind("data", data_);
  config.bind("model", *config_, kind_.format().decided);
  if (kind_.format().r_drop) bind_r_drop(config, r_drop_);
  if (kind_.format().label_smoothing) {
    config.bind("train", [this](FieldVisitor& visit) {
      visit(
          "label_smoothing", smoothing_.epsilon,
          {.least = 0, .below = 1, .help = "what of each target's probability goes evenly to all; of training alone"});
    });
  }
  config.describe("train.batch_tokens", "of a micro-batch at most, padding included; 0: no such bound");
}

std::vector<TrainFlag> ExampleSetup::flags() const {
  auto flags = ModelSetup::flags();
  if (!kind_.format().columns_help.empty()) flags.push_back({"--columns", "data.columns"});
  return flags;
}

void ExampleSetup::complete(RunConfig& config) {
  for (auto* file : {&data_.train, &data_.valid}) {
    if (!data_.made(*file)) *file = absolute_if_there(*file);
  }
  data_.tokenizer = absolute_tokenizer(data_.tokenizer);
  ModelSetup::complete(config);
}

std::vector<UnreadKeys> ExampleSetup::unread_keys() const {
  const bool made = data_.made(data_.train) || data_.made(data_.valid);
  return {{!made && !data_.valid.empty(), "a run with data.valid", {"data.valid_fraction"}},
          {!made,
           "a run whose examples come from files",
           {"data.microworld_task", "data.microworld_examples", "data.microworld_seed", "data.microworld_language"}}};
}

std::unique_ptr<TrainingTask> ExampleSetup::make_task(TrainSetting& setting) {
  auto data = open_examples(kind_, data_, *config_, setting.out, setting.message);
  complete_vocabulary(*config_, "vocab_size", *data.tokenizer);
  complete_special_tokens(*config_, *data.tokenizer);
  auto model = make<TokenModel>(setting);
  require_accepted(kind_, *model, fmt::format("model: {}", registered_.architecture));
  if (model->n_positions() > 0 && data_.max_length > model->n_positions()) {
    throw ConfigError(
        fmt::format("data.max_length = {}: the model takes {} tokens", data_.max_length, model->n_positions()));
  }
  if (!kind_.has_classes(*model) && (r_drop_ > 0 || smoothing_.epsilon > 0)) {
    throw ConfigError(fmt::format("train.{}: is of texts that have one label each, these may have several",
                                  r_drop_ > 0 ? "r_drop" : "label_smoothing"));
  }
  const ExampleEncoding encoding{*data.tokenizer, *model, data_.max_length};
  auto train = encode_examples(kind_, data.train_file, *data.train, encoding, setting.message);
  auto valid = encode_examples(kind_, data.valid_file, *data.valid, encoding, setting.message);
  return std::make_unique<ExampleTask>(
      kind_, std::move(model),
      LearnedExamples{data.tokenizer, std::move(train), std::move(valid), std::move(data.valid)}, r_drop_, smoothing_,
      setting);
}

}  // namespace langzoo
