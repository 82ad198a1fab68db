#include "tests/support/test.h"

#include "models/layers/kv_cache.h"

namespace langzoo::test {

TEST_CASE("the cache returns what was appended, in place") {
  torch::manual_seed(6);
  const auto keys = torch::randn({2, 3, 7, 4}), values = torch::randn({2, 3, 7, 4});
  KvCache cache(7);
  const void* buffer = nullptr;
  std::int64_t length = 0;
  for (const std::int64_t tokens : {4, 1, 2}) {
    const auto [k, v] = cache.append(keys.narrow(2, length, tokens), values.narrow(2, length, tokens));
    length += tokens;
    CHECK(cache.length() == length);
    CHECK(torch::equal(k, keys.narrow(2, 0, length)));
    CHECK(torch::equal(v, values.narrow(2, 0, length)));
    if (buffer == nullptr) buffer = k.data_ptr();
    CHECK(k.data_ptr() == buffer);
  }
  CHECK_THROWS_WITH(cache.append(keys, values), Catch::Contains("14") && Catch::Contains("7"));
  CHECK(cache.length() == 7);
}

TEST_CASE("what does not go on from what is held is refused, not repeated") {
  KvCache cache(7);
  const auto held = torch::randn({2, 3, 4, 4});
  cache.append(held, held);
  const auto refused = [&](const torch::Tensor& keys, const torch::Tensor& values, const std::string& sizes) {
    CHECK_THROWS_AS(cache.append(keys, values), std::invalid_argument);
    CHECK_THROWS_WITH(cache.append(keys, values), Catch::Contains(sizes));
    CHECK(cache.length() == 4);
  };
  for (const auto& shape : std::vector<std::vector<std::int64_t>>{{1, 3, 1, 4}, {2, 1, 1, 4}, {2, 3, 1, 1}}) {
    const auto one = torch::ones(shape);
    refused(one, one, "[2, 3, 4, 4]");
    refused(one, one, "[" + std::to_string(shape[0]) + ", " + std::to_string(shape[1]));
  }
  const auto next = torch::ones({2, 3, 1, 4});
  refused(next, torch::ones({1, 3, 1, 4}), "[1, 3, 1, 4]");
  refused(torch::ones({3, 1, 4}), torch::ones({3, 1, 4}), "[3, 1, 4]");
  refused(next.to(torch::kFloat64), next.to(torch::kFloat64), "Double");
  refused(next, next.to(torch::kBFloat16), "BFloat16");
  const auto k = cache.append(next, next).first;
  CHECK(torch::equal(k.narrow(2, 4, 1), next));
}

TEST_CASE("reordered rows continue what the named rows held") {
  torch::manual_seed(7);
  const auto keys = torch::randn({2, 1, 3, 4}), values = torch::randn({2, 1, 3, 4});
  KvCache cache(4);
  cache.reorder(torch::tensor({0}));  // nothing held yet
  cache.append(keys, values);
  const auto rows = torch::tensor({1, 1, 0});
  cache.reorder(rows);
  const auto next = torch::randn({3, 1, 1, 4});
  const auto [k, v] = cache.append(next, 2 * next);
  CHECK(torch::equal(k, torch::cat({keys.index_select(0, rows), next}, 2)));
  CHECK(torch::equal(v, torch::cat({values.index_select(0, rows), 2 * next}, 2)));
}

TEST_CASE("rows may be reordered in any way, as often as one likes") {
  torch::manual_seed(8);
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    KvCache cache(40);
    auto keys = torch::randn({5, 3, 2, 4}).to(dtype), values = torch::randn({5, 3, 2, 4}).to(dtype);
    cache.append(keys, values);
    for (const auto& rows : std::vector<std::vector<std::int64_t>>{{0, 1, 2, 3, 4},
                                                                   {0, 1, 1, 3, 0},
                                                                   {4, 3, 2, 1, 0},
                                                                   {1, 1, 2, 2, 4},
                                                                   {1, 0, 0, 3, 3},
                                                                   {0, 2, 3, 4},
                                                                   {3, 2, 1, 1},
                                                                   {1, 3},
                                                                   {1, 1, 0, 0, 1, 1},
                                                                   {5, 0, 0, 5, 2},
                                                                   {4}}) {
      const auto index = torch::tensor(rows);
      cache.reorder(index);
      const auto next = torch::randn({index.size(0), 3, 1, 4}).to(dtype);
      keys = torch::cat({keys.index_select(0, index), next}, 2);
      values = torch::cat({values.index_select(0, index), 2 * next}, 2);
      const auto [k, v] = cache.append(next, 2 * next);
      CHECK(torch::equal(k, keys));
      CHECK(torch::equal(v, values));
    }
  }
}

TEST_CASE("a cache with a window gives the tokens that can be seen, in order and in bounded memory") {
  torch::manual_seed(8);
  constexpr std::int64_t kTokens = 60, kWindow = 4;
  const auto keys = torch::randn({2, 1, kTokens, 3});
  for (const std::int64_t tokens : {1, 2, 3, 7, 13}) {
    INFO(tokens);
    KvCache cache(kTokens, kWindow);
    const void* buffer = nullptr;
    for (std::int64_t past = 0; past + tokens <= kTokens; past += tokens) {
      const auto now = past + tokens, seen = std::min(now, kWindow - 1 + tokens);
      const auto [k, v] = cache.append(keys.narrow(2, past, tokens), 2 * keys.narrow(2, past, tokens));
      CHECK(cache.length() == now);
      REQUIRE(k.size(2) >= seen);
      CHECK(torch::equal(k.narrow(2, k.size(2) - seen, seen), keys.narrow(2, now - seen, seen)));
      CHECK(torch::equal(v, 2 * k));
      if (tokens == 1) {
        CHECK(k.storage().nbytes() == 2 * 2 * kWindow * 3 * sizeof(float));
        if (buffer != nullptr) CHECK(k.storage().data() == buffer);
        buffer = k.storage().data();
      }
    }
    CHECK_THROWS_WITH(cache.append(keys, keys), Catch::Contains("capacity of 60"));
  }
}

}  // namespace langzoo::test
