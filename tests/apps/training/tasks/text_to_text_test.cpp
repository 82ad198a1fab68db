#include "tests/support/test.h"

#include <cmath>
#include <memory>

#include "apps/training/families.h"
#include "apps/training/tasks/t5.h"
#include "apps/training/tasks/text_to_text.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "models/io/weights.h"

namespace langzoo::text_to_text_test {
namespace {

namespace fs = std::filesystem;
using test::TempDir;
using test::write_file;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Copies of one letter, and which letter it is: a task a small model learns.
std::string letters_table(int count, std::uint64_t seed) {
  Random random(seed);
  std::string text = "text\tlabel\n";
  for (int i = 0; i < count; ++i) {
    const auto letter = static_cast<char>('a' + random.below(3));
    text += std::string(1 + random.below(4), letter) + '\t' + letter + '\n';
  }
  return text;
}
std::string sums_table(int count, std::uint64_t seed) {
  Random random(seed);
  std::string text = "{\"first\": 1, \"sum\": 2}\n";
  for (int i = 0; i < count; ++i) {
    const auto n = random.below(4);
    text += "{\"first\": " + std::to_string(n) + ", \"sum\": " + std::to_string(n + 1) + "}\n";
  }
  return text;
}
std::string tasks_text() {
  return R"({"tasks": [{"name": "letter", "data": "letters.tsv", "input": "which {text}", "target": "{label}",
                        "metrics": ["accuracy"]},
                       {"name": "next", "data": "sums.jsonl", "valid": "sums.jsonl", "input": "add {first}",
                        "target": "{sum}", "metrics": ["accuracy", "pearson"], "weight": 2}]})";
}

std::unique_ptr<TrainingRun> small_run(const fs::path& out, const std::string& objective, const Settings& settings,
                                       bool resume = false) {
  auto run = std::make_unique<TrainingRun>("t5", text_to_text_setup("t5", objective));
  run->open(out, resume);
  auto& config = run->config();
  const auto set = [&](const std::string& key, const std::string& value) { config.set(key, value, "test"); };
  if (!resume) {
    set("model.d_model", "24"), set("model.d_kv", "8"), set("model.d_ff", "48");
    set("model.num_layers", "1"), set("model.num_heads", "3"), set("model.dropout_rate", "0");
    set("train.batch_size", "16"), set("train.eval_every", "0"), set("train.save_every", "0");
    set("train.learning_rate", "0.01"), set("train.schedule", "constant");
  }
  for (const auto& [key, value] : settings) set(key, value);
  return run;
}

StateDict weights_of(const fs::path& dir) {
  return load_weights(dir);
}
bool equal(const StateDict& a, const StateDict& b) {
  if (a.size() != b.size()) return false;
  for (const auto& item : a)
    if (!torch::equal(item.value(), b[item.key()])) return false;
  return true;
}

std::string sentences(int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog.\n";
  return text;
}

}  // namespace

TEST_CASE("a mixture of tasks is learned, each measured by its own metrics, and goes on as if uninterrupted") {
  const TempDir dir;
  write_file(dir / "letters.tsv", letters_table(200, 1));
  write_file(dir / "sums.jsonl", sums_table(100, 2));
  write_file(dir / "tasks.json", tasks_text());
  const Settings settings = {{"data.tasks", (dir / "tasks.json").string()},
                             {"data.tokenizer", "char"},
                             {"train.max_steps", "120"},
                             {"data.generated", "20"},
                             {"data.sentinels", "3"}};
  const auto whole = small_run(dir / "whole", kPairs, settings);
  std::vector<std::string> messages;
  whole->setting().message = [&](const std::string& text) { messages.push_back(text); };
  const auto summary = whole->train();
  CHECK(summary.step == 120);
  const auto& valid = summary.valid;
  CHECK(valid.at("letter.accuracy").value == 100);
  CHECK(valid.at("next.accuracy").value == 100);
  CHECK(valid.at("next.pearson").value == Approx(100));
  CHECK(valid.at("score").value == 100);
  CHECK(valid.at("score").direction == Direction::kHigherIsBetter);
  CHECK(valid.at("perplexity").value == Approx(std::exp(valid.at("loss").value)));
  CHECK(std::count(messages.begin(), messages.end(), "task letter: 180 examples, 47.1 % of what is drawn") == 1);
  CHECK(std::count(messages.begin(), messages.end(), "task next: 101 examples, 52.9 % of what is drawn") == 1);

  auto half = settings;
  half[2].second = "60";
  small_run(dir / "parts", kPairs, half)->train();
  small_run(dir / "parts", kPairs, {{"train.max_steps", "120"}}, /*resume=*/true)->train();
  CHECK(equal(weights_of(dir / "whole"), weights_of(dir / "parts")));

  const auto measured = evaluate(dir / "whole", (dir / "tasks.json").string());
  CHECK(measured.at("letter.accuracy").value == 100);
  CHECK(measured.at("score").value == 100);
  const auto translator = load_translator(dir / "whole");
  const auto scores = evaluate_text_tasks(translator, read_text_tasks(dir / "tasks.json"), {.most = 5});
  REQUIRE(scores.size() == 2);
  CHECK(scores[0].examples == 5);
  CHECK(scores[1].texts.size() == 5);
  CHECK(scores[0].inputs[0].starts_with("which "));
}

TEST_CASE("span corruption is learned from a text, and its weights begin a fine-tuning, resumed bit for bit") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(300));
  write_file(dir / "pairs.tsv", "one\t1\ntwo\t2\nthree\t3\n");
  const Settings settings = {{"data.train", (dir / "text.txt").string()},
                             {"data.tokenizer", "train:unigram:150"},
                             {"data.max_source", "24"},
                             {"train.max_steps", "40"},
                             {"train.optimizer", "adafactor"}};
  const auto run = small_run(dir / "whole", "span_corruption", settings);
  const auto summary = run->train();
  CHECK(run->task().unit() == "target tokens");
  const auto before = std::log(150.0);
  CHECK(summary.valid.at("loss").value < before - 1.5);
  auto half = settings;
  half[3].second = "20";
  small_run(dir / "parts", "span_corruption", half)->train();
  small_run(dir / "parts", "span_corruption", {{"train.max_steps", "40"}}, true)->train();
  CHECK(equal(weights_of(dir / "whole"), weights_of(dir / "parts")));
  CHECK(evaluate(dir / "whole", (dir / "text.txt").string()).at("loss").value < before - 1.5);

  TrainingRun tuned("t5", text_to_text_setup("t5", kPairs));
  tuned.open(dir / "tuned");
  for (const auto& [key, value] : Settings{{"train.init", (dir / "whole").string()},
                                           {"data.train", (dir / "pairs.tsv").string()},
                                           {"data.valid", (dir / "pairs.tsv").string()},
                                           {"train.optimizer", "adafactor"},
                                           {"train.max_steps", "60"}})
    tuned.config().set(key, value, "test");
  const auto after = tuned.train();
  CHECK(tuned.config().value("model.d_model") == "24");
  CHECK(tuned.config().value("train.adafactor.relative_step") == "false");
  CHECK(tuned.config().value("train.learning_rate") == "0.001");
  CHECK(after.valid.count("exact_match") == 1);
  CHECK(after.valid.at("loss").value < before);
}

TEST_CASE("every denoising objective trains, and a run says what it makes no use of") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(60));
  for (const auto objective : kDenoisingObjectives) {
    const auto run = small_run(dir / std::string(objective), std::string(objective),
                               {{"data.train", (dir / "text.txt").string()},
                                {"data.tokenizer", "char"},
                                {"data.max_source", "20"},
                                {"train.max_steps", "2"}});
    CHECK(std::isfinite(run->train().valid.at("loss").value));
  }
  const auto refused = [&](const std::string& objective, Settings settings, const std::string& what) {
    const auto run = small_run(dir / "refused", objective, settings);
    CAPTURE(what);
    CHECK_THROWS_AS(run->complete(), ConfigError);
    CHECK_THROWS_WITH(run->complete(), Catch::Contains(what));
  };
  const auto text = (dir / "text.txt").string();
  refused("prefix_lm", {{"data.train", text}, {"data.noise_density", "0.3"}},
          "data.noise_density = 0.3: data.objective = prefix_lm makes no use of it");
  refused("span_corruption", {{"data.train", text}, {"data.mixing", "equal"}}, "a run without several tasks");
  refused("span_corruption", {{"data.train", text}, {"data.generated", "3"}}, "data.generated = 3");
  refused(kPairs, {{"data.tasks", "microworld"}, {"data.train", text}}, "name one of them");
  refused(kPairs, {{"data.tasks", "microworld"}, {"data.objective", "prefix_lm"}}, "tasks are pairs");
  refused(kPairs, {{"data.tasks", "microworld"}, {"data.mixing_temperature", "3"}}, "data.mixing = proportional");
  refused(kPairs, {{"data.tasks", "microworld"}, {"train.best_metric", "accuracy"}}, "classification.accuracy");
  const auto run = small_run(dir / "tasks", kPairs, {{"data.tasks", (dir / "none.json").string()}});
  CHECK_THROWS_AS(run->complete(), FileError);
}

TEST_CASE("a vocabulary without sentinels, texts that are too long, and broken tasks are said before training") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(60));
  write_file(dir / "pairs.tsv", "a b c d e\tx\nf\ty y y y y y y y\ng\tz\n");
  // One that was trained for translation.
  small_run(
      dir / "first", kPairs,
      {{"data.train", "addition"}, {"data.tokenizer", "char"}, {"data.task_examples", "50"}, {"train.max_steps", "1"}})
      ->train();
  const auto tokenizer = dir / "plain";
  fs::create_directories(tokenizer);
  write_file(tokenizer / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  const auto without = small_run(dir / "without", "span_corruption",
                                 {{"data.train", (dir / "text.txt").string()}, {"data.tokenizer", tokenizer.string()}});
  CHECK_THROWS_AS(without->prepare(), ConfigError);
  const auto again = small_run(dir / "again", "span_corruption",
                               {{"data.train", (dir / "text.txt").string()}, {"data.tokenizer", tokenizer.string()}});
  CHECK_THROWS_WITH(again->prepare(), Catch::StartsWith("data.tokenizer = " + tokenizer.string()) &&
                                          Catch::Contains("has no sentinel <extra_id_0>"));

  // What could be taken for a sentinel, and what is not UTF-8.
  small_run(dir / "learned", "span_corruption",
            {{"data.train", (dir / "text.txt").string()},
             {"data.tokenizer", "train:unigram:80"},
             {"data.sentinels", "5"},
             {"train.max_steps", "1"}})
      ->train();
  write_file(dir / "odd.txt", "caf\xe9 and <extra_id_0>, <extra_id_4>.\n" + sentences(60) + "\xff\xff\n");
  std::vector<std::string> messages;
  const auto odd = small_run(dir / "odd", "span_corruption",
                             {{"data.train", (dir / "odd.txt").string()},
                              {"data.tokenizer", (dir / "learned").string()},
                              {"data.valid_fraction", "0"},
                              {"train.z_loss", "1e-4"},
                              {"train.max_steps", "1"}});
  odd->setting().message = [&](const std::string& text) { messages.push_back(text); };
  odd->train();
  const auto said = [&](const std::string& text) { return std::count(messages.begin(), messages.end(), text); };
  const auto file = "warning: " + (dir / "odd.txt").string() + ": ";
  CHECK(said(file + "is not UTF-8 in 3 places, where U+FFFD is read; the first is byte 3") == 1);
  CHECK(said(file +
             "holds sentinels itself, 2 times, which cannot be told from those that stand for what is cut out") == 1);

  const auto limited = small_run(dir / "limited", kPairs,
                                 {{"data.train", (dir / "pairs.tsv").string()},
                                  {"data.tokenizer", "char"},
                                  {"data.valid_fraction", "0"},
                                  {"data.max_source", "6"},
                                  {"data.max_target", "8"},
                                  {"train.max_steps", "1"}});
  limited->setting().message = [&](const std::string& text) { messages.push_back(text); };
  limited->train();
  CHECK(said("task pairs: 1 of 3 sources cut to 6 tokens (data.max_source)") == 1);
  CHECK(said("task pairs: 1 of 3 targets have more than 8 tokens and are left out (data.max_target)") == 1);
}

TEST_CASE("a batch of target tokens and two ranks divide a mixture's epoch") {
  const TempDir dir;
  write_file(dir / "letters.tsv", letters_table(100, 1));
  write_file(dir / "sums.jsonl", sums_table(50, 2));
  write_file(dir / "tasks.json", tasks_text());
  const auto run =
      small_run(dir / "run", kPairs, {{"data.tasks", (dir / "tasks.json").string()}, {"data.tokenizer", "char"}});
  run->config().set("train.batch_tokens", "40", "test");
  run->config().set("train.batch_size", "32", "test");
  run->setting().rank = {1, 2};
  run->prepare();
  auto& task = run->task();
  CHECK(task.rank() == Rank{1, 2});
  for (int i = 0; i < 5; ++i) {
    const auto batch = task.next();
    CHECK(batch.num_tokens <= 30);  // about half of a step's 40
    CHECK(batch.counts == std::vector<std::int64_t>{batch.num_tokens});
  }
  CHECK(task.position().batch == 5);
}

}  // namespace langzoo::text_to_text_test
