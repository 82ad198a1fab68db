#include "tests/support/test.h"

#include "data/tasks/questions.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace langzoo::questions_test {

std::vector<Question> read(const std::string& name, const std::string& content, bool answers = true) {
  const TempDir dir;
  test::write_file(dir / name, content);
  return read_questions(dir / name, answers);
}

/// SQuAD's JSON of one paragraph.
std::string squad(const std::string& context, const std::string& qas) {
  return R"({"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": ")" + context + R"(", "qas": [)" +
         qas + "]}]}]}";
}

TEST_CASE("SQuAD 1.1 and 2.0: answers by code points, impossible questions") {
  const auto questions = read(
      "a.json",
      squad("벤은 the é key.", R"({"id": "q1", "question": "What?", "answers": [{"text": "é key", "answer_start": 7},
        {"text": "벤", "answer_start": 0}]}, {"id": "q2", "question": "Who?", "is_impossible": true, "answers": [],
        "plausible_answers": []}, {"id": 3, "question": "Why?", "answers": []})"));
  REQUIRE(questions.size() == 3);
  CHECK(questions[0].id == "q1");
  CHECK(questions[0].question == "What?");
  CHECK((questions[0].answers == std::vector<ReferenceAnswer>{{"é key", 7}, {"벤", 0}}));
  CHECK(questions[1].answers.empty());
  CHECK(questions[2].id == "3");
  CHECK(questions[0].context == questions[2].context);
  CHECK(*questions[0].context == "벤은 the é key.");

  const auto bytes = byte_range(*questions[0].context, 7, 5);
  CHECK(questions[0].context->substr(bytes.begin, bytes.end - bytes.begin) == "é key");
  CHECK_THROWS_AS(byte_range("abc", 2, 2), std::out_of_range);

  const auto again = read("b.json", squad_json(questions, "title"));
  REQUIRE(again.size() == 3);
  CHECK((again[0].answers == questions[0].answers));
  CHECK(again[1].answers.empty());
}

TEST_CASE("questions in JSON lines") {
  const auto questions = read(
      "a.jsonl", R"({"question": "Who?", "context": "Ann had it.", "answers": {"text": ["Ann"], "answer_start": [0]}}

{"id": "x", "question": "What?", "context": "Ann had it.", "answers": [{"text": "it", "answer_start": 8}]}
)");
  REQUIRE(questions.size() == 2);
  CHECK(questions[0].id == "1");
  CHECK(questions[1].id == "x");
  CHECK(questions[0].context == questions[1].context);
  CHECK((questions[1].answers == std::vector<ReferenceAnswer>{{"it", 8}}));
  CHECK(read("b.jsonl", R"({"question": "Who?", "context": "Ann."})", false).front().answers.empty());
}

TEST_CASE("what is wrong with questions is told with file and question") {
  const auto wrong = [](const std::string& name, const std::string& content, const std::string& what) {
    INFO(content);
    CHECK_THROWS_WITH(read(name, content), Contains(name) && Contains(what));
  };
  wrong("a.json",
        squad("Ann had it.", R"({"id": "q7", "question": "Who?", "answers": [{"text": "Ben", "answer_start": 4}]})"),
        "question q7: answer \"Ben\" does not stand at character 4 of its context of 11, \"had\" does: mend "
        "answer_start");
  wrong("a.json",
        squad("Ann.", R"({"id": "q7", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 99}]})"),
        "question q7: answer \"Ann\" does not stand at character 99 of its context of 4");
  wrong("a.json",
        squad("Ann.", R"({"id": "q7", "question": "Who?", "answers": [{"text": "Ann", "answer_start": -1}]})"),
        "article 1, paragraph 1, question q7: field \"answers.answer_start\" is no number from 0");
  wrong("a.json", squad("Ann.", R"({"id": "q7", "question": "Who?"})"), "question q7: has no field \"answers\"");
  wrong("a.json", squad("Ann.", R"({"question": "Who?", "answers": []})"),
        "article 1, paragraph 1, question 1 there: has no field \"id\"");
  wrong("a.json", squad("Ann.", R"({"id": "q", "question": "Who?", "answers": [{"answer_start": 0}]})"),
        "question q: field \"answers\" holds what is no object with \"text\" and \"answer_start\"");
  wrong("a.json", squad("Ann.", R"({"id": "q", "question": "Who?", "answers": [{"text": 3, "answer_start": 0}]})"),
        "question q: field \"answers.text\" is not a text");
  wrong("a.json", squad("Ann.", R"({"id": "q", "question": " ", "answers": []})"), "question q: has an empty question");
  wrong("a.json", squad(" ", R"({"id": "q", "question": "?", "answers": []})"),
        "article 1, paragraph 1: has an empty context");
  const std::string twice = R"({"id": "q", "question": "?", "answers": []})";
  wrong("a.json", squad("Ann.", twice + "," + twice), "question q comes twice");
  wrong("a.json", "{\"data\": []}", "holds no questions");
  wrong("a.json", "{\"data\": 3}", "the file: field \"data\" is no list");
  wrong("a.json", "[1", "is no JSON: parse error at line 1");
  wrong("a.json", std::string(100000, '['), "is nested too deeply");
  wrong("a.csv", "question,context\n", "is no file of questions");
  wrong("a.jsonl", "{\"question\": \"?\", \"context\": \"a\"}\n", "line 1: has no field \"answers\"");
  wrong("a.jsonl", R"({"question": "?", "context": "a", "answers": {"text": ["a"], "answer_start": []}})",
        "line 1: has 1 answers and 0 positions");
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  wrong("a.jsonl", R"({"question": "?", "context": "a", "answers": [], "id": )" + deep + "}",
        "line 1: \"id\" is no text");
}

}  // namespace langzoo::questions_test
