#include "tests/support/plain_test.h"

#include <map>

#include "data/metrics/text_metrics.h"

namespace langzoo::text_metrics_test {
namespace {

using Texts = std::vector<std::string>;
using References = std::vector<Texts>;

std::map<std::string, double> scores(std::string_view metric, const Texts& texts, const References& references) {
  std::map<std::string, double> all;
  for (const auto& [name, value] : score_texts(metric, texts, references)) all[name] = value;
  return all;
}

}  // namespace

TEST_CASE("every metric by its name scores a copy best, and gives the scores that it says") {
  const Texts words = {"the cat sat on the mat", "a dog barks at night here"}, labels = {"good", "bad"},
              numbers = {"1.5", "-2", "3"};
  for (const auto metric : text_metric_names()) {
    CAPTURE(std::string(metric));
    const bool number = metric == "pearson" || metric == "spearman";
    const bool label = metric == "accuracy" || metric == "macro_f1" || metric == "matthews_correlation";
    const auto& texts = number ? numbers : label ? labels : words;
    References references;
    for (const auto& text : texts) references.push_back({text});
    const auto found = scores(metric, texts, references);
    Texts names;
    for (const auto& [name, value] : found) {
      names.push_back(name);
      CHECK(value == Approx(100));
    }
    auto expected = text_score_names(metric);
    std::sort(expected.begin(), expected.end());
    CHECK(names == expected);
  }
}

TEST_CASE("labels and answers count the best of several references, white space at the ends aside") {
  CHECK(scores("accuracy", {"a ", "b", "c"}, {{"a"}, {"x", "b"}, {"d"}}).at("accuracy") == Approx(200.0 / 3));
  const auto squad = scores("squad", {"the cat", "a big dog"}, {{"cat"}, {"house", "dog"}});
  CHECK(squad.at("squad_exact_match") == Approx(50));
  CHECK(squad.at("squad_f1") == Approx(100 * (1 + 2.0 / 3) / 2));
  CHECK(scores("squad_f1", {"x"}, {{"x"}}).size() == 1);
  CHECK(scores("rouge1", {"a b c d"}, {{"a b x y"}}).at("rouge1") == Approx(50));
  CHECK(scores("macro_f1", {"a", "a"}, {{"a"}, {"b"}}).at("macro_f1") == Approx(100.0 / 3));
}

TEST_CASE("texts as numbers: one that is none is -1, and equal ones correlate with nothing") {
  CHECK(scores("pearson", {"0", "1", "word"}, {{"0"}, {"1"}, {"-1"}}).at("pearson") == Approx(100));
  CHECK(scores("spearman", {"3", "2", "1"}, {{"1"}, {"2"}, {"3"}}).at("spearman") == Approx(-100));
  CHECK(scores("pearson", {"x", "y"}, {{"1"}, {"2"}}).at("pearson") == 0);
  CHECK_THROWS_WITH(score_texts("pearson", Texts{"1"}, References{{"one"}}),
                    "pearson: reference 1, \"one\", is no number");
}

TEST_CASE("what cannot be scored is said") {
  CHECK_THROWS_WITH(score_texts("bloo", Texts{"1"}, References{{"1"}}),
                    Catch::StartsWith("metric bloo is unknown, expected one of accuracy, exact_match, bleu"));
  CHECK_THROWS_WITH(score_texts("bleu", Texts{}, References{}), "there are no texts to score");
  CHECK_THROWS_WITH(score_texts("bleu", Texts{"a"}, References{{"a"}, {"b"}}), "1 texts, references of 2");
  CHECK_THROWS_WITH(score_texts("bleu", Texts{"a"}, References{{}}), "text 1 has no reference");
}

}  // namespace langzoo::text_metrics_test
