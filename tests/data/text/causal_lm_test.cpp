#include "data/text/causal_lm.h"

#include <numeric>
#include <set>

#include "tests/support/test.h"

using namespace langzoo;

namespace {

/// Tokens 0, 1, 2, ...: an id is its own place.
struct Counting {
  std::vector<TokenId> ids;
  explicit Counting(std::int64_t n) : ids(static_cast<std::size_t>(n)) { std::iota(ids.begin(), ids.end(), 0); }
  TokenView view() const { return TokenView(ids, ids.size()); }
};

bool same(const CausalLmBatch& a, const CausalLmBatch& b) {
  return torch::equal(a.ids, b.ids) && torch::equal(a.targets, b.targets);
}

}  // namespace

TEST_CASE("the windows of an epoch are disjoint, adjacent, and as many as fit") {
  for (std::int64_t size = 2; size < 60; ++size) {
    const Counting text(size);
    for (std::int64_t context = 1; context < size; ++context) {
      const CausalLmDataset dataset(text.view(), context, 5);
      REQUIRE(dataset.num_windows() >= 1);
      REQUIRE(size - dataset.num_windows() * context < 2 * context + (dataset.num_windows() == 1 ? 1 : 0));
      std::vector<std::int64_t> indices(static_cast<std::size_t>(dataset.num_windows()));
      std::iota(indices.begin(), indices.end(), 0);
      for (std::int64_t epoch = 0; epoch < 5; ++epoch) {
        const auto batch = dataset.windows(epoch, indices);
        REQUIRE(batch.ids.sizes() == std::vector<std::int64_t>{dataset.num_windows(), context});
        const auto offset = dataset.offset(epoch);
        REQUIRE((offset >= 0 && offset + batch.ids.numel() < size));
        REQUIRE(torch::equal(batch.ids.view(-1), torch::arange(offset, offset + batch.ids.numel())));
        REQUIRE(torch::equal(batch.targets, batch.ids + 1));
      }
    }
  }
}

TEST_CASE("over the epochs every token is an input and every token but the first a target") {
  for (const std::int64_t size : {9, 17, 24, 40}) {
    const Counting text(size);
    auto batches = causal_lm_batches(CausalLmDataset(text.view(), 8, 2), 2);
    std::set<std::int64_t> inputs, targets, offsets;
    while (batches->position().epoch < 200) {
      const auto batch = batches->next();
      for (std::int64_t i = 0; i < batch.ids.numel(); ++i) {
        inputs.insert(batch.ids.view(-1)[i].item<std::int64_t>());
        targets.insert(batch.targets.view(-1)[i].item<std::int64_t>());
      }
    }
    CHECK(static_cast<std::int64_t>(inputs.size()) == size - 1);
    CHECK(*inputs.begin() == 0);
    CHECK(static_cast<std::int64_t>(targets.size()) == size - 1);
    CHECK(*targets.begin() == 1);
  }
}

TEST_CASE("training resumes anywhere with the same batches, across epochs and threads") {
  const Counting text(200);
  const CausalLmDataset dataset(text.view(), 7, 3);  // 27 windows, 6 batches of 4
  auto plain = causal_lm_batches(dataset, 4);
  REQUIRE(plain->batches_per_epoch() == 6);
  std::vector<CausalLmBatch> uninterrupted;
  std::vector<DataPosition> positions;
  for (int i = 0; i < 20; ++i) {
    positions.push_back(plain->position());
    uninterrupted.push_back(plain->next());
  }
  CHECK(!same(uninterrupted[0], uninterrupted[6]));
  for (const std::size_t ahead : {0, 2}) {
    for (std::size_t start = 0; start < uninterrupted.size(); ++start) {
      auto resumed = causal_lm_batches(dataset, 4, ahead);
      resumed->seek(positions[start]);
      for (std::size_t i = start; i < uninterrupted.size(); ++i) REQUIRE(same(resumed->next(), uninterrupted[i]));
    }
  }
  CHECK(!same(causal_lm_batches(CausalLmDataset(text.view(), 7, 4), 4)->next(), uninterrupted[0]));
}

TEST_CASE("a text without one window, or a window without inputs, is refused") {
  const Counting text(8);
  CHECK_THROWS_WITH(CausalLmDataset(text.view(), 8, 1),
                    "the text has 8 tokens, a context of 8 needs at least 9: use "
                    "more text or a shorter context");
  CHECK_THROWS_AS(CausalLmDataset(TokenView(), 1, 1), std::runtime_error);
  CHECK_THROWS_AS(CausalLmDataset(text.view(), 0, 1), std::invalid_argument);
  CHECK_THROWS_AS(causal_lm_batches(CausalLmDataset(text.view(), 2, 1), 0), std::invalid_argument);
  const CausalLmDataset dataset(text.view(), 7, 1);
  CHECK_THROWS_AS(dataset.windows(0, std::vector<std::int64_t>{1}), std::out_of_range);
  CHECK(causal_lm_batches(dataset, 64)->next().ids.size(0) == 1);  // fewer windows than a batch: as large as the data
}

TEST_CASE("every token but the first is scored once, with all the context its window can give") {
  for (std::int64_t size = 2; size <= 26; ++size) {
    const Counting text(size);
    for (std::int64_t n_positions = 1; n_positions <= 12; ++n_positions) {
      for (std::int64_t stride = 1; stride <= n_positions; ++stride) {
        const EvaluationWindows windows(text.view(), n_positions, stride);
        REQUIRE(windows.num_targets() == size - 1);
        for (const std::int64_t rows : {1, 3, 100}) {
          std::int64_t next = 1;  // the target to come
          for (std::int64_t first = 0; first < windows.num_windows(); first += rows) {
            const auto batch = windows.batch(first, rows);
            REQUIRE(batch.ids.size(1) <= n_positions);
            const auto ids = batch.ids.accessor<std::int64_t, 2>(), targets = batch.targets.accessor<std::int64_t, 2>();
            for (std::int64_t r = 0; r < ids.size(0); ++r) {
              const std::int64_t begin = (first + r) * stride;
              bool scored = false;
              for (std::int64_t i = 0; i < ids.size(1); ++i) {
                const bool inside = i < n_positions && begin + i + 1 < size;
                REQUIRE(ids[r][i] == (inside ? begin + i : 0));
                if (targets[r][i] == kIgnoredTarget) {
                  REQUIRE((!inside || !scored));  // ignored targets lead or pad
                  continue;
                }
                scored = true;
                REQUIRE(targets[r][i] == begin + i + 1);
                REQUIRE(targets[r][i] == next++);
              }
              REQUIRE(scored);
            }
          }
          REQUIRE(next == size);
        }
      }
    }
  }
}

TEST_CASE("evaluation windows name what is wrong") {
  const Counting text(5), one(1);
  CHECK_THROWS_WITH(EvaluationWindows(text.view(), 4, 0), "stride must be from 1 to the model's n_positions 4, is 0");
  CHECK_THROWS_AS(EvaluationWindows(text.view(), 4, 5), std::invalid_argument);
  CHECK_THROWS_AS(EvaluationWindows(text.view(), 0, 1), std::invalid_argument);
  CHECK_THROWS_WITH(EvaluationWindows(one.view(), 4, 4),
                    "the text has 1 tokens, evaluation needs at least 2: one to read, one to predict");
  const EvaluationWindows windows(text.view(), 4, 4);
  CHECK_THROWS_AS(windows.batch(1, 1), std::out_of_range);
  CHECK_THROWS_AS(windows.batch(-1, 1), std::out_of_range);
  CHECK_THROWS_AS(windows.batch(0, 0), std::out_of_range);
}
