#include "tests/support/plain_test.h"

#include "data/files/file_error.h"
#include "tokenizers/trainers/text_source.h"
#include "tokenizers/utf8.h"

namespace langzoo::test {
namespace {

std::vector<std::string> read_all(const TextSource& next) {
  std::vector<std::string> texts;
  for (std::string text; next(text);) texts.push_back(text);
  return texts;
}

}  // namespace

TEST_CASE("lines of files: each with its end, the last one of a file perhaps without") {
  const TempDir dir;
  write_file(dir / "a", "one\n\r\n\ntwo");
  write_file(dir / "b", "");
  write_file(dir / "c", "three\r\nfour\n");
  using Strings = std::vector<std::string>;
  CHECK(read_all(lines_of({dir / "a", dir / "b", dir / "c"})) ==
        Strings{"one\n", "\r\n", "\n", "two", "three\r\n", "four\n"});
  CHECK(read_all(lines_of({})).empty());
  const auto next = lines_of({dir / "b", dir / "none"});
  std::string text;
  CHECK_THROWS_AS(next(text), FileError);
}

TEST_CASE("lines of files: a byte order mark at a file's beginning is no text") {
  const TempDir dir;
  const std::string mark = "\xef\xbb\xbf";
  write_file(dir / "a", mark + "one\n" + mark + "two");
  write_file(dir / "b", mark);
  write_file(dir / "c", mark + "three");
  for (const std::size_t max_bytes : {8, 1000}) {
    CHECK(read_all(lines_of({dir / "a", dir / "b", dir / "c"}, max_bytes)) ==
          std::vector<std::string>{"one\n", mark + "two", "three"});
  }
}

TEST_CASE("lines of files: long lines come in parts, cut at borders or between characters, whatever the size") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 7 == 3 ? "line\n" : i % 5 == 2 ? "한국어河水" : "some words here, ";
  write_file(dir / "a", text);
  for (std::size_t max_bytes = 4; max_bytes < 80; ++max_bytes) {
    std::string joined;
    for (const std::string& part : read_all(lines_of({dir / "a"}, max_bytes))) {
      CHECK(part.size() <= max_bytes);
      CHECK(is_valid_utf8(part));
      joined += part;
    }
    CHECK(joined == text);
  }
  write_file(dir / "b", "aa bb cc dd");
  CHECK(read_all(lines_of({dir / "b"}, 8)) == std::vector<std::string>{"aa bb", " cc dd"});
  write_file(dir / "c", std::string(9, '\x80'));  // no character ends anywhere
  CHECK(read_all(lines_of({dir / "c"}, 4)).size() == 3);
}

}  // namespace langzoo::test
