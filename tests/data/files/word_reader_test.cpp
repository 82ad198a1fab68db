#include "data/files/word_reader.h"

#include <string>
#include <vector>

#include "tests/support/plain_test.h"

namespace langzoo::test::word_reader_test {

namespace {

using Catch::Contains;

/// Words, "|" at the end of each line.
std::vector<std::string> items(const TempDir& dir, const std::string& text) {
  write_file(dir / "text", text);
  WordReader reader(dir / "text");
  std::vector<std::string> all;
  std::string_view word;
  std::size_t lines = 0;
  for (;;) {
    const auto item = reader.next(word);
    if (item == WordReader::Item::kEnd) return all;
    CHECK(reader.line() == lines + 1);
    lines += item == WordReader::Item::kLineEnd;
    all.emplace_back(item == WordReader::Item::kLineEnd ? "|" : word);
  }
}

}  // namespace

TEST_CASE("words stand between blanks, lines end in line feeds") {
  const TempDir dir;
  using Items = std::vector<std::string>;
  CHECK(items(dir, "").empty());
  CHECK(items(dir, "\n") == Items{"|"});
  CHECK(items(dir, "a") == Items{"a", "|"});
  CHECK(items(dir, "a\n") == Items{"a", "|"});
  CHECK(items(dir, "a\n ") == Items{"a", "|", "|"});
  CHECK(items(dir, "\xef\xbb\xbf") == Items{});
  CHECK(items(dir,
              "\xef\xbb\xbf"
              "a  b\t\vc\r\n\n\xff\xc2\xa0 d") == Items{"a", "b", "c", "|", "|", "\xff\xc2\xa0", "d", "|"});
  CHECK(items(dir, std::string("a\0b", 3)) == Items{std::string("a\0b", 3), "|"});
}

TEST_CASE("a text longer than what is read at once, whatever its lines") {
  const TempDir dir;
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 4000; ++i) {
    expected.push_back(std::string(static_cast<std::size_t>(1 + i * 37 % 400), static_cast<char>('a' + i % 26)));
    text += expected.back() + std::string(static_cast<std::size_t>(1 + i % 3), ' ');
  }
  expected.emplace_back("|");
  CHECK(items(dir, text) == expected);
  CHECK(items(dir, std::string(1 << 20, ' ')) == std::vector<std::string>{"|"});
  CHECK(items(dir, std::string(WordReader::kMaxWord, 'x')).front().size() == WordReader::kMaxWord);
  CHECK_THROWS_WITH(items(dir, "\n" + std::string(WordReader::kMaxWord + 1, 'x')),
                    Contains("text: line 2: a word of more"));
  CHECK_THROWS_WITH(WordReader(dir / "missing"), Contains("missing"));
}

}  // namespace langzoo::test::word_reader_test
