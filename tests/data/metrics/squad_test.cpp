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

TEST_CASE("questions without an answer, and thresholds, are those of the script of SQuAD 2.0") {
  const auto golden = metrics_fixture("squad_questions")["scores"];
  REQUIRE(golden.size() == MetricTexts::kCases / 20);
  for (std::size_t g = 0; g < golden.size(); ++g) {
    INFO("cases from " << 20 * g);
    Random random(19, 20 * g);
    std::vector<AnsweredQuestion> questions;
    for (std::size_t i = 0; i < 20; ++i) {
      const auto& texts = MetricTexts::cases()[20 * g + i];
      auto& question = questions.emplace_back();
      if (random.below(3) != 0) {
        const auto some = texts.some_references(1 + random.below(3));
        question.answers.assign(some.begin(), some.end());
      }
      if (random.below(4) != 0) question.prediction = texts.hypothesis;
      question.no_answer_probability = static_cast<double>(random.below(9)) / 8;
    }
    std::vector<double> row;
    for (const double threshold : {1.0, 0.5}) {
      const auto scores = score_squad(questions, threshold);
      for (const auto& part : {scores.all, scores.has_answer, scores.no_answer}) {
        row.push_back(part.exact);
        row.push_back(part.f1);
      }
    }
    const auto scores = score_squad(questions);
    for (const auto& [score, threshold] : {scores.best_exact, scores.best_f1}) {
      row.push_back(score);
      row.push_back(threshold);
    }
    REQUIRE(row.size() == golden[g].size());
    for (std::size_t k = 0; k < row.size(); ++k) CHECK(row[k] == Approx(golden[g][k].get<double>()).margin(1e-9));
  }
  CHECK_THROWS_AS(score_squad({}), std::invalid_argument);
}

TEST_CASE("an answer that is empty when it is normalized is none") {
  const auto scores =
      score_squad(std::vector<AnsweredQuestion>{{"", {}}, {"the", {}}, {"", {"the"}}, {"x", {"the", "x"}}});
  CHECK(scores.all.exact == 100);
  CHECK(scores.all.f1 == 100);
  CHECK(scores.no_answer.total == 2);
  CHECK(scores.has_answer.total == 2);
}

TEST_CASE("a probability that is no number has no order, and is refused") {
  AnsweredQuestion question{"x", {"x"}, std::numeric_limits<double>::quiet_NaN()};
  CHECK_THROWS_WITH(score_squad(std::span(&question, 1)), Catch::Contains("no_answer_probability"));
}

TEST_CASE("the best reference counts, for each score by itself") {
  const auto scores = segment_scores(Squad(), "Denver Broncos", {"Broncos", "the Denver Broncos", "Denver"});
  CHECK(scores == std::vector<double>{100, 100});
  CHECK(segment_scores(Squad(), "Denver Broncos", {"Broncos", "x"})[1] == Approx(200.0 / 3));
  CHECK(segment_scores(Squad(), "the", {"a"}) == std::vector<double>{100, 0});
}
