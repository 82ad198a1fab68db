#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/figure_list.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/model_verb.h"
#include "apps/cli/text_lines.h"
#include "apps/cli/text_to_text/verbs.h"
#include "apps/cli/translation/decode_flags.h"
#include "apps/training/tasks/text_to_text.h"
#include "data/files/files.h"
#include "models/registry.h"

namespace langzoo {

namespace {

class TextEvalVerb : public ModelVerb {
 public:
  std::string name() const override { return "eval"; }
  std::string summary() const override { return "measure a model on tasks, pairs or text"; }
  std::string examples() const override {
    return "eval --model run --tasks tasks.json\n"
           "eval --model run --tasks microworld --num-beams 4 --json\n"
           "eval --model run --data test.tsv --out written.txt\n"
           "eval --model run --data book.txt\n";
  }
  std::string notes() const override {
    return "Tasks are measured on their validation data; of those without the last part of the data counts, as in\n"
           "training (data.valid_fraction). Pairs (TSV, JSON lines) are one task with bleu, chrf and exact_match. Of "
           "any\n"
           "other text loss and perplexity of the run's objective are measured, span corruption where it has none.\n"
           "The model writes as its generation_config.json says where the flags do not, but draws nothing. Metrics "
           "are\n"
           "in per cent. Fields under --json: tasks (of each name, examples, nats_per_token, tokens of "
           "the\n"
           "targets, and metrics by name), score (the mean of each task's first metric), seconds; of text tokens,\n"
           "nats_per_token and perplexity.\n";
  }
  bool warns_itself() const override { return true; }
  bool heeds_seed() const override { return true; }
  void add_own_options(Options& options) override {
    declared_ = &options;
    ModelVerb::add_own_options(options);
    options.add("--tasks", tasks_, "a JSON file of tasks, or microworld");
    options.add("--data", data_,
                "or pairs: TSV (source TAB target), JSON lines, addition, dates, microworld-ko; or a text");
    options.exactly_one_of({"--tasks", "--data"});
    options.add("--examples", examples_, "of each task, from the first on; 0: all").range(0, 1 << 30);
    options.add("--out", out_, "a file for what the model writes, one text a line, task by task");
    options.idle_where("--seed", "data comes from files", [this] { return !made_up_; });
    decoding_.add_to(options);
    for (const auto* flag : {"--num-beams", "--max-new-tokens", "--min-new-tokens", "--no-repeat-ngram-size",
                             "--repetition-penalty", "--batch-size"}) {
      options.idle_where(flag, "a text's loss is measured", [this] { return of_text_; });
    }
  }

  void compute(const ComputeOptions& common) override {
    if (!out_.empty()) check_writable(out_);
    if (is_standard_output(out_)) throw UsageError("--out: stdout is for the figures; name a file");
    std::vector<TextTask> tasks;
    if (!tasks_.empty()) {
      tasks = open_text_tasks(tasks_);
    } else if (holds_pairs(data_)) {
      tasks = {pair_text_task(data_)};
    } else if (!out_.empty() || examples_ > 0) {
      throw UsageError(fmt::format("{}: is for tasks and pairs; of a text nothing is written",
                                   out_.empty() ? "--examples" : "--out"));
    }
    made_up_ = std::any_of(tasks.begin(), tasks.end(), [](const TextTask& task) {
      return is_microworld_table(task.data) || is_pair_task(task.data);
    });
    const auto translator = load_and_report(model_, common, [&](const DeviceOptions& options, LoadReport* report) {
      return load_translator(registered_model(model_), model_, options, report);
    });
    auto options = task_evaluation_of(model_);
    auto folder = translator.model->generation_config;
    folder.num_return_sequences.reset();  // one text is measured, and always the same
    folder.do_sample.reset();
    decoding_.forget_given(folder);
    if (!tasks.empty()) show_generation_config(folder, generation_file(folder, model_));
    options.search = decoding_.options(folder, translator.model->max_positions());
    options.batch_size = decoding_.batch_size();
    options.most = examples_;
    options.made_up.seed = common.seed_or(options.made_up.seed);
    options.message = print_message;
    of_text_ = tasks.empty();
    warn_of_idle(*declared_);  // not before: the folder says how many beams there are
    if (tasks.empty()) return print_text(evaluate_denoising(translator, model_, data_, options.message), common.json);

    const auto begin = std::chrono::steady_clock::now();
    const auto scores = evaluate_text_tasks(translator, tasks, options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!out_.empty()) {
      std::string written;
      for (const auto& task : scores)
        for (const auto& text : task.texts) written += one_line(text) + '\n';
      write_file_atomically(out_, written);
    }
    common.json ? print_json_of(scores, seconds) : print_table(scores, seconds);
  }

 private:
  static void print_text(const TargetNats& nats, bool json) {
    print_figures({{"tokens", "target tokens", nats.tokens},
                   {"nats_per_token", "nats per token", nats.per_token()},
                   {"perplexity", "perplexity", nats.perplexity()}},
                  json, 16);
  }

  static void print_json_of(const std::vector<TaskScores>& scores, double seconds) {
    std::vector<JsonValue> tasks;
    for (const auto& task : scores) {
      JsonMembers metrics;
      for (const auto& [name, value] : task.scores) metrics.emplace_back(name, value);
      tasks.emplace_back(JsonMembers{{"name", task.name},
                                     {"examples", task.examples},
                                     {"nats_per_token", task.nats.per_token()},
                                     {"tokens", task.nats.tokens},
                                     {"metrics", metrics}});
    }
    print_json({{"tasks", tasks}, {"score", mean_score(scores)}, {"seconds", seconds}});
  }

  static void print_table(const std::vector<TaskScores>& scores, double seconds) {
    std::size_t width = 6;
    for (const auto& task : scores) width = std::max(width, task.name.size() + 2);
    std::cout << fmt::format("{:<{}}{:>9}{:>16}   {}\n", "task", width, "examples", "nats per token",
                             "metrics in per cent");
    for (const auto& task : scores) {
      std::string metrics;
      for (const auto& [name, value] : task.scores)
        metrics += fmt::format("{}{} {:.2f}", metrics.empty() ? "" : ", ", name, value);
      std::cout << fmt::format("{:<{}}{:>9}{:>16.4f}   {}\n", task.name, width, task.examples, task.nats.per_token(),
                               metrics);
    }
    std::cout << fmt::format("{:<{}}{:>25}   {:.2f}, in {:.1f} s\n", "score", width, "", mean_score(scores), seconds);
  }

  const Options* declared_ = nullptr;
  std::string tasks_, data_, out_;
  std::int64_t examples_ = 0;
  bool made_up_ = false, of_text_ = false;
  DecodeFlags decoding_;
};

}  // namespace

std::unique_ptr<Verb> text_eval_verb() {
  return std::make_unique<TextEvalVerb>();
}

}  // namespace langzoo
