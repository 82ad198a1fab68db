#include "tests/support/plain_test.h"

#include "data/metrics/python_text.h"
#include "data/metrics/squad.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

std::string utf8(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

/// Of what `describe` says of every character.
template <class Describe>
std::string digest_of_characters(const Describe& describe) {
  Digest digest;
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c < 0xD800 || c >= 0xE000) describe(digest, c);
  }
  return digest.text();
}

}  // namespace

TEST_CASE("the texts of the goldens are those of the script") {
  CHECK(digests(MetricTexts::all_texts(), 400) == metrics_fixture("texts")["digests"].get<std::vector<std::string>>());
}

TEST_CASE("every character has Python's class, lower case and white space") {
  const auto golden = metrics_fixture("characters");
  CHECK(golden["class"] == digest_of_characters([](Digest& digest, char32_t c) {
          digest.add(std::string(1, "-PSN"[static_cast<int>(text_class(c))]));
        }));
  CHECK(golden["space"] ==
        digest_of_characters([](Digest& digest, char32_t c) { digest.add(is_python_space(c) ? "1" : "0"); }));
  CHECK(golden["lower"] == digest_of_characters([](Digest& digest, char32_t c) { digest.add(python_lower(utf8(c))); }));
  CHECK(golden["sigma"] == digest_of_characters([](Digest& digest, char32_t c) {
          const auto x = utf8(c);
          digest.add(python_lower("a" + x + "Σ 1" + x + "Σ aΣ" + x + "b aΣ" + x + "1"));
        }));
}

TEST_CASE("every character is part of a word where Python's \\w says so") {
  const auto golden = metrics_fixture("characters");
  std::vector<bool> open(0x110000);
  for (const auto& range : golden["unassigned"]) {
    for (std::size_t c = range[0]; c <= range[1].get<std::size_t>(); ++c) open[c] = true;
  }
  CHECK(golden["articles"] == digest_of_characters([&](Digest& digest, char32_t c) {
          if (!open[c]) digest.add(normalize_answer("x" + utf8(c) + "a" + utf8(c) + "b"));
        }));
}

TEST_CASE("white space is cut and stripped as by str") {
  using Words = std::vector<std::string_view>;
  CHECK(split_words("").empty());
  CHECK(split_words(" \t\u00a0\u3000\x1c ").empty());
  CHECK(split_words("a\u2003b \u0085c\u200bd\n") == Words{"a", "b", "c\u200bd"});
  CHECK(python_rstrip(" a\u3000\u00a0 \x1f\r\n") == " a");
  CHECK(python_rstrip("\u1680").empty());
  CHECK(python_strip("\u2028 é \u2029") == "é");
  CHECK(python_rstrip("é") == "é");
}

TEST_CASE("ill-formed text is characters too") {
  const std::string text = "A\xFF\xC3 \xE2\x80";
  CHECK(python_lower(text) == "a\uFFFD\uFFFD \uFFFD");
  CHECK(split_words(text).size() == 2);
  CHECK(python_rstrip(text) == text);
  CHECK(characters_of(text) == U"A\uFFFD\uFFFD \uFFFD");
}
