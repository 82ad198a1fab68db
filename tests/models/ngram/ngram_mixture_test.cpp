#include "models/ngram/ngram_mixture.h"

#include <cmath>

#include "models/ngram/arpa.h"
#include "models/ngram/ngram_text.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::ngram_mixture_test {

namespace {

using Catch::Contains;

NGramModel trained(const TempDir& dir, const std::string& text, int order) {
  write_file(dir / "text", text);
  train_ngrams(dir / "text", dir / "model", {.order = order, .smoothing = NGramSmoothing::kAddK, .k = 0.1});
  return NGramModel{read_file(dir / "model")};
}

double sum_behind(const NGramMixture& mixture, const NGramMixture::State& state) {
  std::vector<double> all(static_cast<std::size_t>(mixture.vocabulary()));
  mixture.log_probabilities(state, all);
  double sum = 0;
  for (const double p : all) sum += std::exp(p);
  return sum;
}

}  // namespace

TEST_CASE("a mixture is the weighted mean of its models, over the words of all") {
  const TempDir dir;
  const auto first = trained(dir, "a b\nb a\n", 2), second = trained(dir, "c a\nd\n", 1);
  NGramMixture mixture({first, second}, {3, 1});
  CHECK(mixture.vocabulary() == 6);
  const auto id = [&](const char* word) { return mixture.words().find(word); };
  auto state = mixture.start();
  CHECK(sum_behind(mixture, state) == Approx(1).epsilon(1e-6));
  auto of_first = first.start(), of_second = second.start();
  const double a = 0.75 * std::exp(first.log_probability(of_first, first.words().find("a"))) +
                   0.25 * std::exp(second.log_probability(of_second, second.words().find("a")));
  CHECK(mixture.log_probability(state, id("a")) == Approx(std::log(a)));
  CHECK(sum_behind(mixture, state) == Approx(1).epsilon(1e-6));
  // The second model does not know b: it, and <unk>, have half of its <unk>; the first does not know c and d.
  auto next_first = of_first, next_second = of_second;
  const double b = 0.75 * std::exp(first.log_probability(next_first, first.words().find("b"))) +
                   0.25 * std::exp(second.log_probability(next_second, 0)) / 2;
  auto next = state;
  CHECK(mixture.log_probability(next, id("b")) == Approx(std::log(b)));
  next_first = of_first, next_second = of_second;
  const double c = 0.75 * std::exp(first.log_probability(next_first, 0)) / 3 +
                   0.25 * std::exp(second.log_probability(next_second, second.words().find("c")));
  next = state;
  CHECK(mixture.log_probability(next, id("c")) == Approx(std::log(c)));
}

TEST_CASE("the weights found are the best ones") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 40; ++i) text += i % 4 == 0 ? "a b c\n" : i % 3 == 0 ? "b c a\n" : "c c\n";
  const auto unigrams = trained(dir, text, 1), bigrams = trained(dir, "a b c\nb c a\nc c\n", 2),
             other = trained(dir, "x y\n", 2);
  NGramMixture mixture({unigrams, bigrams, other});
  write_file(dir / "valid", "a b c\nc c\nb c a\nc\n");
  const auto tuning = tune_mixture(mixture, dir / "valid");
  CHECK(tuning.perplexity == Approx(evaluate_ngrams(mixture, dir / "valid").perplexity()).epsilon(1e-4));
  CHECK(mixture.weights()[2] < 0.01);
  CHECK(tuning.iterations > 2);
  const auto found = mixture.weights();
  for (std::size_t i = 0; i < 2; ++i) {
    for (const double step : {-0.02, 0.02}) {
      auto weights = found;
      weights[i] = std::max(0.0, weights[i] + step);
      mixture.set_weights(weights);
      CHECK(evaluate_ngrams(mixture, dir / "valid").perplexity() >= tuning.perplexity * (1 - 1e-5));
    }
  }
  mixture.set_weights({0, 1, 0});
  CHECK(evaluate_ngrams(mixture, dir / "valid").nats == Approx(evaluate_ngrams(bigrams, dir / "valid").nats));
}

TEST_CASE("a word that all models find next to impossible does not count against the weights") {
  const TempDir dir;
  const auto closed = [&](const std::string& a, const std::string& b) {
    write_file(dir / "arpa", "\\data\\\nngram 1=3\n\n\\1-grams:\n" + a + " a\n" + b + " b\n-0.5 </s>\n\n\\end\\\n");
    return read_arpa(dir / "arpa");  // <unk> has 10^-100
  };
  NGramMixture mixture({closed("-0.3", "-0.7"), closed("-0.7", "-0.3")});
  write_file(dir / "valid", "a a a zzz b\n");
  const auto tuning = tune_mixture(mixture, dir / "valid");
  CHECK(mixture.weights()[0] > 0.6);
  CHECK(tuning.perplexity == Approx(evaluate_ngrams(mixture, dir / "valid").perplexity()).epsilon(1e-4));
  NGramMixture never({closed("-0.3", "-inf"), closed("-0.7", "-inf")});
  CHECK_THROWS_WITH(tune_mixture(never, dir / "valid"), Contains("token 5 is \"b\"") && Contains("no model"));
}

TEST_CASE("mixtures that cannot be are refused") {
  const TempDir dir;
  const auto model = trained(dir, "a b\n", 1);
  CHECK_THROWS_AS(NGramMixture({}), std::invalid_argument);
  CHECK_THROWS_WITH(NGramMixture({model}, {1, 2}), Contains("2 weights of 1 models"));
  CHECK_THROWS_WITH(NGramMixture({model}, {-1}), Contains("-1"));
  CHECK_THROWS_WITH(NGramMixture({model}, {0}), Contains("0"));
  const std::vector<std::int32_t> sentence{0, 1};
  const std::vector<std::span<const std::int32_t>> one{sentence};
  const auto of_ids = estimate_ngrams(one, 3, 2, {.smoothing = NGramSmoothing::kNone});
  CHECK_THROWS_WITH(NGramMixture({of_ids}), Contains("ids"));
}

}  // namespace langzoo::test::ngram_mixture_test
