#include "apps/cli/report_verb.h"

#include <cmath>
#include <filesystem>
#include <iostream>
#include <set>

#include <fmt/format.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/runs_report.h"
#include "data/files/files.h"

namespace langzoo {

namespace {

class ReportVerb : public Verb {
 public:
  std::string name() const override { return "report"; }
  std::string summary() const override { return "learning curves of several runs in one picture"; }
  std::string examples() const override {
    return "report --runs runs/recurrent runs/transformer --out curves.html\n"
           "report --runs runs/* --json\n";
  }
  std::string notes() const override {
    return "Validation metrics and training losses by steps, tokens and training time, the figures of the best\n"
           "checkpoints, and the settings that differ. Runs may be of other programs.\n"
           "Fields under --json, an object a run: run, step, tokens, seconds (of training, evaluations left out), "
           "best\n"
           "(step, tokens, seconds and values of the best checkpoint; null without evaluations), valid (a list of the\n"
           "same, one an evaluation).\n";
  }
  void add_options(Options& options) override {
    options.add("--runs", runs_, fmt::format("output folders of train, at most {}", kMostRuns)).required();
    options.add("--out", out_, "the page to write");
  }
  void run(const CommonOptions& common) override {
    if (out_.empty() && !common.json) throw UsageError("give --out a name for the page, or ask for --json");
    if (common.json && is_standard_output(out_)) throw UsageError("--json: not with --out to stdout");
    if (runs_.size() > kMostRuns)
      throw UsageError(fmt::format("--runs: {} runs; a page shows at most {}", runs_.size(), kMostRuns));
    if (!out_.empty()) check_writable(out_);
    std::vector<RunLog> logs;
    for (std::size_t i = 0; i < runs_.size(); ++i) logs.push_back(read_run_log(names()[i], runs_[i]));
    if (common.json) {
      for (const auto& log : logs) print(log);
    }
    if (out_.empty()) return;
    write_file_atomically(out_, runs_page(logs));
    std::cerr << fmt::format("{} written to {}\n", counted(std::ssize(logs), "run", "runs"), out_);
  }

 private:
  /// The folders' own names, or where two are the same as they were given.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& run : runs_) {
      const auto path = std::filesystem::path(run).lexically_normal();
      names.push_back((path.has_filename() ? path : path.parent_path()).filename().string());
    }
    const bool different = std::set(names.begin(), names.end()).size() == names.size();
    return different ? names : runs_;
  }

  /// Steps and tokens are counts.
  static JsonValue whole(double count) { return count < 1e15 ? JsonValue(std::llround(count)) : JsonValue(count); }

  static JsonValue shown(const RunEvaluation& evaluation) {
    const JsonMembers values(evaluation.values.begin(), evaluation.values.end());
    return {{"step", whole(evaluation.place.step)},
            {"tokens", whole(evaluation.place.tokens)},
            {"seconds", evaluation.place.seconds},
            {"values", values}};
  }

  static void print(const RunLog& log) {
    const auto end = log.places.empty() ? RunPlace() : log.places.back();
    std::vector<JsonValue> valid;
    for (const auto& evaluation : log.evaluations) valid.push_back(shown(evaluation));
    const auto* const best = log.best();
    print_json({{"run", log.name},
                {"step", whole(end.step)},
                {"tokens", whole(end.tokens)},
                {"seconds", end.seconds},
                {"best", best ? shown(*best) : JsonValue()},
                {"valid", valid}});
  }

  std::vector<std::string> runs_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> report_verb() {
  return std::make_unique<ReportVerb>();
}

}  // namespace langzoo
