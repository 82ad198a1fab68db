#include "models/ngram/ngram_pruning.h"

#include <cmath>
#include <set>
#include <sstream>

#include "models/ngram/ngram_text.h"
#include "tests/support/plain_test.h"

namespace langzoo::test::ngram_pruning_test {

namespace {

using Words = std::vector<std::int32_t>;

NGramModel trained(const TempDir& dir, int order) {
  train_ngrams(fixture("ngram/text.txt"), dir / "model", {.order = order});
  return NGramModel::load(dir / "model");
}

NGramModel pruned(const NGramModel& model, double threshold) {
  std::ostringstream out;
  prune_by_entropy(model, threshold, out);
  return NGramModel(std::move(out).str());
}

std::vector<double> behind(const NGramModel& model, const Words& words) {
  auto state = words.empty() || words[0] >= 0 ? model.empty() : model.start();
  for (const std::int32_t word : words) {
    if (word >= 0) model.log_probability(state, word);
  }
  std::vector<double> all(static_cast<std::size_t>(model.vocabulary()));
  model.log_probabilities(state, all);
  for (double& p : all) p = std::exp(p);
  return all;
}

}  // namespace

TEST_CASE("nothing is left out below the least change, and all but the words above the largest") {
  const TempDir dir;
  const auto model = trained(dir, 3);
  const auto text = fixture("ngram/text.txt");
  CHECK(pruned(model, 0).counts()[0] == model.counts()[0]);
  CHECK(pruned(model, 1e9).counts() == std::vector<std::uint64_t>{model.counts()[0], 0, 0});
  auto ngrams = model.counts()[1] + model.counts()[2] + 1;
  double perplexity = evaluate_ngrams(model, text).perplexity() * 0.999;
  for (const double threshold : {1e-6, 1e-4, 1e-3}) {
    const auto smaller = pruned(model, threshold);
    CHECK(smaller.counts()[1] + smaller.counts()[2] < ngrams);
    CHECK(evaluate_ngrams(smaller, text).perplexity() > perplexity);
    ngrams = smaller.counts()[1] + smaller.counts()[2];
    perplexity = evaluate_ngrams(smaller, text).perplexity();
    for (const Words& words : {Words{-1}, Words{}, Words{2}, Words{-1, 2, 3}, Words{5, 9}}) {
      double sum = 0;
      for (const double p : behind(smaller, words)) sum += p;
      CHECK(sum == Approx(1).epsilon(1e-4));
    }
  }
}

// The relative entropy of the bigrams of one history with and without one of them, summed over all words.
TEST_CASE("what goes is what changes the perplexity by less, by the definition") {
  const TempDir dir;
  const auto model = trained(dir, 2);
  const double threshold = 2e-4;
  std::set<Words> kept;
  pruned(model, threshold).for_each_ngram([&](auto words, float, float, bool) {
    if (words.size() == 2) kept.insert(Words(words.begin(), words.end()));
  });
  const auto unigrams = behind(model, {});
  std::map<std::int32_t, std::set<std::int32_t>> following;
  model.for_each_ngram([&](auto words, float, float, bool) {
    if (words.size() == 2) following[words[0]].insert(words[1]);
  });
  std::size_t compared = 0;
  for (const auto& [history, words] : following) {
    const auto p = behind(model, {history});
    const double of_history = unigrams[static_cast<std::size_t>(history < 0 ? model.sentence_end() : history)];
    for (const std::int32_t left_out : words) {
      double seen = 0, seen_lower = 0;
      for (const std::int32_t word : words) {
        if (word == left_out) continue;
        seen += p[static_cast<std::size_t>(word)];
        seen_lower += unigrams[static_cast<std::size_t>(word)];
      }
      double change = 0;
      for (std::int32_t word = 0; word < model.vocabulary(); ++word) {
        const auto at = static_cast<std::size_t>(word);
        const bool backs_off = word == left_out || !words.contains(word);
        const double now = backs_off ? (1 - seen) / (1 - seen_lower) * unigrams[at] : p[at];
        change += of_history * p[at] * std::log(p[at] / now);
      }
      if (std::abs(std::expm1(change) - threshold) < 1e-6) continue;
      CHECK(kept.contains({history, left_out}) == (std::expm1(change) > threshold));
      ++compared;
    }
  }
  CHECK(compared > 100);
  CHECK(kept.size() > 10);
  CHECK(kept.size() < compared - 10);
}

}  // namespace langzoo::test::ngram_pruning_test
