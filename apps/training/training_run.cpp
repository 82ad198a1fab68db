#include "apps/training/training_run.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>
#include <nlohmann/json.hpp>

#include "apps/training/freed_memory.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/optim/optimizers.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

/// Settings that may change when a run goes on: they decide how far and how often, not what a step does.
const std::vector<std::string> kMayChange = {"train.max_steps",   "train.max_epochs",       "train.eval_every",
                                             "train.eval_epochs", "train.save_every",       "train.log_every",
                                             "train.patience",    "train.keep_checkpoints", "train.shard_optimizer",
                                             "train.bucket_mb",   "data.sequences"};

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

/// `work` of every rank, of which one that fails ends all.
void TrainingRun::all(const std::string& doing, const std::function<void()>& work) const {
  setting_.distributed == nullptr ? work() : setting_.distributed->together(doing, work);
}

/// `work`, which opens the folder, is rank 0's; the others learn what it has found.
void TrainingRun::follow(const fs::path& out, const std::function<void()>& work) {
  auto* const ranks = setting_.distributed;
  if (ranks == nullptr) return work();
  all("opens its folder", [&] {
    if (leads()) work();
  });
  const auto found = ranks->broadcast((setting_.resume ? "1" : "0") + earlier_);
  if (leads()) return;
  setting_.out = out;
  setting_.resume = found.front() == '1';
  earlier_ = found.substr(1);
  if (setting_.resume) config_.set_all(earlier_, (out / kRunFile).string());
}

void TrainingRun::open(const fs::path& out, bool resume) {
  follow(out, [&] { open_folder(out, resume); });
}

void TrainingRun::overwrite(const fs::path& out) {
  follow(out, [&] { open_to_replace(out); });
}

void TrainingRun::open_folder(const fs::path& out, bool resume) {
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

void TrainingRun::open_to_replace(const fs::path& out) {
  recover_replaced_run(out);
  if (is_new_or_empty(out)) return open_folder(out, false);
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
  all("checks its settings", [&] { complete_settings(); });
  if (setting_.distributed != nullptr) check_settings_alike();
  completed_ = true;
}

void TrainingRun::complete_settings() {
  begin_with_init();
  setup_->complete(config_);
  leave_preset_of_other_optimizers();
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
  if (setting_.distributed != nullptr && setting_.distribution.shard_optimizer && trainer.optimizer != "own" &&
      !shards_state(trainer.optimizer)) {
    throw ConfigError(fmt::format(
        "train.shard_optimizer = true: the optimizer {} does not divide its state among processes, adamw does",
        trainer.optimizer));
  }
  if (setting_.resume) {
    if (leads()) check_batch_size();
    if (leads()) check_differences();
    check_data_is_there();
  } else {
    refuse_unread();
    if (trainer.schedule == "plateau" && trainer.eval_every == 0 && trainer.eval_epochs == 0) {
      throw ConfigError(
          "train.schedule = plateau: falls by evaluations, of which train.eval_every = 0 and train.eval_epochs = 0 "
          "leave "
          "none before the end");
    }
  }
  if (use_ == OutputUse::kReplace) refuse_replaced();
}

/// What a preset says of the optimizer it chose does not outlive the choice of another.
void TrainingRun::leave_preset_of_other_optimizers() {
  const auto options = own_optimizer_options();
  for (const auto& [key, here, usual] : config_.differing(defaults_)) {
    const bool of_other = std::ranges::any_of(options, [&, &key = key](const auto& own) {
      return own.first != setting_.trainer.optimizer && key.starts_with(fmt::format("train.{}.", own.first));
    });
    if (of_other && config_.from_preset(key)) config_.set_over_preset(key, usual);
  }
}

/// Throws DistributedError naming a key, other than of data, that two ranks have different values of.
void TrainingRun::check_settings_alike() const {
  auto& ranks = *setting_.distributed;
  const auto of_leader = ranks.broadcast(config_.resolved());
  const auto data_keys = setup_->data_keys();
  std::string difference;
  for (const auto& [key, here, there] : config_.differing(of_leader)) {
    if (!listed(data_keys, key) && difference.empty())
      difference = fmt::format("{} = {}, but {} on rank 0", key, here, there);
  }
  const auto all = ranks.gather(difference);
  for (std::size_t r = 0; r < all.size(); ++r) {
    if (!all[r].empty())
      throw DistributedError(DistributedError::Kind::kDisagreement, fmt::format("rank {}: {}", r, all[r]));
  }
}

/// Decides where a rank that does not lead finds prepared data: in rank 0's folder where it sees that, which must be
/// for the same data then.
void TrainingRun::find_folder() {
  auto& ranks = *setting_.distributed;
  const auto written = ranks.broadcast(leads() ? read_run(setting_.out / kRunFile) : "");
  const auto of_leader = ranks.broadcast(config_.resolved());
  std::string difference;
  all("looks for the run's folder", [&] {
    if (leads()) return;
    std::error_code error;
    if (!fs::exists(setting_.out / kRunFile, error) || read_run(setting_.out / kRunFile) != written) {
      scratch_ = std::make_unique<ScratchDir>();
      setting_.out = scratch_->path();
      return;
    }
    const auto data_keys = setup_->data_keys();
    for (const auto& [key, here, there] : config_.differing(of_leader)) {
      if (listed(data_keys, key) && absolute_if_there(there) != absolute_if_there(here) && difference.empty())
        difference = fmt::format("{} = {}, but {} on rank 0", key, here, there);
    }
  });
  const auto all_differences = ranks.gather(difference);
  for (std::size_t r = 0; r < all_differences.size(); ++r) {
    if (!all_differences[r].empty())
      throw DistributedError(DistributedError::Kind::kDisagreement, fmt::format("rank {}: {}", r, all_differences[r]));
  }
}

void TrainingRun::check_data_alike() const {
  auto& ranks = *setting_.distributed;
  const auto prints = ranks.gather(task_->fingerprint());
  for (std::size_t r = 1; r < prints.size(); ++r) {
    if (prints[r] == prints[0]) continue;
    throw DistributedError(DistributedError::Kind::kDisagreement,
                           fmt::format("rank {}: the data (data.train) is another than rank 0's: '{}', not '{}'", r,
                                       prints[r], prints[0]));
  }
}

/// Rank 0 prepares the data; the others open what it has prepared.
void TrainingRun::make_task() {
  const auto make = [&] {
    torch::manual_seed(setting_.trainer.seed);
    task_ = setup_->make_task(setting_);
    if (task_->rank() != setting_.rank) throw ConfigError("this kind of task trains in one process only");
  };
  if (setting_.distributed == nullptr) return make();
  const bool resume = setting_.resume;
  if (!leads()) setting_.resume = scratch_ == nullptr;
  setting_.distributed->leader_first("prepares its data", make);
  setting_.resume = resume;
  check_data_alike();
}

/// A step of N ranks goes on as one of M where they take as many sequences together.
void TrainingRun::check_batch_size() const {
  const auto key = "train.batch_size";
  const auto earlier = Json::parse(earlier_);
  const std::int64_t before = std::stoll(earlier.value("ranks", "1")), now = setting_.rank.world;
  const auto& batch = setting_.batch;
  const bool counts = !(batch.batch_tokens > 0 && setup_->unread_beside_batch_tokens() == key);
  if (before == now || !counts || !earlier.contains("train")) return;
  const auto size = earlier.at("train").value("batch_size", batch.batch_size);
  if (size * before == batch.batch_size * now) return;
  const auto of_ranks = [](std::int64_t each, std::int64_t world) {
    return world == 1 ? fmt::format("{} in one process", each) : fmt::format("{} on each of {} ranks", each, world);
  };
  const auto hint = size * before % now == 0 ? fmt::format("--set {}={} keeps it", key, size * before / now)
                                             : fmt::format("{} ranks cannot keep it", now);
  throw ConfigError(fmt::format("cannot resume: {} = {}, was {}: their product must stay {}; {}", key,
                                of_ranks(batch.batch_size, now), of_ranks(size, before), size * before, hint));
}

void TrainingRun::refuse_unread() const {
  const auto& trainer = setting_.trainer;
  auto rules = setup_->unread_keys();
  rules.push_back({trainer.optimizer == "own",
                   "train.optimizer = own",
                   {"train.weight_decay", "train.clip_norm", "train.clip_value", "train.ema_decay",
                    "train.accumulation", "train.dtype", "train.beta1", "train.beta2", "train.epsilon",
                    "train.correct_bias", "train.shard_optimizer", "train.gradient_dtype", "train.bucket_mb"}});
  rules.push_back({trainer.optimizer != "own", "train.optimizer = " + trainer.optimizer, {"train.sync_every"}});
  rules.push_back({setting_.distributed == nullptr,
                   "a run of one process",
                   {"train.shard_optimizer", "train.gradient_dtype", "train.bucket_mb", "train.sync_every"}});
  std::vector<std::string> unread_options;
  for (const auto option : unread_optimizer_options(trainer.optimizer)) {
    unread_options.push_back(fmt::format("train.{}", option));
  }
  rules.push_back({true, "train.optimizer = " + trainer.optimizer, std::move(unread_options)});
  const auto batch_tokens = setting_.batch.batch_tokens;
  rules.push_back({batch_tokens > 0,
                   fmt::format("train.batch_tokens = {} (0 lets it count)", batch_tokens),
                   {setup_->unread_beside_batch_tokens()}});
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
  const bool other_world = std::stoll(Json::parse(earlier_).value("ranks", "1")) != setting_.rank.world;
  for (const auto& [key, here, there] : config_.differing(earlier_)) {
    if (listed(kMayChange, key)) continue;
    if (other_world && key == "train.batch_size") continue;  // check_batch_size() has looked at it
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
  std::vector<std::pair<std::string, std::string>> head = {{"program", program_}, {"version", LANGZOO_VERSION}};
  if (setting_.rank.world > 1) head.emplace_back("ranks", std::to_string(setting_.rank.world));
  resolved_ = config_.resolved(head);
  if (!leads()) return;
  write_file_atomically(setting_.out / kRunFile, resolved_);
}

void TrainingRun::prepare() {
  if (!completed_) complete();
  const auto needs_cpu = setup_->needs_cpu();
  if (!needs_cpu.empty() && !setting_.device.is_cpu()) {
    throw ConfigError(fmt::format("device {}: {}", setting_.device.str(), needs_cpu));
  }
  all("opens its folder", [&] {
    if (leads()) guard_.emplace(setting_.out, use_);
    if (!setting_.resume) write_run();  // a run killed while it prepares its data can be resumed
  });
  if (setting_.distributed != nullptr) find_folder();
  make_task();
  auto options = setting_.trainer;
  const auto micro = setting_.batch.batch_size * setup_->tokens_per_sequence() * setting_.rank.world;
  if (setting_.batch.batch_tokens > 0 && micro > 0) {
    options.accumulation = std::max<std::int64_t>(1, (setting_.batch.batch_tokens + micro - 1) / micro);
  }
  trainer_ = std::make_unique<Trainer>(*task_, options, setting_.out, setting_.device, setting_.distributed,
                                       setting_.distribution);
  if (guard_) {
    keep_folder_ = std::make_unique<KeepFolder>(*guard_);
    trainer_->add_observer(*keep_folder_);
  }
  for (auto* observer : observers_) trainer_->add_observer(*observer);
  all("goes on from a checkpoint", [&] {
    resumed_ = setting_.resume && trainer_->resume();
    if (resumed_ && guard_) guard_->keep();
    if (resumed_) check_steps_left();
  });
  if (!resumed_ && leads() && setting_.resume && fs::exists(setting_.out / "model.safetensors")) {
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
  release_freed_memory();
  // What learns by its own means reads its data as it goes, within bounds of its own.
  std::optional<KeepLargeFreedMemory> keep;
  if (setting_.trainer.optimizer != "own") keep.emplace();
  return trainer_->run();
}

}  // namespace langzoo
