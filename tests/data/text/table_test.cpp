#include "tests/support/test.h"

#include "data/text/table.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace {

std::vector<std::string> read(const TempDir& dir, const std::string& name, const std::string& content,
                              const std::string& text = "text", const std::string& label = "label") {
  test::write_file(dir / name, content);
  std::vector<std::string> rows;
  std::vector<TableColumn> columns = {{text}};
  if (!label.empty()) columns.push_back({label, true});
  for (const auto& row : read_table(dir / name, columns)) {
    rows.push_back(std::to_string(row.line) + "|" + row.values.at(0) + "|" + (label.empty() ? "" : row.values.at(1)));
  }
  return rows;
}
using Rows = std::vector<std::string>;

}  // namespace

TEST_CASE("TSV: columns by the names of the first line, or by numbers") {
  const TempDir dir;
  CHECK(read(dir, "a.tsv", "id\ttext\tlabel\n7\ta \"fine\" film\tpos\r\n\n8\t\tneg") ==
        Rows{"2|a \"fine\" film|pos", "4||neg"});
  CHECK(read(dir, "b.tsv", "\xef\xbb\xbfpos\tone\nneg\ttwo\n", "2", "1") == Rows{"1|one|pos", "2|two|neg"});
  CHECK(read(dir, "c.txt", "document\tlabel\n점수\t1\n", "document") == Rows{"2|점수|1"});
  CHECK(read(dir, "d.tsv", "text\none\n", "text", "") == Rows{"2|one|"});
}

TEST_CASE("CSV: separators, line ends and quotes within quotes") {
  const TempDir dir;
  CHECK(read(dir, "a.csv",
             "text,label\n\"one, two\",a\n\"say \"\"hi\"\"\nthere\",\"b\"\r\n5\" disk,c\n\"\",d\n\"\"\"\",e\n") ==
        Rows{"2|one, two|a", "3|say \"hi\"\nthere|b", "5|5\" disk|c", "6||d", "7|\"|e"});
}

TEST_CASE("JSON lines: fields by name, labels may be numbers") {
  const TempDir dir;
  CHECK(read(dir, "a.jsonl", "{\"text\": \"one\", \"label\": \"a\"}\n\n{\"label\": 1, \"text\": \"t\\too\"}\n") ==
        Rows{"1|one|a", "3|t\too|1"});
  CHECK(read(dir, "b.jsonl", "{\"s\": \"one\", \"y\": true}\n", "s", "y") == Rows{"1|one|true"});
}

TEST_CASE("a format that is named counts whatever the file is called, and columns that nobody reads are named") {
  const TempDir dir;
  const auto first_of = [&](const std::string& content, TableFormat format) {
    test::write_file(dir / "a.tsv", content);
    return read_table(dir / "a.tsv", {{"text"}}, format).at(0).values.at(0);
  };
  CHECK(first_of("text,label\n\"a, b\",c\n", TableFormat::kCsv) == "a, b");
  CHECK(first_of("{\"text\": \"a, b\"}\n", TableFormat::kJsonLines) == "a, b");
  CHECK(first_of("text\tlabel\na, b\tc\n", TableFormat::kTsv) == "a, b");

  std::vector<std::string> unread;
  test::write_file(dir / "b.tsv", "id\ttext\tlabel\tnote\n1\ta\tb\tc\n");
  read_table(dir / "b.tsv", {{"text"}, {"label"}}, TableFormat::kOfName, &unread);
  CHECK(unread == std::vector<std::string>{"id", "note"});
  unread.clear();
  test::write_file(dir / "c.jsonl", "{\"note\": 1, \"text\": \"a\", \"id\": 2}\n{\"text\": \"a\", \"more\": 0}\n");
  read_table(dir / "c.jsonl", {{"text"}}, TableFormat::kOfName, &unread);
  CHECK(unread == std::vector<std::string>{"note", "id"});
}

TEST_CASE("what is wrong with labelled texts is told with file and line") {
  const TempDir dir;
  const auto wrong = [&](const std::string& name, const std::string& content, const std::string& what,
                         const std::string& text = "text") {
    INFO(content);
    CHECK_THROWS_WITH(read(dir, name, content, text), Contains((dir / name).string()) && Contains(what));
  };
  wrong("a.tsv", "text\tclass\none\ta\n", "line 1: has no column label; the columns are text, class");
  wrong("a.tsv", "text\tlabel\none\ta\ntwo\n", "line 3: has no column label: it ends after 1 of 2");
  wrong("a.tsv", "text\ttext\tlabel\none\ttwo\ta\n", "line 1: has the column text twice");
  wrong("a.tsv", "text\tlabel\none\t\n", "line 2: has an empty label");
  wrong("a.tsv", "text\tlabel\none\ta\n", "line 1: has no column ;", "");
  wrong("a.tsv", "text\tlabel\n\xff\ta\n", "line 2: is not UTF-8");
  wrong("a.tsv", "text\tlabel\none\ta\ntwo\tb\tc\n", "line 3: has 3 columns, the first line 2");
  CHECK_THROWS_WITH(read(dir, "a.tsv", "one\ttwo\nthree\tfour\tfive\n", "1", "2"),
                    Contains("line 2: has 3 columns, the first line 2"));
  wrong("a.csv", "text,label\none, or two,a\n", "line 2: has 3 columns, the first line 2");
  wrong("a", "text,label\none,a\n", "the columns are text,label (read as TSV; the format csv or jsonl can be named)");
  wrong("a.tsv", std::string("te\0xt\tl\033\n", 10), "the columns are te\\x00xt, l\\x1B");
  wrong("a.tsv", "text\tlabel\n", "holds no texts");
  wrong("a.tsv", "", "holds no texts");
  wrong("a.tsv", "one\ta\n", "line 1: has no column 3; the columns are 1, 2", "3");
  wrong("a.csv", "text,label\none,a\n\"two,b\nthree,c\n", "line 3: a quote is not closed");
  wrong("a.jsonl", "{\"text\": \"one\", \"label\": \"a\"}\n[1]\n", "line 2: is not a JSON object");
  wrong("a.jsonl", "{\"text\": \"one\"}\n", "line 1: has no field \"label\"");
  wrong("a.jsonl", "{\"text\": null, \"label\": 1}\n", "line 1: field \"text\" is not a text");
  CHECK_THROWS_WITH(read_table(dir / "missing.tsv", {{"text"}}), Contains("missing.tsv"));
}

TEST_CASE("columns that need not be there, and lists") {
  const TempDir dir;
  test::write_file(dir / "a.tsv", "text\tlabel\none\ta\n");
  CHECK(read_table(dir / "a.tsv", {{"text"}, {.name = "question", .optional = true}})[0].values == Rows{"one", ""});
  test::write_file(dir / "a.jsonl", "{\"text\": \"one\", \"labels\": [\"a\", 2]}\n");
  CHECK(read_table(dir / "a.jsonl", {{"text"}, {.name = "labels", .list = true}, {.name = "q", .optional = true}})[0]
            .values == Rows{"one", "[\"a\",2]", ""});
  CHECK_THROWS_WITH(read_table(dir / "a.jsonl", {{"labels"}}), Contains("field \"labels\" is not a text"));
}
