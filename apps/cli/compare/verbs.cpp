#include "apps/cli/compare/verbs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <iostream>
#include <sstream>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/base/status_line.h"
#include "apps/cli/compare/results.h"
#include "apps/cli/compute_verb.h"
#include "apps/cli/stop_on_signal.h"
#include "apps/training/comparison/comparison.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kWorker = "--worker";

/// While one is alive, SIGINT, SIGTERM and SIGHUP are told to the comparison; a second SIGINT ends the program.
class StopComparison {
 public:
  StopComparison() {
    stop_ = false;
    for (auto& [number, before] : before_) {
      struct sigaction action {};
      action.sa_handler = [](int signal) {
        if (stop_ && signal == SIGINT) _exit(128 + SIGINT);
        stop_ = true;
      };
      sigaction(number, nullptr, &before);
      if (before.sa_handler != SIG_IGN) sigaction(number, &action, nullptr);
    }
  }
  ~StopComparison() {
    for (const auto& [number, before] : before_) sigaction(number, &before, nullptr);
  }
  StopComparison(const StopComparison&) = delete;
  StopComparison& operator=(const StopComparison&) = delete;

  static const std::atomic<bool>& told() { return stop_; }

 private:
  static inline std::atomic<bool> stop_{false};
  std::array<std::pair<int, struct sigaction>, 3> before_ = {{{SIGINT, {}}, {SIGTERM, {}}, {SIGHUP, {}}}};
};

/// What a comparison does, on stderr.
class CompareProgress : public ComparisonObserver {
 public:
  explicit CompareProgress(std::size_t runs) : status_(std::cerr, stderr_is_terminal()), runs_(runs) {}

  void on_message(const std::string& text) override { status_.line(text); }
  void on_begin(const std::string& model, std::uint64_t seed) override {
    ++run_;
    name_ = fmt::format("{}, seed {} ({} of {})", model, seed, run_, runs_);
  }
  void on_step(const StepReport& report) override {
    if (report.max_steps == 0) return;
    Status status;
    status.label = name_;
    status.counter = fmt::format("{}/{}", report.step, report.max_steps);
    status.fraction = static_cast<double>(report.step) / static_cast<double>(report.max_steps);
    if (std::isfinite(report.loss)) status.figures = fmt::format("loss {:.4f}  ", report.loss);
    status.figures += fmt::format("{}/s", with_unit(report.tokens_per_second));
    status_.update(std::move(status));
  }
  void on_end(const std::string& /*model*/, std::uint64_t /*seed*/, const std::string& error, bool kept) override {
    status_.line(name_ + (kept ? ": kept" : error.empty() ? ": done" : ": failed: " + error));
  }
  void finish() { status_.finish(); }

 private:
  StatusLine status_;
  std::string name_;
  std::size_t runs_, run_ = 0;
};

std::vector<std::string> split_names(const std::vector<std::string>& given) {
  std::vector<std::string> names;
  for (const auto& text : given) {
    std::istringstream parts(text);
    for (std::string part; std::getline(parts, part, ',');) {
      if (!part.empty()) names.push_back(part);
    }
  }
  return names;
}

/// No text of results.json spans lines, so that line ends and what indents are between its parts only.
std::string one_line_json(const std::string& json) {
  std::string line;
  bool begins = false;
  for (const char c : json) {
    if (c == '\n') {
      begins = true;
    } else if (!begins || c != ' ') {
      line += c;
      begins = false;
    }
  }
  return line;
}

/// One kind of task.
class CompareVerb : public ComputeVerb {
 public:
  explicit CompareVerb(const ComparisonTask& task) : task_(task) {
    for (const auto& spec : built_in_specs()) {
      if (spec.task == task.name()) specs_.push_back(spec);
    }
  }

  std::string name() const override { return std::string(task_.name()); }
  std::string summary() const override { return fmt::format("compare models of the task {}", task_.name()); }
  std::string examples() const override {
    std::string names;
    const auto known = known_models(task_.name());
    for (std::size_t i = 0; i < std::min<std::size_t>(3, known.size()); ++i)
      names += (i > 0 ? "," : "") + known[i].name;
    std::string text =
        fmt::format("{} --data FILE --models {} --budget tokens=500K --out compared\n", task_.name(), names);
    for (const auto& spec : specs_) text += fmt::format("{} --spec {} --out {}\n", task_.name(), spec.name, spec.name);
    return text + fmt::format("{} --spec mine.json --seeds 3 --out compared --resume --json\n", task_.name());
  }
  std::string notes() const override {
    std::string text = "Built-in specs of --spec, the first one being what holds without it:\n";
    for (const auto& spec : specs_) text += fmt::format("  {:<14}{}\n", spec.name, spec.about);
    text += "\nModels of --models, by these specs; NAME=DIR is a trained one, which is measured only:\n  ";
    std::vector<std::string> names;
    for (const auto& model : known_models(task_.name())) names.push_back(model.name);
    text += fmt::format(
        "{}\n\nKeys of --set beside those of a run (train.learning_rate=1e-3; of one model "
        "lstm:model.layers=1):\n",
        fmt::join(names, ", "));
    for (const auto& [key, help] : task_.data_keys()) text += fmt::format("  data.{}  {}\n", key, help);
    std::vector<std::string> scores;
    for (const auto& score : task_.scores()) scores.push_back(score.name);
    return text + fmt::format("\nScores: {}.\n\n", fmt::join(scores, ", ")) +
           "Each model is trained and measured by a process of its own; what is done is kept by what it is made of, "
           "so\n"
           "that --resume goes on, and adds models, seeds or budgets. --out gets models/NAME/seed-N, results.json and\n"
           "report.html, one page that needs nothing else. A model that fails is reported, the others go on, and the\n"
           "exit code is 1. Under --json the last object is that of results.json.\n";
  }
  bool heeds_seed() const override { return true; }

 protected:
  bool has_device() const override { return false; }
  void add_own_options(Options& options) override {
    options.add("--data", data_, "what to learn from (data.train): a file, or microworld and what else makes data");
    options.add("--valid", valid_, "data to validate on while training (data.valid); by default a part of --data");
    options.add("--test", test_, "data to measure on (data.test); likewise");
    options.add("--tokenizer", tokenizer_, "the tokenizer of all models (data.tokenizer)");
    options.add("--models", models_, "the models, by names with commas between them; NAME=DIR is a trained one");
    options.add("--budget", budget_, "what each may spend: tokens=2M, time=90s or flops=1e13");
    options.add("--spec", spec_, "what to compare: a built-in spec's name, or a JSON file");
    options.add("--seeds", seeds_, "how often each model is trained: seeds --seed, --seed + 1, ...").range(1, 1000);
    options.add("--batch-size", batch_size_, "rows of a step").range(1, 1 << 20);
    options.add("--context", context_, "tokens of a row, of language models").range(2, 1 << 20);
    options.add("--set", set_, "[MODEL:]key=value ...: settings of all models that have them, or of one");
    options.add("--metric", metric_, "the score by which the table is ordered, the best model first");
    options.add("--out", out_, "the folder of the comparison").required();
    options.add("--resume", resume_, "go on with the comparison in --out");
  }

  void compute(const ComputeOptions& common) override {
    std::signal(SIGPIPE, SIG_IGN);
    check_metric();
    const auto spec = make_spec(common);
    ComparisonOptions options;
    options.resume = resume_;
    options.stop = &StopComparison::told();
    options.worker = {"/proc/self/exe", std::string(kWorker), std::to_string(spec.threads)};
    std::size_t runs = 0;
    for (const auto& model : spec.models) runs += model.folder.empty() ? spec.seeds : 1;
    CompareProgress progress(runs);
    ComparisonResults results;
    {
      const StopComparison stop;
      results = Comparison().run(spec, out_, options, progress);
    }
    progress.finish();
    write_comparison_page(out_);
    std::cerr << fmt::format("the page is {}\n", (fs::path(out_) / "report.html").string());
    if (common.json) {
      print_json(JsonValue::from_text(one_line_json(results.json)));
    } else {
      std::cout << comparison_table(results.json, metric_);
    }
    std::cout.flush();
    if (results.failed > 0)
      throw std::runtime_error(counted(static_cast<std::int64_t>(results.failed), "model", "models") + " failed");
  }

 private:
  void check_metric() const {
    if (metric_.empty()) return;
    std::vector<std::string> names;
    for (const auto& score : task_.scores()) names.push_back(score.name);
    if (std::find(names.begin(), names.end(), metric_) != names.end()) return;
    throw UsageError(fmt::format("--metric {}: the task {} has no such score; it has {}", metric_, task_.name(),
                                 fmt::join(names, ", ")));
  }

  ComparisonSpec make_spec(const ComputeOptions& common) const {
    ComparisonSpec spec;
    const bool goes_on = resume_ && spec_.empty() && fs::exists(fs::path(out_) / "spec.json");
    if (goes_on) {
      spec = comparison_in(out_);
    } else if (!spec_.empty()) {
      spec = open_comparison_spec(spec_);
    } else if (!specs_.empty()) {
      spec = built_in_spec(specs_.front().name);
    } else {
      spec.task = task_.name();
    }
    if (spec.task != task_.name())
      throw UsageError(spec.task.empty() ? fmt::format("{}: task is missing; here it is {}", spec_, task_.name())
                                         : fmt::format("{}: the spec is one of {}; that is the verb it is for",
                                                       task_.name(), spec.task));
    const auto set_data = [&](const char* key, const std::string& value) {
      if (!value.empty()) spec.data[key] = absolute_if_there(value);
    };
    if (!data_.empty()) {
      // What belongs to other data goes with it.
      for (const auto* const key : {"valid", "test", "pairs", "microworld_examples"}) spec.data.erase(key);
    }
    set_data("train", data_), set_data("valid", valid_), set_data("test", test_), set_data("tokenizer", tokenizer_);
    if (!budget_.empty()) spec.budget = ComparisonBudget::parse(budget_);
    if (seeds_) spec.seeds = *seeds_;
    if (common.seed) spec.first_seed = *common.seed;
    if (common.threads) spec.threads = *common.threads;
    if (batch_size_) spec.batch_size = *batch_size_;
    if (context_) spec.context = *context_;
    if (!models_.empty()) select_models(spec, split_names(models_));
    for (const auto& assignment : set_) apply(assignment, spec);
    return spec;
  }

  void apply(const std::string& assignment, ComparisonSpec& spec) const {
    const auto sign = assignment.find('=');
    if (sign == std::string::npos) throw UsageError(fmt::format("--set {}: expected [MODEL:]key=value", assignment));
    auto key = assignment.substr(0, sign);
    const auto value = assignment.substr(sign + 1);
    if (const auto colon = key.find(':'); colon != std::string::npos) {
      const auto name = key.substr(0, colon);
      for (auto& model : spec.models) {
        if (model.name != name) continue;
        model.keys[key.substr(colon + 1)] = value;
        return;
      }
      throw UsageError(fmt::format("--set {}: the comparison has no model {}", assignment, name));
    }
    for (const auto& [own, help] : task_.data_keys()) {
      if (key == "data." + own) {
        spec.data[own] = absolute_if_there(value);
        return;
      }
    }
    spec.keys[key] = value;
  }

  const ComparisonTask& task_;
  std::vector<BuiltInSpec> specs_;
  std::string data_, valid_, test_, tokenizer_, budget_, spec_, metric_, out_;
  std::vector<std::string> models_, set_;
  std::optional<std::uint64_t> seeds_;
  std::optional<std::int64_t> batch_size_, context_;
  bool resume_ = false;
};

class PageVerb : public Verb {
 public:
  std::string name() const override { return "page"; }
  std::string summary() const override { return "write a comparison's page anew, and print its table"; }
  std::string examples() const override { return "page --out compared\n"; }
  std::string notes() const override {
    return "For what a program of yours has compared (langzoo::training), or after an update of langzoo.\n"
           "Under --json the object of results.json.\n";
  }
  void add_options(Options& options) override {
    options.add("--out", out_, "the folder of the comparison: report.html is written there").required();
  }
  void run(const CommonOptions& common) override {
    write_comparison_page(out_);
    const auto results = read_file(fs::path(out_) / "results.json", std::uint64_t{1} << 30);
    std::cerr << fmt::format("the page is {}\n", (fs::path(out_) / "report.html").string());
    if (!common.json) {
      std::cout << comparison_table(results);
      return;
    }
    print_json(JsonValue::from_text(one_line_json(results)));
  }

 private:
  std::string out_;
};

int fail_worker(const std::string& message) {
  std::cerr << "error: " << message << std::endl;
  return 1;
}

}  // namespace

Verbs compare_verbs() {
  Verbs verbs;
  for (const auto* const task : comparison_tasks()) verbs.push_back(std::make_unique<CompareVerb>(*task));
  verbs.push_back(std::make_unique<PageVerb>());
  return verbs;
}

std::optional<int> compare_worker(int argc, char** argv) {
  if (argc != 6 || argv[1] != kWorker) return std::nullopt;
  std::signal(SIGPIPE, SIG_IGN);
  // Whoever waits for it may be killed.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  set_up_compute(argv[2] == std::string_view("0") ? std::nullopt : std::optional<std::size_t>(std::stoul(argv[2])));
  WorkerHooks hooks;
  hooks.message = print_message;
  hooks.report = [](const std::string& line) { std::cout << line << std::endl; };
  hooks.train = [](TrainingRun& run) {
    const StopOnSignal signals(run.trainer());
    return run.train();
  };
  try {
    Comparison().work(argv[3], argv[4], std::stoull(argv[5]), hooks);
    return 0;
  } catch (const std::bad_alloc&) {
    return fail_worker("out of memory");
  } catch (const std::exception& error) {
    return fail_worker(one_line(error));
  }
}

}  // namespace langzoo
