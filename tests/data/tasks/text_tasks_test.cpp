#include "tests/support/test.h"

#include "data/files/file_error.h"
#include "data/tasks/text_tasks.h"

namespace langzoo::text_tasks_test {
namespace {

using test::TempDir;
using test::write_file;

std::string filled(const std::string& text, const std::vector<std::string>& values) {
  return TextTemplate(text).fill([&](std::size_t column) -> std::string_view { return values.at(column); });
}

TextTask task(const std::string& input, const std::string& target) {
  return {"some", "data", "", input, target, {"exact_match"}, 1};
}

std::vector<TextExample> examples_of(const TextTask& task, const std::filesystem::path& data,
                                     std::int64_t* left_out = nullptr) {
  std::int64_t count = 0;
  auto examples = read_text_examples(task, data.string(), {}, count);
  if (left_out != nullptr) *left_out = count;
  return examples;
}

}  // namespace

TEST_CASE("templates put columns into their places, and round numbers to steps") {
  CHECK(filled("premise: {premise} hypothesis: {hypothesis}", {"A b.", "C."}) == "premise: A b. hypothesis: C.");
  CHECK(filled("{a}{b}{a}", {"x", "y"}) == "xyx");
  CHECK(TextTemplate("{a} {b} {a}").columns() == std::vector<std::string>{"a", "b"});
  CHECK(filled("{{{a}}}", {"x"}) == "{x}");
  CHECK(filled("{score:0.2}", {"3.29"}) == "3.2");
  CHECK(filled("{score:0.2}", {"3.3"}) == "3.2");  // halves to even
  CHECK(filled("{score:0.2}", {"5"}) == "5.0");
  CHECK(filled("{score:0.2}", {"-0.04"}) == "0.0");
  CHECK(filled("{score:1}", {"2.7"}) == "3");
  CHECK(filled("{score:0.25} of 5", {"1.1"}) == "1.00 of 5");
  CHECK_THROWS_WITH(filled("{score:0.2}", {"high"}), "column score is no number: \"high\"");
  for (const auto& [text, what] :
       {std::pair("{a", "without its }"), std::pair("a}", "without its {"), std::pair("{a{b}", "without its }"),
        std::pair("{}", "name is empty"), std::pair("{a:x}", "no step above 0"), std::pair("{a:1e-1}", "as 0.2"),
        std::pair("{a:0}", "no step above 0")}) {
    CAPTURE(std::string(text));
    CHECK_THROWS_WITH(TextTemplate(text), Catch::Contains(what) && Catch::StartsWith("template \""));
  }
}

TEST_CASE("examples come from TSV and CSV by their header, from JSON lines and from SQuAD's JSON") {
  const TempDir dir;
  write_file(dir / "a.tsv", "text\tlabel\tid\nfine film\tgood\t1\n\tbad\t2\nno label\t\t3\n");
  std::int64_t left_out = 0;
  const auto labels = task("sentiment: {text}", "{label}");
  auto examples = examples_of(labels, dir / "a.tsv", &left_out);
  REQUIRE(examples.size() == 2);
  CHECK(left_out == 1);
  CHECK(examples[0].input == "sentiment: fine film");
  CHECK(examples[0].target == "good");
  CHECK(examples[1].input == "sentiment: ");
  CHECK(examples[1].line == 3);

  write_file(dir / "b.csv", "label,text\ngood,\"a, \"\"b\"\"\"\n");
  CHECK(examples_of(labels, dir / "b.csv")[0].input == "sentiment: a, \"b\"");
  write_file(dir / "pairs.tsv", "I see.\tJe vois.\n");
  CHECK(examples_of(task("translate: {1}", "{2}"), dir / "pairs.tsv")[0].target == "Je vois.");

  write_file(dir / "c.jsonl",
             "{\"source\": [\"One.\", \"Two.\"], \"target\": [\"short\", \"brief\"], \"n\": 1}\n"
             "{\"source\": \"[1]\", \"target\": \"[x]\", \"n\": 2}\n"
             "{\"source\": \"\", \"target\": [\" \", \"late\"], \"n\": 3}\n");
  examples = examples_of(task("summarize: {source} {n}", "{target}"), dir / "c.jsonl");
  REQUIRE(examples.size() == 3);
  CHECK(examples[2].references() == std::vector<std::string>{"late"});
  CHECK(examples[0].input == "summarize: One. Two. 1");
  CHECK(examples[0].references() == std::vector<std::string>{"short", "brief"});
  CHECK(examples[1].input == "summarize: [1] 2");
  CHECK(examples[1].references() == std::vector<std::string>{"[x]"});
  CHECK(examples_of(task("{n}", "it: {target}"), dir / "c.jsonl")[0].target == "it: short brief");

  write_file(dir / "d.json",
             R"({"data": [{"title": "t", "paragraphs": [{"context": "It was Anna.", "qas": [
                {"id": "1", "question": "Who?", "answers": [{"text": "Anna", "answer_start": 7},
                 {"text": "was Anna", "answer_start": 3}, {"text": "Anna", "answer_start": 7}]},
                {"id": "2", "question": "Why?", "answers": [], "is_impossible": true}]}]}]})");
  examples = examples_of(task("question: {question} context: {context}", "{answer}"), dir / "d.json", &left_out);
  REQUIRE(examples.size() == 1);
  CHECK(left_out == 1);
  CHECK(examples[0].input == "question: Who? context: It was Anna.");
  CHECK(examples[0].references() == std::vector<std::string>{"Anna", "was Anna"});
}

TEST_CASE("what data lacks is said with task, file and column") {
  const TempDir dir;
  const auto fails = [&](const TextTask& of, const std::string& file, const std::string& what) {
    CAPTURE(file);
    CHECK_THROWS_WITH(examples_of(of, dir / file), Catch::StartsWith("task some: ") && Catch::Contains(what));
  };
  write_file(dir / "a.tsv", "text\tlabel\nx\ty\n");
  fails(task("{texts}", "{label}"), "a.tsv", "has no column texts; the columns are text, label");
  fails(task("{text}", "{label:0.5}"), "a.tsv", "line 2: column label is no number");
  auto numbers = task("{text}", "{label}");
  numbers.metrics = {"accuracy", "pearson"};
  fails(numbers, "a.tsv", "a.tsv: line 2: pearson: \"y\" is no number");
  fails(task("{text}", "{label}"), "none.tsv", "none.tsv");
  write_file(dir / "b.jsonl", "{\"text\": \"x\"}\n");
  fails(task("{text}", "{label}"), "b.jsonl", "line 1: has no field \"label\"");
  write_file(dir / "c.jsonl", "{\"text\": [[1]], \"label\": \"x\"}\n");
  fails(task("{text}", "{label}"), "c.jsonl", "line 1: column text is a list of what are no texts");
  write_file(dir / "d.json", R"({"data": [{"paragraphs": [{"context": "It.", "qas": [
                {"id": "1", "question": "Who?", "answers": [{"text": "It", "answer_start": 0}]}]}]}]})");
  fails(task("{title}", "{answer}"), "d.json", "has no column title; the columns are question, context, answer");
  write_file(dir / "e.tsv", "text\tlabel\nx\t \n");
  fails(task("{text}", "{label}"), "e.tsv", "has no row with a target");
  std::int64_t left_out = 0;
  CHECK_THROWS_WITH(read_text_examples(task("{no}", "{label}"), "microworld-entailment", {}, left_out),
                    "task some: microworld-entailment: has no column no; the columns are text, pair, label");
}

TEST_CASE("microworld has examples for every task of its own, others with another seed") {
  for (const auto& own : microworld_text_tasks()) {
    CAPTURE(own.name);
    CHECK_NOTHROW(own.validate());
    CHECK(is_microworld_table(own.data));
    std::int64_t left_out = 0;
    const auto some = read_text_examples(own, own.data, {.seed = 1, .count = 30}, left_out);
    const auto others = read_text_examples(own, own.data, {.seed = 2, .count = 30}, left_out);
    CHECK(some.size() == 30);
    CHECK(left_out == 0);
    CHECK(some[3].input.find('{') == std::string::npos);
    CHECK_FALSE(some[3].target.empty());
    CHECK((some[0].input != others[0].input || some[1].input != others[1].input));
    CHECK(read_text_examples(own, own.data, {.seed = 1, .count = 30}, left_out)[7].input == some[7].input);
  }
  CHECK_FALSE(is_microworld_table("microworld"));
}

TEST_CASE("a file of tasks is read, its data found beside it, and what is wrong in it is said") {
  const TempDir dir;
  write_file(dir / "train.csv", "text,label\nx,y\n");
  const auto file = dir / "tasks.json";
  const auto read = [&](const std::string& text) {
    write_file(file, text);
    return read_text_tasks(file);
  };
  const auto tasks = read(R"({"tasks": [
      {"name": "a", "data": "train.csv", "valid": "none.csv", "input": "x: {text}", "target": "{label}",
       "metrics": ["accuracy", "macro_f1"], "weight": 2},
      {"name": "b", "data": "microworld-ko", "input": "{english}", "target": "{korean}", "metrics": ["bleu"]}]})");
  REQUIRE(tasks.size() == 2);
  CHECK(tasks[0].data == (dir / "train.csv").string());
  CHECK(tasks[0].valid == "none.csv");
  CHECK(tasks[0].metrics == std::vector<std::string>{"accuracy", "macro_f1"});
  CHECK(tasks[0].weight == 2);
  CHECK(tasks[1].data == "microworld-ko");
  CHECK(tasks[1].weight == 1);

  const auto with = [](const std::string& fields) {
    return R"({"tasks": [{"name": "a", "data": "train.csv", "input": "{text}", "target": "{label}", )" + fields + "}]}";
  };
  const auto fails = [&](const std::string& text, const std::string& what) {
    CAPTURE(text);
    CHECK_THROWS_AS(read(text), FileError);
    CHECK_THROWS_WITH(read(text), Catch::StartsWith(file.string()) && Catch::Contains(what));
  };
  fails("[]", "is no file of tasks");
  fails("{", "not valid JSON at byte 2");
  fails(R"({"tasks": [{"weight": 1e400}]})", "a number that is too large");
  fails(R"({"tasks": [], "more": 1})", "is no file of tasks");
  fails(R"({"tasks": []})", "holds no task");
  fails(R"({"tasks": [3]})", "task 1: is no object");
  fails(R"({"tasks": [{"name": "a"}]})", "task a: has no \"data\"");
  fails(with(R"("metrics": ["bleu"], "colour": 1)"), "task a: \"colour\" is unknown; a task has data, input");
  fails(with(R"("metrics": "bleu")"), "task a: \"metrics\" is no list of names");
  fails(with(R"("weight": 1)"), "task a: has no \"metrics\"");
  fails(with(R"("metrics": [])"), "task a: metrics is empty: accuracy");
  fails(with(R"("metrics": ["bloo"])"), "task a: metric bloo is unknown, expected one of accuracy");
  fails(with(R"("metrics": ["bleu", "bleu"])"), "task a: metric bleu is there twice");
  fails(with(R"("metrics": ["bleu"], "weight": 0)"), "task a: weight is 0");
  fails(with(R"("metrics": ["bleu"], "weight": "1")"), "task a: \"weight\" is no number");
  fails(R"({"tasks": [{"name": "a b", "data": "d", "input": "{x}", "target": "{y}", "metrics": ["bleu"]}]})",
        "task a b: a name is one word");
  fails(R"({"tasks": [{"name": "a", "data": "d", "input": "x", "target": "{y}", "metrics": ["bleu"]}]})",
        "task a: input \"x\" has no column, as {text}");
  fails(R"({"tasks": [{"name": "a", "data": "d", "input": "{x}", "target": "{y", "metrics": ["bleu"]}]})",
        "task a: target template \"{y\": a { without its }");
  const std::string one = R"({"name": "a", "data": "d", "input": "{x}", "target": "{y}", "metrics": ["bleu"]})";
  fails(R"({"tasks": [)" + one + "," + one + "]}", "task a: the name is there twice");
  CHECK_THROWS_AS(read_text_tasks(dir / "nothing.json"), FileError);
}

}  // namespace langzoo::text_tasks_test
