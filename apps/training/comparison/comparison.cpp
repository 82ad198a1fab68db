#include "apps/training/comparison/comparison.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/resource.h>
#include <nlohmann/json.hpp>

#include "apps/training/comparison/child_process.h"
#include "apps/training/comparison/compared_run.h"
#include "apps/training/output_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "data/metrics/resampling.h"
#include "data/text/fingerprint.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

using ResultJson = nlohmann::ordered_json;

constexpr const char *kSpecFile = "spec.json", *kResultsFile = "results.json";
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

ResultJson read_json(const fs::path& path) {
  auto json = ResultJson::parse(read_file(path, kMostBytes), nullptr, false);
  if (json.is_discarded()) throw FileError(path, "is no JSON");
  return json;
}

/// What the files hold that a spec names.
std::string prints_of_files(const ComparisonSpec& spec) {
  std::string text;
  for (const auto& [name, value] : spec.data) {
    std::istringstream parts(value);
    for (std::string part; std::getline(parts, part, ',');) {
      std::vector<fs::path> files;
      if (fs::is_regular_file(part)) files.emplace_back(part);
      if (fs::is_directory(part)) {
        for (const auto& entry : fs::directory_iterator(part)) {
          if (entry.is_regular_file()) files.push_back(entry.path());
        }
        std::sort(files.begin(), files.end());
      }
      if (!files.empty()) text += fmt::format("{} {:016x} ", name, text_fingerprint(files, 1).print);
    }
  }
  return text;
}

/// What the data depends on, of a spec.
std::string data_key(const ComparisonSpec& spec) {
  auto only = spec;
  only.name.clear();
  only.models.clear();
  only.keys.clear();
  only.pretraining_keys.clear();
  only.seeds = only.first_seed = 1;
  only.threads = 0;
  // Plain text and its tokens are there for those that pretrain.
  for (const auto& model : spec.models) {
    if (!model.pretraining.empty()) only.keys["pretraining." + model.family] = "true";
  }
  return fmt::format("{} {}{}", LANGZOO_VERSION, prints_of_files(spec), only.to_json());
}

ComparisonData read_data(const fs::path& file) {
  const auto json = read_json(file);
  ComparisonData data;
  data.fingerprint = json.value("fingerprint", "");
  for (const auto& [name, value] : json.at("facts").items()) data.facts[name] = value.get<std::string>();
  return data;
}

void check_data_keys(const ComparisonTask& task, const ComparisonSpec& spec) {
  std::vector<std::string> known;
  for (const auto& [key, help] : task.data_keys()) known.push_back(key);
  for (const auto& [key, value] : spec.data) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      throw ConfigError(fmt::format("data.{}: {}", key, unknown_name(key, known)));
  }
}

ComparisonData prepared_data(const ComparisonTask& task, const ComparisonSpec& spec, const fs::path& out,
                             const Message& message) {
  const auto dir = out / "data", file = out / "data.json";
  const auto key = data_key(spec);
  if (fs::exists(file) && read_json(file).value("of", "") == key) return read_data(file);
  fs::remove(file);
  fs::remove_all(dir);
  fs::create_directories(dir);
  const auto data = task.prepare(spec, dir, message);
  const ResultJson json = {{"of", key}, {"fingerprint", data.fingerprint}, {"facts", data.facts}};
  write_file_atomically(file, json.dump(1));
  return data;
}

/// Half the width of a 95 % interval over `values` around their mean.
double half_interval(const std::vector<double>& values, double mean) {
  constexpr std::array<double, 30> kStudent = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
                                               2.201,  2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
                                               2.080,  2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042};
  const auto n = values.size();
  if (n < 2) return 0;
  double squares = 0;
  for (const auto value : values) squares += (value - mean) * (value - mean);
  const double t = n - 2 < kStudent.size() ? kStudent[n - 2] : 1.96;
  return t * std::sqrt(squares / static_cast<double>(n - 1) / static_cast<double>(n));
}

ResultJson interval_of(const std::vector<double>& values) {
  double mean = 0;
  for (const auto value : values) mean += value / static_cast<double>(values.size());
  if (values.size() == 1) mean = values[0];
  const auto half = half_interval(values, mean);
  return {{"mean", mean}, {"low", mean - half}, {"high", mean + half}, {"values", values}};
}

/// The mean over seeds of a number; null where one lacks it.
ResultJson mean_of(const std::vector<ResultJson>& runs, const char* key) {
  double sum = 0;
  for (const auto& run : runs) {
    if (!run.contains(key) || !run[key].is_number()) return {};
    if (runs.size() == 1) return run[key];
    sum += run[key].get<double>();
  }
  return runs.empty() ? ResultJson() : ResultJson(sum / static_cast<double>(runs.size()));
}

const std::vector<const char*>& figures() {
  static const std::vector<const char*> figures = {"parameters",
                                                   "flops_per_token",
                                                   "train_tokens",
                                                   "train_seconds",
                                                   "train_tokens_per_second",
                                                   "eval_tokens_per_second",
                                                   "peak_memory_bytes",
                                                   "disk_bytes"};
  return figures;
}

struct ModelRuns {
  std::vector<ResultJson> runs;
  std::string error;
};

ResultJson results_of(const ModelSpec& model, const ModelRuns& done) {
  ResultJson json = {{"name", model.name}};
  const bool any = !done.runs.empty();
  json["family"] = any ? done.runs[0]["family"] : ResultJson(model.family);
  for (const auto* const figure : figures()) json[figure] = mean_of(done.runs, figure);
  for (const auto* const whole : {"parameters", "train_tokens", "peak_memory_bytes", "disk_bytes"}) {
    if (json[whole].is_number()) json[whole] = std::llround(json[whole].get<double>());
  }
  json["seeds"] = done.runs.size();
  json["metrics"] = ResultJson::object();
  if (any) {
    for (const auto& [name, first] : done.runs[0]["metrics"].items()) {
      std::vector<double> values;
      for (const auto& run : done.runs) {
        if (run["metrics"].contains(name)) values.push_back(run["metrics"][name].get<double>());
      }
      json["metrics"][name] = interval_of(values);
    }
  }
  json["significance"] = nullptr;
  for (const auto* const list : {"curve", "samples", "pictures"})
    json[list] = any ? done.runs[0][list] : ResultJson::array();
  json["error"] = done.error.empty() ? ResultJson() : ResultJson(done.error);
  return json;
}

/// The segments of all seeds of a model together; nothing where it has none.
std::optional<SegmentStatistics> segments_of(const ModelRuns& done, std::size_t width) {
  std::optional<SegmentStatistics> sum;
  for (const auto& run : done.runs) {
    const auto& segments = run.at("segments");
    if (segments.empty() || (sum && sum->segments() != segments.size())) return std::nullopt;
    if (!sum) sum.emplace(segments.size(), width);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      for (std::size_t w = 0; w < width; ++w) sum->of(i)[w] += segments[i].at(w).get<double>();
    }
  }
  return sum;
}

void add_significance(ResultJson& models, const std::vector<ModelRuns>& done, const ComparisonTask& task) {
  const auto& metric = task.segment_metric();
  const auto name = task.segment_score();
  const auto scores = task.scores();
  const auto info = std::find_if(scores.begin(), scores.end(), [&](const ScoreInfo& s) { return s.name == name; });
  if (info == scores.end()) throw std::logic_error("no score is called " + name);
  const bool low = info->direction == Direction::kLowerIsBetter;
  std::optional<std::size_t> best;
  std::vector<std::optional<SegmentStatistics>> segments(done.size());
  const auto mean = [&](std::size_t i) { return models[i]["metrics"][name]["mean"].get<double>(); };
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (!models[i]["metrics"].contains(name)) continue;
    segments[i] = segments_of(done[i], metric.width());
    if (segments[i] && (!best || (low ? mean(i) < mean(*best) : mean(i) > mean(*best)))) best = i;
  }
  if (!best) return;
  PairedBootstrap bootstrap(metric, {});
  bootstrap.add(*segments[*best]);
  for (std::size_t i = 0; i < done.size(); ++i) {
    if (i == *best || !segments[i] || segments[i]->segments() != segments[*best]->segments()) continue;
    auto p = bootstrap.add(*segments[i]).front().p_value;
    if (p && mean(i) == mean(*best)) p = 1;  // no difference is as likely as can be
    models[i]["significance"] = {
        {"metric", name}, {"against", models[*best]["name"]}, {"p_value", p ? ResultJson(*p) : ResultJson()}};
  }
}

/// What a process that failed has said of it.
std::string last_error(const fs::path& log, const EndedProcess& ended) {
  std::string error;
  constexpr std::string_view kError = "error: ";
  if (fs::exists(log)) {
    const auto text = read_file(log);
    TextLines lines(text);
    for (std::string_view line; lines.next(line);) {
      if (line.starts_with(kError)) error = line.substr(kError.size());
    }
  }
  if (!error.empty()) return error;
  if (ended.signal == SIGKILL) return "was killed, perhaps for want of memory";
  if (ended.signal != 0) return fmt::format("was ended by signal {} ({})", ended.signal, strsignal(ended.signal));
  return fmt::format("ended with exit code {} (see {})", ended.code, log.string());
}

StepReport step_of(std::string_view line) {
  StepReport report;
  const auto json = ResultJson::parse(line, nullptr, false);
  if (!json.is_object()) return report;
  report.step = json.value("step", std::int64_t{0});
  report.max_steps = json.value("max_steps", std::int64_t{0});
  report.tokens = json.value("tokens", std::int64_t{0});
  report.loss = json.contains("loss") && json["loss"].is_number() ? json["loss"].get<double>() : std::nan("");
  report.tokens_per_second = json.value("tokens_per_second", 0.0);
  report.seconds_left = json.value("seconds_left", 0.0);
  return report;
}

/// Runs one that is not there yet. Returns what went wrong.
std::string run_one(const Comparison& comparison, const ComparedRun& run, const ComparisonOptions& options,
                    ComparisonObserver& observer) {
  std::int64_t peak = 0;
  if (options.worker.empty()) {
    WorkerHooks hooks;
    hooks.message = [&](const std::string& text) { observer.on_message(text); };
    hooks.report = [&](const std::string& line) { observer.on_step(step_of(line)); };
    try {
      if (!comparison.work(run.out, run.model.name, run.seed, hooks)) throw ComparisonStopped();
    } catch (const ComparisonStopped&) {
      throw;
    } catch (const std::exception& error) {
      return error.what();
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    peak = static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
  } else {
    auto command = options.worker;
    command.insert(command.end(), {run.out.string(), run.model.name, std::to_string(run.seed)});
    const auto ended = run_process(
        command, run.log(), [&](std::string_view line) { observer.on_step(step_of(line)); }, options.stop);
    if (options.stop != nullptr && *options.stop) throw ComparisonStopped();
    if (ended.code != 0 || ended.signal != 0) {
      auto error = last_error(run.log(), ended);
      const auto named = fmt::format("model {}: ", run.model.name);  // who reports it says so as well
      return error.starts_with(named) ? error.substr(named.size()) : error;
    }
    if (!fs::exists(run.result())) throw ComparisonStopped();  // it was told to stop by somebody else
    peak = ended.peak_memory_bytes;
  }
  auto result = read_json(run.result());
  result["peak_memory_bytes"] = peak;
  write_file_atomically(run.result(), result.dump());
  return {};
}

ResultJson facts_of(const ComparisonSpec& spec, const ComparisonData& data) {
  ResultJson json = ResultJson::object();
  for (const auto& [name, value] : spec.data) json[name] = value;
  for (const auto& [name, value] : data.facts) {
    if (json.contains(name)) continue;
    const auto number = ResultJson::parse(value, nullptr, false);
    json[name] = number.is_number() ? number : ResultJson(value);
  }
  json["fingerprint"] = data.fingerprint;
  return json;
}

void require_finite(const ResultJson& models) {
  for (const auto& model : models) {
    for (const auto& [name, metric] : model["metrics"].items()) {
      for (const auto* const part : {"mean", "low", "high"}) {
        if (!std::isfinite(metric[part].get<double>())) throw std::logic_error(name + " is not finite");
      }
    }
  }
}

}  // namespace

std::vector<ModelSpec> Comparison::own_specs() const {
  std::vector<ModelSpec> specs;
  for (const auto& own : own_) specs.emplace_back().name = own.name;
  return specs;
}

ComparisonResults Comparison::run(const ComparisonSpec& spec, const fs::path& out,
                                  const ComparisonOptions& options) const {
  ComparisonObserver silent;
  return run(spec, out, options, silent);
}

ComparisonResults Comparison::run(const ComparisonSpec& asked, const fs::path& given, const ComparisonOptions& options,
                                  ComparisonObserver& observer) const {
  asked.validate();
  // As those will read it who work for it: 1e-3 is 0.001.
  const auto spec = ComparisonSpec::from_json(asked.to_json(), "the comparison");
  const auto& task = comparison_task(spec.task);
  if (given.empty()) throw ConfigError("the folder of a comparison has no name");
  const auto out = fs::absolute(given);
  if (!is_new_or_empty(out)) {
    if (!options.resume)
      throw ConfigError(given.string() + ": is not empty; --resume goes on with the comparison in it");
    if (!fs::exists(out / kSpecFile))
      throw ConfigError(fmt::format("{}: is not empty and holds no comparison (no {})", given.string(), kSpecFile));
  }
  const bool made = !fs::exists(out);
  fs::create_directories(out / "runs");
  const OutputLock lock(out);
  ComparisonData data;
  try {
    check_data_keys(task, spec);
    data = prepared_data(task, spec, out, [&](const std::string& text) { observer.on_message(text); });
    check_settings(task, spec, data, own_);
  } catch (...) {
    // A mistake must not leave behind a folder that the next attempt is refused.
    std::error_code ignored;
    if (!fs::exists(out / kSpecFile)) {
      for (const auto* const name : {"data", "data.json", "runs", ".lock"}) fs::remove_all(out / name, ignored);
      if (made) fs::remove(out, ignored);
    }
    throw;
  }
  write_file_atomically(out / kSpecFile, spec.to_json());

  std::vector<ModelRuns> done(spec.models.size());
  auto models = ResultJson::array();
  for (std::size_t m = 0; m < spec.models.size(); ++m) {
    const auto& model = spec.models[m];
    // A trained model is the same whatever the seed.
    const auto seeds = model.folder.empty() ? spec.seeds : 1;
    for (std::uint64_t i = 0; i < seeds; ++i) {
      const ComparedRun run{task, spec, data, model, own_of(model, own_), spec.first_seed + i, out};
      const bool kept = fs::exists(run.result()) && run.has_model();
      observer.on_begin(model.name, run.seed);
      const auto error = kept ? std::string() : run_one(*this, run, options, observer);
      observer.on_end(model.name, run.seed, error, kept);
      if (error.empty()) {
        done[m].runs.push_back(read_json(run.result()));
      } else if (done[m].error.empty()) {
        done[m].error = seeds > 1 ? fmt::format("seed {}: {}", run.seed, error) : error;
      }
    }
    models.push_back(results_of(model, done[m]));
  }
  add_significance(models, done, task);
  require_finite(models);
  ComparisonResults results;
  for (const auto& model : done) results.failed += model.error.empty() ? 0 : 1;
  const ResultJson json = {
      {"spec", ResultJson::parse(spec.to_json())},
      {"data", facts_of(spec, data)},
      {"budget", spec.budget.amount > 0 ? ResultJson{{spec.budget.name(), spec.budget.amount}} : ResultJson()},
      {"models", std::move(models)}};
  results.json = json.dump(1, ' ', false, ResultJson::error_handler_t::replace) + "\n";
  write_file_atomically(out / kResultsFile, results.json);
  return results;
}

bool Comparison::work(const fs::path& out, const std::string& model, std::uint64_t seed,
                      const WorkerHooks& hooks) const {
  const auto spec = comparison_in(out);
  const auto& task = comparison_task(spec.task);
  const auto data = read_data(out / "data.json");
  const auto& wanted = spec.model(model);
  return perform({task, spec, data, wanted, own_of(wanted, own_), seed, out}, hooks);
}

namespace {

/// What the built-in spec that it is from says of all its models holds for it, where `spec` says nothing else.
void take_keys_of_its_spec(ModelSpec& model, ComparisonSpec& spec, const ComparisonTask& task) {
  for (const auto& known : built_in_specs()) {
    if (known.task != spec.task) continue;
    const auto from = built_in_spec(known.name);
    const auto& names = from.models;
    if (std::none_of(names.begin(), names.end(), [&](const auto& m) { return m.name == model.name; })) continue;
    for (const auto& [key, value] : from.keys) {
      if (!spec.keys.contains(key) && has_key(task, model, key, false)) model.keys.emplace(key, value);
    }
    if (model.pretraining.empty()) return;
    for (const auto& [key, value] : from.pretraining_keys) {
      if (!spec.pretraining_keys.contains(key) && has_key(task, model, key, true))
        model.pretraining_keys.emplace(key, value);
    }
    if (spec.pretraining_tokens == 0) spec.pretraining_tokens = from.pretraining_tokens;
    return;
  }
}

}  // namespace

void select_models(ComparisonSpec& spec, const std::vector<std::string>& names) {
  const auto& task = comparison_task(spec.task);
  const auto own = std::exchange(spec.models, {});
  const auto is_one_of = [](const std::vector<ModelSpec>& models, const std::string& name) {
    return std::any_of(models.begin(), models.end(), [&](const auto& model) { return model.name == name; });
  };
  for (const auto& name : names) {
    spec.models.push_back(model_spec_of(name, spec.task, own));
    auto& model = spec.models.back();
    if (model.folder.empty() && !is_one_of(own, model.name)) take_keys_of_its_spec(model, spec, task);
  }
  const auto erase_others = [&](ComparisonKeys& keys, bool pretraining) {
    std::erase_if(keys, [&](const auto& key) {
      const auto has = [&](const ModelSpec& model) { return has_key(task, model, key.first, pretraining); };
      return std::any_of(own.begin(), own.end(), has) && std::none_of(spec.models.begin(), spec.models.end(), has);
    });
  };
  erase_others(spec.keys, false), erase_others(spec.pretraining_keys, true);
}

ComparisonSpec comparison_in(const fs::path& out) {
  const auto file = out / kSpecFile;
  if (!fs::exists(file)) throw ConfigError(fmt::format("{}: holds no comparison (no {})", out.string(), kSpecFile));
  return ComparisonSpec::from_json(read_file(file, std::uint64_t{1} << 24), file.string());
}

}  // namespace langzoo
