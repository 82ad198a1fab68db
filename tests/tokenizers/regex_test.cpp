#include "tokenizers/regex.h"

#include <chrono>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "tests/support/plain_test.h"

using langzoo::Offset;
using langzoo::Regex;

namespace {

std::string replaced(const Regex& regex, const std::string& text) {
  std::string out;
  std::size_t end = 0;
  Regex::Matches matches = regex.matches(text);
  while (const auto match = matches.next()) {
    out += text.substr(end, match->begin - end) + "\xC2\xA6";
    end = match->end;
  }
  return out + text.substr(end);
}

}  // namespace

TEST_CASE("a regular expression matches what it matches in Python") {
  const auto cases = nlohmann::json::parse(langzoo::test::read_file(langzoo::test::fixture("tokenizers/regex.json")));
  REQUIRE(cases.size() > 500);
  for (const auto& c : cases) {
    CAPTURE(c[0].get<std::string>(), c[1].get<std::string>());
    CHECK(replaced(Regex(c[0].get<std::string>()), c[1].get<std::string>()) == c[2].get<std::string>());
  }
}

TEST_CASE("a match is found however far away it is") {
  for (const std::size_t distance : {0u, 1u, 1023u, 1024u, 1025u, 100'000u}) {
    const std::string text = std::string(distance, '.') + "\xED\x95\x9C" + std::string(3000, '.');
    const Regex regex("\\p{L}");
    Regex::Matches matches = regex.matches(text);
    CHECK(matches.next() == Offset{distance, distance + 3});
    CHECK_FALSE(matches.next());
    CHECK_FALSE(matches.next());
  }
}

TEST_CASE("a pattern that cannot be used is named with the reason") {
  for (const char* pattern : {"(", "[a", "[a&&", "[a[^b]", "a{2,1}", "(?s)a", "[\\w--\\d]", "[[:graph:]]", "(*FAIL)",
                              "(?i)[a&&b]", "(?i:[a[^b]])", "(?i)[\\p{Lu}]", "(?i)[[:^upper:]]", "[b-[c]]", "(?~a)",
                              "\\p{Nope}", "(?<=a+)b", "\\", "\xFF"}) {
    CAPTURE(pattern);
    CHECK_THROWS_AS(Regex(pattern), std::invalid_argument);
  }
  CHECK_THROWS_WITH(Regex("ab("), Catch::Contains("'ab('"));
  CHECK_THROWS_AS(Regex(std::string(100'000, 'a')), std::invalid_argument);
  CHECK_THROWS_AS(Regex(std::string(60'000, '(')), std::invalid_argument);
  CHECK_THROWS_WITH(Regex(std::string(200, '[') + 'a' + std::string(200, ']')), Catch::Contains("so deep a class"));
}

TEST_CASE("no pattern hangs") {
  const auto start = std::chrono::steady_clock::now();
  const std::string exponential = std::string(40, 'a') + "b";
  const Regex nested("(a+)+$");
  CHECK_THROWS_AS(nested.matches(exponential).next(), std::runtime_error);
  const std::string quadratic(2'000'000, 'a');
  const Regex alternatives("(?:a|b)*c|(?:b|a)*d");
  Regex::Matches matches = alternatives.matches(quadratic);
  CHECK_THROWS_AS(matches.next(), std::runtime_error);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));
}

TEST_CASE("a match may be long") {
  const std::string text(3'000'000, 'a');
  const Regex runs("a+");
  CHECK(runs.matches(text).next() == Offset{0, text.size()});
  const Regex groups("(?:a|b)+");
  const std::string part = text.substr(0, 50'000);
  CHECK(groups.matches(part).next() == Offset{0, 50'000});
  const Regex classes("[\\w&&[^b]]+");
  CHECK(classes.matches(part).next() == Offset{0, 50'000});
}

TEST_CASE("threads share a regular expression") {
  const Regex regex("\\s+\\w");
  const std::string text = "one two  three\tfour";
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  for (std::string& result : results) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) result = replaced(regex, text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& result : results) CHECK(result == "one\xC2\xA6wo\xC2\xA6hree\xC2\xA6our");
}
