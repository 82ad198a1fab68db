#include "data/batching/batch_iterator.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <set>

#include "tests/support/test.h"

using namespace langzoo;

namespace {

using Examples = std::vector<std::int64_t>;

BatchIterator<Examples> iterator(const EpochOrder& order, std::size_t prepare_ahead) {
  return {order.batches_per_epoch(), [order](const DataPosition& at) { return order.examples(at); }, prepare_ahead};
}

}  // namespace

TEST_CASE("an epoch hands out every example once, but for those that fill no batch") {
  for (const std::int64_t examples : {1, 2, 7, 12, 64}) {
    for (const std::int64_t batch_size : {1, 2, 5, 7, 100}) {
      const EpochOrder order(examples, batch_size, 3);
      REQUIRE(order.batch_size() == std::min(examples, batch_size));
      REQUIRE(order.batches_per_epoch() == examples / order.batch_size());
      std::set<std::int64_t> seen, ever;
      for (std::int64_t epoch = 0; epoch < 40; ++epoch) {
        seen.clear();
        for (std::int64_t batch = 0; batch < order.batches_per_epoch(); ++batch) {
          const auto chosen = order.examples({epoch, batch});
          REQUIRE(static_cast<std::int64_t>(chosen.size()) == order.batch_size());
          seen.insert(chosen.begin(), chosen.end());
        }
        REQUIRE(static_cast<std::int64_t>(seen.size()) == order.batches_per_epoch() * order.batch_size());
        REQUIRE((*seen.begin() >= 0 && *seen.rbegin() < examples));
        ever.insert(seen.begin(), seen.end());
      }
      CHECK(static_cast<std::int64_t>(ever.size()) == examples);
      CHECK_THROWS_AS(order.examples({0, order.batches_per_epoch()}), std::out_of_range);
    }
  }
  CHECK_THROWS_AS(EpochOrder(0, 1, 1), std::invalid_argument);
  CHECK_THROWS_AS(EpochOrder(1, 0, 1), std::invalid_argument);
}

TEST_CASE("the order depends on seed and epoch, and on nothing else") {
  const EpochOrder order(1000, 1000, 1);
  CHECK(order.examples({0, 0}) == EpochOrder(1000, 1000, 1).examples({0, 0}));
  CHECK(order.examples({0, 0}) != order.examples({1, 0}));
  CHECK(order.examples({0, 0}) != EpochOrder(1000, 1000, 2).examples({0, 0}));
  // The batch size only cuts the same order elsewhere.
  const auto whole = order.examples({4, 0});
  CHECK(EpochOrder(1000, 10, 1).examples({4, 37}) == Examples(whole.begin() + 370, whole.begin() + 380));
}

TEST_CASE("seeking anywhere continues as if never interrupted, with and without a thread") {
  const EpochOrder order(23, 4, 9);  // 5 batches an epoch
  std::vector<Examples> uninterrupted;
  std::vector<DataPosition> positions;
  auto plain = iterator(order, 0);
  for (int i = 0; i < 17; ++i) {
    positions.push_back(plain.position());
    uninterrupted.push_back(plain.next());
  }
  CHECK(positions[16] == DataPosition{3, 1});
  for (const std::size_t ahead : {0, 1, 3, 20}) {
    auto resumed = iterator(order, ahead);
    for (std::size_t start = 0; start < uninterrupted.size(); start += ahead == 0 ? 1 : 2) {
      resumed.seek(positions[start]);
      for (std::size_t i = start; i < uninterrupted.size(); ++i) {
        REQUIRE(resumed.position() == positions[i]);
        REQUIRE(resumed.next() == uninterrupted[i]);
      }
    }
  }
}

TEST_CASE("nothing prepared ahead counts as consumed, and no more than allowed is prepared") {
  std::atomic<int> made{0};
  BatchIterator<int> batches(
      10, [&](const DataPosition&) { return made++; }, 3);
  CHECK(batches.next() == 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (made < 4 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK(made == 4);
  CHECK(batches.position() == DataPosition{0, 1});
}

TEST_CASE("a position beyond the epoch is refused") {
  auto batches = iterator(EpochOrder(10, 5, 1), 0);
  CHECK_THROWS_WITH(batches.seek({3, 2}), "data position (epoch 3, batch 2) does not exist: an epoch has 2 batches");
  CHECK_THROWS_AS(batches.seek({-1, 0}), std::invalid_argument);
  CHECK_THROWS_AS(batches.seek({0, -1}), std::invalid_argument);
  CHECK(batches.position() == DataPosition{0, 0});
}

TEST_CASE("an exception reaches the consumer in its turn and may be retried") {
  for (const std::size_t ahead : {0, 1, 4}) {
    std::atomic<bool> broken{true};
    BatchIterator<std::int64_t> batches(
        100,
        [&](const DataPosition& at) {
          if (at.batch == 3 && broken) throw std::runtime_error("batch 3 is broken");
          return at.batch;
        },
        ahead);
    for (int i = 0; i < 3; ++i) REQUIRE(batches.next() == i);
    CHECK_THROWS_WITH(batches.next(), "batch 3 is broken");
    CHECK_THROWS_WITH(batches.next(), "batch 3 is broken");
    CHECK(batches.position() == DataPosition{0, 3});
    broken = false;
    for (int i = 3; i < 8; ++i) REQUIRE(batches.next() == i);
  }
}

TEST_CASE("an iterator may be dropped at any moment: nothing is made behind its back, and no more than allowed") {
  for (int i = 0; i < 200; ++i) {
    const auto ahead = static_cast<std::size_t>(i % 4);
    const int taken = i % 3;
    // Outlives the iterator: a batch that is made when that is gone is seen.
    std::atomic<int> made{0};
    std::atomic<bool> gone{false}, made_late{false};
    {
      BatchIterator<int> batches(
          5,
          [&](const DataPosition& at) {
            if (gone) made_late = true;
            ++made;
            return static_cast<int>(at.epoch * 5 + at.batch);
          },
          ahead);
      for (int k = 0; k < taken; ++k) REQUIRE(batches.next() == k);
      if (i % 5 == 0) {
        batches.seek({1, 2});
        REQUIRE(batches.position() == DataPosition{1, 2});
      }
    }
    gone = true;
    CHECK_FALSE(made_late);
    CHECK(made >= taken);
    // Nothing is made ahead before the first is asked for; after a seek all of it is made once more.
    CHECK(made <= taken + (taken == 0 ? 0 : static_cast<int>(ahead) * (i % 5 == 0 ? 2 : 1)));
  }
}

TEST_CASE("ranks share each batch: together theirs are the larger batch of one process") {
  const EpochOrder order(23, 6, 9);
  for (const std::int64_t world : {1, 2, 3, 4, 7}) {
    for (std::int64_t k = 0; k < 3; ++k) {
      const auto all = order.examples({1, k});
      Examples together;
      for (std::int64_t r = 0; r < world; ++r) {
        const auto own = share_of(all, {r, world});
        CHECK(std::abs(6 - std::ssize(own) * world) < world);
        together.insert(together.end(), own.begin(), own.end());
      }
      CHECK(together == all);
    }
  }
  CHECK(share_of({5}, {0, 2}).empty());
  CHECK(share_of({5}, {1, 2}) == Examples{5});
}

TEST_CASE("ranks that cannot be are refused") {
  for (const Rank rank : {Rank{1, 1}, Rank{-1, 2}, Rank{0, 0}, Rank{3, 2}}) {
    CHECK_THROWS_AS(check_rank(rank), std::invalid_argument);
  }
  CHECK(following({2, 4}, 5) == DataPosition{3, 0});
  CHECK(following({2, 3}, 5, 14) == DataPosition{5, 2});
  CHECK(following({2, 3}, 5, 0) == DataPosition{2, 3});
}
