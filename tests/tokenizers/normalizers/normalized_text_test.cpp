#include "tokenizers/normalizers/normalized_text.h"

#include "tests/support/plain_test.h"

using namespace langzoo;

TEST_CASE("a text that is not changed comes from itself") {
  const NormalizedText text("caf\xC3\xA9 au", 10);
  CHECK(text.original() == Offset{10, 18});
  CHECK(text.original(3, 5) == Offset{13, 15});
  CHECK_FALSE(text.at_start());
  const NormalizedText part = text.slice(3, 8);
  CHECK(part.text() == "\xC3\xA9 au");
  CHECK(part.original(0, 2) == Offset{13, 15});
}

TEST_CASE("characters of the same length keep their origins, others carry them") {
  NormalizedText text("abc");
  const NormalizedText::Char same[] = {{'x', 0}, {'y', 0}, {'z', 0}};
  text.transform(same);
  CHECK(text.text() == "xyz");
  CHECK(text.original(1, 2) == Offset{1, 2});
  const NormalizedText::Char longer[] = {{'x', 0}, {0xE9, -1}, {'!', 1}};
  text.transform(longer);
  CHECK(text.text() == "x\xC3\xA9!");
  CHECK(text.original(1, 3) == Offset{1, 2});
  CHECK(text.original(3, 4) == Offset{2, 3});
}

TEST_CASE("dropped characters belong to nothing") {
  NormalizedText text("  abc  ");
  const NormalizedText::Char kept[] = {{'a', 0}, {'b', 0}, {'c', -2}};
  text.transform(kept, 2);
  CHECK(text.text() == "abc");
  CHECK(text.original(0, 3) == Offset{2, 5});
  CHECK(text.original() == Offset{0, 7});
}

TEST_CASE("a replacement comes from the last character of what it replaces") {
  NormalizedText text("cabd", 5);
  text.replace(1, 3, "xyz");
  CHECK(text.text() == "cxyzd");
  CHECK(text.original(1, 4) == Offset{7, 8});
  CHECK(text.original(4, 5) == Offset{8, 9});
  const NormalizedText part = text.slice(2, 5);
  CHECK(part.original() == Offset{7, 9});
  CHECK(part.original(2, 3) == Offset{8, 9});
}

TEST_CASE("a prefix belongs to the first character, a suffix to the last") {
  NormalizedText text("ab");
  text.prepend("\xE2\x96\x81");
  text.append("</w>");
  CHECK(text.text() ==
        "\xE2\x96\x81"
        "ab</w>");
  CHECK(text.original(0, 3) == Offset{0, 1});
  CHECK(text.original(5, 9) == Offset{1, 2});
  NormalizedText empty("");
  empty.prepend("x");
  CHECK(empty.empty());
  empty.append("x");
  CHECK(empty.text() == "x");
  CHECK(empty.original(0, 1) == Offset{0, 0});
}

TEST_CASE("an edit within a character or beyond the text is refused") {
  NormalizedText text("\xC3\xA9");
  CHECK_THROWS_AS(text.replace(1, 2, "x"), std::out_of_range);
  CHECK_THROWS_AS(text.replace(0, 3, "x"), std::out_of_range);
  CHECK_THROWS_AS(text.slice(2, 1), std::out_of_range);
  const NormalizedText::Char two[] = {{'x', 0}, {'y', 0}};
  CHECK_THROWS_AS(text.transform(two), std::out_of_range);
  CHECK(text.text() == "\xC3\xA9");
}

TEST_CASE("a text cannot grow without bounds") {
  NormalizedText text(std::string(1000, 'a'));
  const std::string content(1 << 20, 'b');
  std::vector<Offset> ranges;
  for (std::size_t i = 0; i < 1000; ++i) ranges.push_back({i, i + 1});
  CHECK_THROWS_AS(text.replace(ranges, content), std::runtime_error);
}
