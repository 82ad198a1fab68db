// Runs langzoo-gpt prompt as a user does.
#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "data/microworld/patterns.h"
#include "tests/support/process.h"

namespace langzoo::test::prompt_test {
namespace {

using Catch::Matchers::Contains;

Result gpt(std::vector<std::string> arguments) {
  return Process("langzoo-gpt", std::move(arguments)).wait();
}

/// A model that has hardly learnt anything, and files of two tasks.
struct Files {
  Files() {
    write_file(dir / "text.txt", microworld_patterns(1, 3000) +
                                     microworld_problems(1, 3000, 2, ProblemAnswers::kWorked) +
                                     "Let's think step by step.\nTherefore, the answer (arabic numerals) is 7 / N");
    const auto trained =
        gpt({"train", "--data", path("text.txt"), "--tokenizer", "char", "--out", path("model"), "--threads", "1",
             "--set", "model.n_layer=1", "model.n_head=2", "model.n_embd=16", "model.n_positions=640",
             "data.context=64", "train.max_steps=5", "train.batch_size=4", "train.eval_every=0"});
    INFO(trained.err);
    REQUIRE(trained.code == 0);
    write_file(
        dir / "labels.json",
        R"({"name": "labels", "input": "{input} -> ", "target": "{answer}", "separator": "\n", "choices": "labels"})");
    const auto labels = microworld_pattern(PatternKind::kLabels, 1, 3, 12);
    std::string lines;
    for (const auto& [input, answer] : labels.examples)
      lines += nlohmann::json{{"input", input}, {"answer", answer}, {"labels", labels.choices}}.dump() + "\n";
    write_file(dir / "labels.jsonl", lines);
    write_file(dir / "sums.json",
               R"({"name": "sums", "input": "Q: {question}\nA: ", "target": "{answer}", "metric": "number"})");
    lines.clear();
    for (std::uint64_t number = 0; number < 6; ++number) {
      const auto problem = microworld_problem(1, number, 1);
      lines +=
          nlohmann::json{{"question", problem.question}, {"reasoning", problem.chain()}, {"answer", problem.answer}}
              .dump() +
          "\n";
    }
    write_file(dir / "sums.jsonl", lines);
  }
  std::string path(const std::string& name) const { return (dir / name).string(); }
  std::vector<std::string> prompt(const std::string& task, const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {
        "prompt",    "--model", path("model"), "--task", path(task + ".json"), "--examples", path(task + ".jsonl"),
        "--threads", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  TempDir dir;
};
const Files& files() {
  static const Files instance;
  return instance;
}

std::vector<std::string> keys(const nlohmann::ordered_json& object) {
  std::vector<std::string> names;
  for (const auto& [key, value] : object.items()) names.push_back(key);
  return names;
}

}  // namespace

TEST_CASE("prompt scores choices, an object for each number of shots and with --items for each item") {
  const auto result = gpt(files().prompt("labels", {"--shots", "0,4", "--seed", "2", "--items", "--json"}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto objects = result.objects();
  REQUIRE(objects.size() == 2 * 13);
  CHECK(keys(objects[0]) == std::vector<std::string>{"prompt", "choices", "predicted", "answer"});
  CHECK(keys(objects[0]["choices"][0]) == std::vector<std::string>{"text", "logprob", "tokens", "bytes"});
  double right = 0;
  for (std::size_t i = 13; i < 25; ++i) {
    const auto prompt = objects[i]["prompt"].get<std::string>();
    CHECK(std::count(prompt.begin(), prompt.end(), '\n') == 4);
    right += objects[i]["predicted"] == objects[i]["answer"] ? 1 : 0;
  }
  CHECK(keys(objects[25]) == std::vector<std::string>{"task", "shots", "n", "acc", "acc_norm"});
  CHECK(objects[25]["shots"] == 4);
  CHECK(objects[25]["n"] == 12);
  CHECK(objects[25]["acc"].get<double>() == Approx(right / 12));
  CHECK(gpt(files().prompt("labels", {"--shots", "0,4", "--seed", "2", "--items", "--json"})).out == result.out);
}

TEST_CASE("prompt draws shots several times and draws a page") {
  const auto page = files().path("page.html");
  const auto result = gpt(files().prompt(
      "labels", {"--shots", "1,2", "--seeds", "3", "--calibrate", "--score", "char", "--json", "--out", page}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto objects = result.objects();
  REQUIRE(objects.size() == 2);
  CHECK(objects[0]["acc_low"].get<double>() <= objects[0]["acc"].get<double>());
  CHECK(objects[0]["acc_high"].get<double>() >= objects[0]["acc"].get<double>());
  const auto drawn = read_file(page);
  CHECK_THAT(drawn, Contains("<svg") && Contains("shots"));
  // Its curves go from left to right, whatever the order.
  REQUIRE(
      gpt(files().prompt("labels", {"--shots", "2,1", "--seeds", "3", "--calibrate", "--score", "char", "--out", page}))
          .code == 0);
  CHECK(read_file(page) == drawn);
}

TEST_CASE("prompt lets the model write, with chains of thought and without") {
  const auto free =
      gpt(files().prompt("sums", {"--shots", "2", "--max-new-tokens", "6", "--items", "--json"})).objects();
  REQUIRE(free.size() == 7);
  CHECK(keys(free[0]) == std::vector<std::string>{"prompt", "text", "extracted", "answer"});
  CHECK(keys(free[6]) == std::vector<std::string>{"task", "shots", "n", "acc"});
  const auto chains = gpt(files().prompt("sums", {"--shots", "1", "--cot", "--samples", "2", "--max-new-tokens", "6",
                                                  "--items", "--json"}))
                          .objects();
  REQUIRE(chains.size() == 7);
  CHECK(keys(chains[0]) == std::vector<std::string>{"prompt", "text", "chain", "extracted", "predicted", "answer"});
  CHECK(chains[0]["chain"].size() == 2);
  CHECK_THAT(chains[0]["prompt"].get<std::string>(), Contains(" The answer is "));
  const auto zero =
      gpt(files().prompt("sums", {"--zero-shot-cot", "--max-new-tokens", "6", "--items", "--json"})).objects();
  REQUIRE(zero.size() == 7);
  CHECK(keys(zero[0]) == std::vector<std::string>{"prompt", "text", "chain", "extracted", "answer"});
  CHECK_THAT(zero[0]["prompt"].get<std::string>(), Catch::Matchers::EndsWith("Let's think step by step."));
}

TEST_CASE("prompt asks what microworld makes up") {
  const auto run = [](const std::string& task, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"prompt", "--model", files().path("model"), "--task",
                                          task,     "--json",  "--threads",           "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return gpt(arguments);
  };
  const auto labels = run("microworld-labels", {"--shots", "0,2", "--seeds", "2"}).objects();
  REQUIRE(labels.size() == 2);
  CHECK(labels[1]["n"] == 40);
  CHECK(labels[1]["task"] == "labels");
  CHECK(run("microworld-problems-2", {"--shots", "1", "--cot", "--max-new-tokens", "4"}).object()["shots"] == 1);
  check_error(run("microworld-sums", {}), 2, "--task microworld-sums");
  check_error(run("microworld-copy", {"--examples", files().path("sums.jsonl")}), 2, "--task microworld-copy");
}

TEST_CASE("prompt says what cannot be") {
  check_error(gpt({"prompt", "--model", files().path("model"), "--task", files().path("sums.json")}), 2, "--examples");
  check_error(gpt(files().prompt("labels", {"--cot"})), 2, "--cot");
  check_error(gpt(files().prompt("labels", {"--temperature", "1"})), 2, "--temperature");
  check_error(gpt(files().prompt("sums", {"--calibrate"})), 2, "--calibrate");
  check_error(gpt(files().prompt("sums", {"--cot", "--zero-shot-cot"})), 2, "--cot");
  check_error(gpt(files().prompt("labels", {"--shots", "x"})), 2, "--shots x");
  check_error(gpt(files().prompt("labels", {"--shots", "500"})), 1, "500 shots");
  std::vector<std::string> models(9, files().path("model"));
  models.insert(models.begin(), "--model");
  auto nine = files().prompt("labels", {"--out", files().path("nine.html")});
  nine.insert(nine.end(), models.begin(), models.end());
  check_error(gpt(nine), 2, "--out: 10 models; a page shows at most 8");
  check_error(gpt({"prompt", "--model", files().path("model"), "--task", files().path("labels.jsonl"), "--examples",
                   files().path("labels.jsonl")}),
              1, "labels.jsonl");
  CHECK_THAT(gpt(files().prompt("labels", {"--seed", "3"})).err,
             Contains("--seed has no effect where nothing is drawn"));
}

}  // namespace langzoo::test::prompt_test
