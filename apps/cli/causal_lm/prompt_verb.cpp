#include <algorithm>
#include <iostream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/html.h"
#include "apps/cli/base/json_output.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/chart.h"
#include "apps/cli/runs_report.h"
#include "apps/training/tasks/prompting.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/microworld/patterns.h"

namespace langzoo {

namespace {

std::vector<std::string> names_of(std::span<const std::string_view> names) {
  return {names.begin(), names.end()};
}

/// "0,1,2". Throws UsageError.
std::vector<std::int64_t> shots_of(const std::string& text) {
  std::vector<std::int64_t> shots;
  for (const auto part : words_of(text, ",")) {
    auto& count = shots.emplace_back();
    if (read_number(part, count) != NumberFault::kNone || count < 0 || count > 10000)
      throw UsageError(fmt::format("--shots {}: expected whole numbers from 0 to 10000, as 0,1,2,4", text));
  }
  if (shots.empty()) throw UsageError("--shots: names no number");
  return shots;
}

class PromptVerb : public ComputeVerb {
 public:
  explicit PromptVerb(const Family& family) : family_(family) {}
  std::string name() const override { return "prompt"; }
  std::string summary() const override { return "let a model learn a task from examples in its prompt"; }
  std::string examples() const override {
    return "prompt --model run --task capitals.json --examples test.jsonl --shots-from train.jsonl --shots 0,1,2,4\n"
           "prompt --model run --task sums.json --examples test.jsonl --shots 4 --cot --samples 5 --items --json\n"
           "prompt --model small large --task capitals.json --examples test.jsonl --shots 0,4,8 --seeds 5 --out "
           "shots.html\n";
  }
  std::string notes() const override {
    return "A task is {\"name\", \"description\", \"input\", \"target\", \"choices\", \"separator\", \"metric\"}: "
           "input and\n"
           "target are templates with {field} of an example's JSON line, {answer} in target is what is asked for;\n"
           "choices are a list of texts or the field that holds it; metric is acc, exact_match, number, letter or\n"
           "yes_no. Choices are compared by their likelihood, answers of other metrics are written by the model up to\n"
           "the separator.\n"
           "tldr asks for a summary of the field text, translation and translation-question for what a source means:\n"
           "fields source and, of the latter, language. With --items and langzoo-metrics they are scored as text.\n"
           "Fields under --json: task, shots, n, acc and, of choices, acc_norm (by characters); with --seeds acc_low\n"
           "and acc_high; of several models model. With --items before it an object an item: prompt, choices (text,\n"
           "logprob, tokens, bytes), predicted, answer; of free answers prompt, text, extracted, answer, and with\n"
           "chains chain: lists with --samples, and predicted.\n";
  }
  bool heeds_seed() const override { return true; }

  void add_own_options(Options& options) override {
    options.add("--model", models_, "model folders").required();
    options
        .add("--task", task_,
             fmt::format("what is asked: a JSON file, {}, or microworld-labels, -copy, -reverse, -translate or "
                         "-problems-N (of N steps), which need no examples: each draw asks another document's",
                         fmt::join(shipped_prompt_tasks(), ", ")))
        .required();
    options.add("--examples", examples_, "the questions: JSON lines");
    const auto nothing_drawn = [this] {
      return !task_.starts_with(kMadeUp) && !draws_shots() && samples_ == 1 && temperature_.value_or(0) == 0;
    };
    options.add("--shots-from", pool_, "the examples that prompts may hold; by default --examples")
        .idle_with("--shots 0", [this] { return !draws_shots(); });
    options.add("--shots", shots_, "examples in a prompt: one number or several, as 0,1,2,4");
    options.add("--seeds", seeds_, "draws of the shots, over which accuracies are averaged")
        .range(1, 1000)
        .idle_with("--shots 0", nothing_drawn);
    options.idle_where("--seed", "nothing is drawn", nothing_drawn);
    options.add("--score", score_, "by what choices are compared").one_of(names_of(kChoiceScoreNames));
    options.add("--calibrate", calibrate_, "divide by the choices' probabilities where the question says nothing");
    options.add("--cot", cot_, "shots have chains of thought, the field reasoning, before their answers")
        .excludes("--zero-shot-cot");
    options.add("--zero-shot-cot", zero_shot_cot_, "ask for a chain of thought, then for the answer");
    options.add("--samples", samples_, "answers drawn of each prompt, whose majority counts").range(1, 1000);
    options.add("--temperature", temperature_, "of what is drawn; 0: the likeliest; by default 0.7 with --samples")
        .between(0, 100);
    options.add("--max-new-tokens", max_new_tokens_, "of an answer or a chain; by default 64, of chains 128")
        .range(1, 1 << 20);
    options.add("--batch-size", batch_size_, "prompts answered at once; by default 16").range(1, 4096);
    options.add("--items", items_, "tell of every item too");
    options.add("--out", out_, "a page: accuracy by shots");
  }

  void compute(const ComputeOptions& common) override {
    const auto shots = shots_of(shots_);
    const bool made_up = task_.starts_with(kMadeUp);
    const auto task = made_up ? made_up_prompts(common.seed_or(1)).task : find_prompt_task(task_);
    if (made_up && (examples_ || pool_)) throw UsageError(fmt::format("--task {}: makes its examples", task_));
    if (!made_up && !examples_) throw UsageError("--examples is missing");
    const bool free = task.metric != AnswerKind::kChoice;
    const auto refuse = [&](bool given, const char* flag) {
      if (given) throw UsageError(fmt::format("{}: {} is {} task of choices", flag, task_, free ? "no" : "a"));
    };
    refuse(!free && cot_, "--cot");
    refuse(!free && zero_shot_cot_, "--zero-shot-cot");
    refuse(!free && samples_ > 1, "--samples");
    refuse(!free && temperature_, "--temperature");
    refuse(!free && max_new_tokens_, "--max-new-tokens");
    refuse(!free && batch_size_, "--batch-size");
    refuse(free && calibrate_, "--calibrate");
    refuse(free && score_ != kChoiceScoreNames[0], "--score");
    if (samples_ > 1 && temperature_ == 0.0) throw UsageError("--samples: at --temperature 0 all are the same");
    if (out_ && models_.size() > kMostRuns)
      throw UsageError(fmt::format("--out: {} models; a page shows at most {}", models_.size(), kMostRuns));
    if (out_) check_writable(*out_);
    std::vector<PromptExample> items, pool;
    if (!made_up) items = read_prompt_examples(*examples_, task);
    if (!made_up && draws_shots()) pool = read_prompt_examples(pool_.value_or(*examples_), task, cot_);

    std::vector<Curve> curves;
    for (const auto& folder : models_) {
      const auto lm = load_lm(family_, folder, common, /*with_tokenizer=*/true);
      auto& curve = curves.emplace_back();
      curve.name = folder;
      curve.style = fmt::format("run{}", curves.size() - 1);
      for (const auto count : shots) {
        std::vector<double> right, right_by_character;
        for (std::uint64_t draw = 0; draw < seeds_; ++draw) {
          const auto seed = common.seed_or(1) + draw;
          if (made_up) items = pool = made_up_prompts(seed).examples;
          const auto prompts = prompts_of(task, pool, count, seed);
          if (free)
            right.push_back(by_text(lm, task, prompts, items, seed, common.json));
          else
            by_choice(lm, prompts, items, common.json, right, right_by_character);
        }
        const auto accuracy = accuracy_over(right);
        curve.points.push_back({static_cast<double>(count), 100 * accuracy.mean});
        print_summary(folder, task, count, std::ssize(items), accuracy, right_by_character, common.json);
      }
      std::sort(curve.points.begin(), curve.points.end(),
                [](const CurvePoint& a, const CurvePoint& b) { return a.step < b.step; });
    }
    if (out_) write_page(task, std::ssize(items), curves);
  }

 private:
  static constexpr std::string_view kMadeUp = "microworld-";

  /// Of --task microworld-NAME.
  MicroworldPrompts made_up_prompts(std::uint64_t seed) const {
    constexpr std::int64_t kExamples = 40;
    try {
      return microworld_prompts(std::string_view(task_).substr(kMadeUp.size()), seed, kExamples);
    } catch (const std::invalid_argument& error) {
      throw UsageError(fmt::format("--task {}: {}", task_, error.what()));
    }
  }
  bool draws_shots() const { return shots_.find_first_not_of("0,") != std::string::npos; }

  Prompts prompts_of(const PromptTask& task, const std::vector<PromptExample>& pool, std::int64_t count,
                     std::uint64_t seed) const {
    try {
      return {task, pool, count, seed, cot_};
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("{}: {}", pool_.value_or(examples_.value_or(task_)), error.what()));
    }
  }

  /// Runs `answer`; what it throws names the file of the items.
  template <class Answer>
  void answered(const Answer& answer) const {
    try {
      answer();
    } catch (const std::invalid_argument& error) {
      throw std::runtime_error(fmt::format("{}: {}", examples_.value_or(task_), error.what()));
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {}", examples_.value_or(task_), error.what()));
    }
  }

  void by_choice(const LoadedLm& lm, const Prompts& prompts, const std::vector<PromptExample>& items, bool json,
                 std::vector<double>& right, std::vector<double>& right_by_character) const {
    const auto* const named = std::find(std::begin(kChoiceScoreNames), std::end(kChoiceScoreNames), score_);
    const auto score = static_cast<ChoiceScore>(named - std::begin(kChoiceScoreNames));
    // acc is by the sum, whatever decides what is predicted; with calibration by the calibrated sum.
    double sum = 0, characters = 0;
    answered([&] {
      answer_by_choice(lm, prompts, items, {.score = score, .calibrate = calibrate_}, [&](const ChosenItem& item) {
        sum += best_choice(item.choices, ChoiceScore::kSum, calibrate_) == item.answer ? 1 : 0;
        characters += best_choice(item.choices, ChoiceScore::kChar, calibrate_) == item.answer ? 1 : 0;
        if (items_) print_item(item, json);
      });
    });
    right.push_back(sum / static_cast<double>(items.size()));
    right_by_character.push_back(characters / static_cast<double>(items.size()));
  }

  double by_text(const LoadedLm& lm, const PromptTask& task, const Prompts& prompts,
                 const std::vector<PromptExample>& items, std::uint64_t seed, bool json) const {
    FreeOptions options{.kind = task.metric,
                        .chain = cot_             ? Chain::kShots
                                 : zero_shot_cot_ ? Chain::kZeroShot
                                                  : Chain::kNone,
                        .separator = task.separator,
                        .samples = samples_,
                        .temperature = temperature_.value_or(samples_ > 1 ? 0.7 : 0.0),
                        .batch_size = batch_size_.value_or(16),
                        .seed = seed};
    options.max_new_tokens = max_new_tokens_.value_or(options.chain == Chain::kNone ? 64 : 128);
    double right = 0;
    answered([&] {
      answer_freely(lm, prompts, items, options, [&](const FreeItem& item) {
        right += item.right ? 1 : 0;
        if (items_) print_item(item, json);
      });
    });
    return right / static_cast<double>(items.size());
  }

  static void print_item(const ChosenItem& item, bool json) {
    if (json) {
      std::vector<JsonValue> choices;
      for (const auto& choice : item.choices) {
        choices.push_back(
            {{"text", choice.text}, {"logprob", choice.logprob}, {"tokens", choice.tokens}, {"bytes", choice.bytes}});
      }
      return print_json({{"prompt", item.prompt},
                         {"choices", choices},
                         {"predicted", item.choices[item.predicted].text},
                         {"answer", item.choices[item.answer].text}});
    }
    std::cout << valid_utf8(item.prompt) << "\n";
    for (std::size_t i = 0; i < item.choices.size(); ++i) {
      std::cout << fmt::format("{} {:>10.4f}  {}{}\n", i == item.predicted ? "*" : " ", item.choices[i].logprob,
                               valid_utf8(item.choices[i].text), i == item.answer ? "   (right)" : "");
    }
    std::cout << "\n";
  }

  void print_item(const FreeItem& item, bool json) const {
    const bool several = samples_ > 1;
    if (json) {
      const auto one_or_all = [&](const std::vector<std::string>& texts) {
        return several ? JsonValue(texts) : JsonValue(texts.at(0));
      };
      JsonMembers members = {{"prompt", item.prompt}, {"text", one_or_all(item.texts)}};
      if (!item.chains.empty()) members.emplace_back("chain", one_or_all(item.chains));
      members.emplace_back("extracted", one_or_all(item.extracted));
      if (several) members.emplace_back("predicted", item.predicted);
      members.emplace_back("answer", item.answer);
      return print_json(members);
    }
    std::cout << valid_utf8(item.prompt) << "\n";
    for (std::size_t i = 0; i < item.texts.size(); ++i) {
      if (!item.chains.empty()) std::cout << valid_utf8(item.chains[i]) << "\n";
      std::cout << fmt::format("> {}\n", valid_utf8(item.texts[i]));
    }
    std::cout << fmt::format("{} {}, expected {}\n\n", item.right ? "right:" : "wrong:", valid_utf8(item.predicted),
                             valid_utf8(item.answer));
  }

  void print_summary(const std::string& folder, const PromptTask& task, std::int64_t shots, std::int64_t count,
                     const Accuracy& accuracy, const std::vector<double>& by_character, bool json) const {
    const bool several = seeds_ > 1, normed = !by_character.empty();
    if (json) {
      JsonMembers members;
      if (models_.size() > 1) members.emplace_back("model", folder);
      members.emplace_back("task", task.name);
      members.emplace_back("shots", shots);
      members.emplace_back("n", count);
      members.emplace_back("acc", accuracy.mean);
      if (normed) members.emplace_back("acc_norm", accuracy_over(by_character).mean);
      if (several) members.emplace_back("acc_low", accuracy.low);
      if (several) members.emplace_back("acc_high", accuracy.high);
      return print_json(members);
    }
    std::cout << fmt::format(
        "{}{}, {} shot{}: {:.1f} % of {}{}{}\n", models_.size() > 1 ? folder + ": " : "", task.name, shots,
        shots == 1 ? "" : "s", 100 * accuracy.mean, count,
        several ? fmt::format(", {:.1f} to {:.1f} over {} draws", 100 * accuracy.low, 100 * accuracy.high, seeds_) : "",
        normed ? fmt::format("; by characters {:.1f} %", 100 * accuracy_over(by_character).mean) : "");
  }

  void write_page(const PromptTask& task, std::int64_t count, const std::vector<Curve>& curves) const {
    const auto body = chart_card("accuracy by shots, %", curves, /*wide=*/true, "shots");
    write_file_atomically(*out_, html_page({.title = task.name,
                                            .subtitle = fmt::format("{} questions, {} draws of shots", count, seeds_),
                                            .style = std::string(kChartStyle) + std::string(kRunColours),
                                            .body = body}));
    std::cerr << fmt::format("saved in {}\n", *out_);
  }

  const Family& family_;
  std::vector<std::string> models_;
  std::string task_, shots_ = "0";
  std::optional<std::string> examples_, pool_, out_;
  std::uint64_t seeds_ = 1;
  std::string score_ = std::string(kChoiceScoreNames[0]);
  bool calibrate_ = false, cot_ = false, zero_shot_cot_ = false, items_ = false;
  std::int64_t samples_ = 1;
  std::optional<double> temperature_;
  std::optional<std::int64_t> max_new_tokens_, batch_size_;
};

}  // namespace

std::unique_ptr<Verb> prompt_verb(const Family& family) {
  return std::make_unique<PromptVerb>(family);
}

}  // namespace langzoo
