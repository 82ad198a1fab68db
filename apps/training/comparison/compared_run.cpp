#include "apps/training/comparison/compared_run.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/comparison/own_lm.h"
#include "apps/training/count_parameters.h"
#include "apps/training/families.h"
#include "apps/training/freed_memory.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/scratch_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using RunJson = nlohmann::ordered_json;

constexpr std::int64_t kPoints = 40, kEvaluations = 6;  // of a curve
constexpr std::int64_t kMostSteps = 100'000'000;

RunJson finite(double value) {
  return std::isfinite(value) ? RunJson(value) : RunJson();
}

std::string hex_of(const std::string& text) {
  Fingerprint print(1);
  print.add(text);
  return fmt::format("{:016x}", print.value());
}

/// What changes when a trained model's folder does.
std::string state_of(const fs::path& dir) {
  std::string state = fs::weakly_canonical(dir).string();
  std::set<std::string> files;
  for (const auto& entry : fs::directory_iterator(dir)) {
    if (!entry.is_regular_file()) continue;
    files.insert(fmt::format("{} {} {}", entry.path().filename().string(), entry.file_size(),
                             entry.last_write_time().time_since_epoch().count()));
  }
  for (const auto& file : files) state += '\n' + file;
  return state;
}

/// What the folder of a model holds of it, logs and the state of its training left out.
std::int64_t disk_bytes(const fs::path& dir) {
  std::int64_t bytes = 0;
  const auto add = [&](const fs::path& folder) {
    if (!fs::is_directory(folder)) return;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const auto name = entry.path().filename().string();
      if (entry.is_regular_file() && name != kRunFile && name[0] != '.' && name != "metrics.jsonl" &&
          name != "report.html")
        bytes += static_cast<std::int64_t>(entry.file_size());
    }
  };
  add(dir);
  add(dir / kTargetTokenizerDir);
  return bytes;
}

/// A curve on the disk, one point a line, so that a run that is resumed goes on with it.
class CurveRecorder : public TrainerObserver {
 public:
  struct Point {
    std::int64_t step = 0, tokens = 0;
    double seconds = 0;
    std::optional<double> train_loss, valid_loss;
  };

  CurveRecorder(fs::path path, const std::function<void(const std::string&)>& report)
      : path_(std::move(path)), report_(report) {}

  /// What there is of an earlier part, up to the step it goes on from.
  void begin(std::int64_t step) {
    points_.clear();
    if (step > 0 && fs::exists(path_)) {
      const auto text = read_file(path_);
      TextLines lines(text);
      for (std::string_view line; lines.next(line);) {
        const auto json = RunJson::parse(line, nullptr, false);
        if (!json.is_object() || json.value("step", std::int64_t{0}) > step) continue;
        const auto loss = [&](const char* key) {
          return json.contains(key) && json[key].is_number() ? std::optional(json[key].get<double>()) : std::nullopt;
        };
        points_.push_back({json.value("step", std::int64_t{0}), json.value("tokens", std::int64_t{0}),
                           json.value("seconds", 0.0), loss("train_loss"), loss("valid_loss")});
      }
    }
    save();
  }
  void on_step(const StepReport& report) override {
    const auto before = points_.empty() ? Point() : points_.back();
    auto seconds = before.seconds;
    if (report.tokens_per_second > 0)
      seconds += static_cast<double>(report.tokens - before.tokens) / report.tokens_per_second;
    points_.push_back({report.step, report.tokens, seconds, {}, {}});
    if (std::isfinite(report.loss)) points_.back().train_loss = report.loss;
    save();
    if (!report_) return;
    report_(RunJson{{"step", report.step},
                    {"max_steps", report.max_steps},
                    {"tokens", report.tokens},
                    {"loss", finite(report.loss)},
                    {"tokens_per_second", report.tokens_per_second},
                    {"seconds_left", report.seconds_left}}
                .dump());
  }
  void on_eval(const EvalReport& report) override {
    const auto loss = report.metrics.find("loss");
    if (points_.empty() || points_.back().step != report.step || loss == report.metrics.end()) return;
    points_.back().valid_loss = loss->second.value;
    save();
  }

  const std::vector<Point>& points() const { return points_; }

 private:
  static RunJson of(const std::optional<double>& value) { return value ? finite(*value) : RunJson(); }
  void save() const {
    std::string text;
    for (const auto& p : points_) {
      text += RunJson{{"step", p.step},
                      {"tokens", p.tokens},
                      {"seconds", p.seconds},
                      {"train_loss", of(p.train_loss)},
                      {"valid_loss", of(p.valid_loss)}}
                  .dump() +
              '\n';
    }
    write_file_atomically(path_, text);
  }

  fs::path path_;
  const std::function<void(const std::string&)>& report_;
  std::vector<Point> points_;
};

bool counts(const RunConfig& config) {
  return config.value("train.optimizer") == "own";
}

void set_keys(RunConfig& config, const ComparisonKeys& keys, const std::string& source, bool known_only) {
  for (const auto& [key, value] : keys) {
    if (!known_only || config.has(key)) config.set(key, value, source);
  }
}

/// Keys that a spec has for all models: those without batches make no use of the trainer's.
void set_common_keys(RunConfig& config, const ComparedRun& run) {
  const bool own = counts(config);
  for (const auto& [key, value] : run.spec.keys) {
    if (!config.has(key) || (own && key.starts_with("train."))) continue;
    config.set(key, value, "the comparison's keys");
  }
}

void set_seed_and_batches(RunConfig& config, const ComparedRun& run) {
  config.set("train.seed", std::to_string(run.seed), "--seeds");
  if (counts(config)) return;
  config.set("train.batch_size", std::to_string(run.spec.batch_size), "--batch-size");
}

void configure(TrainingRun& training, const ComparedRun& run) {
  auto& config = training.config();
  const auto source = "model " + run.model.name;
  run.task.configure(config, run.spec, run.data);
  set_common_keys(config, run);
  set_keys(config, run.model.keys, source, false);
  set_seed_and_batches(config, run);
}

void set_steps(RunConfig& config, std::int64_t steps) {
  const auto log_every = std::max<std::int64_t>(1, steps / kPoints);
  const auto eval_every = log_every * std::max<std::int64_t>(1, steps / kEvaluations / log_every);
  const auto set = [&](const char* key, std::int64_t value) { config.set(key, std::to_string(value), "the budget"); };
  set("train.max_steps", steps);
  set("train.max_epochs", 0);
  set("train.log_every", log_every);
  set("train.eval_every", eval_every);
  if (config.has("train.eval_epochs")) set("train.eval_epochs", 0);
  set("train.save_every", eval_every);
  // A rise that is as long as the run would be no run.
  const auto warmup = std::stoll(config.value("train.warmup_steps"));
  if (warmup > steps / 10) set("train.warmup_steps", steps / 10);
}

std::optional<double> per_token(const ComparedRun& run, const std::optional<double>& of_row) {
  return of_row ? std::optional(*of_row / run.task.tokens_of_row(run.spec, run.data)) : std::nullopt;
}

/// What the training of a token costs, by the config that a run has before its data is there; nothing where it has
/// none.
std::optional<double> planned_flops(TrainingRun& training, const ComparedRun& run) {
  if (run.own != nullptr) return run.own->flops_per_token > 0 ? std::optional(run.own->flops_per_token) : std::nullopt;
  const auto configured = training.setup().configured_model();
  if (!configured) return std::nullopt;
  const auto config = configured->config.copy();
  run.task.complete(*config, run.data);
  return per_token(run, training_flops(configured->registered, *config, run.task.row(run.spec, run.data)));
}

/// Of a trained model, by the config.json that it has left.
std::optional<double> flops_of(const ComparedRun& run, const fs::path& dir) {
  if (run.own != nullptr) return run.own->flops_per_token > 0 ? std::optional(run.own->flops_per_token) : std::nullopt;
  const auto& family = family_in(dir);
  const auto file = dir / "config.json";
  const auto config = family.default_config()->parsed(read_file(file, std::uint64_t{1} << 24), file.string());
  return per_token(run, training_flops(registered_model(dir), *config, run.task.row(run.spec, run.data)));
}

using OpenTraining = std::function<std::unique_ptr<TrainingRun>(const fs::path& out)>;

/// The steps that the next batches of a run with so many tokens have, those of sources among them or not.
std::int64_t count_steps(const OpenTraining& open, double tokens, bool sources) {
  const ScratchDir scratch;
  const auto training = open(scratch.path() / "run");
  set_steps(training->config(), 1);
  training->prepare();
  auto& task = training->task();
  const auto accumulation = std::stoll(training->config().value("train.accumulation"));
  double read = 0;
  for (std::int64_t steps = 0; steps < kMostSteps; ++steps) {
    for (std::int64_t i = 0; i < accumulation; ++i) {
      const auto batch = task.next();
      read += static_cast<double>(batch.num_tokens + (sources ? batch.num_sources : 0));
    }
    if (read > tokens) return steps;
  }
  return kMostSteps;
}

/// Of a step, the mean of so many, the first ones left out, which are slower.
double seconds_of_step(const ComparedRun& run, std::int64_t tried) {
  constexpr std::int64_t kWarm = 4;
  struct Speed : TrainerObserver {
    void on_step(const StepReport& report) override {
      if (report.step > kWarm && report.tokens_per_second > 0)
        seconds += static_cast<double>(report.tokens - tokens) / report.tokens_per_second;
      tokens = report.tokens;
    }
    double seconds = 0;
    std::int64_t tokens = 0;
  } speed;
  const ScratchDir scratch;
  const auto training = open_training(run, scratch.path() / "run");
  auto& config = training->config();
  set_steps(config, kWarm + tried);
  for (const auto* const key : {"train.eval_every", "train.save_every"}) config.set(key, "0", "the trial");
  config.set("train.log_every", "1", "the trial");
  training->add_observer(speed);
  training->train();
  return speed.seconds / static_cast<double>(tried);
}

/// By a trial of at least a second: some quick steps say little.
double seconds_of_step(const ComparedRun& run) {
  constexpr std::int64_t kFirst = 8;
  const auto seconds = seconds_of_step(run, kFirst);
  const auto enough = static_cast<std::int64_t>(1 / std::max(seconds, 1e-5));
  return enough > kFirst ? seconds_of_step(run, enough) : seconds;
}

std::int64_t plan_steps(TrainingRun& training, const ComparedRun& run) {
  using Kind = ComparisonBudget::Kind;
  const auto& budget = run.spec.budget;
  double tokens = budget.amount, steps = 0;
  const auto step = static_cast<double>(run.task.step_tokens(run.spec));
  const auto whole = static_cast<double>(run.spec.batch_size) * run.task.tokens_of_row(run.spec, run.data);
  auto least = fmt::format("one step takes about {:.0f}", whole);
  if (budget.kind == Kind::kSeconds) {
    const auto seconds = seconds_of_step(run);
    steps = std::floor(budget.amount / seconds);
    least = fmt::format("one step takes {:.3g} s", seconds);
  } else {
    if (budget.kind == Kind::kFlops) {
      const auto flops = planned_flops(training, run);
      if (!flops || *flops <= 0) {
        throw ConfigError(
            fmt::format("model {}: what a token costs is not known: it takes no budget of FLOPs", run.model.name));
      }
      tokens /= *flops;
      least = fmt::format("one step takes about {:.3g}", *flops * (step > 0 ? step : whole));
    }
    steps = step > 0 ? std::floor(tokens / step)
                     : static_cast<double>(
                           count_steps([&](const fs::path& out) { return open_training(run, out); }, tokens, false));
  }
  if (steps < 1) {
    throw ConfigError(fmt::format("model {}: budget {}={}: too small for one step; {}", run.model.name, budget.name(),
                                  budget.amount, least));
  }
  return static_cast<std::int64_t>(std::min(steps, static_cast<double>(kMostSteps)));
}

/// A plan is kept in `file`: a run that goes on must not measure its speed again.
std::int64_t kept_plan(const fs::path& file, const std::function<std::int64_t()>& plan) {
  if (fs::exists(file)) {
    const auto kept = RunJson::parse(read_file(file, 1 << 16), nullptr, false);
    if (kept.is_object() && kept.value("steps", std::int64_t{0}) > 0) return kept["steps"].get<std::int64_t>();
  }
  const auto steps = plan();
  write_file_atomically(file, RunJson{{"steps", steps}}.dump());
  return steps;
}

constexpr const char *kRunMark = "run", *kPretrainingMark = "pretraining";

/// The file that says whose run a model's folder holds, or that of its pretraining.
fs::path mark_of(const ComparedRun& run, const char* kind) {
  return run.out / "runs" / fmt::format("{}-seed-{}.{}", run.model.name, run.seed, kind);
}
bool is_marked(const ComparedRun& run, const char* kind) {
  const auto file = mark_of(run, kind);
  return fs::exists(file) && read_file(file, 1 << 16) == run.id();
}

/// The folder of a run that is another's than this one's is emptied.
void take_folder(const ComparedRun& run, const fs::path& dir, const char* kind) {
  if (!is_marked(run, kind) && fs::exists(dir)) fs::remove_all(dir);
  write_file_atomically(mark_of(run, kind), run.id());
}

struct Trained {
  std::int64_t parameters = 0;
  double tokens = 0;
  bool counted = false;
  std::optional<double> seconds;  ///< where it is not what the curve says
  TrainSummary summary;
};

std::unique_ptr<TrainingRun> open_pretraining(const ComparedRun& run, const fs::path& out) {
  const auto family = run.model.pretraining_family.empty() ? run.model.family : run.model.pretraining_family;
  auto training = std::make_unique<TrainingRun>(run.task.program_of({.name = run.model.name, .family = family}),
                                                run.task.pretraining_setup(run.model));
  training->open(out, true);
  auto& config = training->config();
  run.task.configure_pretraining(config, run.spec, run.data);
  const auto source = "model " + run.model.name;
  // The sizes are those of the model that it becomes.
  if (run.model.pretraining_family.empty()) {
    for (const auto* keys : {&run.spec.keys, &run.model.keys}) {
      for (const auto& [key, value] : *keys) {
        if (key.starts_with("model.") && config.has(key)) config.set(key, value, source);
      }
    }
  }
  set_keys(config, run.spec.pretraining_keys, "the comparison's pretraining_keys", true);
  set_keys(config, run.model.pretraining_keys, source, false);
  set_seed_and_batches(config, run);
  return training;
}

/// The weights that the run begins with, where it has some; false: stopped.
bool pretrain(const ComparedRun& run, const WorkerHooks& hooks, fs::path& init) {
  if (run.model.pretraining.empty()) return true;
  init = run.out / "pretraining" / run.model.name / fmt::format("seed-{}", run.seed);
  take_folder(run, init, kPretrainingMark);
  const auto training = open_pretraining(run, init);
  const auto stem = run.out / "runs" / run.id();
  const auto steps = kept_plan(stem.string() + ".pretraining.plan", [&] {
    return count_steps([&](const fs::path& out) { return open_pretraining(run, out); }, run.spec.pretraining_tokens,
                       /*sources=*/true);
  });
  if (steps < 1)
    throw ConfigError(fmt::format("pretraining_tokens = {}: too few for one step", run.spec.pretraining_tokens));
  set_steps(training->config(), steps);
  CurveRecorder progress(stem.string() + ".pretraining.jsonl", hooks.report);
  training->setting().message = hooks.message;
  training->add_observer(progress);
  training->prepare();
  progress.begin(training->trainer().step());
  // It is there already: what was trained is not trained again.
  if (training->trainer().step() >= training->trainer().total_steps()) return true;
  return !hooks.train(*training).interrupted;
}

std::optional<Trained> train(const ComparedRun& run, const WorkerHooks& hooks, CurveRecorder& curve) {
  fs::path init;
  if (!pretrain(run, hooks, init)) return std::nullopt;
  take_folder(run, run.dir(), kRunMark);
  const auto training = open_training(run, run.dir());
  auto& config = training->config();
  if (!init.empty()) {
    const auto& into = run.model.pretraining_into;
    const auto sign = into.find('=');
    config.set(into.substr(0, sign), into.substr(sign + 1) + init.string(), "the pretraining");
  }
  Trained trained;
  trained.counted = counts(config);
  if (!trained.counted) {
    const auto file = run.out / "runs" / (run.id() + ".plan");
    set_steps(config, kept_plan(file, [&] { return plan_steps(*training, run); }));
  }
  training->setting().message = hooks.message;
  training->add_observer(curve);
  const StopWatch watch;
  training->prepare();
  curve.begin(training->trainer().step());
  trained.summary = hooks.train(*training);
  if (trained.summary.interrupted) return std::nullopt;
  trained.parameters = count_parameters(training->task().model());
  trained.tokens = static_cast<double>(trained.summary.tokens);
  if (trained.counted && run.data.has("train_tokens")) trained.tokens = run.data.number("train_tokens");
  if (trained.counted && run.task.prepares_by_counting()) trained.seconds = watch.seconds();
  return trained;
}

/// Tokens that a counted model was given: those that the budget takes others through.
double counted_tokens(const ComparedRun& run, double counted) {
  const auto step = static_cast<double>(run.task.step_tokens(run.spec));
  const auto& budget = run.spec.budget;
  if (budget.kind != ComparisonBudget::Kind::kTokens || step == 0) return counted;
  return std::max(counted, std::floor(budget.amount / step) * step);
}

RunJson json_of_measured(const MeasuredModel& measured) {
  RunJson json;
  json["eval_tokens_per_second"] = measured.seconds > 0 ? finite(measured.tokens / measured.seconds) : RunJson();
  json["metrics"] = RunJson::object();
  for (const auto& [name, value] : measured.scores) {
    if (!std::isfinite(value)) throw std::runtime_error(fmt::format("{} is {}", name, value));
    json["metrics"][name] = value;
  }
  json["samples"] = RunJson::array();
  for (const auto& sample : measured.samples)
    json["samples"].push_back({{"prompt", sample.prompt}, {"text", sample.text}});
  json["pictures"] = RunJson::array();
  for (const auto& p : measured.pictures)
    json["pictures"].push_back({{"title", p.title}, {"queries", p.queries}, {"keys", p.keys}, {"weights", p.weights}});
  json["segments"] = measured.segments;
  return json;
}

}  // namespace

const OwnLm* own_of(const ModelSpec& model, const std::vector<OwnLm>& own) {
  if (!model.family.empty() || !model.folder.empty()) return nullptr;
  const auto found = std::find_if(own.begin(), own.end(), [&](const OwnLm& o) { return o.name == model.name; });
  return found == own.end() ? nullptr : &*found;
}

std::string ComparedRun::id() const {
  const auto text_of = [](const ComparisonKeys& keys) {
    std::string text;
    for (const auto& [key, value] : keys) text += fmt::format("{} = {}\n", key, value);
    return text;
  };
  const auto& m = model;
  if (!m.folder.empty())
    return hex_of(fmt::format("{}\n{}\n{}\n{}", LANGZOO_VERSION, task.name(), data.fingerprint, state_of(m.folder)));
  return hex_of(fmt::format(
      "{}\n{}\n{}\n{} {}\n{}\n{} {}\n{}\n{}={} {} {} {} seed {}", LANGZOO_VERSION, task.name(), data.fingerprint,
      own != nullptr ? "own " + m.name : m.family, text_of(m.keys), text_of(spec.keys),
      m.pretraining_family + " " + m.pretraining, m.pretraining.empty() ? 0 : spec.pretraining_tokens,
      m.pretraining.empty() ? ""
                            : m.pretraining_into + "\n" + text_of(m.pretraining_keys) + text_of(spec.pretraining_keys),
      spec.budget.name(), spec.budget.amount, spec.batch_size, spec.context, own != nullptr ? own->flops_per_token : 0,
      seed));
}

std::string ComparedRun::name() const {
  return fmt::format("{} seed {}", model.name, seed);
}
bool ComparedRun::has_model() const {
  return !model.folder.empty() || (is_marked(*this, kRunMark) && fs::is_directory(dir()));
}
fs::path ComparedRun::dir() const {
  if (!model.folder.empty()) return model.folder;
  return out / "models" / model.name / fmt::format("seed-{}", seed);
}
fs::path ComparedRun::result() const {
  return out / "runs" / (id() + ".json");
}
fs::path ComparedRun::log() const {
  return out / "runs" / fmt::format("{}-seed-{}.log", model.name, seed);
}

std::unique_ptr<TrainingRun> open_training(const ComparedRun& run, const fs::path& out) {
  auto setup = run.own != nullptr ? own_lm_setup(run.model.name, run.own->make) : run.task.setup(run.model);
  auto training = std::make_unique<TrainingRun>(run.task.program_of(run.model), std::move(setup));
  training->open(out, true);
  configure(*training, run);
  return training;
}

bool has_key(const ComparisonTask& task, const ModelSpec& model, const std::string& key, bool pretraining) {
  if (!model.folder.empty() || model.family.empty() || (pretraining && model.pretraining.empty())) return false;
  const auto program = task.program_of(model);
  return TrainingRun(program, pretraining ? task.pretraining_setup(model) : task.setup(model)).config().has(key);
}

namespace {

/// What all runs have alike, whoever asks for something else.
void refuse_keys_of_comparison(const ComparisonKeys& keys, const std::string& whose, bool steps) {
  const std::pair<const char*, const char*> of_all[] = {{"train.seed", "--seeds and --seed"},
                                                        {"train.batch_size", "--batch-size"}};
  for (const auto& [key, flag] : of_all) {
    if (keys.contains(key)) throw ConfigError(fmt::format("{}: key {}: the comparison decides ({})", whose, key, flag));
  }
  for (const auto* const key :
       {"train.max_steps", "train.max_epochs", "train.eval_every", "train.save_every", "train.log_every"}) {
    if (steps && keys.contains(key))
      throw ConfigError(fmt::format("{}: key {}: the budget decides how many steps there are", whose, key));
  }
}

}  // namespace

void check_settings(const ComparisonTask& task, const ComparisonSpec& spec, const ComparisonData& data,
                    const std::vector<OwnLm>& own) {
  auto unknown = spec.keys, unknown_of_pretraining = spec.pretraining_keys;
  const auto without_those_of = [](ComparisonKeys& keys, const RunConfig& config) {
    std::erase_if(keys, [&](const auto& key) { return config.has(key.first); });
  };
  bool trains = false, pretrains = false;
  for (const auto& model : spec.models) {
    const auto name = "model " + model.name;
    if (!model.folder.empty()) {
      if (!fs::is_directory(model.folder)) throw ConfigError(fmt::format("{}: {} is no folder", name, model.folder));
      continue;
    }
    trains = true;
    const ScratchDir scratch;
    const auto* const own_model = own_of(model, own);
    if (own_model == nullptr && model.family.empty())
      throw ConfigError(fmt::format("{}: has neither a family nor a folder", name));
    const ComparedRun run{task, spec, data, model, own_model, spec.first_seed, scratch.path()};
    auto where = name;
    try {
      const auto training = open_training(run, scratch.path() / "run");
      const bool steps = !counts(training->config());
      refuse_keys_of_comparison(spec.keys, "keys", steps);
      refuse_keys_of_comparison(model.keys, name, steps);
      if (!model.pretraining.empty()) {
        pretrains = true;
        where = name + ", pretraining";
        refuse_keys_of_comparison(spec.pretraining_keys, "pretraining_keys", true);
        refuse_keys_of_comparison(model.pretraining_keys, where, true);
        const auto before = open_pretraining(run, scratch.path() / "pretraining");
        set_steps(before->config(), 1);
        before->complete();
        without_those_of(unknown_of_pretraining, before->config());
        where = name;
      }
      if (steps) set_steps(training->config(), 1);
      training->complete();
      without_those_of(unknown, training->config());
    } catch (const ConfigError& error) {
      const std::string what = error.what();
      const bool told = what.starts_with(name) || what.starts_with("keys: ") || what.starts_with("pretraining_keys: ");
      throw ConfigError(told ? what : where + ": " + what);
    }
  }
  if (trains && !unknown.empty())
    throw ConfigError(fmt::format("key {}: no model of the comparison has it", unknown.begin()->first));
  if (trains && !unknown_of_pretraining.empty()) {
    throw ConfigError(fmt::format("pretraining key {}: no model of the comparison {}",
                                  unknown_of_pretraining.begin()->first, pretrains ? "has it" : "pretrains"));
  }
}

bool perform(const ComparedRun& run, const WorkerHooks& hooks) {
  fs::create_directories(run.out / "runs");
  RunJson json = {{"name", run.model.name}, {"seed", run.seed}};
  const bool loaded = !run.model.folder.empty();
  CurveRecorder curve(run.out / "runs" / (run.id() + ".curve.jsonl"), hooks.report);
  std::optional<double> flops;
  if (loaded) {
    const auto dir = run.dir();
    json["parameters"] = count_parameters(*registered_model(dir).load(dir, nullptr, {}));
    flops = flops_of(run, dir);
    json["family"] = registered_model(dir).model_type;
  } else {
    const auto trained = train(run, hooks, curve);
    if (!trained) return false;
    flops = flops_of(run, run.dir());
    json["family"] = run.own != nullptr ? "own" : run.model.family;
    json["parameters"] = trained->parameters;
    json["train_tokens"] = trained->counted ? counted_tokens(run, trained->tokens) : trained->tokens;
    const auto seconds = trained->seconds.value_or(curve.points().empty() ? 0 : curve.points().back().seconds);
    json["train_seconds"] = seconds;
    json["train_tokens_per_second"] = seconds > 0 ? finite(trained->tokens / seconds) : RunJson();
  }
  json["flops_per_token"] = flops ? finite(*flops) : RunJson();
  json["curve"] = RunJson::array();
  for (const auto& p : curve.points()) {
    json["curve"].push_back({{"step", p.step},
                             {"tokens", p.tokens},
                             {"seconds", p.seconds},
                             {"flops", flops ? finite(static_cast<double>(p.tokens) * *flops) : RunJson()},
                             {"train_loss", p.train_loss ? finite(*p.train_loss) : RunJson()},
                             {"valid_loss", p.valid_loss ? finite(*p.valid_loss) : RunJson()}});
  }
  json["disk_bytes"] = disk_bytes(run.dir());
  release_freed_memory();
  json.update(json_of_measured(run.task.measure({run.model, run.own, run.dir(), !loaded}, run.spec, run.data)));
  write_file_atomically(run.result(), json.dump(-1, ' ', false, RunJson::error_handler_t::replace));
  return true;
}

}  // namespace langzoo
