#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/ngram/ngram_folder.h"
#include "apps/cli/ngram/verbs.h"
#include "apps/training/output_dir.h"
#include "apps/training/run_config.h"
#include "apps/training/stream_text.h"
#include "data/files/files.h"
#include "data/files/text_source.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

class NGramInterpolateVerb : public Verb {
 public:
  std::string name() const override { return "interpolate"; }
  std::string summary() const override { return "make one n-gram model of several: their weighted mean"; }
  std::string examples() const override { return "interpolate --models kn5,books --valid valid.txt --out mixed\n"; }
  std::string notes() const override {
    return "The weights are those that give the text of --valid the highest probability, found by expectation\n"
           "maximisation. The vocabulary is that of all models; a word that one of them does not know shares its "
           "<unk>.\n"
           "Whether a line is a sentence is as in the models' runs, or where they differ as --set data.lines says;\n"
           "eval reads as the mixture was tuned. Stupid back-off gives no probabilities, and cannot be mixed.\n"
           "Fields under --json: models, weights, perplexity (of the text), iterations.\n";
  }
  void add_options(Options& options) override {
    options.add("--models", models_, "folders of n-gram models, with commas between: kn5,books").required();
    options.add("--valid", valid_, "the text that the weights are for: a file, or a folder of .txt files").required();
    options.add("--out", out_, "the model folder to write, new or empty").required();
    options.add("--set", set_, "data.lines=true or false: whether a line is a sentence; as in the models' runs");
  }

  void run(const CommonOptions& common) override {
    const fs::path out(out_);
    if (!is_new_or_empty(out)) throw UsageError(fmt::format("--out {}: is not empty", out_));
    std::vector<std::string> names;
    std::vector<NGramModel> models;
    for (std::size_t begin = 0; begin <= models_.size();) {
      const auto end = std::min(models_.find(',', begin), models_.size());
      names.push_back(models_.substr(begin, end - begin));
      begin = end + 1;
    }
    if (names.size() < 2)
      throw UsageError(fmt::format("--models {}: is one model, a mixture has two at least", models_));
    for (const auto& name : names) {
      const auto lm = load_ngrams(name);
      const auto* const model = std::get_if<NGramModel>(&lm->model());
      if (lm->config().smoothing == kStupidBackoff)
        throw FileError(name, "is of stupid back-off, whose scores do not sum to 1: they are no probabilities to mix");
      if (model == nullptr) throw FileError(name, "is a mixture already: name the models that it is of");
      if (!model->has_words()) throw FileError(name, "has a tokenizer of its own, and a mixture's models have words");
      models.push_back(*model);
    }
    bool lines = true;
    RunConfig run;
    run.bind("data", [&](FieldVisitor& visit) { visit("lines", lines); });
    for (const auto& assignment : set_) run.set_text(assignment, "--set");
    if (!run.given("data.lines")) lines = lines_of_runs(names);
    NGramMixture mixture(std::move(models));
    const auto tuning = tune_mixture(mixture, {find_text_files(valid_), lines});
    OutputGuard guard(out, OutputUse::kNew);
    NGramLmImpl(NGramLmConfig{}, mixture).save_pretrained(out);
    write_file_atomically(out / kRunFile, run.resolved({{"program", "lm"}}));
    save_words(mixture.words(), out);
    guard.keep();
    if (common.json) {
      print_json({{"models", names},
                  {"weights", mixture.weights()},
                  {"perplexity", tuning.perplexity},
                  {"iterations", tuning.iterations}});
    } else {
      for (std::size_t i = 0; i < names.size(); ++i) {
        std::cout << fmt::format("{:<10.6f}  {}\n", mixture.weights()[i], names[i]);
      }
      std::cout << fmt::format("{:<10.4f}  perplexity, after {} iterations\n", tuning.perplexity, tuning.iterations);
    }
    std::cerr << fmt::format("saved in {}\n", out_);
  }

 private:
  /// Those that no run made read as the others. Throws UsageError for runs that read text differently.
  static bool lines_of_runs(const std::vector<std::string>& names) {
    std::optional<bool> lines;
    std::string first;
    for (const auto& name : names) {
      const auto told = told_lines_of_run(name);
      if (told && lines && *told != *lines)
        throw UsageError(fmt::format("--models: the run of {} has data.lines={}, that of {} data.lines={}: --set one",
                                     first, *lines, name, *told));
      if (told && !lines) lines = told, first = name;
    }
    return lines.value_or(true);
  }

  std::string models_, valid_, out_;
  std::vector<std::string> set_;
};

}  // namespace

std::unique_ptr<Verb> ngram_interpolate_verb() {
  return std::make_unique<NGramInterpolateVerb>();
}

}  // namespace langzoo
