#include "models/layers/relative_positions.h"

#include "tests/support/test.h"

#include <map>

namespace langzoo::test::relative_positions_test {
namespace {

std::int64_t bucket(std::int64_t distance, const DistanceBuckets& buckets) {
  return distance_buckets(distance, 1, buckets).item<std::int64_t>();
}

}  // namespace

TEST_CASE("distances fall into T5's buckets") {
  const DistanceBuckets both, before{.bidirectional = false};
  const std::map<int, int> in_both = {{-128, 15}, {-64, 14}, {-50, 13}, {-32, 12}, {-20, 10}, {-12, 9},
                                      {-8, 8},    {-1, 1},   {0, 0},    {1, 17},   {8, 24},   {12, 25},
                                      {20, 26},   {32, 28},  {64, 30},  {128, 31}, {5000, 31}};
  for (const auto& [distance, expected] : in_both) CHECK(bucket(distance, both) == expected);
  const std::map<int, int> in_before = {{-5000, 31}, {-100, 30}, {-64, 26}, {-32, 21}, {-20, 17},
                                        {-16, 16},   {-9, 9},    {0, 0},    {1, 0},    {90, 0}};
  for (const auto& [distance, expected] : in_before) CHECK(bucket(distance, before) == expected);
  const auto all = distance_buckets(-200, 401, both);
  CHECK(all.sizes() == torch::IntArrayRef({401}));
  CHECK(all.min().item<std::int64_t>() == 0);
  CHECK(all.max().item<std::int64_t>() == 31);
  for (const int distance : {-77, 0, 13}) CHECK(all[200 + distance].item<std::int64_t>() == bucket(distance, both));
}

TEST_CASE("positions' bias is the table's entry of each pair, and its gradient adds the pairs up") {
  torch::manual_seed(1);
  for (const auto& [queries, keys] : std::vector<std::pair<int, int>>{{1, 1}, {1, 6}, {4, 4}, {3, 8}, {9, 9}}) {
    for (const bool bidirectional : {true, false}) {
      INFO(queries << " queries, " << keys << " keys");
      const DistanceBuckets buckets{.count = 8, .max_distance = 10, .bidirectional = bidirectional};
      const auto table = torch::randn({8, 3}, torch::kFloat64).requires_grad_();
      const auto bias = spread_distances(distance_biases(table, 1 - keys, queries + keys - 1, buckets), queries, keys);
      REQUIRE(bias.sizes() == torch::IntArrayRef({1, 3, queries, keys}));
      const auto factors = torch::randn_like(bias);
      auto expected = torch::zeros({8, 3}, torch::kFloat64);
      for (int t = 0; t < queries; ++t) {
        for (int s = 0; s < keys; ++s) {
          const auto b = bucket(s - (keys - queries + t), buckets);
          for (int h = 0; h < 3; ++h) CHECK(bias[0][h][t][s].item<double>() == table[b][h].item<double>());
          expected[b] += factors[0].select(1, t).select(1, s);
        }
      }
      (bias * factors).sum().backward();
      CHECK(max_difference(table.grad(), expected) < 1e-12);
    }
  }
  CHECK_THROWS_WITH(spread_distances(torch::zeros({2, 5}), 3, 4), Catch::Contains("3 queries and 4 keys"));
}

}  // namespace langzoo::test::relative_positions_test
