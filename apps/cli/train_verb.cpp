#include "apps/cli/train_verb.h"

#include <atomic>
#include <cmath>
#include <csignal>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/utils.h>
#include <unistd.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/metrics_log.h"
#include "apps/cli/output_dir.h"
#include "apps/cli/progress.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

/// Settings that may change when a run goes on: they decide how far and how often, not what a step does.
const std::vector<std::string> kMayChange = {"train.max_steps",  "train.max_epochs", "train.eval_every",
                                             "train.save_every", "train.log_every",  "train.patience"};

/// While one is alive, SIGINT and SIGTERM stop the trainer after the step under way; a second SIGINT ends the process.
class StopOnSignal {
 public:
  explicit StopOnSignal(Trainer& trainer) {
    trainer_ = &trainer;
    struct sigaction action {};
    action.sa_handler = [](int signal) {
      auto* trainer = trainer_.exchange(nullptr);
      if (trainer == nullptr && signal == SIGINT) _exit(130);
      if (trainer == nullptr) return;
      trainer->request_stop();
      constexpr char kText[] = "\nsaving after this step; Ctrl-C again stops without saving\n";
      [[maybe_unused]] const auto written = write(STDERR_FILENO, kText, sizeof(kText) - 1);
    };
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, &old_int_);
    sigaction(SIGTERM, &action, &old_term_);
  }
  ~StopOnSignal() {
    sigaction(SIGINT, &old_int_, nullptr);
    sigaction(SIGTERM, &old_term_, nullptr);
    trainer_ = nullptr;
  }
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  static inline std::atomic<Trainer*> trainer_{nullptr};
  struct sigaction old_int_ {};
  struct sigaction old_term_ {};
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
    metrics_ = report.metrics;
    write();
  }
  void finish(const TrainSummary& summary, std::vector<ReportSample> samples) {
    content_.samples = std::move(samples);
    step_.step = summary.step, step_.tokens = summary.tokens;
    step_.tokens_per_second = summary.tokens_per_second;
    write();
  }

 private:
  void write() {
    auto& figures = content_.headline;
    figures.clear();
    const auto add = [&](const std::string& name, double value) {
      auto words = name == "loss" ? "validation loss" : name == "source_loss" ? "entropy of the source" : name;
      std::replace(words.begin(), words.end(), '_', ' ');
      const bool nats = name == "loss" || name == "source_loss";
      figures.emplace_back(words, nats ? fmt::format("{:.4f}", value) : fmt::format("{:.4g}", value));
    };
    if (metrics_.count("loss") > 0) add("loss", metrics_.at("loss"));
    for (const auto& [name, value] : metrics_) {
      if (name != "loss") add(name, value);
    }
    figures.emplace_back("parameters", with_unit(static_cast<double>(parameters_)));
    figures.emplace_back("steps", fmt::format("{}", step_.step));
    figures.emplace_back("tokens read", with_unit(static_cast<double>(step_.tokens)));
    figures.emplace_back("tokens per second", with_unit(step_.tokens_per_second));
    write_report(dir_, content_);
  }

  fs::path dir_;
  ReportContent content_;
  std::int64_t parameters_;
  StepReport step_;
  EvalMetrics metrics_;
};

torch::Device device_of(const TrainFamily& family, const ComputeOptions& common) {
  const auto reason = family.needs_cpu();
  if (reason.empty()) return common.torch_device();
  if (common.device == "cuda") throw UsageError("--device cuda: " + reason);
  return torch::kCPU;
}

/// The text of run.json.
std::string read_run(const fs::path& path) {
  auto text = read_file(path, std::uint64_t{1} << 24);
  if (!Json::parse(text, nullptr, false).is_object()) throw FileError(path, "is not a run configuration");
  return text;
}

void print_summary(const TrainSummary& summary, const std::string& unit, const fs::path& out, bool json) {
  if (json) {
    Json valid = nullptr;
    if (!summary.valid.empty()) valid = summary.valid;
    print_json({{"step", summary.step},
                {"tokens", summary.tokens},
                {"tokens_per_second", summary.tokens_per_second},
                {"peak_memory_bytes", peak_memory_bytes()},
                {"train_loss", std::isfinite(summary.train_loss) ? Json(summary.train_loss) : Json(nullptr)},
                {"valid", valid}});
    return;
  }
  const auto loss = std::isfinite(summary.train_loss) ? fmt::format("{:.4f}", summary.train_loss) : "-";
  std::cout << fmt::format("step {}  tokens {}  train loss {}", summary.step, summary.tokens, loss);
  if (!summary.valid.empty()) std::cout << "  " << in_words(summary.valid);
  std::cout << fmt::format("  {} {}/s  {:.0f} MB at most\n", with_unit(summary.tokens_per_second), unit,
                           static_cast<double>(peak_memory_bytes()) / 1e6);
  std::cerr << fmt::format("{} in {}; the curves are in {}\n",
                           summary.interrupted ? "stopped and saved (--resume goes on)" : "saved", out.string(),
                           (out / "report.html").string());
}

}  // namespace

void TrainVerb::add_own_options(CLI::App& app) {
  TrainSetting setting;
  RunConfig config;
  const auto family = bind_all(config, setting);
  app.add_option("--data", data_, fmt::format("{} (data.train)", config.help_of("data.train")));
  for (const auto& [name, key] : family->flags()) {
    const auto help = fmt::format("{} ({})", config.help_of(key), key);
    const auto give = [this, name = name, key = key](const std::string& value) {
      flags_.emplace_back(name, key + "=" + value);
    };
    if (config.is_flag(key)) {
      app.add_flag_callback(
          name, [give] { give("true"); }, help);
    } else {
      app.add_option_function<std::string>(name, give, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
  std::vector<std::string> names;
  for (const auto& preset : presets_of(program_)) names.push_back(preset.name);
  if (!names.empty()) {
    app.add_option("--preset", preset_, fmt::format("a configuration to start from: {}", fmt::join(names, ", ")));
  }
  app.add_option("--config", config_, "a JSON file of settings; an earlier run's run.json is one");
  app.add_option("--set", set_, "key=value ...: single settings, the last of a key counts; see the keys below");
  app.add_option("--out", out_, "where to save: becomes a Hugging Face model folder")->required();
  app.add_flag("--resume", resume_, "go on with the run in --out; starts it where nothing was saved yet");
}

std::unique_ptr<TrainFamily> TrainVerb::bind_all(RunConfig& config, TrainSetting& setting) const {
  auto family = make_family_();
  config.bind("train", setting.trainer);
  config.bind("train", setting.batch);
  family->bind(config, setting);
  return family;
}

std::string TrainVerb::notes() const {
  std::string text;
  for (const auto& preset : presets_of(program_)) text += fmt::format("  {:<18}{}\n", preset.name, preset.about);
  if (!text.empty()) text = "Presets:\n" + text;
  TrainSetting setting;
  RunConfig config;
  const auto family = bind_all(config, setting);
  text += "\nKeys of --set and --config, with their defaults:\n" + config.help() + family->notes();
  text += fmt::format("\nSettings: defaults < {}--config < flags < --set. ",
                      text.starts_with("Presets") ? "preset < " : "");
  return text +
         "--out becomes a Hugging Face\n"
         "model folder with the last weights, the best by validation in best/, metrics.jsonl, tensorboard/ and\n"
         "report.html. Ctrl-C and SIGTERM during training save and end with code 0, and --resume goes on to the same\n"
         "bytes; while data is prepared they end the program at once. Fields of the last line under --json: step and\n"
         "tokens (since the start of the run), tokens_per_second, peak_memory_bytes, train_loss (null where nothing\n"
         "has a loss), valid.\n";
}

void TrainVerb::configure(RunConfig& config, const ComputeOptions& common) const {
  if (!preset_.empty()) config.load_preset(program_, preset_);
  if (!config_.empty()) config.load_file(config_);
  if (!data_.empty()) config.set("data.train", data_, "--data");
  for (const auto& [name, assignment] : flags_) config.set_text(assignment, name);
  if (common.seed) config.set("train.seed", std::to_string(*common.seed), "--seed");
  if (common.dtype) config.set("train.dtype", *common.dtype, "--dtype");
  for (const auto& assignment : set_) config.set_text(assignment, "--set");
}

void TrainVerb::check_out() const {
  const fs::path out(out_);
  if (is_new_or_empty(out)) return;
  if (!resume_) {
    throw UsageError(fmt::format("--out {}: is not empty; --resume goes on with the run in it", out_));
  }
  if (!fs::exists(out / "run.json")) {
    throw UsageError(fmt::format("--out {}: is not empty and holds no run to resume (no run.json)", out_));
  }
}

void TrainVerb::compute(const ComputeOptions& common) {
  check_out();
  const fs::path out(out_);
  TrainSetting setting;
  RunConfig config;
  const auto family = bind_all(config, setting);

  const auto run_file = out / "run.json";
  const bool begun = resume_ && fs::exists(run_file);
  std::string earlier;
  if (begun) {
    earlier = read_run(run_file);
    config.set_all(earlier, run_file.string());
  }
  configure(config, common);
  setting.out = out;
  setting.resume = begun;
  family->complete(config);
  setting.device = device_of(*family, common);
  if (begun) {
    for (const auto& [key, here, there] : config.differing(earlier)) {
      if (std::find(kMayChange.begin(), kMayChange.end(), key) != kMayChange.end()) continue;
      throw UsageError(
          fmt::format("--resume: {} = {} here, but {} = {} in {}", key, here, key, there, run_file.string()));
    }
  }

  Progress progress(std::cerr, stderr_is_terminal(), 0, family->unit());
  OutputGuard guard(out);
  const auto write_run = [&] {
    auto resolved = config.resolved({{"program", program_}, {"version", LANGZOO_VERSION}});
    write_file_atomically(run_file, resolved);
    return resolved;
  };
  if (!begun) write_run();  // a run killed while it prepares its data can be resumed
  setting.message = [&](const std::string& text) { progress.line(text); };
  torch::manual_seed(setting.trainer.seed);
  const auto task = family->make_task(setting);
  release_freed_memory();
  const auto micro = setting.batch.batch_size * family->tokens_per_sequence();
  if (setting.batch.batch_tokens > 0 && micro > 0) {
    setting.trainer.accumulation = std::max<std::int64_t>(1, (setting.batch.batch_tokens + micro - 1) / micro);
  }
  try {
    setting.trainer.validate();
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }

  Trainer trainer(*task, setting.trainer, out, setting.device);
  trainer.add_observer(progress);
  const bool resumed = begun && trainer.resume();
  if (begun && !resumed && fs::exists(out / "model.safetensors")) {
    progress.line("no training state was saved here: starting from the beginning, the weights will be replaced");
  }
  const auto resolved = write_run();
  MetricsLog log(out, resumed ? trainer.step() : 0);
  trainer.add_observer(log);
  const auto parameters = count_parameters(task->model());
  ReportContent content;
  content.title = "langzoo-" + program_;
  content.subtitle =
      fmt::format("{} on {}", preset_.empty() ? out.filename().string() : preset_, config.value("data.train"));
  content.config = Json::parse(resolved);
  ReportWriter report(out, content, parameters);
  trainer.add_observer(report);
  guard.keep();
  progress.line(fmt::format("{} parameters, {} an epoch, {}{}", with_unit(parameters),
                            counted(task->batches_per_epoch(), "batch", "batches"),
                            counted(trainer.total_steps(), "step", "steps"),
                            resumed ? fmt::format(", going on after step {}", trainer.step()) : ""));
  TrainSummary summary;
  {
    const StopOnSignal signals(trainer);
    summary = trainer.run();
  }
  progress.finish();
  report.finish(summary, summary.interrupted ? std::vector<ReportSample>{} : family->samples());
  print_summary(summary, family->unit(), out, common.json);
}

}  // namespace langzoo
