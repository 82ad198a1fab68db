#include "apps/training/training_run.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/training/run_tokenizer.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// Settings that may change when a run goes on: they decide how far and how often, not what a step does.
const std::vector<std::string> kMayChange = {"train.max_steps",       "train.max_epochs", "train.eval_every", "train.eval_epochs",
                                             "train.save_every",      "train.log_every",  "train.patience",
                                             "train.keep_checkpoints"};

bool listed(const std::vector<std::string>& keys, const std::string& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// Both exist.
bool lies_in(const fs::path& path, const fs::path& dir) {
  const auto inner = fs::canonical(path), outer = fs::canonical(dir);
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

std::string read_run(const fs::path& path) {
  auto text = read_file(path, std::uint64_t{1} << 24);
  if (!Json::parse(text, nullptr, false).is_object()) throw FileError(path, "is not a run configuration");
  return text;
}

/// From the first checkpoint on a run can be gone on with: its folder stays.
class KeepFolder : public TrainerObserver {
 public:
  explicit KeepFolder(OutputGuard& guard) : guard_(guard) {}
  void on_checkpoint(std::int64_t /*step*/, const fs::path& /*dir*/) override { guard_.keep(); }

 private:
  OutputGuard& guard_;
};

}  // namespace

TrainingRun::TrainingRun(std::string program, std::unique_ptr<TaskSetup> setup)
    : program_(std::move(program)), setup_(std::move(setup)) {
  config_.set_program(program_);
  setting_.bind(config_);
  setup_->bind(config_, setting_);
  defaults_ = config_.resolved();
}

TrainingRun::~TrainingRun() = default;

void TrainingRun::open(const fs::path& out, bool resume) {
  recover_replaced_run(out);
  setting_.out = out;
  const auto run_file = out / kRunFile;
  use_ = OutputUse::kNew;
  if (!is_new_or_empty(out)) {
    if (!resume)
      throw ConfigError(fmt::format("{}: is not empty, and nothing asks to resume the run in it", out.string()));
    if (!fs::exists(run_file)) {
      throw ConfigError(fmt::format("{}: is not empty and holds no run to resume (no {})", out.string(), kRunFile));
    }
    use_ = OutputUse::kGoOn;
  }
  setting_.resume = resume && fs::exists(run_file);
  if (!setting_.resume) return;
  earlier_ = read_run(run_file);
  config_.set_all(earlier_, run_file.string());
}

void TrainingRun::overwrite(const fs::path& out) {
  recover_replaced_run(out);
  if (is_new_or_empty(out)) return open(out);
  const auto run_file = replaceable_run(out);
  const auto run = Json::parse(read_run(run_file));
  if (!run.contains("train") || !run.contains("data")) {
    throw ConfigError(fmt::format("{}: is no run's, so that its folder is not replaced", run_file.string()));
  }
  setting_.out = out;
  use_ = OutputUse::kReplace;
}

void TrainingRun::complete() {
  if (setting_.out.empty()) throw std::logic_error("a training run is opened before its settings are complete");
  begin_with_init();
  setup_->complete(config_);
  // Before data is prepared, which may take long and is removed again when a run does not get under way.
  try {
    setting_.trainer.validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(error.what());
  }
  const auto& trainer = setting_.trainer;
  const auto metrics = setup_->metric_names();
  if (!metrics.empty() && std::find(metrics.begin(), metrics.end(), trainer.best_metric) == metrics.end()) {
    throw ConfigError(fmt::format("train.best_metric is '{}', which the evaluation does not give; it gives {}",
                                  trainer.best_metric, fmt::join(metrics, ", ")));
  }
  if (trainer.optimizer == "own" && !setup_->has_own_algorithm()) {
    throw ConfigError("train.optimizer is 'own', but this family has no training algorithm of its own");
  }
  if (setting_.resume) {
    check_differences();
    check_data_is_there();
  } else {
    refuse_unread();
  }
  if (use_ == OutputUse::kReplace) refuse_replaced();
  completed_ = true;
}

void TrainingRun::refuse_unread() const {
  const auto& trainer = setting_.trainer;
  auto rules = setup_->unread_keys();
  rules.push_back({trainer.optimizer == "own",
                   "train.optimizer = own",
                   {"train.weight_decay", "train.clip_norm", "train.clip_value", "train.ema_decay", "train.accumulation", "train.dtype",
                    "train.beta1", "train.beta2", "train.epsilon", "train.correct_bias"}});
  std::vector<std::string> unread_options;
  for (const auto option : unread_optimizer_options(trainer.optimizer)) {
    unread_options.push_back(fmt::format("train.{}", option));
  }
  rules.push_back({true, "train.optimizer = " + trainer.optimizer, std::move(unread_options)});
  const auto batch_tokens = setting_.batch.batch_tokens;
  rules.push_back(
      {batch_tokens > 0, fmt::format("train.batch_tokens = {} (0 lets it count)", batch_tokens), {setup_->unread_beside_batch_tokens()}});
  rules.push_back({trainer.schedule != "wsd", "train.schedule = " + trainer.schedule, {"train.wsd_decay_fraction"}});
  rules.push_back({trainer.schedule != "plateau",
                   "train.schedule = " + trainer.schedule,
                   {"train.plateau_factor", "train.plateau_patience"}});
  rules.push_back({trainer.keep_checkpoints == 0, "train.keep_checkpoints = 0", {"train.keep_which"}});
  for (const auto& [key, here, usual] : config_.differing(defaults_)) {
    if (!config_.given(key) || config_.from_preset(key)) continue;
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&, &key = key](const UnreadKeys& r) { return r.unread && listed(r.keys, key); });
    if (rule == rules.end()) continue;
    const auto flags = setup_->flags();
    const auto flag =
        std::find_if(flags.begin(), flags.end(), [&key = key](const TrainFlag& f) { return f.key == key; });
    const auto named = flag == flags.end() ? key : fmt::format("{} ({})", flag->name, key);
    throw ConfigError(fmt::format("{} = {}: {} makes no use of it", named, here, rule->who));
  }
}

void TrainingRun::begin_with_init() {
  if (setting_.init.empty()) return;
  setting_.init = absolute_if_there(setting_.init);
  if (run_to_read(setting_.init) != setting_.init) {
    throw ConfigError(
        fmt::format("train.init = {}: its run waits for another that is to replace it and is not under "
                    "way; train --resume with that --out puts it back",
                    setting_.init));
  }
  if (setup_->heeds_init()) return;
  const auto model = setup_->configured_model();
  if (!model) {
    throw ConfigError(fmt::format("train.init = {}: this family begins with no other model's weights", setting_.init));
  }
  if (!setting_.resume) return begin_with_model(*model, config_, setting_.init);
  // The tokenizers are still those of the run, which a preset had not decided.
  for (const auto& [key, here, there] : config_.differing(earlier_)) {
    if (key.ends_with("tokenizer")) config_.set_over_preset(key, there);
  }
}

void TrainingRun::refuse_replaced() const {
  auto keys = setup_->data_keys();
  keys.insert(keys.begin(), "train.init");
  std::error_code error;
  for (const auto& key : keys) {
    const auto value = config_.value(key);
    if (value.empty() || !fs::exists(value, error) || !lies_in(value, setting_.out)) continue;
    throw ConfigError(fmt::format("{} = {}: is in {}, whose run this one replaces", key, value, setting_.out.string()));
  }
}

void TrainingRun::check_differences() const {
  const auto data_keys = setup_->data_keys();
  const bool has_state = fs::exists(training_state_path(setting_.out));
  for (const auto& [key, here, there] : config_.differing(earlier_)) {
    if (listed(kMayChange, key)) continue;
    // Another name of the data is all right where a saved state tells that it is the same data.
    if (listed(data_keys, key) && (absolute_if_there(there) == here || (has_state && may_be_renamed(key, here)))) {
      continue;
    }
    if (key == "train.init" && absolute_if_there(there) == here) continue;
    throw ConfigError(fmt::format("cannot resume: {} = {} here, but {} = {} in {}", key, here, key, there,
                                  (setting_.out / kRunFile).string()));
  }
}

void TrainingRun::check_data_is_there() const {
  for (const auto& key : setup_->data_keys()) {
    const auto value = config_.value(key);
    if (value == "-") setting_.message(fmt::format("{} = -: the run's data is read from stdin once more", key));
    std::error_code error;
    if (key.ends_with("tokenizer") || !fs::path(value).is_absolute() || fs::exists(value, error)) continue;
    throw FileError(value,
                    fmt::format("is not there any more, as no pipe is; {} says where the same data is now", key));
  }
}

bool TrainingRun::may_be_renamed(const std::string& key, const std::string& name) const {
  if (!key.ends_with("tokenizer")) return true;
  return is_tokenizer_in(setting_.out / (key.ends_with("target_tokenizer") ? kTargetTokenizerDir : ""), name);
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
  guard_.emplace(setting_.out, use_);
  if (!setting_.resume) write_run();  // a run killed while it prepares its data can be resumed
  torch::manual_seed(setting_.trainer.seed);
  task_ = setup_->make_task(setting_);
  if (task_->rank() != setting_.rank) throw ConfigError("this kind of task trains in one process only");
  auto options = setting_.trainer;
  const auto micro = setting_.batch.batch_size * setup_->tokens_per_sequence() * setting_.rank.world;
  if (setting_.batch.batch_tokens > 0 && micro > 0) {
    options.accumulation = std::max<std::int64_t>(1, (setting_.batch.batch_tokens + micro - 1) / micro);
  }
  trainer_ = std::make_unique<Trainer>(*task_, options, setting_.out, setting_.device);
  keep_folder_ = std::make_unique<KeepFolder>(*guard_);
  trainer_->add_observer(*keep_folder_);
  for (auto* observer : observers_) trainer_->add_observer(*observer);
  resumed_ = setting_.resume && trainer_->resume();
  if (resumed_) {
    guard_->keep();
    check_steps_left();
  } else if (setting_.resume && fs::exists(setting_.out / "model.safetensors")) {
    setting_.message("no training state was saved here: starting from the beginning, the weights will be replaced");
  }
  write_run();
}

void TrainingRun::check_steps_left() const {
  const auto done = trainer_->step(), wanted = trainer_->total_steps();
  if (done < wanted) return;
  const auto& trainer = setting_.trainer;
  const auto bound = trainer.max_epochs > 0 && wanted < trainer.max_steps
                         ? fmt::format("train.max_epochs = {}", trainer.max_epochs)
                         : fmt::format("train.max_steps = {}", trainer.max_steps);
  if (done == wanted)
    return setting_.message(fmt::format("nothing is left to do: {} steps are done ({})", done, bound));
  throw ConfigError(fmt::format("cannot resume: {} steps are done already, and {} asks for {}", done, bound, wanted));
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
  return trainer_->run();
}

}  // namespace langzoo
