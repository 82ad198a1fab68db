#include "data/files/escaped.h"

#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "tests/support/plain_test.h"

using namespace langzoo;
using namespace std::string_literals;

TEST_CASE("control characters are spelled, all else stays") {
  CHECK(escaped("a\0b\x1b[31m\x7f"s) == "a\\x00b\\x1B[31m\\x7F");
  CHECK(escaped("one\ttwo\r\nthree") == "one\\ttwo\\r\\nthree");
  CHECK(escaped("\xc2\x9b\xc2\xa0\xc2") == "\\x9B\xc2\xa0\xc2");  // U+009B begins a terminal's commands, too
  CHECK(escaped("점수 \"\\ é") == "점수 \"\\ é");
  CHECK(escaped(escaped("a\0"s)) == escaped("a\0"s));
}

TEST_CASE("an error says all of what a file holds, be there a NUL in it") {
  CHECK(FileError("a\nb", "holds x\0y"s).what() == "a\\nb: holds x\\x00y"s);
  CHECK(ConfigError("data.train = x\0y: is none"s).what() == "data.train = x\\x00y: is none"s);
}
