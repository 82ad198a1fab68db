#include "tests/support/test.h"

#include <numeric>
#include <set>

#include "data/text/text_stream.h"

namespace langzoo::test::text_stream_test {

namespace {

struct Numbers {
  explicit Numbers(std::int32_t n) : ids(static_cast<std::size_t>(n)) { std::iota(ids.begin(), ids.end(), 0); }
  TokenView view() const { return {ids, ids.size()}; }
  std::vector<std::int32_t> ids;
};

}  // namespace

TEST_CASE("columns are stretches of the text that go on from batch to batch, each token predicted once") {
  const Numbers numbers(62);  // 61 to predict: 3 columns of 20, one left out
  const TextStream stream(numbers.view(), {.batch_size = 3, .steps = 8});
  CHECK(stream.column_length() == 20);
  REQUIRE(stream.batches_per_epoch() == 3);
  std::set<std::int64_t> targets;
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto batch = stream.batch({0, i});
    CHECK(batch.begins == (i == 0));
    CHECK(batch.ids.sizes() == torch::IntArrayRef({3, i < 2 ? 8 : 4}));
    CHECK(torch::equal(batch.targets, batch.ids + 1));
    for (std::int64_t b = 0; b < 3; ++b) CHECK(batch.ids[b][0].item<std::int64_t>() == b * 20 + i * 8);
    for (const auto& target : batch.targets.flatten().unbind(0))
      CHECK(targets.insert(target.item<std::int64_t>()).second);
  }
  CHECK(targets.size() == 60);
}

TEST_CASE("random lengths cover the text, differ by epoch, are as many in each, and of about the length asked for") {
  const Numbers numbers(20001);
  const TextStream stream(numbers.view(), {.batch_size = 2, .steps = 70, .random_steps = true, .seed = 3});
  std::set<std::vector<std::int64_t>> seen;
  for (std::int64_t epoch = 0; epoch < 20; ++epoch) {
    const auto cuts = stream.cuts(epoch);
    CHECK(std::ssize(cuts) == stream.batches_per_epoch() + 1);
    CHECK(cuts.front() == 0);
    CHECK(cuts.back() == 10000);
    double sum = 0, shorter = 0;
    for (std::size_t i = 1; i < cuts.size(); ++i) {
      const auto steps = static_cast<double>(cuts[i] - cuts[i - 1]);
      REQUIRE(steps >= 1);
      sum += steps;
      if (steps < 50) ++shorter;
    }
    CHECK(sum / static_cast<double>(cuts.size() - 1) == Approx(68).margin(1));
    CHECK(shorter / static_cast<double>(cuts.size() - 1) < 0.15);
    seen.insert(cuts);
    CHECK(cuts == stream.cuts(epoch));
    for (const auto of : {epoch, epoch + 1, epoch}) {
      const auto places = stream.cuts(of);
      for (const std::int64_t batch : {0, 7}) {
        const auto window = static_cast<std::size_t>(batch);
        CHECK(stream.batch({of, batch}).ids[0][0].item<std::int64_t>() == places[window]);
        CHECK(stream.batch({of, batch}).ids.size(1) == places[window + 1] - places[window]);
      }
    }
  }
  CHECK(seen.size() == 20);
  // However short the text.
  for (std::int32_t n = 3; n < 40; ++n) {
    const Numbers few(n);
    const TextStream tiny(few.view(), {.batch_size = 1, .steps = 5, .random_steps = true});
    const auto cuts = tiny.cuts(1);
    for (std::size_t i = 1; i < cuts.size(); ++i) CHECK(cuts[i] > cuts[i - 1]);
    CHECK(cuts.back() == n - 1);
  }
}

TEST_CASE("ranks read the same steps in columns of their own, and a position is where a run goes on") {
  const Numbers numbers(81);
  const auto of_rank = [&](std::int64_t index, std::int64_t world, std::int64_t rows) {
    return text_stream_batches(TextStream(numbers.view(), {.batch_size = rows, .steps = 6, .rank = {index, world}}), 1);
  };
  const auto one = of_rank(0, 1, 4), first = of_rank(0, 2, 2), second = of_rank(1, 2, 2);
  for (int i = 0; i < 9; ++i) {
    const auto all = one->next(), a = first->next(), b = second->next();
    CHECK(torch::equal(all.ids, torch::cat({a.ids, b.ids})));
    CHECK(all.begins == b.begins);
  }
  const auto again = of_rank(0, 1, 4);
  again->seek({1, 2});
  one->seek({1, 2});
  CHECK(torch::equal(again->next().ids, one->next().ids));
}

TEST_CASE("columns forget as often as is asked for, each for itself, and alike on however many ranks") {
  const Numbers numbers(40001);
  TextStreamOptions options{.batch_size = 4, .steps = 10, .reset_probability = 0.1, .seed = 3};
  const TextStream stream(numbers.view(), options);
  options.batch_size = 2, options.rank = {.index = 1, .world = 2};
  const TextStream second(numbers.view(), options);
  double resets = 0, together = 0;
  for (std::int64_t i = 0; i < stream.batches_per_epoch(); ++i) {
    const auto all = stream.batch({0, i}).resets, part = second.batch({0, i}).resets;
    if (all.defined()) {
      resets += all.sum().item<double>();
      together += all.all().item<bool>();
    }
    const auto expected = all.defined() ? all.narrow(0, 2, 2) : torch::zeros({2}, torch::kBool);
    CHECK(torch::equal(part.defined() ? part : torch::zeros({2}, torch::kBool), expected));
  }
  CHECK(resets / static_cast<double>(4 * stream.batches_per_epoch()) == Approx(0.1).margin(0.02));
  CHECK(together < 5);
  CHECK_FALSE(TextStream(numbers.view(), {.batch_size = 4}).batch({0, 1}).resets.defined());
  CHECK_THROWS_WITH(TextStream(numbers.view(), {.reset_probability = 1}), Catch::Contains("reset_probability"));
}

TEST_CASE("a text too short for its columns is refused") {
  const Numbers numbers(4);
  CHECK_THROWS_WITH(TextStream(numbers.view(), {.batch_size = 4}), Catch::Contains("too few for 4 columns"));
  CHECK_THROWS_AS(TextStream(numbers.view(), {.batch_size = 0}), std::invalid_argument);
  CHECK_THROWS_AS(TextStream(numbers.view(), {.batch_size = 1, .steps = 0}), std::invalid_argument);
}

}  // namespace langzoo::test::text_stream_test
