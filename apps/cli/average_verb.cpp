#include "apps/cli/average_verb.h"

#include <iostream>
#include <optional>

#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/training/checkpoints.h"
#include "data/files/file_error.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

class AverageVerb : public Verb {
 public:
  std::string name() const override { return "average"; }
  std::string summary() const override { return "make one model of several checkpoints, by the mean of their weights"; }
  std::string examples() const override {
    return "average --model run --last 5 --out averaged\n"
           "average --model run/best --model other/best --out averaged\n";
  }
  std::string notes() const override {
    return "A run keeps checkpoints where train.keep_checkpoints says so, as model folders checkpoint-STEP in its "
           "own.\n"
           "--out becomes a model folder with the config and the tokenizer of the last of those that are averaged.\n"
           "Models with other weights, by name or shape, another config or another tokenizer are refused.\n"
           "Fields under --json: checkpoints (how many), first, last (their folders).\n";
  }
  void add_options(Options& options) override {
    options
        .add("--model", models_,
             "a run that kept checkpoints; or several model folders, each with a --model of its own")
        .one_each()
        .required();
    options.add("--last", last_, "of a run's checkpoints those of so many last steps; by default all")
        .range(1)
        .idle_with("several --model", [this] { return models_.size() > 1; });
    options.add("--out", out_, "a new folder, the averaged model").required();
  }

  void run(const CommonOptions& common) override {
    std::vector<fs::path> dirs(models_.begin(), models_.end());
    if (dirs.size() == 1) dirs = checkpoints_of(dirs.front());
    average_models(dirs, out_);
    print_figures({{"checkpoints", "checkpoints", std::ssize(dirs)},
                   {"first", "first", dirs.front().string()},
                   {"last", "last", dirs.back().string()}},
                  common.json);
    std::cerr << fmt::format("saved in {}\n", out_);
  }

 private:
  std::vector<fs::path> checkpoints_of(const fs::path& run) const {
    auto kept = kept_checkpoints(run);
    const auto wanted = last_.value_or(std::ssize(kept));
    if (kept.empty()) throw FileError(run, "holds no checkpoint-STEP: train.keep_checkpoints keeps some");
    if (std::ssize(kept) < wanted) {
      throw FileError(run, fmt::format("holds {} checkpoints, not {} (--last)", kept.size(), wanted));
    }
    std::vector<fs::path> dirs;
    for (const auto& checkpoint : std::span(kept).last(static_cast<std::size_t>(wanted)))
      dirs.push_back(checkpoint.dir);
    return dirs;
  }

  std::vector<std::string> models_;
  std::optional<std::int64_t> last_;
  std::string out_;
};

}  // namespace

std::unique_ptr<Verb> average_verb() {
  return std::make_unique<AverageVerb>();
}

}  // namespace langzoo
