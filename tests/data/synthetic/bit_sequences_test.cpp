#include "tests/support/test.h"

#include <algorithm>
#include <cmath>

#include "data/synthetic/bit_sequences.h"

namespace langzoo::test::bit_sequences_test {

namespace {

using Catch::Contains;

/// Rows of (steps, width).
std::vector<std::vector<float>> rows(const std::vector<float>& values, std::int64_t width) {
  std::vector<std::vector<float>> all;
  for (auto at = values.begin(); at != values.end(); at += width) all.emplace_back(at, at + width);
  return all;
}

BitSequence drawn(BitTask task, std::int64_t length, std::int64_t repeats = 1, std::uint64_t seed = 5) {
  Random random(seed);
  return draw_bits(BitTaskFormat::of(task), length, repeats, random);
}

}  // namespace

TEST_CASE("a sequence to copy is itself, a delimiter, silence, and itself as the answer") {
  const auto sequence = drawn(BitTask::kCopy, 4);
  CHECK(sequence.steps == 9);
  CHECK(sequence.answer_begin == 5);
  const auto in = rows(sequence.inputs, 9), out = rows(sequence.targets, 8);
  REQUIRE(in.size() == 9);
  REQUIRE(out.size() == 4);
  for (std::size_t t = 0; t < 4; ++t) {
    CHECK(std::equal(out[t].begin(), out[t].end(), in[t].begin()));
    CHECK(in[t][8] == 0);
  }
  CHECK(in[4] == std::vector<float>{0, 0, 0, 0, 0, 0, 0, 0, 1});
  for (std::size_t t = 5; t < 9; ++t) CHECK(in[t] == std::vector<float>(9));
}

TEST_CASE("a sequence to repeat has its number normalized, and an end marker behind the answer") {
  const auto sequence = drawn(BitTask::kRepeatCopy, 2, 3);
  CHECK(sequence.steps == 3 + 7);
  const auto in = rows(sequence.inputs, 8), out = rows(sequence.targets, 7);
  CHECK(in[2][6] == 1);
  CHECK(in[2][7] == Approx((3 - 5.5) / std::sqrt(99.0 / 12)));
  REQUIRE(out.size() == 7);
  for (std::size_t t = 0; t < 6; ++t) {
    CHECK(std::equal(in[t % 2].begin(), in[t % 2].begin() + 6, out[t].begin()));
    CHECK(out[t][6] == 0);
  }
  CHECK(out[6] == std::vector<float>{0, 0, 0, 0, 0, 0, 1});
}

TEST_CASE("an item is recalled by the one before it") {
  for (std::uint64_t seed = 1; seed < 30; ++seed) {
    const auto sequence = drawn(BitTask::kRecall, 4, 1, seed);
    CHECK(sequence.steps == 4 * 4 + 5 + 3);
    const auto in = rows(sequence.inputs, 8), out = rows(sequence.targets, 6);
    REQUIRE(out.size() == 3);
    for (const std::size_t t : {0, 4, 8, 12}) CHECK(in[t] == std::vector<float>{0, 0, 0, 0, 0, 0, 1, 0});
    for (const std::size_t t : {16, 20}) CHECK(in[t] == std::vector<float>{0, 0, 0, 0, 0, 0, 0, 1});
    const auto item = [&](std::size_t begin) {
      std::vector<float> bits;
      for (std::size_t t = begin; t < begin + 3; ++t) bits.insert(bits.end(), in[t].begin(), in[t].begin() + 6);
      return bits;
    };
    std::size_t asked = 0;
    while (asked < 3 && item(4 * asked + 1) != item(17)) ++asked;
    REQUIRE(asked < 3);
    CHECK(item(4 * asked + 5) == sequence.targets);
    CHECK(in[21] == std::vector<float>(8));
  }
}

TEST_CASE("priorities sort the vectors, and the lowest are left out") {
  const auto sequence = drawn(BitTask::kSort, 20);
  CHECK(sequence.steps == 21 + 16);
  auto in = rows(sequence.inputs, 10);
  const auto out = rows(sequence.targets, 8);
  CHECK(in[20][9] == 1);
  in.resize(20);
  std::sort(in.begin(), in.end(), [](const auto& a, const auto& b) { return a[8] > b[8]; });
  REQUIRE(out.size() == 16);
  for (std::size_t i = 0; i < 16; ++i) CHECK(std::equal(out[i].begin(), out[i].end(), in[i].begin()));
  CHECK(in.front()[8] <= 1);
  CHECK(in.back()[8] >= -1);
  CHECK(drawn(BitTask::kSort, 1).targets.size() == 8);
}

TEST_CASE("n-grams follow a table of their own, which the optimal estimator learns as it reads") {
  const auto sequence = drawn(BitTask::kNgrams, 200);
  CHECK(sequence.steps == 199);
  CHECK(sequence.answer_begin == 4);
  CHECK(sequence.targets.size() == 195);
  // What is asked in one step is read in the next.
  CHECK(std::equal(sequence.inputs.begin() + 5, sequence.inputs.end(), sequence.targets.begin()));
  // By hand: six contexts, each a bit at first; again, as before; then 00000, twice followed by 1, by 0.
  const std::vector<float> bits = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  CHECK(optimal_ngram_bits(bits) == Approx(6 - 6 * std::log2(1.5 / 2) - std::log2(0.5 / 3)));
  // Beta(1/2, 1/2): the mean entropy of a bit is 2 - 1/ln 2 = 0.5573; the estimator comes near it as the table is read.
  double needed = 0;
  Random random(9);
  for (int i = 0; i < 20; ++i) {
    const auto drawn = draw_bits(BitTaskFormat::of(BitTask::kNgrams), 20'000, 1, random);
    needed += optimal_ngram_bits(drawn.inputs) / 20 / 20'000;
  }
  CHECK(needed > 0.40);
  CHECK(needed < 0.62);
}

TEST_CASE("a batch is decided by seed and number; a sequence does not depend on those beside it") {
  const auto format = BitTaskFormat::of(BitTask::kCopy);
  const BitLengths lengths{1, 20, 1, 1};
  const auto batch = bit_batch(format, lengths, 3, 7, 12), again = bit_batch(format, lengths, 3, 7, 12);
  CHECK(torch::equal(batch.inputs, again.inputs));
  CHECK(torch::equal(batch.targets, again.targets));
  CHECK(batch.inputs.size(1) == 3);
  CHECK(batch.targets.sizes() == torch::IntArrayRef({(batch.inputs.size(0) - 1) / 2, 3, 8}));
  const BitLengths exact{10, 10, 1, 1};
  const auto wide = bit_batch(format, exact, 5, 7, 100), one = bit_batch(format, exact, 1, 7, 103);
  CHECK(torch::equal(wide.inputs.narrow(1, 3, 1), one.inputs));
  CHECK_FALSE(torch::equal(one.inputs, bit_batch(format, exact, 1, 8, 103).inputs));
  // All lengths come up, and bits are fair.
  std::vector<int> seen(21);
  double ones = 0, bits = 0;
  for (std::uint64_t i = 0; i < 600; ++i) {
    const auto drawn = bit_batch(format, lengths, 1, 1, i);
    ++seen[static_cast<std::size_t>(drawn.targets.size(0))];
    ones += drawn.targets.sum().item<double>(), bits += static_cast<double>(drawn.targets.numel());
  }
  CHECK(seen[0] == 0);
  CHECK(*std::min_element(seen.begin() + 1, seen.end()) > 10);
  CHECK(std::abs(ones / bits - 0.5) < 0.01);
}

TEST_CASE("tasks and sizes that there are not are refused by name") {
  CHECK(bit_task_from_name("recall") == BitTask::kRecall);
  CHECK_THROWS_WITH(bit_task_from_name("copies"),
                    Contains("'copies'; there are copy, repeat-copy, recall, ngrams, sort"));
  CHECK_THROWS_WITH(drawn(BitTask::kRecall, 1), Contains("length 1: recall has sequences of 2 to"));
  CHECK_THROWS_WITH(drawn(BitTask::kRepeatCopy, 4000, 4000), Contains("steps: at most"));
  CHECK_THROWS_WITH((BitTaskFormat{BitTask::kNgrams, 2}.validate()), Contains("ngrams have 1"));
  CHECK_THROWS_WITH((BitTaskFormat{BitTask::kCopy, 0}.validate()), Contains("0 bits a vector"));
  const auto copy = BitTaskFormat::of(BitTask::kCopy);
  CHECK_THROWS_WITH(framed_bits(copy, {}, {}), Contains("empty"));
  CHECK_THROWS_WITH(framed_bits(copy, {{1, 0}}, {}), Contains("a vector of 2 bits: the task has 8"));
  const std::vector<std::vector<float>> four(4, std::vector<float>(6));
  CHECK_THROWS_WITH(framed_bits(BitTaskFormat::of(BitTask::kRecall), four, {}), Contains("4 vectors"));
  CHECK_THROWS_WITH(framed_bits(BitTaskFormat::of(BitTask::kRepeatCopy), four, {.repeats = 0}),
                    Contains("repeats = 0"));
  CHECK_THROWS_WITH(framed_bits(BitTaskFormat::of(BitTask::kSort), {std::vector<float>(8)}, {}),
                    Contains("0 priorities for 1 vectors"));
}

}  // namespace langzoo::test::bit_sequences_test
