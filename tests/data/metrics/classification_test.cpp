#include "tests/support/plain_test.h"

#include <cmath>

#include "data/metrics/classification.h"
#include "data/metrics/correlation.h"
#include "data/metrics/perplexity.h"
#include "tests/data/metrics/metric_texts.h"

using namespace langzoo;
using namespace langzoo::test;

namespace {

using Labels = std::vector<std::string_view>;

/// Case i of make_metrics.py's labels_and_numbers.
struct Case {
  std::vector<std::string> truth, predicted;
  std::vector<double> x, y;

  explicit Case(std::size_t number) {
    Random random(11, number);
    const auto n = 1 + random.below(60), classes = 1 + random.below(8), noise = 1 + random.below(10);
    for (std::size_t i = 0; i < n; ++i) truth.push_back(fmt::format("c{}", random.below(classes)));
    for (const auto& label : truth) {
      predicted.push_back(random.below(noise) > 0 ? fmt::format("c{}", random.below(classes)) : label);
    }
    const auto pairs = 3 + random.below(40);
    for (std::size_t i = 0; i < pairs; ++i) x.push_back(static_cast<double>(random.below(20)) / 7);
    for (const double v : x) y.push_back(static_cast<double>(random.below(20)) / 3 + (number % 2 == 1 ? v : 0));
  }
};

void append(std::vector<double>& row, const ClassScore& score) {
  row.insert(row.end(), {score.precision, score.recall, score.f1});
}

}  // namespace

TEST_CASE("scores of labels are scikit-learn's") {
  const auto golden = metrics_fixture("labels_and_numbers")["classification"];
  REQUIRE(golden.size() == 1000);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    INFO("case " << i);
    const Case c(i);
    const auto scores =
        score_classification(Labels(c.predicted.begin(), c.predicted.end()), Labels(c.truth.begin(), c.truth.end()));
    std::vector<double> row = {scores.accuracy, scores.matthews_correlation};
    for (const auto& average : {scores.micro, scores.macro, scores.weighted}) append(row, average);
    ClassScore sum;
    for (const auto& [label, score, support] : scores.labels) {
      sum.precision += score.precision, sum.recall += score.recall, sum.f1 += score.f1;
    }
    append(row, sum);
    for (std::size_t k = 0; k < row.size(); ++k) {
      CHECK(row[k] == Approx(golden[i][k].get<double>()).epsilon(1e-9).margin(1e-9));
    }
    CHECK(scores.matthews_correlation == golden[i][1].get<double>());
  }
}

TEST_CASE("correlations of numbers with ties are scipy's but for the last digit") {
  const auto golden = metrics_fixture("labels_and_numbers")["correlation"];
  REQUIRE(golden.size() == 1000);
  for (std::size_t i = 0; i < golden.size(); ++i) {
    INFO("case " << i);
    const Case c(i);
    const double found[] = {pearson_correlation(c.x, c.y), spearman_correlation(c.x, c.y)};
    for (std::size_t k = 0; k < 2; ++k) {
      if (golden[i][k].is_null()) {
        CHECK(std::isnan(found[k]));
      } else {
        CHECK(found[k] == Approx(golden[i][k].get<double>()).epsilon(1e-15).margin(1e-15));
      }
    }
  }
}

TEST_CASE("labels by hand") {
  const auto scores = score_classification(Labels{"a", "a", "b", "b", "d"}, Labels{"a", "b", "b", "b", "c"});
  REQUIRE(scores.labels.size() == 4);
  CHECK(scores.labels[0].label == "a");
  CHECK(scores.labels[0].score.precision == 0.5);
  CHECK(scores.labels[0].score.recall == 1);
  CHECK(scores.labels[1].score.recall == Approx(2.0 / 3));
  CHECK(scores.labels[2].score.f1 == 0);
  CHECK(scores.labels[2].support == 1);
  CHECK(scores.labels[3].support == 0);
  CHECK(scores.accuracy == Approx(0.6));
  CHECK(scores.micro.precision == Approx(0.6));
  CHECK_THROWS_AS(score_classification(Labels{"a"}, Labels{}), std::invalid_argument);
  CHECK_THROWS_AS(score_classification(Labels{}, Labels{}), std::invalid_argument);
}

TEST_CASE("perfect prediction has a Matthews correlation of exactly one") {
  Labels labels;
  for (const auto* label : {"a", "b", "c", "b", "a", "a", "c"}) {
    labels.push_back(label);
    if (labels.size() > 1) CHECK(score_classification(labels, labels).matthews_correlation == 1);
  }
  CHECK(score_classification(Labels{"a", "b", "a"}, Labels{"b", "a", "b"}).matthews_correlation == -1);
}

TEST_CASE("perplexity of equally likely tokens is their number") {
  CHECK(perplexity(10 * std::log(8.0), 10) == Approx(8));
  CHECK(bits_per(10 * std::log(8.0), 10) == Approx(3));
}

TEST_CASE("scores of examples with several labels are scikit-learn's") {
  const auto golden = metrics_fixture("multi_label");
  REQUIRE(golden.size() == 200);
  std::size_t compared = 0;
  for (std::size_t i = 0; i < golden.size(); ++i) {
    INFO("case " << i);
    Random random(23, i);
    const auto n = 1 + random.below(30), classes = 2 + random.below(5), noise = 1 + random.below(6);
    static constexpr std::string_view kNames[] = {"c0", "c1", "c2", "c3", "c4", "c5"};
    const auto draw = [&] {
      Labels labels(random.below(5));
      for (auto& label : labels) label = kNames[random.below(classes)];
      return labels;
    };
    std::vector<Labels> truth(n), predicted;
    for (auto& labels : truth) labels = draw();
    for (const auto& labels : truth) predicted.push_back(random.below(noise) > 0 ? draw() : labels);
    const auto scores = score_multi_label(predicted, truth);
    if (golden[i].is_null()) continue;
    std::vector<double> row = {scores.accuracy, scores.hamming_loss};
    for (const auto& average : {scores.micro, scores.macro, scores.weighted, scores.samples}) append(row, average);
    REQUIRE(row.size() == golden[i].size());
    for (std::size_t k = 0; k < row.size(); ++k) {
      CHECK(row[k] == Approx(golden[i][k].get<double>()).epsilon(1e-9).margin(1e-9));
    }
    ++compared;
  }
  CHECK(compared > 190);
}

TEST_CASE("several labels by hand") {
  const auto scores =
      score_multi_label(std::vector<Labels>{{"a", "b"}, {}, {"c", "c"}}, std::vector<Labels>{{"a"}, {}, {"c"}});
  CHECK(scores.accuracy == Approx(2.0 / 3));
  CHECK(scores.micro.precision == Approx(2.0 / 3));
  CHECK(scores.micro.recall == 1);
  CHECK(scores.samples.f1 == Approx((2.0 / 3 + 0 + 1) / 3));
  CHECK(scores.hamming_loss == Approx(1.0 / 9));
  CHECK_THROWS_AS(score_multi_label({}, {}), std::invalid_argument);
  CHECK_THROWS_WITH(score_multi_label(std::vector<Labels>{{"a"}}, {}), "examples: 1 predicted, 0 true");
}
