#include "tests/support/test.h"

#include "data/tasks/text_rows.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace langzoo::text_rows_test {

using Texts = std::vector<std::string>;

struct File {
  TempDir dir;
  std::filesystem::path path;
  File(const std::string& name, const std::string& content) : path(dir / name) { test::write_file(path, content); }
};

Texts choices(const File& file, const Texts& columns, bool labels = true) {
  Texts all;
  for (const auto& example : read_choices(file.path, columns, labels)) {
    auto text = std::to_string(example.line) + ":" + example.premise;
    for (const auto& choice : example.choices) text += "|" + choice;
    all.push_back(text + "=" + std::to_string(example.label));
  }
  return all;
}

TEST_CASE("columns by names or numbers") {
  CHECK(column_names("text,label") == Texts{"text", "label"});
  CHECK(column_names(" 2 , 4") == Texts{"2", "4"});
  CHECK_THROWS_WITH(column_names("a,,b"), "columns \"a,,b\": a name is empty");
  CHECK_THROWS_WITH(column_names("a,b,a"), "columns \"a,b,a\": a is there twice");
  CHECK_THROWS_AS(column_names(""), std::invalid_argument);
}

TEST_CASE("rows of tables, and lines of texts") {
  CHECK(read_rows(File("a.csv", "text,label\n\"a,b\",x\n").path, {{"text"}, {"label"}})[0].values == Texts{"a,b", "x"});
  const auto lines = read_rows(File("a.txt", "one, \"two\"\r\n\n three\tfour\n").path, {{"text"}});
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].values == Texts{"one, \"two\""});
  CHECK(lines[1].values == Texts{""});
  CHECK(lines[2].values == Texts{" three\tfour"});
  CHECK(lines[2].line == 3);
  CHECK_THROWS_WITH(read_rows(File("a.neg", "one\n").path, {{"text"}, {"label"}}),
                    Contains("a.neg: line 1: has no column text; the columns are one (read as TSV"));
  CHECK_THROWS_WITH(read_rows(File("a.txt", "").path, {{"text"}}), Contains("a.txt"));
  CHECK_THROWS_WITH(read_rows(File("a.txt", "a\n\xff\n").path, {{"text"}}), Contains("line 2: is not UTF-8"));
}

TEST_CASE("several labels of a row, and values") {
  CHECK(labels_of("joy, fear") == Texts{"joy", "fear"});
  CHECK(labels_of("[\"joy\", 3, \"a, b\"]") == Texts{"joy", "3", "a, b"});
  CHECK(labels_of(" ").empty());
  CHECK(labels_of("[]").empty());
  CHECK_THROWS_WITH(labels_of("[joy]"), "[joy] is no list of labels");
  CHECK_THROWS_WITH(labels_of("[[1]]"), "[[1]] is no list of labels");
  const File file("a.jsonl", "{\"text\": \"t\", \"labels\": [\"a\", \"b\"]}\n");
  CHECK(labels_of(read_rows(file.path, {{"text"}, {.name = "labels", .list = true}})[0].values[1]) == Texts{"a", "b"});
  CHECK_THROWS_WITH(read_rows(file.path, {{"text"}, {"labels"}}), Contains("field \"labels\" is not a text"));
  CHECK(value_of(" 4.750") == 4.75);
  CHECK_THROWS_WITH(value_of("good"), "value \"good\": no number");
  CHECK_THROWS_WITH(value_of("nan"), "value \"nan\": not finite");
}

TEST_CASE("choices: a question joins the premise") {
  const Texts columns = {"premise", "choice1", "choice2", "label"};
  const File xcopa(
      "a.jsonl",
      "{\"premise\": \"p\", \"choice1\": \"a\", \"choice2\": \"b\", \"question\": \"cause\", \"label\": 1}\n"
      "{\"premise\": \"q\", \"choice1\": \"c\", \"choice2\": \"d\", \"label\": 0}\n");
  CHECK(choices(xcopa, columns) == Texts{"1:p cause|a|b=1", "2:q|c|d=0"});
  CHECK(choices(xcopa, {"premise", "choice1", "choice2"}, false) == Texts{"1:p cause|a|b=-1", "2:q|c|d=-1"});
  CHECK(choices(File("a.csv", "premise,a,b,c,label\np,x,y,z,2\n"), {"premise", "a", "b", "c", "label"}) ==
        Texts{"2:p|x|y|z=2"});
  CHECK(choices(File("a.tsv", "p\tx\ty\t0\n"), {"1", "2", "3", "4"}) == Texts{"1:p|x|y=0"});
  const auto wrong = [&](const std::string& label, const std::string& what) {
    CHECK_THROWS_WITH(choices(File("a.csv", "premise,choice1,choice2,label\np,x,y," + label + "\n"), columns),
                      Contains(what));
  };
  wrong("2", "a.csv: line 2: label 2 is no choice; they are 0 to 1");
  wrong("x", "label x is no choice");
  wrong("", "line 2: has an empty label");
  CHECK_THROWS_WITH(choices(xcopa, {"premise", "choice1", "label"}),
                    "3 columns: expected a premise, two choices or more and a label");
}

}  // namespace langzoo::text_rows_test
