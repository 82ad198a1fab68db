#include "tests/support/test.h"

#include <cmath>
#include <limits>
#include <map>

#include "data/random/random.h"
#include "tests/models/ppmi_svd/dense.h"

namespace langzoo {
namespace {

using Catch::Matchers::Contains;
using test::dense;
using test::max_difference;
using test::random_sparse;

struct Entries {
  std::vector<std::int32_t> rows, columns;
  std::vector<float> values;

  SparseMatrix matrix(std::int64_t n, std::int64_t m) const {
    return SparseMatrix::from_entries(n, m, rows, columns, values);
  }
};

class Threads {
 public:
  explicit Threads(int threads) : before_(at::get_num_threads()) { at::set_num_threads(threads); }
  ~Threads() { at::set_num_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE("entries in any order become sorted rows, equal places added") {
  const auto [n, m, count] = GENERATE(std::tuple{1, 1, 3}, std::tuple{5, 3, 40}, std::tuple{3, 50, 20},
                                      std::tuple{40, 2, 1000}, std::tuple{7, 7, 0}, std::tuple{0, 4, 0});
  Random random(5);
  Entries entries;
  std::map<std::pair<int, int>, double> sums;
  for (int i = 0; i < count; ++i) {
    const auto row = static_cast<std::int32_t>(random.below(n)), column = static_cast<std::int32_t>(random.below(m));
    const auto value = static_cast<float>(1 + random.below(100));
    entries.rows.push_back(row);
    entries.columns.push_back(column);
    entries.values.push_back(value);
    sums[{row, column}] += value;
  }
  const auto matrix = entries.matrix(n, m);
  CHECK_NOTHROW(matrix.validate());
  CHECK(matrix.nonzeros() == static_cast<std::int64_t>(sums.size()));
  // The map is sorted by row, then column: what the matrix has to be.
  std::size_t at = 0;
  for (const auto& [place, sum] : sums) {
    CHECK(matrix.offsets[place.first] <= static_cast<std::int64_t>(at));
    CHECK(static_cast<std::int64_t>(at) < matrix.offsets[place.first + 1]);
    CHECK(matrix.indices[at] == place.second);
    CHECK(matrix.values[at] == static_cast<float>(sum));
    ++at;
  }
  const auto transposed = matrix.transposed();
  CHECK_NOTHROW(transposed.validate());
  CHECK(torch::equal(dense(transposed), dense(matrix).t()));
}

TEST_CASE("sparse times dense equals the dense product, whatever the threads") {
  torch::manual_seed(1);
  const auto [n, m] =
      GENERATE(std::pair{1, 1}, std::pair{33, 70}, std::pair{700, 90}, std::pair{3, 5000}, std::pair{900, 800});
  const std::int64_t width = GENERATE(1, 16, 21, 128, 190);
  CAPTURE(n, m, width);
  const auto matrix = random_sparse(n, m, 0.3);
  const auto x = torch::randn({m, width});
  const auto y = matmul(matrix, x);
  CHECK(y.scalar_type() == torch::kFloat32);
  CHECK(max_difference(y, dense(matrix).matmul(x.to(torch::kFloat64))) < 2e-4);
  for (const int threads : {1, 2, 3}) {
    const Threads with(threads);
    CHECK(torch::equal(matmul(matrix, x), y));
  }
}

TEST_CASE("a product takes rows without elements, one heavy row, and views") {
  auto elements = torch::zeros({200, 300});
  elements[120] = torch::randn({300});
  const auto matrix = test::sparse(elements);
  const auto x = torch::randn({40, 300}).t();
  CHECK(max_difference(matmul(matrix, x), elements.to(torch::kFloat64).matmul(x.to(torch::kFloat64))) < 1e-4);
  CHECK(matmul(SparseMatrix::from_entries(0, 300, {}, {}, {}), x).sizes() == torch::IntArrayRef({0, 40}));
}

TEST_CASE("cosines of rows") {
  torch::manual_seed(2);
  auto elements = torch::randn({20, 30}) * (torch::rand({20, 30}) < 0.4);
  elements[7].zero_();
  const auto matrix = test::sparse(elements);
  const auto rows = elements.to(torch::kFloat64);
  const auto lengths = rows.norm(2, 1).clamp_min(1e-300).unsqueeze(1);
  const auto expected = (rows / lengths).matmul((rows / lengths).t());
  for (std::int64_t a = 0; a < 20; ++a) {
    CHECK(max_difference(cosines(matrix, a), expected[a]) < 1e-6);
    for (std::int64_t b = 0; b < 20; ++b)
      CHECK(cosine(matrix, a, b) == Approx(expected[a][b].item<double>()).margin(1e-12));
  }
  CHECK(cosine(matrix, 7, 7) == 0.0);
  CHECK_THROWS_AS(cosine(matrix, 0, 20), std::out_of_range);
  CHECK_THROWS_AS(cosines(matrix, -1), std::out_of_range);
}

TEST_CASE("one-hot vectors are alike to themselves alone") {
  const auto words = SparseMatrix::identity(5);
  CHECK_NOTHROW(words.validate());
  CHECK(torch::equal(dense(words), torch::eye(5, torch::kFloat64)));
  CHECK(cosine(words, 3, 3) == 1.0);
  CHECK(cosine(words, 3, 4) == 0.0);
}

TEST_CASE("impossible matrices are named") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  CHECK_THROWS_WITH((Entries{{0}, {0, 1}, {1.0f}}.matrix(2, 2)), Contains("1 rows, 2 columns and 1 values"));
  CHECK_THROWS_WITH((Entries{{0, 2}, {0, 1}, {1.0f, 2.0f}}.matrix(2, 2)), Contains("element 1 is 2 at (2, 1)"));
  CHECK_THROWS_WITH((Entries{{0}, {-1}, {1.0f}}.matrix(2, 2)), Contains("(0, -1) of 2 x 2"));
  CHECK_THROWS_AS((Entries{{0}, {0}, {nan}}.matrix(2, 2)), std::invalid_argument);
  CHECK_THROWS_AS((Entries{{0}, {0}, {infinity}}.matrix(2, 2)), std::invalid_argument);
  CHECK_THROWS_AS((Entries{}.matrix(-1, 2)), std::invalid_argument);
  CHECK_THROWS_AS((Entries{}.matrix(std::int64_t{1} << 40, 2)), std::invalid_argument);

  const auto invalid = [](auto spoil, const std::string& reason) {
    SparseMatrix matrix = Entries{{0, 0, 1}, {0, 2, 1}, {1, 2, 3}}.matrix(2, 3);
    matrix.validate();
    spoil(matrix);
    CHECK_THROWS_WITH(matrix.validate(), Contains(reason));
  };
  invalid([](auto& m) { m.offsets = {0, 4, 3}; }, "offsets");
  invalid([](auto& m) { m.offsets = {0, 3}; }, "offsets");
  invalid([](auto& m) { m.offsets = {}; }, "offsets");
  invalid([](auto& m) { m.offsets = {-1, 2, 3}; }, "offsets");
  invalid([](auto& m) { m.indices[1] = 0; }, "row 0: column 0 after 0");
  invalid([](auto& m) { m.indices[2] = 3; }, "row 1: column 3");
  invalid([](auto& m) { m.values.pop_back(); }, "3 columns and 2 values");
  invalid([&](auto& m) { m.values[0] = nan; }, "row 0, column 0: nan");

  const auto matrix = Entries{{0}, {0}, {1.0f}}.matrix(2, 3);
  CHECK_THROWS_AS(matmul(matrix, torch::zeros({2, 4})), std::invalid_argument);
  CHECK_THROWS_AS(matmul(matrix, torch::zeros({3})), std::invalid_argument);
  CHECK_THROWS_AS(matmul(matrix, torch::zeros({3, 4}, torch::kFloat64)), std::invalid_argument);
}

}  // namespace langzoo
