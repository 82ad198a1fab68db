#include "tests/support/plain_test.h"

#include "data/metrics/squad.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;

TEST_CASE("answers are normalized as by SQuAD's script") {
  CHECK(normalize_answer("The  cat's (A) hat, an apple!") == "cats hat apple");
  CHECK(normalize_answer("theatre a-b A.M.") == "theatre ab am");
  CHECK(normalize_answer("a\u0301 the") == "\u0301");
  CHECK(normalize_answer("") == "");
  std::vector<std::string> normalized;
  for (const auto& text : MetricTexts::all_texts()) normalized.push_back(normalize_answer(text));
  CHECK(digests(normalized, 400) == metrics_fixture("squad")["normalized"].get<std::vector<std::string>>());
}

TEST_CASE("exact match and F1 are those of SQuAD's script") {
  const auto golden = metrics_fixture("squad");
  const auto exact = golden["exact"].get<std::string>();
  REQUIRE(exact.size() == MetricTexts::kCases);
  for (std::size_t i = 0; i < exact.size(); ++i) {
    INFO("case " << i);
    const auto& texts = MetricTexts::cases()[i];
    const auto scores = segment_scores(Squad(), texts.hypothesis, texts.some_references(1 + i % 3));
    CHECK(scores[0] == (exact[i] == '1' ? 100 : 0));
    CHECK(scores[1] == Approx(100 * golden["f1"][i].get<double>()).margin(2e-10));
  }
}

TEST_CASE("the best reference counts, for each score by itself") {
  const auto scores = segment_scores(Squad(), "Denver Broncos", {"Broncos", "the Denver Broncos", "Denver"});
  CHECK(scores == std::vector<double>{100, 100});
  CHECK(segment_scores(Squad(), "Denver Broncos", {"Broncos", "x"})[1] == Approx(200.0 / 3));
  CHECK(segment_scores(Squad(), "the", {"a"}) == std::vector<double>{100, 0});
}
