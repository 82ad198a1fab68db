#include "apps/training/training_run.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/training/training_state.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

/// Settings that may change when a run goes on: they decide how far and how often, not what a step does.
const std::vector<std::string> kMayChange = {"train.max_steps",  "train.max_epochs", "train.eval_every",
                                             "train.save_every", "train.log_every",  "train.patience"};

constexpr const char* kRunFile = "run.json";

bool listed(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string read_run(const fs::path& path) {
  auto text = read_file(path, std::uint64_t{1} << 24);
  if (!Json::parse(text, nullptr, false).is_object()) throw FileError(path, "is not a run configuration");
  return text;
}

}  // namespace

TrainingRun::TrainingRun(std::string program, std::unique_ptr<TaskSetup> setup)
    : program_(std::move(program)), setup_(std::move(setup)) {
  config_.bind("train", setting_.trainer);
  config_.bind("train", setting_.batch);
  setup_->bind(config_, setting_);
}

TrainingRun::~TrainingRun() = default;

void TrainingRun::open(const fs::path& out, bool resume) {
  setting_.out = out;
  const auto run_file = out / kRunFile;
  if (!is_new_or_empty(out)) {
    if (!resume) {
      throw ConfigError(fmt::format("--out {}: is not empty; --resume goes on with the run in it", out.string()));
    }
    if (!fs::exists(run_file)) {
      throw ConfigError(
          fmt::format("--out {}: is not empty and holds no run to resume (no {})", out.string(), kRunFile));
    }
  }
  setting_.resume = resume && fs::exists(run_file);
  if (!setting_.resume) return;
  earlier_ = read_run(run_file);
  const auto program = Json::parse(earlier_).value("program", Json(program_));
  if (program != program_) {
    throw ConfigError(fmt::format("--resume: {} is a run of the program {}, not of {}", out.string(), program.dump(),
                                  Json(program_).dump()));
  }
  config_.set_all(earlier_, run_file.string());
}

void TrainingRun::complete() {
  if (setting_.out.empty()) throw std::logic_error("a training run is opened before its settings are complete");
  setup_->complete(config_);
  // Before data is prepared, which may take long and is removed again when a run does not get under way.
  try {
    setting_.trainer.validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(error.what());
  }
  const auto& trainer = setting_.trainer;
  const auto metrics = setup_->metric_names();
  if (!metrics.empty() && !listed(metrics, trainer.best_metric)) {
    throw ConfigError(fmt::format("train.best_metric is '{}', which the evaluation does not give; it gives {}",
                                  trainer.best_metric, fmt::join(metrics, ", ")));
  }
  if (trainer.optimizer == "own" && !setup_->has_own_algorithm()) {
    throw ConfigError("train.optimizer is 'own', but this family has no training algorithm of its own");
  }
  if (setting_.resume) check_differences();
  completed_ = true;
}

void TrainingRun::check_differences() const {
  const auto data_keys = setup_->data_keys();
  const bool has_state = fs::exists(training_state_path(setting_.out));
  for (const auto& [key, here, there] : config_.differing(earlier_)) {
    if (listed(kMayChange, key)) continue;
    // Another name of the data is all right where a saved state tells that it is the same data.
    if (listed(data_keys, key) && (has_state || absolute_if_there(there) == here)) continue;
    throw ConfigError(fmt::format("--resume: {} = {} here, but {} = {} in {}", key, here, key, there,
                                  (setting_.out / kRunFile).string()));
  }
}

void TrainingRun::add_observer(TrainerObserver& observer) {
  observers_.push_back(&observer);
  if (trainer_ != nullptr) trainer_->add_observer(observer);
}

void TrainingRun::write_run() {
  resolved_ = config_.resolved({{"program", program_}, {"version", LANGZOO_VERSION}});
  write_file_atomically(setting_.out / kRunFile, resolved_);
}

void TrainingRun::prepare() {
  if (!completed_) complete();
  const auto needs_cpu = setup_->needs_cpu();
  if (!needs_cpu.empty() && !setting_.device.is_cpu()) {
    throw ConfigError(fmt::format("device {}: {}", setting_.device.str(), needs_cpu));
  }
  guard_.emplace(setting_.out);
  if (!setting_.resume) write_run();  // a run killed while it prepares its data can be resumed
  torch::manual_seed(setting_.trainer.seed);
  task_ = setup_->make_task(setting_);
  const auto micro = setting_.batch.batch_size * setup_->tokens_per_sequence();
  if (setting_.batch.batch_tokens > 0 && micro > 0) {
    setting_.trainer.accumulation = std::max<std::int64_t>(1, (setting_.batch.batch_tokens + micro - 1) / micro);
  }
  trainer_ = std::make_unique<Trainer>(*task_, setting_.trainer, setting_.out, setting_.device);
  for (auto* observer : observers_) trainer_->add_observer(*observer);
  resumed_ = setting_.resume && trainer_->resume();
  if (setting_.resume && !resumed_ && fs::exists(setting_.out / "model.safetensors")) {
    setting_.message("no training state was saved here: starting from the beginning, the weights will be replaced");
  }
  write_run();
}

TrainingTask& TrainingRun::task() {
  if (task_ == nullptr) throw std::logic_error("a training run has no task before it is prepared");
  return *task_;
}

Trainer& TrainingRun::trainer() {
  if (trainer_ == nullptr) throw std::logic_error("a training run has no trainer before it is prepared");
  return *trainer_;
}

TrainSummary TrainingRun::train() {
  if (trainer_ == nullptr) prepare();
  guard_->keep();
  return trainer_->run();
}

}  // namespace langzoo
