#include "models/noisy_channel/ibm_model.h"

#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "data/random/random.h"
#include "tests/support/test.h"

namespace langzoo::test::ibm_model_test {

namespace {

using Words = std::vector<std::int32_t>;

struct Bitext {
  std::vector<Words> e, f;

  std::vector<TranslatedSentence> sentences() const {
    std::vector<TranslatedSentence> all;
    for (std::size_t i = 0; i < e.size(); ++i) all.push_back({e[i], f[i]});
    return all;
  }
};

// the house / das Haus, the book / das Buch, a book / ein Buch.
enum : std::int32_t { kThe, kHouse, kBook, kA };
enum : std::int32_t { kDas, kHaus, kBuch, kEin };
const Bitext kBooks{{{kThe, kHouse}, {kThe, kBook}, {kA, kBook}}, {{kDas, kHaus}, {kDas, kBuch}, {kEin, kBuch}}};

Bitext random_bitext(std::uint64_t seed, int n, std::uint64_t longest = 6) {
  Random random(seed);
  Bitext bitext;
  const auto sentence = [&](std::uint64_t least) {
    Words words(least + random.below(longest));
    for (auto& word : words) word = static_cast<std::int32_t>(random.below(9));
    return words;
  };
  for (int i = 0; i < n; ++i) {
    bitext.e.push_back(sentence(0));
    bitext.f.push_back(sentence(1));
  }
  return bitext;
}

/// The papers' sums, loop by loop.
struct NaiveModel {
  std::map<std::pair<int, int>, double> t;  // f, e; NULL is -1
  std::map<std::array<int, 4>, double> a;   // i, j, l, m
  double log_likelihood = 0;                // before the last iteration

  void iterate(const Bitext& bitext, bool alignments) {
    std::map<std::pair<int, int>, double> count_t;
    std::map<int, double> total_t;
    std::map<std::array<int, 4>, double> count_a;
    std::map<std::array<int, 3>, double> total_a;
    log_likelihood = 0;
    for (std::size_t s = 0; s < bitext.e.size(); ++s) {
      const int l = static_cast<int>(bitext.e[s].size()), m = static_cast<int>(bitext.f[s].size());
      for (int j = 0; j < m; ++j) {
        const int f = bitext.f[s][static_cast<std::size_t>(j)];
        const auto score = [&](int i) {
          const int e = i < 0 ? -1 : bitext.e[s][static_cast<std::size_t>(i)];
          return std::pair(e, t[{f, e}] * (a.empty() ? 1.0 / (l + 1) : a[{i, j, l, m}]));
        };
        double sum = 0;
        for (int i = -1; i < l; ++i) sum += score(i).second;
        log_likelihood += std::log(sum);
        for (int i = -1; i < l; ++i) {
          const auto [e, p] = score(i);
          count_t[{f, e}] += p / sum;
          total_t[e] += p / sum;
          count_a[{i, j, l, m}] += p / sum;
          total_a[{j, l, m}] += p / sum;
        }
      }
    }
    for (auto& [pair, p] : t) p = count_t[pair] / total_t[pair.second];
    if (!alignments) return;
    for (const auto& [key, count] : count_a) a[key] = count / total_a[{key[1], key[2], key[3]}];
  }
};

NaiveModel uniform(const Bitext& bitext, double p) {
  NaiveModel model;
  for (std::size_t s = 0; s < bitext.e.size(); ++s) {
    for (const int f : bitext.f[s]) {
      model.t[{f, -1}] = p;
      for (const int e : bitext.e[s]) model.t[{f, e}] = p;
    }
  }
  return model;
}

}  // namespace

// At first each word of f belongs to each word of its e, and to NULL, by a third. So das counts 2/3 with "the" and 2/3
// with NULL, of a total of 4/3 and 2.
TEST_CASE("Model 1: the first iteration by hand") {
  const auto training = train_ibm_model(kBooks.sentences(), {.model1_iterations = 1});
  const auto& t = training.model.t;
  CHECK(t(kDas, kThe) == Approx(1.0 / 2));
  CHECK(t(kHaus, kThe) == Approx(1.0 / 4));
  CHECK(t(kBuch, kThe) == Approx(1.0 / 4));
  CHECK(t(kDas, kHouse) == Approx(1.0 / 2));
  CHECK(t(kHaus, kHouse) == Approx(1.0 / 2));
  CHECK(t(kBuch, kBook) == Approx(1.0 / 2));
  CHECK(t(kDas, kUnaligned) == Approx(1.0 / 3));
  CHECK(t(kEin, kUnaligned) == Approx(1.0 / 6));
  CHECK(t(kEin, kThe) == 0);
  CHECK(t(kEin, 99) == 0);
  CHECK(t.num_e() == 4);
  // Before it: three sentences of two words, each of probability 1/4.
  CHECK(training.log_likelihoods.at(0) == Approx(6 * std::log(0.25)));
}

TEST_CASE("Model 1: das Haus, das Buch, ein Buch are told apart in the end") {
  const auto model = train_ibm_model(kBooks.sentences(), {.model1_iterations = 50}).model;
  CHECK(model.t(kHaus, kHouse) > 0.9);
  CHECK(model.t(kBuch, kBook) > 0.9);
  CHECK(model.t(kEin, kA) > 0.9);
  CHECK(model.viterbi({kBooks.e[0], kBooks.f[0]})[1] == 1);
  CHECK(model.viterbi({kBooks.e[2], kBooks.f[2]}) == std::vector<int>{0, 1});
}

TEST_CASE("EM equals the papers' sums, for Model 1 and Model 2 behind it, and never lowers the likelihood") {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Bitext bitext = random_bitext(seed, 40);
    const auto training = train_ibm_model(bitext.sentences(), {.model1_iterations = 3, .model2_iterations = 3});
    std::set<int> words;
    for (const auto& f : bitext.f) words.insert(f.begin(), f.end());
    NaiveModel naive = uniform(bitext, 1.0 / static_cast<double>(words.size()));
    for (std::size_t i = 0; i < 6; ++i) {
      naive.iterate(bitext, i >= 3);
      CHECK(training.log_likelihoods.at(i) == Approx(naive.log_likelihood).epsilon(1e-5));
      if (i > 0) CHECK(training.log_likelihoods[i] >= training.log_likelihoods[i - 1] - 1e-4);
    }
    for (const auto& [pair, p] : naive.t) {
      CHECK(training.model.t(pair.first, pair.second) == Approx(p).epsilon(1e-4).margin(1e-6));
    }
    for (const auto& [key, p] : naive.a) {
      CHECK(training.model.a(key[0], key[1], key[2], key[3]) == Approx(p).epsilon(1e-4).margin(1e-6));
    }
    for (std::int32_t e = kUnaligned; e < training.model.t.num_e(); ++e) {
      double sum = 0;
      for (const auto& entry : training.model.t.row(e)) sum += static_cast<double>(entry.probability);
      CHECK(sum == Approx(1));
    }
  }
}

TEST_CASE("P(f | e) is the sum over all alignments, and viterbi the largest of them") {
  const Bitext bitext = random_bitext(7, 30, 3);
  const auto model = train_ibm_model(bitext.sentences(), {.model1_iterations = 4, .model2_iterations = 2}).model;
  for (const auto& sentence : bitext.sentences()) {
    const int l = static_cast<int>(sentence.e.size()), m = static_cast<int>(sentence.f.size());
    double sum = 0, best = -1;
    std::vector<int> alignment(sentence.f.size(), -1), most_probable;
    for (bool more = true; more;) {
      double p = 1;
      for (int j = 0; j < m; ++j) {
        const int i = alignment[static_cast<std::size_t>(j)];
        const auto f = sentence.f[static_cast<std::size_t>(j)];
        p *= static_cast<double>(model.t(f, i < 0 ? kUnaligned : sentence.e[static_cast<std::size_t>(i)]) *
                                 model.a(i, j, l, m));
      }
      sum += p;
      if (p > best) {
        best = p;
        most_probable = alignment;
      }
      more = false;
      for (auto& i : alignment) {
        if (++i < l) {
          more = true;
          break;
        }
        i = -1;
      }
    }
    CHECK(model.log_probability(sentence) == Approx(std::log(sum)).epsilon(1e-5));
    double chosen = 1;
    const auto viterbi = model.viterbi(sentence);
    for (int j = 0; j < m; ++j) {
      const int i = viterbi[static_cast<std::size_t>(j)];
      const auto f = sentence.f[static_cast<std::size_t>(j)];
      chosen *= static_cast<double>(model.t(f, i < 0 ? kUnaligned : sentence.e[static_cast<std::size_t>(i)]) *
                                    model.a(i, j, l, m));
    }
    CHECK(chosen == Approx(best).epsilon(1e-5));
    const auto posteriors = model.posteriors(sentence);
    REQUIRE(posteriors.size() == sentence.f.size());
    for (std::size_t j = 0; j < sentence.f.size(); ++j) {
      REQUIRE(posteriors[j].size() == sentence.e.size() + 1);
      CHECK(std::accumulate(posteriors[j].begin(), posteriors[j].end(), 0.0) == Approx(1));
      const auto largest = std::max_element(posteriors[j].begin(), posteriors[j].end());
      CHECK(posteriors[j][static_cast<std::size_t>(viterbi[j] + 1)] == Approx(*largest));
    }
  }
}

TEST_CASE("Model 2 learns an order that Model 1 cannot see") {
  // Word i of f comes from word l - 1 - i of e; every sentence has the same words.
  Bitext bitext;
  Random random(3);
  for (int s = 0; s < 200; ++s) {
    Words e;
    for (int i = 0; i < 4; ++i) e.push_back(static_cast<std::int32_t>(random.below(3)));
    bitext.e.push_back(e);
    bitext.f.emplace_back(e.rbegin(), e.rend());
  }
  const auto model = train_ibm_model(bitext.sentences(), {.model1_iterations = 5, .model2_iterations = 20}).model;
  for (int j = 0; j < 4; ++j) CHECK(model.a(3 - j, j, 4, 4) > 0.8f);
  CHECK(model.viterbi({bitext.e[0], bitext.f[0]}) == std::vector<int>{3, 2, 1, 0});
  CHECK(model.a(0, 0, 7, 7) == Approx(1.0 / 8));
}

TEST_CASE("sentences without words, of unknown words, and too long ones") {
  Bitext bitext = kBooks;
  bitext.e.push_back({});
  bitext.f.push_back({kDas});
  bitext.e.push_back({kThe});
  bitext.f.push_back({});
  bitext.e.push_back(Words(101, kThe));
  bitext.f.push_back({kEin});
  const auto training = train_ibm_model(bitext.sentences(), {.model1_iterations = 5});
  CHECK(training.too_long == 1);
  CHECK(training.model.t(kEin, kThe) == 0);
  CHECK(training.model.viterbi({bitext.e[3], bitext.f[3]}) == std::vector<int>{kUnaligned});
  const Words unknown{77};
  CHECK(training.model.viterbi({unknown, unknown}) == std::vector<int>{kUnaligned});
  CHECK(training.model.log_probability({unknown, unknown}) == -std::numeric_limits<double>::infinity());

  CHECK_THROWS_AS(train_ibm_model({}, {}), std::invalid_argument);
  CHECK_THROWS_AS(train_ibm_model(kBooks.sentences(), {.model1_iterations = -1}), std::invalid_argument);
  CHECK_THROWS_AS(train_ibm_model(kBooks.sentences(), {.max_words = 0}), std::invalid_argument);
  CHECK_THROWS_WITH(train_ibm_model(kBooks.sentences(), {.max_words = 1}),
                    Catch::Contains("no pair is left to train on") && Catch::Contains("max_words = 1"));
  bitext.f[0][0] = -3;
  CHECK_THROWS_AS(train_ibm_model(bitext.sentences(), {}), std::invalid_argument);
}

}  // namespace langzoo::test::ibm_model_test
