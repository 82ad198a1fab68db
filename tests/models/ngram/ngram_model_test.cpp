#include "models/ngram/ngram_model.h"

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "data/random/random.h"
#include "tests/support/test.h"

using namespace langzoo;

namespace {

using Words = std::vector<std::int32_t>;

std::vector<Words> random_text(std::uint64_t seed, int sentences, std::uint64_t vocabulary) {
  Random random(seed);
  std::vector<Words> text(static_cast<std::size_t>(sentences));
  for (auto& sentence : text) {
    sentence.resize(random.below(9));
    for (std::size_t i = 0; i < sentence.size(); ++i) {  // small ids are frequent, and follow their like
      const auto word = random.below(random.below(vocabulary) + 1);
      sentence[i] = static_cast<std::int32_t>(
          i > 0 && random.below(3) == 0 ? (static_cast<std::uint64_t>(sentence[i - 1]) + word % 2) % vocabulary : word);
    }
  }
  return text;
}

NGramModel trained(const std::vector<Words>& text, std::int32_t vocabulary, const NGramOptions& options) {
  const std::vector<std::span<const std::int32_t>> sentences(text.begin(), text.end());
  return {sentences, vocabulary, options};
}

/// Kneser-Ney from lists of n-grams, nothing shared with the model but the equations.
class Naive {
 public:
  Naive(const std::vector<Words>& text, std::int32_t vocabulary, const NGramOptions& options)
      : vocabulary_(vocabulary), options_(options), counts_(static_cast<std::size_t>(options.order) + 1) {
    std::map<Words, std::int64_t> raw;
    for (const auto& sentence : text) {
      Words words{kSentenceStart};
      words.insert(words.end(), sentence.begin(), sentence.end());
      words.push_back(kSentenceStop);
      for (std::size_t end = 2; end <= words.size(); ++end) {
        for (std::size_t n = 1; n <= std::min(end, static_cast<std::size_t>(options.order)); ++n) {
          ++raw[Words(words.begin() + static_cast<std::ptrdiff_t>(end - n),
                      words.begin() + static_cast<std::ptrdiff_t>(end))];
        }
      }
    }
    std::map<Words, std::set<std::int32_t>> before;
    for (const auto& [ngram, count] : raw) {
      if (ngram.size() > 1) before[Words(ngram.begin() + 1, ngram.end())].insert(ngram[0]);
    }
    for (const auto& [ngram, count] : raw) {
      const bool highest = static_cast<int>(ngram.size()) == options.order || ngram[0] == kSentenceStart;
      counts_[ngram.size()][ngram] = highest ? count : static_cast<std::int64_t>(before[ngram].size());
    }
    for (const auto& counts : counts_) {
      auto& of = counts_of_counts_.emplace_back();
      for (const auto& [ngram, count] : counts) {
        if (count <= 4) ++of[static_cast<std::size_t>(count)];
      }
    }
  }

  double discount(std::size_t n, std::int64_t count) const {
    if (count == 0) return 0;
    const auto& of = counts_of_counts_[n];
    const double y = of[1] / (of[1] + 2 * of[2]);
    const double d[] = {0, 1 - 2 * y * of[2] / of[1], 2 - 3 * y * of[3] / of[2], 3 - 4 * y * of[4] / of[3]};
    return options_.modified ? d[std::min<std::int64_t>(count, 3)] : y;
  }

  double probability(Words context, std::int32_t word) const {
    if (context.size() >= static_cast<std::size_t>(options_.order)) {
      context.erase(context.begin(), context.end() - options_.order + 1);
    }
    const double lower =
        context.empty() ? 1.0 / (vocabulary_ + 1) : probability(Words(context.begin() + 1, context.end()), word);
    const std::size_t n = context.size() + 1;
    std::int64_t total = 0, own = 0;
    double left_over = 0;
    for (const auto& [ngram, count] : counts_[n]) {
      if (!std::equal(context.begin(), context.end(), ngram.begin())) continue;
      total += count;
      left_over += discount(n, count);
      if (ngram.back() == word) own = count;
    }
    if (total == 0) return lower;
    return (static_cast<double>(own) - discount(n, own) + left_over * lower) / static_cast<double>(total);
  }

 private:
  std::int32_t vocabulary_;
  NGramOptions options_;
  std::vector<std::map<Words, std::int64_t>> counts_;  // adjusted, by length
  std::vector<std::array<double, 5>> counts_of_counts_;
};

}  // namespace

TEST_CASE("Kneser-Ney equals its equations, for every order, plain and modified") {
  const auto text = random_text(1, 250, 90);
  Random random(2);
  for (const bool modified : {false, true}) {
    for (const int order : {1, 2, 3}) {
      const NGramOptions options{.order = order, .modified = modified};
      const NGramModel model = trained(text, 90, options);
      const Naive naive(text, 90, options);
      for (int i = 0; i < 60; ++i) {
        const auto& sentence = text[random.below(text.size())];
        Words context{kSentenceStart};
        context.insert(context.end(), sentence.begin(),
                       sentence.begin() + static_cast<std::ptrdiff_t>(random.below(sentence.size() + 1)));
        if (random.below(3) == 0) context.push_back(static_cast<std::int32_t>(random.below(90)));
        const std::int32_t word = random.below(8) == 0 ? kSentenceStop : static_cast<std::int32_t>(random.below(90));
        CHECK(model.probability(context, word) == Approx(naive.probability(context, word)).epsilon(1e-10));
      }
    }
  }
}

TEST_CASE("the probabilities of every context sum to 1") {
  const auto text = random_text(5, 60, 20);
  for (const int order : {1, 2, 4}) {
    const NGramModel model = trained(text, 20, {.order = order});
    for (const Words& context : {Words{}, Words{kSentenceStart}, Words{3}, Words{19, 18, 17}, Words{0, 0},
                                 Words{0, 1, 0, 2}, Words{kSentenceStart, 1}, Words{99}}) {
      double sum = model.probability(context, kSentenceStop);
      for (std::int32_t word = 0; word < 20; ++word) {
        const double p = model.probability(context, word);
        CHECK(p > 0);
        sum += p;
      }
      CHECK(sum == Approx(1).epsilon(1e-12));
    }
  }
}

// "a b", "a": unigrams of a bigram model count what stands before: a 1 (<s>), b 1 (a), </s> 2 (b, a). Counts of counts
// are too few, so discounts are 0.5, 1, 1.5: P(a) = (1 - 0.5 + (0.5 + 0.5 + 1) / 3) / 4 with the words a, b and </s>.
TEST_CASE("a bigram model by hand") {
  const NGramModel model = trained({{0, 1}, {0}}, 2, {.order = 2});
  const double a = (0.5 + 2.0 / 3) / 4, b = a, stop = (1 + 2.0 / 3) / 4;
  CHECK(model.probability({}, 0) == Approx(a));
  CHECK(model.probability({}, kSentenceStop) == Approx(stop));
  // After <s>: a, twice. After a: b and </s>, once each.
  const Words start{kSentenceStart}, after_a{kSentenceStart, 0};
  CHECK(model.probability(start, 0) == Approx((2 - 1 + 1 * a) / 2));
  CHECK(model.probability(start, 1) == Approx((0 + 1 * b) / 2));
  CHECK(model.probability(after_a, 1) == Approx((0.5 + 1 * b) / 2));
  CHECK(model.probability(after_a, 7) == Approx((1.0 * (2.0 / 3) / 4) / 2));  // no such word
  const Words sentence{0};
  const double expected = std::log((1 + a) / 2) + std::log((0.5 + stop) / 2);
  CHECK(model.log_probability(sentence) == Approx(expected));
  const std::vector<std::span<const std::int32_t>> one{sentence};
  CHECK(model.perplexity(one) == Approx(std::exp(-expected / 2)));
}

TEST_CASE("longer contexts help where the text has them, and its own text is likelier than shuffled words") {
  std::vector<Words> text;
  for (int i = 0; i < 300; ++i) text.push_back({i % 7, i % 5 + 7, (i % 7 + i % 5) % 9});  // the third follows from two
  const auto perplexity = [&](int order, const std::vector<Words>& of) {
    const std::vector<std::span<const std::int32_t>> sentences(of.begin(), of.end());
    return trained(text, 12, {.order = order}).perplexity(sentences);
  };
  CHECK(perplexity(1, text) > 1.5 * perplexity(2, text));
  CHECK(perplexity(2, text) > 1.2 * perplexity(3, text));
  CHECK(perplexity(3, {{8, 1, 1}, {7, 7, 11}}) > 5 * perplexity(3, text));
}

TEST_CASE("what makes no language model is refused") {
  CHECK_THROWS_AS(trained({}, 5, {}), std::invalid_argument);
  CHECK_THROWS_AS(trained({{5}}, 5, {}), std::invalid_argument);
  CHECK_THROWS_AS(trained({{-1}}, 5, {}), std::invalid_argument);
  CHECK_THROWS_AS(trained({{1}}, 5, {.order = 0}), std::invalid_argument);
}
