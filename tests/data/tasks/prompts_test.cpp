#include "tests/support/test.h"

#include <set>

#include "data/tasks/prompts.h"

namespace langzoo::test {
namespace {

using Catch::Matchers::Contains;

PromptTask capitals() {
  return {.name = "capitals",
          .description = "Name the capital.",
          .input = "Q: {country}\n",
          .target = "A: {answer}!",
          .choices_field = "options"};
}

std::vector<PromptExample> examples_of(const TempDir& dir, const std::string& lines, const PromptTask& task,
                                       bool chains = false) {
  write_file(dir / "examples.jsonl", lines);
  return read_prompt_examples(dir / "examples.jsonl", task, chains);
}

const std::string kCountries =
    "{\"country\": \"France\", \"options\": [\"Paris\", \"Lyon\"], \"answer\": 0}\n"
    "{\"country\": \"Italy\", \"options\": [\"Milan\", \"Rome\"], \"answer\": \"Rome\"}\n"
    "\n"
    "{\"country\": \"Japan\", \"options\": [\"Tokyo\", \"Kyoto\"], \"answer\": 0}\n";

}  // namespace

TEST_CASE("a prompt is description, shots and question, joined by the separator") {
  const TempDir dir;
  const auto task = capitals();
  const auto examples = examples_of(dir, kCountries, task);
  REQUIRE(examples.size() == 3);
  CHECK(examples[1].answer == "Rome");
  CHECK(examples[1].choice == 1);
  CHECK(examples[2].line == 4);
  CHECK(Prompts(task, examples, 0, 1).prompt(examples[0]) == "Name the capital.\n\nQ: France\nA: ");
  auto plain = task;
  plain.description = "";
  CHECK(Prompts(plain, examples, 0, 1).prompt(examples[0]) == "Q: France\nA: ");
  const auto two = Prompts(plain, {examples[1], examples[2]}, 2, 1).prompt(examples[0]);
  const bool either = two == "Q: Italy\nA: Rome!\n\nQ: Japan\nA: Tokyo!\n\nQ: France\nA: " ||
                      two == "Q: Japan\nA: Tokyo!\n\nQ: Italy\nA: Rome!\n\nQ: France\nA: ";
  CHECK(either);
  CHECK(Prompts(task, examples, 0, 1).content_free_prompt(examples[0], "N/A") == "Name the capital.\n\nQ: N/A\nA: ");
}

TEST_CASE("shots are distinct, never the item, and the seed decides them") {
  PromptTask task{
      .name = "copy", .input = "{text} ", .target = "{answer}", .separator = "\n", .metric = AnswerKind::kText};
  std::vector<PromptExample> pool;
  for (int i = 0; i < 12; ++i) {
    const auto text = "w" + std::to_string(i % 6);  // each twice
    pool.push_back({.fields = {{"text", text}}, .answer = text + text});
  }
  std::set<std::string> draws;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const Prompts prompts(task, pool, 5, seed), again(task, pool, 5, seed);
    draws.insert(prompts.prompt({.fields = {{"text", "x"}}}));
    for (const auto& item : pool) {
      const auto prompt = prompts.prompt(item);
      CHECK(prompt == again.prompt(item));
      std::set<std::string> lines;
      std::size_t count = 0;
      for (std::size_t at = 0; at < prompt.size(); ++count) {
        const auto end = std::min(prompt.find('\n', at), prompt.size());
        lines.insert(prompt.substr(at, prompt.find(' ', at) - at));
        at = end + 1;
      }
      CHECK(count == 6);
      CHECK(lines.size() == 6);  // the question's own text is in no shot
    }
    // Fewer shots are the first of more.
    const auto fewer = Prompts(task, pool, 2, seed).prompt({.fields = {{"text", "x"}}});
    CHECK(prompts.prompt({.fields = {{"text", "x"}}}).starts_with(fewer.substr(0, fewer.size() - 2)));
  }
  CHECK(draws.size() > 10);
  CHECK_THROWS_WITH(Prompts(task, pool, 7, 1), Contains("7 shots: there are but 6 examples that differ"));
  CHECK_NOTHROW(Prompts(task, pool, 6, 1).prompt({.fields = {{"text", "x"}}}));
  CHECK_THROWS_WITH(Prompts(task, pool, 6, 1).prompt(pool[0]), Contains("no other example"));
}

TEST_CASE("a shot that reads as the item is none, whatever other fields it has") {
  const TempDir dir;
  const auto task = capitals();
  const auto pool = examples_of(dir, R"({"id": 7, "country": "France", "options": ["Paris", "Lyon"], "answer": 0}
{"id": 8, "country": "Italy", "options": ["Milan", "Rome"], "answer": 1})",
                                task);
  const auto items = examples_of(dir, kCountries, task);
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    CHECK(Prompts(task, pool, 1, seed).prompt(items[0]) == "Name the capital.\n\nQ: Italy\nA: Rome!\n\nQ: France\nA: ");
}

TEST_CASE("a chain of thought stands before the answer") {
  const TempDir dir;
  const PromptTask task{.name = "sums", .input = "Q: {text}\n", .target = "A: {answer}", .metric = AnswerKind::kNumber};
  const auto shots = examples_of(
      dir, "{\"text\": \"1+2\", \"reasoning\": \"One more than two is three.\", \"answer\": 3}\n", task, true);
  CHECK(Prompts(task, shots, 1, 1, true).prompt({.fields = {{"text", "2+2"}}}) ==
        "Q: 1+2\nA: One more than two is three. The answer is 3.\n\nQ: 2+2\nA: ");
  CHECK_THROWS_WITH(examples_of(dir, "{\"text\": \"1+2\", \"answer\": 3}\n", task, true),
                    Contains("line 1: has no field \"reasoning\""));
}

TEST_CASE("what is wrong with a task or an example is named") {
  const TempDir dir;
  const auto task_error = [&](const std::string& json, const std::string& error) {
    write_file(dir / "task.json", json);
    CHECK_THROWS_WITH(read_prompt_task(dir / "task.json"), Contains("task.json") && Contains(error));
  };
  task_error("[1]", "is no JSON object");
  task_error(R"({"input": "{x}", "target": "{answer}"})", "has no \"name\"");
  task_error(R"({"name": "a", "input": "{x", "target": "{answer}"})", "input: template");
  task_error(R"({"name": "a", "input": "{x}", "target": "none"})", "must have {answer} once");
  task_error(R"({"name": "a", "input": "{x}", "target": "{{answer}}"})", "must have {answer} once");
  task_error(R"({"name": "a", "input": "{answer}", "target": "{answer}"})", "belongs into target");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "metric": "acc"})", "there are none");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "metric": "f1"})", "expected one of acc, ");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "shots": 3})", "\"shots\" is unknown");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "choices": [[]]})", "no list of texts");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "choices": ""})", "\"choices\" is empty");
  task_error(R"({"name": "a", "input": "{x}", "target": "{answer}", "separator": ""})", "separator is empty");
  write_file(dir / "task.json", R"({"name": "a", "input": "{x}", "target": "{answer}", "choices": ["yes", "no"]})");
  CHECK(read_prompt_task(dir / "task.json").metric == AnswerKind::kChoice);

  const auto task = capitals();
  const auto example_error = [&](const std::string& line, const std::string& error) {
    CHECK_THROWS_WITH(examples_of(dir, line, task), Contains("examples.jsonl: line 1: ") && Contains(error));
  };
  example_error("[]", "is no JSON object");
  example_error(R"({"options": ["a"], "answer": 0})", "has no field \"country\"");
  example_error(R"({"country": ["a"], "options": ["a"], "answer": 0})", "no text and no number");
  example_error(R"({"country": "x", "answer": 0})", "has no field \"options\"");
  example_error(R"({"country": "x", "options": ["a"]})", "has no field \"answer\"");
  example_error(R"({"country": "x", "options": ["a", " "], "answer": 0})", "has an empty choice");
  example_error(R"({"country": "x", "options": ["a"], "answer": 1})", "there are 1 choices, counted from 0");
  example_error(R"({"country": "x", "options": ["a"], "answer": "b"})", "none of the choices");
  CHECK_THROWS_WITH(examples_of(dir, "\n", task), Contains("holds no example"));
}

}  // namespace langzoo::test
