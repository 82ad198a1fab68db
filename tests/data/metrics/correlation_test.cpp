#include "tests/support/plain_test.h"

#include <cmath>
#include <fstream>
#include <limits>

#include <nlohmann/json.hpp>

#include "data/metrics/correlation.h"

using namespace langzoo;

using Numbers = std::vector<double>;

TEST_CASE("correlations and ranks are scipy's, ties included") {
  std::ifstream file(langzoo::test::fixture("metrics/correlations.json"));
  const auto cases = nlohmann::json::parse(file);
  REQUIRE(cases.size() >= 6);
  for (const auto& golden : cases) {
    const auto x = golden["x"].get<Numbers>(), y = golden["y"].get<Numbers>();
    CHECK(pearson_correlation(x, y) == Approx(golden["pearson"].get<double>()).epsilon(1e-12));
    CHECK(spearman_correlation(x, y) == Approx(golden["spearman"].get<double>()).epsilon(1e-12));
    CHECK(average_ranks(x) == golden["ranks"].get<Numbers>());
  }
}

TEST_CASE("ranks that agree correlate exactly") {
  Numbers x, up, down;
  for (int i = 0; i < 100; ++i) {
    const double value = i % 7 == 0 ? i - 1 : i;  // ties
    x.push_back(value), up.push_back(std::exp(value)), down.push_back(-value);
    if (i < 2) continue;
    INFO(x.size() << " numbers");
    CHECK(spearman_correlation(x, up) == 1);
    CHECK(spearman_correlation(x, down) == -1);
    CHECK(pearson_correlation(x, x) == Approx(1).epsilon(1e-15));
    CHECK(pearson_correlation(x, x) <= 1);
  }
}

TEST_CASE("numbers correlate whatever their size") {
  const Numbers y{1, 2, 3};
  const double expected = pearson_correlation(Numbers{1, 2, 4}, y);
  CHECK(expected == Approx(0.9819805060619656).epsilon(1e-15));
  for (const int exponent : {-1060, -500, 500, 1021}) {
    const double unit = std::ldexp(1, exponent);
    CHECK(pearson_correlation(Numbers{unit, 2 * unit, 4 * unit}, y) == expected);
  }
}

TEST_CASE("ranks share their average") {
  CHECK(average_ranks(Numbers{3, 1, 3, 2, 3}) == Numbers{4, 1, 4, 2, 4});
  CHECK(average_ranks(Numbers{}).empty());
}

TEST_CASE("correlations that are undefined are NaN") {
  const auto nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  for (const auto& [x, y] : std::vector<std::pair<Numbers, Numbers>>{
           {{}, {}}, {{1}, {2}}, {{1, 1, 1}, {1, 2, 3}}, {{1, 2, 3}, {0.1, 0.1, 0.1}}, {{1, 2, nan}, {1, 2, 3}}}) {
    CHECK(std::isnan(pearson_correlation(x, y)));
    CHECK(std::isnan(spearman_correlation(x, y)));
  }
  CHECK(std::isnan(pearson_correlation(Numbers{1, 2, inf}, Numbers{1, 2, 3})));
  CHECK(spearman_correlation(Numbers{1, 2, inf}, Numbers{1, 2, 3}) == Approx(1));
  CHECK_THROWS_AS(pearson_correlation(Numbers{1, 2}, Numbers{1}), std::invalid_argument);
  CHECK_THROWS_AS(spearman_correlation(Numbers{1, 2}, Numbers{1}), std::invalid_argument);
}
