#include "apps/cli/train_verb.h"

#include <cmath>
#include <csignal>
#include <functional>
#include <iostream>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/cuda.h>
#include <unistd.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/metrics_log.h"
#include "apps/cli/progress.h"
#include "apps/cli/rank_environment.h"
#include "apps/cli/report.h"
#include "apps/cli/stop_on_signal.h"
#include "apps/training/count_parameters.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Keeps the report page up to date: rewritten after every evaluation.
class ReportWriter : public TrainerObserver {
 public:
  ReportWriter(fs::path dir, ReportContent content, std::int64_t parameters)
      : dir_(std::move(dir)), content_(std::move(content)), parameters_(parameters) {}

  void on_step(const StepReport& report) override { step_ = report; }
  void on_eval(const EvalReport& report) override {
    content_.metrics = report.metrics;
    write();
  }
  void finish(const TrainSummary& summary, std::vector<ReportSample> samples) {
    content_.samples = std::move(samples);
    content_.metrics = summary.valid;
    step_.step = summary.step, step_.tokens = summary.tokens;
    step_.tokens_per_second = summary.tokens_per_second;
    write();
  }

 private:
  void write() {
    auto& figures = content_.headline;
    figures.clear();
    const auto add = [&](const std::string& label, const Metric& metric) {
      figures.emplace_back(label, metric.chart == MetricChart::kLoss ? fmt::format("{:.4f}", metric.value)
                                                                     : fmt::format("{:.4g}", metric.value));
    };
    const auto& metrics = content_.metrics;
    // There is a training loss as well.
    if (const auto loss = metrics.find("loss"); loss != metrics.end())
      add("validation " + label_of("loss", loss->second), loss->second);
    for (const auto& [name, metric] : metrics) {
      if (name != "loss") add(label_of(name, metric), metric);
    }
    figures.emplace_back("parameters", with_unit(static_cast<double>(parameters_)));
    figures.emplace_back("steps", fmt::format("{}", step_.step));
    figures.emplace_back(content_.unit + " read", with_unit(static_cast<double>(step_.tokens)));
    figures.emplace_back(content_.unit + " per second", with_unit(step_.tokens_per_second));
    write_report(dir_, content_);
  }

  fs::path dir_;
  ReportContent content_;
  std::int64_t parameters_;
  StepReport step_;
};

/// What a library has against a flag's value, with the flag.
void of_flag(const std::string& flag, const std::function<void()>& use) {
  try {
    use();
  } catch (const ConfigError& error) {
    throw UsageError(fmt::format("{}: {}", flag, error.what()));
  }
}

/// Ranks of one machine take its CUDA devices in turn; with NCCL each has one of its own.
torch::Device device_of(const TaskSetup& setup, const ComputeOptions& common, std::int64_t local_rank) {
  const auto reason = setup.needs_cpu();
  if (reason.empty()) {
    const auto device = common.torch_device();
    if (!device.is_cuda()) return device;
    const auto devices = static_cast<std::int64_t>(torch::cuda::device_count());
    if (local_rank >= devices && Distributed::takes(device)) {
      throw UsageError(
          fmt::format("--device cuda: a machine with {} CUDA devices has a rank {} (LOCAL_RANK): NCCL takes one "
                      "rank a device",
                      devices, local_rank));
    }
    return {torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank % devices)};
  }
  if (common.device == "cuda") throw UsageError("--device cuda: " + reason);
  return torch::kCPU;
}

void print_as_json(const TrainSummary& summary, const JsonMembers& more) {
  std::optional<JsonMembers> valid;
  if (const auto values = values_of(summary.valid); !values.empty()) valid.emplace(values.begin(), values.end());
  JsonMembers members = {{"step", summary.step},
                         {"tokens", summary.tokens},
                         {"tokens_per_second", summary.tokens_per_second},
                         {"peak_memory_bytes", peak_memory_bytes()},
                         {"train_loss", summary.train_loss},
                         {"valid", valid}};
  members.insert(members.end(), more.begin(), more.end());
  print_json(members);
}

void print_summary(const TrainSummary& summary, const std::string& unit, const fs::path& out) {
  const auto loss = std::isfinite(summary.train_loss) ? fmt::format("{:.4f}", summary.train_loss) : "-";
  std::cout << fmt::format("step {}  tokens {}  train loss {}", summary.step, summary.tokens, loss);
  if (!summary.valid.empty()) std::cout << "  " << in_words(summary.valid);
  std::cout << fmt::format("  {} {}/s  {:.0f} MB at most\n", with_unit(summary.tokens_per_second), unit,
                           static_cast<double>(peak_memory_bytes()) / 1e6);
  std::cerr << fmt::format("saved in {}; the curves are in {}\n", out.string(), (out / "report.html").string());
}

/// What the run learns from: data.train, or where there is none its tasks.
std::string name_of_data(const RunConfig& config) {
  const auto data = config.value("data.train");
  return data.empty() && config.has("data.tasks") ? config.value("data.tasks") : data;
}

/// Below a run that has failed: what is left of it, and what to do.
void explain_failure(Progress& progress, const TrainingRun& run, const std::string& out) {
  if (!run.keeps_folder()) return;
  const bool has_state = fs::exists(training_state_path(out));
  progress.line(fmt::format("{} keeps {}; --overwrite starts anew in it", out,
                            has_state ? "the last checkpoint, from which --resume goes on" : "the best model so far"));
}

}  // namespace

void TrainVerb::add_own_options(Options& options) {
  TrainingRun run(program_, make_setup_());
  const auto& config = run.config();
  options.add("--data", data_, fmt::format("{} (data.train)", config.help_of("data.train")));
  std::set<std::string> declared;
  auto init_help = fmt::format("{} (train.init)", config.help_of("train.init"));
  const auto add_flags = [&](TrainingRun& of) {
    for (const auto& [name, key] : of.setup().flags()) {
      if (!declared.insert(name).second) continue;
      if (key == "train.init") init_help = "the same as " + name;
      const auto help = fmt::format("{} ({})", of.config().help_of(key), key);
      const auto give = [this, name = name, key = key](const std::string& value) {
        flags_.emplace_back(name, key + "=" + value);
      };
      if (of.config().is_flag(key)) {
        options.on_flag(
            name, [give] { give("true"); }, help);
      } else {
        options.on(name, give, help).take_last();
      }
    }
  };
  add_flags(run);
  for (const auto& make : other_setups()) {
    TrainingRun other(program_, make());
    add_flags(other);
  }
  std::vector<std::string> names;
  for (const auto& preset : offered()) names.push_back(preset.name);
  if (!names.empty()) {
    options.add("--preset", preset_, fmt::format("a configuration to start from: {}", fmt::join(names, ", ")));
  }
  options
      .on(
          "--init", [this](const std::string& value) { flags_.emplace_back("--init", "train.init=" + value); },
          init_help)
      .take_last();
  options.add("--config", config_, "a JSON file of settings; an earlier run's run.json is one");
  options.add("--set", set_, "key=value ...: single settings, the last of a key counts; see the keys below");
  options.add("--out", out_, "where to save: becomes a Hugging Face model folder").required();
  options.add("--resume", resume_, "go on with the run in --out; starts it where nothing was saved yet");
  options.add("--overwrite", overwrite_, "start anew in --out; the run in it goes once this one has a checkpoint")
      .excludes("--resume");
  options
      .add("--timeout", timeout_,
           fmt::format("seconds for the ranks of a run to find each other, and for one that hangs; {} unless "
                       "LANGZOO_TIMEOUT says otherwise",
                       kDefaultTimeout))
      .between(1, 1e6)
      .needs("several processes (langzoo-launch, torchrun)", [] { return has_ranks(); });
}

std::string TrainVerb::flag_value(const std::string& flag) const {
  std::string found;
  for (const auto& [name, assignment] : flags_) {
    if (name == flag) found = assignment.substr(assignment.find('=') + 1);
  }
  return found;
}

std::string TrainVerb::init() const {
  std::string flag, folder;
  for (const auto& [name, assignment] : flags_) {
    if (!assignment.starts_with("train.init=")) continue;
    const auto value = flag_value(name);
    if (!flag.empty() && value != folder)
      throw UsageError(fmt::format("{} {}: {} {} is said as well", flag, folder, name, value));
    flag = name, folder = value;
  }
  return folder;
}

std::string TrainVerb::keys_of(const MakeSetup& make) const {
  try {
    return TrainingRun(program_, make()).config().help();
  } catch (const ConfigError&) {
    return {};
  }
}

std::string TrainVerb::keys_beside(std::string shown, const std::vector<MakeSetup>& others) const {
  std::string more;
  for (const auto& other : others) {
    std::istringstream lines(keys_of(other));
    for (std::string line; std::getline(lines, line);) {
      const auto key = "\n" + line.substr(0, line.find(" = ") + 3);
      if (("\n" + shown).find(key) != std::string::npos) continue;
      shown += line + "\n", more += line + "\n";
    }
  }
  return more;
}

std::vector<Preset> TrainVerb::offered() const {
  auto presets = presets_of(program_);
  std::erase_if(presets, [this](const Preset& preset) { return !offers(preset.name); });
  return presets;
}

std::string TrainVerb::notes() const {
  std::string text;
  for (const auto& preset : offered()) text += fmt::format("  {:<17} {}\n", preset.name, preset.about);
  if (!text.empty()) text = "Presets:\n" + text;
  TrainingRun run(program_, make_setup_());
  text +=
      "\nKeys of --set and --config, with their defaults:\n" + run.config().help() + run.setup().notes() + more_keys();
  text += fmt::format("\nSettings: defaults < {}--config < flags < --set. ",
                      text.starts_with("Presets") ? "preset < " : "");
  return text +
         "--out becomes a Hugging Face\n"
         "model folder with the last weights, the best by validation in best/, metrics.jsonl, tensorboard/ and\n"
         "report.html; a run that fails before its first checkpoint leaves nothing. Ctrl-C, SIGTERM and SIGHUP during\n"
         "training save and end with code 0, and --resume goes on to the same bytes; while data is prepared they end\n"
         "the program at once. Fields of the last line under --json: step and tokens (since the start of the run),\n"
         "tokens_per_second, peak_memory_bytes, train_loss (null where nothing has a loss), valid.\n";
}

void TrainVerb::configure(RunConfig& config, const ComputeOptions& common) const {
  if (!preset_.empty()) of_flag("--preset", [&] { config.load_preset(program_, preset_); });
  if (!config_.empty()) config.load_file(config_);
  if (!data_.empty()) config.set("data.train", data_, "--data");
  for (const auto& [name, assignment] : flags_) config.set_text(assignment, name);
  if (common.seed) config.set("train.seed", std::to_string(*common.seed), "--seed");
  if (common.dtype) config.set("train.dtype", *common.dtype, "--dtype");
  for (const auto& assignment : set_) config.set_text(assignment, "--set");
}

void TrainVerb::compute(const ComputeOptions& common) {
  // A pipe that nobody reads any more (a tee that the same SIGHUP ended) is no reason to lose a run.
  std::signal(SIGPIPE, SIG_IGN);
  const auto rendezvous = rendezvous_from_environment(timeout_);
  if (!rendezvous) return train(common, nullptr);
  local_rank_ = rendezvous->local_rank;
  if (is_restart()) {
    resume_ = true;
    overwrite_ = false;
  }
  as_rank(*rendezvous, [&](Distributed& ranks) { train(common, &ranks); });
}

void TrainVerb::train(const ComputeOptions& common, Distributed* ranks) {
  const fs::path out(out_);
  TrainingRun run(program_, make_setup_());
  Progress progress(std::cerr, stderr_is_terminal());
  const bool leads = ranks == nullptr || ranks->leads();
  const auto together = [&](const std::function<void()>& work) {
    ranks == nullptr ? work() : ranks->together("checks its settings", work);
  };
  if (leads) run.setting().message = [&](const std::string& text) { progress.line(text); };
  if (ranks != nullptr) run.setting().distributed = ranks, run.setting().rank = ranks->rank();
  of_flag("--out", [&] {
    together([&] {
      if (leads && !resume_ && !overwrite_ && !is_new_or_empty(out))
        throw ConfigError(out_ + ": is not empty; --resume goes on with the run in it, --overwrite starts anew");
    });
    overwrite_ ? run.overwrite(out) : run.open(out, resume_);
  });
  together([&] {
    configure(run.config(), common);
    if (run.setup().needs_train_data() && run.config().value("data.train").empty()) {
      throw UsageError(fmt::format("data.train (--data) is missing: {}", run.config().help_of("data.train")));
    }
  });
  run.complete();
  together([&] { run.setting().device = device_of(run.setup(), common, local_rank_); });
  if (leads) run.add_observer(progress);
  run.prepare();
  auto& task = run.task();
  auto& trainer = run.trainer();
  if (!leads) {
    const StopOnSignal signals(trainer, /*tells=*/false);
    run.train();
    return;
  }
  MetricsLog log(out, run.resumed() ? trainer.step() : 0);
  run.add_observer(log);
  const auto parameters = count_parameters(task.model());
  ReportContent content;
  content.title = "langzoo-" + program_;
  content.subtitle = fmt::format("{} on {}", preset_.empty() ? out.filename().string() : preset_,
                                 fs::path(name_of_data(run.config())).filename().string());
  content.config = run.resolved();
  content.unit = task.unit();
  content.loss_unit = task.loss_unit();
  ReportWriter report(out, content, parameters);
  run.add_observer(report);
  progress.line(fmt::format("{}{} an epoch, {}{}",
                            parameters > 0 ? with_unit(parameters) + " parameters, " : "",  // n-grams have none
                            counted(task.batches_per_epoch(), "batch", "batches"),
                            counted(trainer.total_steps(), "step", "steps"),
                            run.resumed() ? fmt::format(", going on after step {}", trainer.step()) : ""));
  if (ranks != nullptr) {
    progress.line(fmt::format("{} ranks, each {} sequences a micro-batch", ranks->rank().world,
                              run.config().value("train.batch_size")));
  }
  TrainSummary summary;
  try {
    const StopOnSignal signals(trainer);
    summary = run.train();
    progress.finish();
    if (summary.interrupted) {
      progress.line(fmt::format("stopped by {} after step {} of {} and saved; --resume goes on", StopOnSignal::name(),
                                summary.step, trainer.total_steps()));
    }
  } catch (...) {
    progress.finish();
    explain_failure(progress, run, out_);
    throw;
  }
  const Distributed::Busy busy(ranks, "writes its report");
  report.finish(summary, summary.interrupted ? std::vector<ReportSample>{} : run.setup().samples());
  if (common.json) {
    print_as_json(summary, more_members(summary));
  } else {
    print_summary(summary, task.unit(), out);
  }
  // A run that was stopped has done what it should, even where the terminal it would tell is gone.
  if (summary.interrupted && !std::cout.flush()) std::cout.clear();
}

}  // namespace langzoo
