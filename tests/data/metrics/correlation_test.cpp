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

TEST_CASE("perfect agreement is exactly one") {
  const Numbers x{1, 2, 3, 10}, up{0.1, 0.2, 0.3, 1e9}, down{5, 4, 3, -7};
  CHECK(spearman_correlation(x, up) == Approx(1));
  CHECK(spearman_correlation(x, down) == Approx(-1));
  CHECK(spearman_correlation(x, up) <= 1);
  CHECK(pearson_correlation(x, x) == Approx(1));
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
