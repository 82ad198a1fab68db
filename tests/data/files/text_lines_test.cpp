#include "data/files/text_lines.h"

#include "tests/support/plain_test.h"

using namespace langzoo;

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> all;
  TextLines lines(text);
  for (std::string_view line; lines.next(line);) all.emplace_back(line);
  CHECK(lines.number() == all.size());
  return all;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a byte order mark, CRLF and a missing last line end belong to no line") {
  CHECK(lines_of("a\nb\n") == Lines{"a", "b"});
  CHECK(lines_of("a\r\nb\r\n") == Lines{"a", "b"});
  CHECK(lines_of("a\nb") == Lines{"a", "b"});
  CHECK(lines_of("\xef\xbb\xbf"
                 "a\nb\r") == Lines{"a", "b"});
  CHECK(lines_of("a\n\xef\xbb\xbf"
                 "b\r\r\n") == Lines{"a",
                                     "\xef\xbb\xbf"
                                     "b\r"});
  CHECK(lines_of("\n\n") == Lines{"", ""});
  CHECK(lines_of("\xef\xbb\xbf").empty());
  CHECK(lines_of("").empty());
}

TEST_CASE("what is wrong with a line names it") {
  const test::TempDir dir;
  test::write_file(dir / "text", "\xef\xbb\xbfone\r\ntwo\n");
  Lines lines;
  CHECK_THROWS_WITH(for_each_line(dir / "text",
                                  [&](std::string_view line) {
                                    lines.emplace_back(line);
                                    if (line == "two") throw std::runtime_error("is two");
                                  }),
                    Catch::EndsWith("text: line 2: is two"));
  CHECK(lines == Lines{"one", "two"});
  CHECK_THROWS_AS(FileLines(dir / "none"), FileError);
}

TEST_CASE("words of a line") {
  using Words = std::vector<std::string_view>;
  CHECK(words_of(" a \tb\r") == Words{"a", "b"});
  CHECK(words_of("a b\t\tc", "\t") == Words{"a b", "c"});
  CHECK(words_of("").empty());
}
