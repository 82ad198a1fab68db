#include "models/generation/exhaustive_search.h"

#include <algorithm>
#include <functional>

#include "tests/models/generation/hashed_step.h"
#include "tests/support/test.h"

namespace langzoo::exhaustive_search_test {
namespace {

using test::HashedStep;
using test::Ids;

constexpr std::int64_t kV = 4;
const std::vector<Ids> kPrompts = {{1, 2}, {3}, {0, 0, 1}};

/// Every complete hypothesis after `prompt`, best first, by recursion.
std::vector<Hypothesis> all(const Ids& prompt, const BeamSearchOptions& o) {
  std::vector<Hypothesis> found;
  const std::function<void(const Ids&, double)> visit = [&](const Ids& made, double log_probability) {
    Ids ids = prompt;
    ids.insert(ids.end(), made.begin(), made.end());
    const auto logits = torch::tensor(test::hashed_logits(ids, kV)).log_softmax(0);
    for (std::int32_t v = 0; v < kV; ++v) {
      const bool end = std::count(o.eos_token_ids.begin(), o.eos_token_ids.end(), v) > 0;
      if (end && std::ssize(made) < o.min_new_tokens) continue;
      auto longer = made;
      longer.push_back(v);
      const double sum = log_probability + logits[v].item<double>();
      if (end || std::ssize(longer) == o.max_new_tokens) {
        found.push_back({longer, sum / std::pow(longer.size(), o.length_penalty), sum});
      } else {
        visit(longer, sum);
      }
    }
  };
  visit({}, 0);
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  return found;
}

std::vector<std::vector<Hypothesis>> search(const BeamSearchOptions& options) {
  const auto padded = pad_left(kPrompts, 0);
  HashedStep step(padded.mask, kV);
  return exhaustive_search(step, padded, options);
}

TEST_CASE("exhaustive search finds the best of all hypotheses") {
  for (const double alpha : {1.0, 0.0, 2.0, -1.0}) {
    for (const std::int64_t least : {0, 2}) {
      BeamSearchOptions options;
      options.max_new_tokens = 5;
      options.min_new_tokens = least;
      options.eos_token_ids = {2};
      options.length_penalty = alpha;
      options.num_return_sequences = 9;
      const auto mine = search(options);
      for (std::size_t b = 0; b < kPrompts.size(); ++b) {
        const auto expected = all(kPrompts[b], options);
        REQUIRE(mine[b].size() == 9);
        for (std::size_t i = 0; i < 9; ++i) {
          CHECK(mine[b][i].ids == expected[i].ids);
          CHECK(mine[b][i].score == Approx(expected[i].score));
          CHECK(mine[b][i].log_probability == Approx(expected[i].log_probability));
        }
      }
    }
  }
}

TEST_CASE("fewer hypotheses than asked for are all") {
  BeamSearchOptions options;
  options.max_new_tokens = 2;
  options.eos_token_ids = {2};
  options.num_return_sequences = 1000;
  for (const auto& hypotheses : search(options)) CHECK(hypotheses.size() == 1 + 3 * 4);
}

TEST_CASE("too many hypotheses are an error before they are made") {
  BeamSearchOptions options;
  options.max_new_tokens = 30;
  CHECK_THROWS_WITH(search(options), Catch::Contains("are too many: 1048576 at most"));
}

}  // namespace
}  // namespace langzoo::exhaustive_search_test
