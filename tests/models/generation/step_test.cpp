#include "models/generation/step.h"

#include "tests/models/generation/hashed_step.h"
#include "tests/support/test.h"

namespace langzoo {
namespace {

TEST_CASE("without a way of its own a step function gives all logits one step a token") {
  const auto ids = torch::tensor({{1, 2, 3}, {0, 0, 4}, {5, 6, 7}}), next = torch::tensor({{8, 9}, {1, 1}, {2, 0}});
  const auto mask = torch::tensor({{1, 1, 1}, {0, 0, 1}, {1, 1, 1}}) != 0;
  test::HashedStep step(mask, 11);
  step.step(ids);
  const auto logits = step.all_logits(next);
  REQUIRE(logits.sizes() == torch::IntArrayRef({3, 2, 11}));
  const std::vector<test::Ids> rows = {{1, 2, 3, 8, 9}, {4, 1, 1}, {5, 6, 7, 2, 0}};
  CHECK(step.rows == rows);
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t t = 0; t < 2; ++t) {
      const test::Ids held(rows[b].begin(), rows[b].end() - (1 - t));
      CHECK(torch::equal(logits[b][t], torch::tensor(test::hashed_logits(held, 11))));
    }
  }
}

}  // namespace
}  // namespace langzoo
