#include "tests/support/plain_test.h"

#include <map>
#include <stdexcept>

#include "tests/tokenizers/trainers/trainer_support.h"
#include "tokenizers/pipeline.h"

namespace langzoo::test {
namespace {

/// Every word with what it was told about its place; " word" keeps its space.
void split_with_place(std::string_view text, bool at_start, const std::function<void(std::string_view)>& add) {
  std::size_t begin = 0;
  for (std::size_t at = 1; at <= text.size(); ++at) {
    if (at < text.size() && !is_border(text, at)) continue;
    add(std::string(at_start && begin == 0 ? "first:" : "") + std::string(text.substr(begin, at - begin)));
    begin = at;
  }
}

std::vector<std::string> many_texts() {
  std::vector<std::string> texts;
  std::uint32_t state = 7;
  const auto random = [&](std::uint32_t n) { return ((state = state * 1664525 + 1013904223) >> 16) % n; };
  for (int i = 0; i < 3000; ++i) {
    std::string text;
    for (std::uint32_t words = random(12); words > 0; --words) {
      const char* const spaces[] = {" ", " ", " ", "  ", "\n", "", "\xC2\xA0"};
      text += spaces[random(7)] + std::string(random(300) == 0 ? "\xFF" : "w") + std::to_string(random(90));
    }
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST_CASE("word counts: counting parts between borders gives what counting whole texts gives, whatever the threads") {
  const auto texts = many_texts();
  std::map<std::string, std::uint64_t> naive;
  for (const std::string& text : texts) {
    split_with_place(text, true, [&](std::string_view word) { ++naive[std::string(word)]; });
  }
  std::vector<WordCount> expected;
  for (const auto& [word, count] : naive) expected.push_back({word, count});
  for (const bool cuts_at_borders : {true, false}) {
    for (const std::size_t threads : {0, 1, 2, 4}) {
      TokenizerTrainingProgress last;
      const WordCountOptions options = {threads, [&](const TokenizerTrainingProgress& now) {
                                          CHECK(now.bytes_read > last.bytes_read);
                                          last = now;
                                        }};
      const auto words = count_words(source_of(texts), split_with_place, cuts_at_borders, options);
      CHECK((words == expected));
    }
  }
}

TEST_CASE("word counts: no texts, empty texts, errors of the source and of the splitter") {
  for (const bool cuts_at_borders : {true, false}) {
    CHECK(count_words(source_of({}), split_at_spaces, cuts_at_borders, {}).empty());
    CHECK(count_words(source_of({"", "", ""}), split_at_spaces, cuts_at_borders, {}).empty());
    const WordCountOptions options = {2, {}};
    CHECK_THROWS_WITH(count_words([](std::string&) -> bool { throw std::runtime_error("disk gone"); }, split_at_spaces,
                                  cuts_at_borders, options),
                      "disk gone");
    const WordSplitter fails = [](std::string_view, bool, const auto&) { throw std::runtime_error("no such word"); };
    CHECK_THROWS_WITH(count_words(source_of({"a b"}), fails, cuts_at_borders, options), "no such word");
  }
}

TEST_CASE("word counts: without stages a text is one word, and what is not UTF-8 is replaced") {
  const auto words = count_words(source_of({"a b", "a b", "\xFFz"}), nullptr, nullptr, {});
  CHECK((words == std::vector<WordCount>{{"a b", 2}, {"\u{FFFD}z", 1}}));
}

}  // namespace langzoo::test
