#include "tests/support/test.h"

#include <cmath>

#include "models/ppmi_svd/ppmi.h"
#include "models/ppmi_svd/truncated_svd.h"
#include "tests/models/ppmi_svd/dense.h"

namespace langzoo {
namespace {

using Catch::Matchers::Contains;
using test::dense;
using test::max_difference;
using test::random_sparse;

torch::Tensor product(const TruncatedSvd& svd) {
  return (svd.u * svd.s).matmul(svd.v.t()).to(torch::kFloat64);
}

void check_form(const TruncatedSvd& svd, std::int64_t rows, std::int64_t columns, std::int64_t rank) {
  REQUIRE(svd.u.sizes() == torch::IntArrayRef({rows, rank}));
  REQUIRE(svd.s.sizes() == torch::IntArrayRef({rank}));
  REQUIRE(svd.v.sizes() == torch::IntArrayRef({columns, rank}));
  CHECK(max_difference(svd.u.t().matmul(svd.u), torch::eye(rank)) < 1e-5);
  CHECK(max_difference(svd.v.t().matmul(svd.v), torch::eye(rank)) < 1e-5);
  CHECK((svd.s.diff() <= 1e-5).all().item<bool>());
  CHECK((svd.s >= 0).all().item<bool>());
  const auto largest = svd.u.gather(0, svd.u.abs().argmax(0, true));
  CHECK((largest > 0).all().item<bool>());
}

/// U and V up to signs, where singular values are apart.
void check_vectors(const TruncatedSvd& svd, const torch::Tensor& matrix, double bound) {
  const auto [u, s, vh] = torch::linalg_svd(matrix, false);
  const auto rank = svd.s.size(0);
  CHECK(max_difference(svd.s, s.slice(0, 0, rank)) < bound * s[0].item<double>());
  const auto expected_u = u.slice(1, 0, rank), expected_v = vh.t().slice(1, 0, rank);
  const auto signs = (svd.u.to(torch::kFloat64) * expected_u).sum(0).sign();
  CHECK(max_difference(svd.u, expected_u * signs) < bound * 20);
  CHECK(max_difference(svd.v, expected_v * signs) < bound * 20);
}

}  // namespace

TEST_CASE("the truncated SVD of a matrix of low rank is exact") {
  torch::manual_seed(1);
  const auto [rows, columns, rank] = GENERATE(std::tuple{60, 40, 5}, std::tuple{40, 60, 5}, std::tuple{200, 200, 12},
                                              std::tuple{30, 1, 1}, std::tuple{1, 30, 1}, std::tuple{1, 1, 1});
  CAPTURE(rows, columns, rank);
  // Some rows and columns are empty; singular values are apart.
  const auto left = torch::randn({rows, rank}) * (torch::rand({rows, 1}) < 0.8);
  const auto right = torch::randn({columns, rank}) * (torch::rand({columns, 1}) < 0.8);
  left[0] = torch::ones({rank});
  right[0] = torch::ones({rank});
  const auto scales = torch::arange(rank, 0, -1).to(torch::kFloat32);
  const auto matrix = test::sparse((left * scales).matmul(right.t()));
  const auto svd = truncated_svd(matrix, rank);
  check_form(svd, rows, columns, rank);
  const auto expected = dense(matrix);
  CHECK(max_difference(product(svd), expected) < 1e-5 * expected.abs().max().item<double>());
  check_vectors(svd, expected, 1e-5);
}

TEST_CASE("every singular value of a sparse matrix") {
  torch::manual_seed(2);
  const auto matrix = random_sparse(50, 35, 0.2);
  const auto svd = truncated_svd(matrix, 35);
  check_form(svd, 50, 35, 35);
  CHECK(max_difference(product(svd), dense(matrix)) < 1e-4);
  CHECK(max_difference(svd.s, std::get<1>(torch::linalg_svd(dense(matrix), false))) < 1e-4);
}

TEST_CASE("the largest singular values of a spectrum that falls off") {
  torch::manual_seed(3);
  // As in counts of words: the rows' weights fall as 1/rank.
  const auto weights = 1.0 / torch::arange(1, 401).to(torch::kFloat32);
  const auto elements = torch::randn({400, 300}) * (torch::rand({400, 300}) < 0.3) * weights.unsqueeze(1) * 10;
  const auto svd = truncated_svd(test::sparse(elements), 10);
  check_form(svd, 400, 300, 10);
  check_vectors(svd, elements.to(torch::kFloat64), 1e-4);
}

TEST_CASE("more power iterations come nearer") {
  torch::manual_seed(4);
  const auto matrix = random_sparse(300, 300, 0.1);
  const auto exact = std::get<1>(torch::linalg_svd(dense(matrix), false)).slice(0, 0, 20);
  double last = 1e9;
  for (const std::int64_t iterations : {0, 2, 8, 40}) {
    const auto svd = truncated_svd(matrix, 20, {.oversampling = 4, .power_iterations = iterations});
    const double error = max_difference(svd.s, exact);
    CHECK(error < last);
    last = error;
  }
  CHECK(last < 1e-2);
}

TEST_CASE("the same bits for a seed whatever the threads") {
  torch::manual_seed(5);
  const auto matrix = random_sparse(500, 400, 0.2);
  const int before = at::get_num_threads();
  const auto first = truncated_svd(matrix, 30);
  CHECK(at::get_num_threads() == before);
  for (const int threads : {1, 2, 3}) {
    at::set_num_threads(threads);
    const auto again = truncated_svd(matrix, 30);
    CHECK(torch::equal(again.u, first.u));
    CHECK(torch::equal(again.s, first.s));
    CHECK(torch::equal(again.v, first.v));
  }
  at::set_num_threads(before);
  CHECK_FALSE(torch::equal(truncated_svd(matrix, 30, {.seed = 2}).u, first.u));
}

TEST_CASE("a matrix of zeros has singular values of zero") {
  const auto svd = truncated_svd(SparseMatrix::from_entries(9, 6, {}, {}, {}), 3);
  CHECK(max_difference(svd.s, torch::zeros({3})) == 0.0);
  CHECK(svd.u.isfinite().all().item<bool>());
  CHECK(max_difference(svd_word_vectors(svd), torch::zeros({9, 3})) == 0.0);
}

TEST_CASE("impossible ranks and options are named") {
  const auto matrix = random_sparse(6, 4, 0.9);
  CHECK_THROWS_WITH(truncated_svd(matrix, 5), Contains("rank 5 must be between 1 and 4"));
  CHECK_THROWS_WITH(truncated_svd(matrix, 0), Contains("rank 0"));
  CHECK_THROWS_AS(truncated_svd(matrix, 2, {.oversampling = -1}), std::invalid_argument);
  CHECK_THROWS_AS(truncated_svd(matrix, 2, {.power_iterations = -1}), std::invalid_argument);
  CHECK_THROWS_AS(truncated_svd(SparseMatrix::from_entries(0, 4, {}, {}, {}), 1), std::invalid_argument);
  CHECK_THROWS_WITH(svd_word_vectors(truncated_svd(matrix, 2), 0.5, true), Contains("4 words"));
}

TEST_CASE("word vectors weigh directions by a power of their singular value") {
  torch::manual_seed(6);
  const auto matrix = random_sparse(25, 25, 0.4);
  const auto svd = truncated_svd(matrix, 25);
  const auto rows = dense(matrix);
  // Power 1 keeps the products of the rows, power 0 the basis alone.
  const auto full = svd_word_vectors(svd, 1.0).to(torch::kFloat64);
  CHECK(max_difference(full.matmul(full.t()), rows.matmul(rows.t())) < 1e-4);
  CHECK(torch::equal(svd_word_vectors(svd, 0.0), svd.u));
  CHECK(max_difference(svd_word_vectors(svd), svd.u * svd.s.sqrt()) < 1e-6);
  CHECK(max_difference(svd_word_vectors(svd, 0.5, true), (svd.u + svd.v) * svd.s.sqrt()) < 1e-6);
}

TEST_CASE("words of a kind come to lie together") {
  // Three groups of ten words; a word meets words of its group 30 times as often as others.
  torch::manual_seed(7);
  const auto group = torch::arange(30).div(10, "floor");
  const auto same = group.unsqueeze(0) == group.unsqueeze(1);
  auto counts = torch::poisson(torch::where(same, 30.0, 1.0).to(torch::kFloat32));
  counts = counts + counts.t();
  const auto vectors = svd_word_vectors(truncated_svd(ppmi(test::sparse(counts)), 3));
  const auto directions = vectors / vectors.norm(2, 1, true);
  const auto cosines = directions.matmul(directions.t());
  CHECK(cosines.masked_select(same).min().item<double>() > 0.9);
  CHECK(cosines.masked_select(same.logical_not()).max().item<double>() < 0.5);
}

}  // namespace langzoo
