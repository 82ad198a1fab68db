#include "tests/support/test.h"

#include "data/text/sentences.h"

namespace langzoo::sentences_test {
namespace {

std::vector<std::string> sentences(std::string_view text) {
  std::vector<std::string> found;
  for (const auto& [begin, end] : sentence_ranges(text)) found.emplace_back(text.substr(begin, end - begin));
  return found;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a text is cut where sentences end") {
  CHECK(sentences("Anna sees Ben. Ben runs!  \"Why?\" Who knows\u2026 Nobody.") ==
        Texts{"Anna sees Ben.", "Ben runs!", "\"Why?\"", "Who knows\u2026", "Nobody."});
  CHECK(sentences("He said \u201cNo.\u201d (Yes.) Then he left") ==
        Texts{"He said \u201cNo.\u201d", "(Yes.)", "Then he left"});
  CHECK(sentences("One line\nanother. \n Third.") == Texts{"One line\nanother.", "Third."});
  CHECK(sentences("\u6cb3\u6c34\u3002\u5ddd\uff01\u300d\u6d41\u308c\u308b") ==
        Texts{"\u6cb3\u6c34\u3002", "\u5ddd\uff01\u300d", "\u6d41\u308c\u308b"});
  CHECK(sentences("\u041e\u043d \u0438\u0434\u0451\u0442. \u041e\u043d\u0430 \u0442\u043e\u0436\u0435.").size() == 2);
}

TEST_CASE("what only looks like the end of a sentence is not one") {
  for (const std::string one :
       {"Dr. Smith met J. S. Bach and Mrs. Jones.", "It costs 3.50 or 4.", "See e.g. the house.",
        "www.example.org is it", "Wait ... what?", "v. \u00e9t\u00e9", "no end", "a.b.c", "?!"}) {
    CAPTURE(one);
    CHECK(sentences(one) == Texts{one});
  }
  CHECK(sentences("").empty());
  CHECK(sentences(" \n\t").empty());
  CHECK(sentences("  a  ") == Texts{"a"});
  CHECK(sentences("\xff. \xff") == Texts{"\xff.", "\xff"});
}

TEST_CASE("sentences hold all that is no white space, in linear time") {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += i % 7 == 0 ? "a. " : i % 3 == 0 ? "B " : ".";
  std::string held, all;
  for (const auto& sentence : sentences(text)) held += sentence;
  for (auto* t : {&held, &all}) {
    if (t == &all) all = text;
    std::erase(*t, ' ');
  }
  CHECK(held == all);
}

}  // namespace langzoo::sentences_test
