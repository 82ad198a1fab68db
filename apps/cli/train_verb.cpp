#include "apps/cli/train_verb.h"

#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <iostream>
#include <set>

#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/metrics_log.h"
#include "apps/cli/progress.h"
#include "apps/cli/report.h"
#include "apps/training/release_memory.h"
#include "apps/training/training_state.h"
#include "data/files/config_error.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// While one is alive, SIGINT, SIGTERM and SIGHUP stop the trainer after the step under way; a second SIGINT ends the
/// process. Those that are ignored stay so: nohup ignores SIGHUP.
class StopOnSignal {
 public:
  explicit StopOnSignal(Trainer& trainer) {
    trainer_ = &trainer;
    number_ = 0;
    for (auto& [number, before] : before_) {
      struct sigaction action {};
      action.sa_handler = stop;
      action.sa_flags = SA_RESTART;
      sigaction(number, nullptr, &before);
      if (before.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);
    }
  }
  ~StopOnSignal() {
    for (const auto& [number, before] : before_) sigaction(number, &before, nullptr);
    trainer_ = nullptr;
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

  /// The one that stopped the trainer; empty: none.
  static std::string name() {
    const int number = number_;
    if (number == 0) return {};
    return number == SIGINT ? "SIGINT" : number == SIGHUP ? "SIGHUP" : "SIGTERM";
  }

 private:
  static void stop(int number) {
    auto* trainer = trainer_.exchange(nullptr);
    if (trainer == nullptr && number == SIGINT) _exit(128 + SIGINT);
    if (trainer == nullptr) return;
    number_ = number;
    trainer->request_stop();
    constexpr char kText[] = "\nsaving after this step; Ctrl-C again stops without saving\n";
    [[maybe_unused]] const auto written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
  }

  static inline std::atomic<Trainer*> trainer_{nullptr};
  static inline std::atomic<int> number_{0};
  std::array<std::pair<int, struct sigaction>, 3> before_ = {{{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}}};
};

std::int64_t count_parameters(const torch::nn::Module& model) {
  std::set<const void*> seen;
  std::int64_t count = 0;
  for (const auto& parameter : model.parameters()) {
    if (seen.insert(parameter.unsafeGetTensorImpl()).second) count += parameter.numel();
  }
  return count;
}

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

torch::Device device_of(const TaskSetup& setup, const ComputeOptions& common) {
  const auto reason = setup.needs_cpu();
  if (reason.empty()) return common.torch_device();
  if (common.device == "cuda") throw UsageError("--device cuda: " + reason);
  return torch::kCPU;
}

void print_summary(const TrainSummary& summary, const std::string& unit, const fs::path& out, bool json) {
  if (json) {
    std::optional<JsonMembers> valid;
    if (const auto values = values_of(summary.valid); !values.empty()) valid.emplace(values.begin(), values.end());
    print_json({{"step", summary.step},
                {"tokens", summary.tokens},
                {"tokens_per_second", summary.tokens_per_second},
                {"peak_memory_bytes", peak_memory_bytes()},
                {"train_loss", summary.train_loss},
                {"valid", valid}});
    return;
  }
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
  for (const auto& [name, key] : run.setup().flags()) {
    const auto help = fmt::format("{} ({})", config.help_of(key), key);
    const auto give = [this, name = name, key = key](const std::string& value) {
      flags_.emplace_back(name, key + "=" + value);
    };
    if (config.is_flag(key)) {
      options.on_flag(
          name, [give] { give("true"); }, help);
    } else {
      options.on(name, give, help).take_last();
    }
  }
  std::vector<std::string> names;
  for (const auto& preset : presets_of(program_)) names.push_back(preset.name);
  if (!names.empty()) {
    options.add("--preset", preset_, fmt::format("a configuration to start from: {}", fmt::join(names, ", ")));
  }
  options
      .on(
          "--init", [this](const std::string& value) { flags_.emplace_back("--init", "train.init=" + value); },
          fmt::format("{} (train.init)", config.help_of("train.init")))
      .take_last();
  options.add("--config", config_, "a JSON file of settings; an earlier run's run.json is one");
  options.add("--set", set_, "key=value ...: single settings, the last of a key counts; see the keys below");
  options.add("--out", out_, "where to save: becomes a Hugging Face model folder").required();
  options.add("--resume", resume_, "go on with the run in --out; starts it where nothing was saved yet");
  options.add("--overwrite", overwrite_, "start anew in --out; the run in it goes once this one has a checkpoint")
      .excludes("--resume");
}

std::string TrainVerb::flag_value(const std::string& flag) const {
  std::string found;
  for (const auto& [name, assignment] : flags_) {
    if (name == flag) found = assignment.substr(assignment.find('=') + 1);
  }
  return found;
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

std::string TrainVerb::notes() const {
  std::string text;
  for (const auto& preset : presets_of(program_)) text += fmt::format("  {:<18}{}\n", preset.name, preset.about);
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
  const fs::path out(out_);
  TrainingRun run(program_, make_setup_());
  Progress progress(std::cerr, stderr_is_terminal());
  run.setting().message = [&](const std::string& text) { progress.line(text); };
  of_flag("--out", [&] {
    if (!resume_ && !overwrite_ && !is_new_or_empty(out)) {
      throw ConfigError(out_ + ": is not empty; --resume goes on with the run in it, --overwrite starts anew");
    }
    overwrite_ ? run.overwrite(out) : run.open(out, resume_);
  });
  configure(run.config(), common);
  if (run.setup().needs_train_data() && run.config().value("data.train").empty()) {
    throw UsageError(fmt::format("data.train (--data) is missing: {}", run.config().help_of("data.train")));
  }
  run.complete();
  run.setting().device = device_of(run.setup(), common);
  run.add_observer(progress);
  run.prepare();
  release_freed_memory();
  auto& task = run.task();
  auto& trainer = run.trainer();
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
  progress.line(fmt::format("{} parameters, {} an epoch, {}{}", with_unit(parameters),
                            counted(task.batches_per_epoch(), "batch", "batches"),
                            counted(trainer.total_steps(), "step", "steps"),
                            run.resumed() ? fmt::format(", going on after step {}", trainer.step()) : ""));
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
  report.finish(summary, summary.interrupted ? std::vector<ReportSample>{} : run.setup().samples());
  print_summary(summary, task.unit(), out, common.json);
  // A run that was stopped has done what it should, even where the terminal it would tell is gone.
  if (summary.interrupted && !std::cout.flush()) std::cout.clear();
}

}  // namespace langzoo
