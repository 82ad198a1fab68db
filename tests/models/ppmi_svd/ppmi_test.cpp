#include "tests/support/test.h"

#include <cmath>

#include "models/ppmi_svd/ppmi.h"
#include "tests/models/ppmi_svd/dense.h"

namespace langzoo {
namespace {

using Catch::Matchers::Contains;
using test::dense;
using test::max_difference;

/// The definition over every pair, probabilities and all.
torch::Tensor naive(const torch::Tensor& counts, double smoothing, double shift) {
  const auto total = counts.sum();
  const auto word = counts.sum(1, true) / total;
  const auto smoothed = counts.sum(0, true).pow(smoothing);
  const auto context = smoothed / smoothed.sum();
  const auto pmi = torch::log2(counts / total / (word * context)) - std::log2(shift);
  return torch::where(counts > 0, pmi, torch::zeros_like(pmi)).clamp_min(0.0);
}

/// Counts 0 to 5, most of them 0.
torch::Tensor random_counts(std::int64_t rows, std::int64_t columns) {
  return (torch::randint(1, 6, {rows, columns}) * (torch::rand({rows, columns}) < 0.3)).to(torch::kFloat32);
}

}  // namespace

TEST_CASE("PPMI of a sentence, window 1") {
  // "You say goodbye and I say hello .": you say goodbye and i hello . ; the values can be had by hand, such as
  // log2(1 * 14 / (1 * 4)) for (you, say).
  const std::vector<std::int32_t> text = {0, 1, 2, 3, 4, 1, 5, 6};
  std::vector<std::int32_t> rows, columns;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    rows.insert(rows.end(), {text[i], text[i + 1]});
    columns.insert(columns.end(), {text[i + 1], text[i]});
  }
  const std::vector<float> ones(rows.size(), 1.0f);
  const auto counts = SparseMatrix::from_entries(7, 7, rows, columns, ones);
  const auto values = dense(ppmi(counts, {.context_smoothing = 1.0}));
  auto expected = torch::zeros({7, 7}, torch::kFloat64);
  const auto set = [&](int a, int b, double value) { expected[a][b] = expected[b][a] = value; };
  set(0, 1, 1.8073549);
  set(1, 2, 0.8073549);
  set(1, 4, 0.8073549);
  set(1, 5, 0.8073549);
  set(2, 3, 1.8073549);
  set(3, 4, 1.8073549);
  set(5, 6, 2.8073549);
  CHECK(max_difference(values, expected) < 1e-6);
}

TEST_CASE("PPMI equals its definition over every pair") {
  torch::manual_seed(3);
  const auto [rows, columns] = GENERATE(std::pair{1, 1}, std::pair{1, 9}, std::pair{12, 12}, std::pair{30, 17});
  const double smoothing = GENERATE(1.0, 0.75, 0.3), shift = GENERATE(1.0, 5.0, 0.5);
  CAPTURE(rows, columns, smoothing, shift);
  auto counts = random_counts(rows, columns);
  counts[0][0] = 4;
  const auto expected = naive(counts.to(torch::kFloat64), smoothing, shift);
  const auto result = ppmi(test::sparse(counts), {smoothing, shift});
  CHECK_NOTHROW(result.validate());
  CHECK(max_difference(dense(result), expected) < 1e-6);
  // What is not positive is not stored.
  CHECK(result.nonzeros() == (expected > 1e-9).sum().item<std::int64_t>());
}

TEST_CASE("PPMI does not change when all counts are scaled, and falls with the shift") {
  torch::manual_seed(4);
  const auto counts = random_counts(20, 20);
  const auto values = dense(ppmi(test::sparse(counts)));
  CHECK(torch::equal(dense(ppmi(test::sparse(counts * 1024))), values));
  const auto shifted = dense(ppmi(test::sparse(counts), {.shift = 2.0}));
  CHECK(max_difference(shifted, (values - 1.0).clamp_min(0.0)) < 1e-6);
}

TEST_CASE("large counts keep their precision") {
  // 2^30 pairs of each kind and one more: a product of sums is about 2^61, beyond float32's and int32's range.
  const auto counts =
      SparseMatrix::from_entries(2, 2, std::vector<std::int32_t>{0, 1, 1}, std::vector<std::int32_t>{0, 1, 0},
                                 std::vector<float>{1073741824.0f, 1073741824.0f, 1.0f});
  const auto values = dense(ppmi(counts, {.context_smoothing = 1.0}));
  CHECK(values[0][0].item<double>() == Approx(1.0));
  CHECK(values[1][1].item<double>() == Approx(1.0));
  CHECK(values[1][0].item<double>() == 0.0);
}

TEST_CASE("PPMI of nothing is nothing; what is no count is named") {
  CHECK(ppmi(SparseMatrix::from_entries(3, 4, {}, {}, {})).nonzeros() == 0);
  const auto of = [](float count) {
    return SparseMatrix::from_entries(2, 3, std::vector<std::int32_t>{1}, std::vector<std::int32_t>{2},
                                      std::vector<float>{count});
  };
  CHECK(ppmi(of(0.0f)).nonzeros() == 0);
  CHECK_THROWS_WITH(ppmi(of(-1.0f)), Contains("the count of (1, 2) is -1"));
  const auto one = of(1.0f);
  CHECK_THROWS_WITH(ppmi(one, {.context_smoothing = 0.0}), Contains("context_smoothing = 0"));
  CHECK_THROWS_WITH(ppmi(one, {.context_smoothing = 1.5}), Contains("context_smoothing = 1.5"));
  CHECK_THROWS_WITH(ppmi(one, {.shift = 0.0}), Contains("shift = 0"));
  CHECK_THROWS_AS(ppmi(one, {.shift = std::nan("")}), std::invalid_argument);
}

TEST_CASE("log counts are ln(1 + count) of every element, and refuse less than none") {
  const auto counts = random_counts(5, 7);
  CHECK(max_difference(dense(log_counts(test::sparse(counts))), counts.log1p()) < 1e-6);
  CHECK_THROWS_WITH(log_counts(test::sparse(torch::tensor({{1.0f, -2.0f}}))), Contains("a count is -2"));
}

}  // namespace langzoo
