#include "data/parallel/parallel_text.h"

#include "data/files/file_error.h"
#include "tests/support/test.h"

using namespace langzoo;

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs all_of(SentencePairs& source) {
  Pairs pairs;
  for (auto& pair : read_all(source)) pairs.emplace_back(pair.source, pair.target);
  return pairs;
}

class Files {
 public:
  std::filesystem::path write(const std::string& bytes, const std::string& name = "pairs.tsv") {
    test::write_file(dir_ / name, bytes);
    return dir_ / name;
  }

 private:
  test::TempDir dir_;
};

/// What a reader throws before it has come to the end; its message is checked in full but for the folder.
std::string failure_of(std::unique_ptr<SentencePairs> pairs) {
  try {
    all_of(*pairs);
  } catch (const FileError& error) {
    const std::string message = error.what();
    const auto folder = message.substr(0, message.find("pairs"));
    std::string told;
    for (std::size_t at = 0; at < message.size();) {
      const bool path = message.compare(at, folder.size(), folder) == 0;
      path ? at += folder.size() : (told += message[at], ++at);
    }
    return told;
  }
  return "nothing";
}

}  // namespace

TEST_CASE("TSV: the first two columns, whatever ends a line") {
  Files files;
  const auto tsv =
      read_tsv(files.write("Go.\tVa !\r\nHi.\tSalut !\tCC-BY #1 & #2\textra\n\n \t \nA\t\n\tB\nlast\tone"));
  CHECK(all_of(*tsv) ==
        Pairs{{"Go.", "Va !"}, {"Hi.", "Salut !"}, {"", ""}, {"", ""}, {"A", ""}, {"", "B"}, {"last", "one"}});
  CHECK(all_of(*tsv).empty());  // the end stays the end
  CHECK(tsv->left_out() == "what follows a second TAB in 1 lines, line 2 the first");
  const auto again = read_tsv(files.write("a\tb\n\nc\td\n"));
  const auto pairs = read_all(*again);
  CHECK(again->left_out().empty());
  CHECK(pairs.at(0).line == 1);
  CHECK(pairs.at(2).line == 3);
  CHECK(again->name().ends_with("pairs.tsv"));
}

TEST_CASE("bytes are handed on as they are, but for a byte order mark") {
  Files files;
  const auto tsv =
      read_tsv(files.write("\xef\xbb\xbf"
                           "a\xff\tb\xc3\n"
                           "\xef\xbb\xbf"
                           "c\td\n"));
  CHECK(all_of(*tsv) == Pairs{{"a\xff", "b\xc3"},
                              {"\xef\xbb\xbf"
                               "c",
                               "d"}});
  CHECK(all_of(*read_tsv(files.write(std::string("a\0b\tc\0\n", 7)))) ==
        Pairs{{std::string("a\0b", 3), std::string("c\0", 2)}});
}

TEST_CASE("a line that is no pair is an error with its number") {
  Files files;
  CHECK(failure_of(read_tsv(files.write("a\tb\nno tab here\nc\td\n"))) ==
        "pairs.tsv: line 2: has no TAB between source and target");
  CHECK(failure_of(read_fixed_width(files.write("1+1_2\n1+2 3\n"), true)) ==
        "pairs.tsv: line 2: has no _ between source and target");
  const std::string longest(kMaxPairLineBytes - 2, 'x');
  CHECK(all_of(*read_tsv(files.write("a\t" + longest + "\n"))) == Pairs{{"a", longest}});
  CHECK(failure_of(read_tsv(files.write("a\tb\na\t" + longest + "y\n"))) ==
        "pairs.tsv: line 2: is longer than 1048576 bytes");
  CHECK_THROWS_AS(read_tsv("/nowhere/pairs.tsv"), FileError);
  CHECK_THROWS_AS(read_tsv("/"), FileError);
}

TEST_CASE("two files: line i belongs to line i, and unequal counts are told") {
  Files files;
  const auto source = files.write("one\ntwo\r\n\nfour", "pairs.en");
  CHECK(all_of(*read_two_files(source, files.write("un\ndeux\ntrois\nquatre\n", "pairs.fr"))) ==
        Pairs{{"one", "un"}, {"two", "deux"}, {"", "trois"}, {"four", "quatre"}});
  CHECK(failure_of(read_two_files(source, files.write("un\ndeux\n", "pairs.fr"))) ==
        "pairs.en: has 4 lines, pairs.fr has 2: line i of one belongs to line i of the other");
  CHECK(failure_of(read_two_files(source, files.write("1\n2\n3\n4\n5\n6\n", "pairs.fr"))) ==
        "pairs.en: has 4 lines, pairs.fr has 6: line i of one belongs to line i of the other");
  CHECK(failure_of(read_two_files(files.write("", "pairs.en"), files.write("a", "pairs.fr"))) ==
        "pairs.en: has 0 lines, pairs.fr has 1: line i of one belongs to line i of the other");
  CHECK(failure_of(read_two_files(files.write("one\tun\n", "pairs.en"), files.write("un\n", "pairs.fr"))) ==
        "pairs.en: line 1: has a TAB, as a file of pairs has: such a file takes no other for the targets");
}

TEST_CASE("JSON lines: two fields of an object, or of its translation") {
  Files files;
  CHECK(all_of(*read_json_lines(files.write("{\"target\": \"\\u00e9t\\u00e9\", \"source\": \"summer\", \"id\": 3}\n\n"
                                            "{\"source\": \"tab\\there\", \"target\": \"\"}"))) ==
        Pairs{{"summer", "été"}, {"", ""}, {"tab\there", ""}});
  const auto translation =
      files.write("{\"translation\": {\"en\": \"cat\", \"fr\": \"chat\"}}\n{\"en\":\"a\",\"fr\":\"b\"}");
  CHECK(all_of(*read_json_lines(translation, "en", "fr")) == Pairs{{"cat", "chat"}, {"a", "b"}});
  CHECK(all_of(*read_json_lines(translation, "fr", "en")) == Pairs{{"chat", "cat"}, {"b", "a"}});

  const std::string good = "{\"source\":\"a\",\"target\":\"b\"}\n";
  const auto failure = [&](const std::string& line) { return failure_of(read_json_lines(files.write(good + line))); };
  CHECK(failure("[1]") == "pairs.tsv: line 2: is not a JSON object");
  CHECK(failure("{\"source\":\"a\"") == "pairs.tsv: line 2: is not a JSON object");
  CHECK(failure("{\"source\":\"\xff\",\"target\":\"b\"}") == "pairs.tsv: line 2: is not a JSON object");
  CHECK(failure("{\"source\":\"a\"}") == "pairs.tsv: line 2: has no field \"target\", nor one in \"translation\"");
  CHECK(failure("{\"source\":\"a\",\"translation\":\"b\"}") ==
        "pairs.tsv: line 2: has no field \"target\", nor one in \"translation\"");
  CHECK(failure("{\"source\":7,\"target\":\"b\"}") == "pairs.tsv: line 2: field \"source\" is not a string");
  CHECK(failure(std::string(500'000, '[')) == "pairs.tsv: line 2: is not a JSON object");
  CHECK(failure(std::string(250'000, '[') + std::string(250'000, ']')) == "pairs.tsv: line 2: is not a JSON object");
}

TEST_CASE("fixed width: spaces fill up both sides, kept or not") {
  Files files;
  const auto path = files.write("16+75  _91  \n706+796_1502\nmay 4, 1999 _1999-05-04\n a b_ c_d \n");
  CHECK(all_of(*read_fixed_width(path, true)) ==
        Pairs{{"16+75  ", "91  "}, {"706+796", "1502"}, {"may 4, 1999 ", "1999-05-04"}, {" a b", " c_d "}});
  CHECK(all_of(*read_fixed_width(path, false)) ==
        Pairs{{"16+75", "91"}, {"706+796", "1502"}, {"may 4, 1999", "1999-05-04"}, {" a b", " c_d"}});
}

TEST_CASE("a file's format shows in its name and its first line") {
  Files files;
  CHECK(all_of(*open_parallel_text(files.write("\n  \na_b\tc\n", "pairs.txt"))) ==
        Pairs{{"", ""}, {"", ""}, {"a_b", "c"}});
  CHECK(all_of(*open_parallel_text(files.write("1+1 _2 \n"))) == Pairs{{"1+1", "2"}});
  CHECK(all_of(*open_parallel_text(files.write("1+1 _2 \n"), true)) == Pairs{{"1+1 ", "2 "}});
  CHECK(all_of(*open_parallel_text(files.write("{\"source\":\"a\",\"target\":\"b\"}", "pairs.jsonl"))) ==
        Pairs{{"a", "b"}});
  // As of a pipe, which has no suffix.
  CHECK(all_of(*open_parallel_text(files.write("\n{\"source_text\":\"a_b\",\"target\":\"b\"}\n"), false,
                                   "source_text")) == Pairs{{"", ""}, {"a_b", "b"}});
  CHECK(all_of(*open_parallel_text(files.write("{1}_2\n"))) == Pairs{{"{1}", "2"}});
  CHECK_THROWS_WITH(open_parallel_text(files.write("\nwords only\n")),
                    Catch::Matchers::Contains("line 2: is no sentence pair"));
  CHECK_THROWS_WITH(open_parallel_text(files.write("\n \n")), Catch::Matchers::Contains("holds no sentence pairs"));
  CHECK_THROWS_WITH(open_parallel_text(files.write("")), Catch::Matchers::Contains("holds no sentence pairs"));
}
