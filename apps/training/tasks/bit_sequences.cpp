#include "apps/training/tasks/bit_sequences.h"

#include <algorithm>
#include <array>
#include <numbers>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/families.h"
#include "apps/training/model_task.h"
#include "apps/training/saved_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

constexpr std::array<std::string_view, 2> kKinds = {"ntm", "lstm"};
constexpr std::array<std::string_view, 2> kTypes = {"ntm", "deep-lstm"};
/// No sequence of a training, whatever its seed, is one of an evaluation.
constexpr std::uint64_t kEvaluation = 0x65766c7561746521;
/// Batches that a training may have.
constexpr std::int64_t kEndless = std::int64_t{1} << 40;
/// Of an evaluation's batch, all sequences together: what a model keeps of each fits into memory.
constexpr std::int64_t kMostSteps = 1 << 18;

/// -ln p of the targets. Shapes: logits (T,B,O), targets the last of its steps.
Tensor answer_nats(const Tensor& logits, const BitBatch& batch) {
  const auto answers = logits.narrow(0, batch.answer_begin, batch.targets.size(0));
  return at::binary_cross_entropy_with_logits(answers, batch.targets.to(logits.device(), logits.scalar_type()), {}, {},
                                              at::Reduction::Sum);
}

class BitSequenceTraining : public ModelTask<BitSequenceModel, BitSequenceTask, BitBatch> {
 public:
  BitSequenceTraining(std::shared_ptr<BitSequenceModel> model, const BitSequenceTask& task, const TrainSetting& setting)
      : ModelTask(std::move(model), task, setting) {
    const auto make = [format = task.format(), lengths = task.training_lengths(), size = batch_.batch_size,
                       all = batch_size_of_all(), own = rank_.index * batch_.batch_size,
                       seed = seed_](const DataPosition& at) {
      return bit_batch(format, lengths, size, seed, static_cast<std::uint64_t>(at.batch * all + own));
    };
    batches_ = std::make_unique<BatchIterator<BitBatch>>(kEndless, make);  // made in microseconds
  }

  /// Those of data.sequences. The position goes on behind them, where a run that is done goes on with more.
  std::int64_t batches_per_epoch() const override {
    return std::max<std::int64_t>(1, data_.sequences / batch_size_of_all());
  }

  std::string fingerprint() const override {
    const auto lengths = data_.training_lengths();
    return fmt::format("{} of {} bits, length {} to {}, repeats {}, batch {} seed {}", data_.name, data_.format().bits,
                       lengths.least, lengths.most, lengths.most_repeats, batch_size_of_all(), seed_);
  }
  std::string unit() const override { return "vectors"; }
  std::string loss_unit() const override { return "bits a sequence"; }

  MicroBatch next() override {
    auto batch = batches_->next();
    const auto steps = batch.inputs.size(0) * batch.inputs.size(1), sequences = batch.inputs.size(1);
    return {sequences, steps, [this, batch = std::move(batch)] {
              return answer_nats(model_->logits(batch.inputs.to(device_)), batch) / std::numbers::ln2;
            }};
  }

  EvalMetrics evaluate() override {
    if (data_.valid_sequences == 0) return {};
    return measure_bits(*model_,
                        {.format = data_.format(),
                         .lengths = data_.exact_lengths(),
                         .sequences = data_.valid_sequences,
                         .seed = seed_},
                        device_)
        .metrics();
  }
  void save_model(const fs::path& dir) override { model_->save_pretrained(dir); }
};

class BitSequenceSetup : public ModelSetup {
 public:
  BitSequenceSetup(std::string_view kind, const Family& family)
      : ModelSetup(family.model(), family.default_config()), kind_(kind), said_(kind) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    // The paper's, section 4.6.
    auto& trainer = setting.trainer;
    trainer.optimizer = "rmsprop", trainer.learning_rate = 1e-4, trainer.schedule = "constant";
    trainer.clip_norm = 0, trainer.clip_value = 10;
    trainer.max_steps = 1'000'000'000, trainer.max_epochs = 1;
    trainer.eval_every = trainer.save_every = 1000, trainer.log_every = 100;
    trainer.best_metric = "bits_per_sequence";
    setting.batch.batch_size = 1;
    config.bind("data", task_);
    config.bind("model", *config_);
    config.bind("task", [this](FieldVisitor& visit) { visit("model", said_, {.help = "the kind of model"}); });
    config.hide("task.model");
  }

  std::vector<TrainFlag> flags() const override {
    return {{"--task", "data.train"}, {"--length", "data.length"}, {"--sequences", "data.sequences"}};
  }
  std::vector<std::string> data_keys() const override { return {}; }
  bool needs_train_data() const override { return false; }

  void complete(RunConfig& config) override {
    if (said_ != kind_) throw ConfigError(fmt::format("task.model = {}: this run is to be a {}", said_, kind_));
    task_.validate();
    for (const auto& [name, size] : sizes()) config.set_default(fmt::format("model.{}", name), std::to_string(size));
    ModelSetup::complete(config);
  }
  std::vector<UnreadKeys> unread_keys() const override {
    return {{task_.task() != BitTask::kRepeatCopy, "the task " + task_.name, {"data.repeats"}},
            {true, "sequences, which are counted,", {"train.batch_tokens", "train.max_epochs", "train.eval_epochs"}}};
  }
  std::vector<std::string> metric_names() const override {
    if (task_.valid_sequences == 0) return {};
    std::vector<std::string> names = {"bits_per_sequence", "errors"};
    if (task_.task() == BitTask::kNgrams) names.emplace_back("optimal_bits_per_sequence");
    return names;
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    for (const auto& [name, size] : sizes()) {
      const auto given = find_field(fields_in(*config_), name)->json();
      if (given != std::to_string(size))
        throw ConfigError(fmt::format("model.{} = {}: {} with vectors of {} bits has {}", name, given, task_.name,
                                      task_.format().bits, size));
    }
    return std::make_unique<BitSequenceTraining>(make<BitSequenceModel>(setting), task_, setting);
  }

 private:
  std::array<std::pair<const char*, std::int64_t>, 2> sizes() const {
    const auto format = task_.format();
    return {{{"input_size", format.input_size()}, {"output_size", format.output_size()}}};
  }

  const std::string kind_;
  std::string said_;
  BitSequenceTask task_;
};

}  // namespace

std::span<const std::string_view> bit_sequence_kinds() {
  return kKinds;
}

std::string bit_sequence_kind_of_type(std::string_view model_type) {
  const auto found = std::find(kTypes.begin(), kTypes.end(), model_type);
  return found == kTypes.end() ? "" : std::string(kKinds[static_cast<std::size_t>(found - kTypes.begin())]);
}

std::string bit_sequence_kind_of_run(const fs::path& dir) {
  std::string kind;
  read_run_section(dir, "task", [&](FieldVisitor& visit) { visit("model", kind); });
  return kind;
}

void BitSequenceTask::for_each_field(FieldVisitor& visit) {
  const auto names = bit_task_names();
  visit("train", name,
        {.choices = {names.begin(), names.end()}, .help = "the task: copy, repeat-copy, recall, ngrams or sort"});
  visit("bits", bits,
        {.least = 0, .most = 4096, .help = "of a vector; 0: 8, of repeat-copy and recall 6, of ngrams 1"});
  visit("length", length,
        {.least = 0,
         .most = 1 << 16,
         .help = "vectors (recall: items; ngrams: bits) of a sequence: validation has this length, training of copy "
                 "and repeat-copy 1 to it, of recall 2 to it; 0: 20, of repeat-copy 10, of recall 6, of ngrams 200"});
  visit("repeats", repeats, {.least = 1, .most = 1 << 16, .help = "of repeat-copy: training has 1 to it"});
  visit("sequences", sequences, {.least = 1, .most = 1e12, .help = "to train on; more go on with a run that is done"});
  visit("valid_sequences", valid_sequences, {.least = 0, .most = 1e9, .help = "to validate on; 0: none"});
}

void BitSequenceTask::validate() const {
  try {
    format().validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("data.bits = {}: {}", bits, error.what()));
  }
  if (greatest_length() < least_length(task()))
    throw ConfigError(
        fmt::format("data.length = {}: {} needs at least {}", greatest_length(), name, least_length(task())));
}

BitTaskFormat BitSequenceTask::format() const {
  auto format = BitTaskFormat::of(task());
  if (bits > 0) format.bits = bits;
  return format;
}

std::int64_t BitSequenceTask::greatest_length() const {
  if (length > 0) return length;
  switch (task()) {
    case BitTask::kRepeatCopy:
      return 10;
    case BitTask::kRecall:
      return 6;
    case BitTask::kNgrams:
      return 200;
    case BitTask::kCopy:
    case BitTask::kSort:
      break;
  }
  return 20;
}

BitLengths BitSequenceTask::training_lengths() const {
  const auto most = greatest_length();
  const bool exact = task() == BitTask::kNgrams || task() == BitTask::kSort;
  return {.least = exact ? most : least_length(task()), .most = most, .least_repeats = 1, .most_repeats = repeats};
}

BitLengths BitSequenceTask::exact_lengths() const {
  return {greatest_length(), greatest_length(), repeats, repeats};
}

BitSequenceTask bit_sequence_task_of_run(const fs::path& dir) {
  BitSequenceTask task;
  read_run_section(dir, "data", task);
  return task;
}

EvalMetrics BitScore::metrics() const {
  EvalMetrics metrics;
  metrics["bits_per_sequence"] = {.value = bits_per_sequence, .chart = MetricChart::kLoss};
  metrics["errors"] = {.value = errors, .label = "wrong bits a sequence"};
  if (optimal_bits_per_sequence)
    metrics["optimal_bits_per_sequence"] = {.value = *optimal_bits_per_sequence, .chart = MetricChart::kNone};
  return metrics;
}

void check_bit_sizes(const BitTaskFormat& format, const BitSequenceModel& model) {
  if (format.input_size() == model.input_size() && format.output_size() == model.output_size()) return;
  throw ConfigError(fmt::format("the model reads {} channels and writes {}, the task has {} and {}", model.input_size(),
                                model.output_size(), format.input_size(), format.output_size()));
}

BitBatch evaluation_batch(const BitTaskFormat& format, const BitLengths& lengths, std::int64_t size, std::uint64_t seed,
                          std::int64_t first) {
  return bit_batch(format, lengths, size, seed ^ kEvaluation, static_cast<std::uint64_t>(first));
}

BitScore measure_bits(BitSequenceModel& model, const BitMeasurement& what, torch::Device device) {
  const auto& format = what.format;
  check_bit_sizes(format, model);
  const c10::InferenceMode inference;
  BitScore score;
  double nats = 0, errors = 0, optimal = 0;
  const auto drawn = [&](std::int64_t first, std::int64_t size) {
    return evaluation_batch(format, what.lengths, size, what.seed, first);
  };
  const auto at_once = std::min(what.batch_size, std::max<std::int64_t>(1, kMostSteps / drawn(0, 1).inputs.size(0)));
  for (std::int64_t done = 0; done < what.sequences;) {
    const auto size = std::min(at_once, what.sequences - done);
    const auto batch = drawn(done, size);
    const auto logits = model.logits(batch.inputs.to(device)).to(torch::kCPU, torch::kFloat64);
    nats += answer_nats(logits, batch).item<double>();
    const auto answers = logits.narrow(0, batch.answer_begin, batch.targets.size(0));
    errors += answers.gt(0).ne(batch.targets.gt(0.5)).sum().item<double>();
    optimal += batch.optimal_bits;
    score.answer_bits += batch.targets.numel();
    done += size;
  }
  const auto mean = [&](double sum) { return sum / static_cast<double>(what.sequences); };
  score.bits_per_sequence = mean(nats) / std::numbers::ln2;
  score.errors = mean(errors);
  if (format.task == BitTask::kNgrams) score.optimal_bits_per_sequence = mean(optimal);
  return score;
}

LoadedModel<BitSequenceModel> load_bit_sequence_model(const fs::path& dir, const DeviceOptions& options,
                                                      LoadReport* report) {
  return load_model<BitSequenceModel>(registered_model(dir), dir, options, report);
}

std::unique_ptr<TaskSetup> bit_sequence_setup(std::string_view kind) {
  for (const auto& family : families()) {
    if (bit_sequence_kind_of_type(family.model_type) == kind) return std::make_unique<BitSequenceSetup>(kind, family);
  }
  throw ConfigError(fmt::format("there is no model {}", kind));
}

}  // namespace langzoo
