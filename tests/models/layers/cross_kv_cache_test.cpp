#include "tests/support/test.h"

#include "models/layers/cross_kv_cache.h"
#include "models/layers/masks.h"

namespace langzoo::test {
namespace {

using torch::Tensor;

struct Sources {
  Tensor keys, values, bias;
};

/// Three sources of 5, 2 and 3 positions.
Sources some_sources(torch::ScalarType dtype) {
  torch::manual_seed(9);
  const auto lengths = torch::tensor({5, 2, 3});
  return {torch::randn({3, 2, 5, 8}).to(dtype), torch::randn({3, 2, 5, 8}).to(dtype),
          padding_bias(torch::arange(5).unsqueeze(0) < lengths.unsqueeze(1), dtype)};
}

/// Beams, beams that change places, a source that ends, uneven rows, mixed rows, and back.
const std::vector<Tensor> kHistory = {torch::tensor({0, 0, 1, 1, 2, 2}),
                                      torch::tensor({1, 0, 3, 3, 4, 5}),
                                      torch::tensor({0, 1, 4, 4}),
                                      torch::tensor({0, 1, 2}),
                                      torch::tensor({0, 2, 1, 2}),
                                      torch::tensor({0, 2, 1, 3}),
                                      torch::tensor({3, 1}),
                                      torch::tensor({0, 0, 0, 1, 1, 1}),
                                      torch::tensor({5})};

}  // namespace

TEST_CASE("rows attend as if each had its source's keys and values") {
  for (const auto dtype : {torch::kFloat32, torch::kFloat64, torch::kBFloat16}) {
    const double tolerance = dtype == torch::kFloat64 ? 1e-12 : dtype == torch::kFloat32 ? 1e-6 : 5e-2;
    for (const bool padded : {true, false}) {
      const auto [keys, values, bias] = some_sources(dtype);
      CrossKvCache cache(keys, values, padded ? bias : Tensor());
      auto sources = torch::arange(3);
      for (std::size_t step = 0;; ++step) {
        INFO(dtype << " step " << step);
        for (const std::int64_t queries : {1, 3}) {
          const auto q = torch::randn({sources.numel(), 2, queries, 8}).to(dtype);
          const AttendOptions options{.bias = padded ? bias.index_select(0, sources) : Tensor(), .scale = 0.7};
          const auto expected = attend(q, keys.index_select(0, sources), values.index_select(0, sources), options);
          const auto mine = cache.attend(q, {.scale = 0.7});
          CHECK(max_difference(mine.output, expected.output) < tolerance);
          CHECK_FALSE(mine.weights.defined());
          const auto shown = cache.attend(q, {.scale = 0.7, .want_weights = true});
          CHECK(max_difference(shown.output, expected.output) < tolerance);
          CHECK(shown.weights.sizes() == torch::IntArrayRef({sources.numel(), 2, queries, 5}));
          CHECK(max_difference(shown.weights.matmul(values.index_select(0, sources)), expected.output) < tolerance);
        }
        if (step == kHistory.size()) break;
        cache.reorder(kHistory[step]);
        sources = sources.index_select(0, kHistory[step]);
        CHECK(cache.rows() == sources.numel());
        CHECK(cache.keys().size(0) == std::get<0>(at::_unique(sources)).numel());
      }
    }
  }
}

TEST_CASE("beams cost no copy of keys and values") {
  const auto [keys, values, bias] = some_sources(torch::kFloat32);
  CrossKvCache cache(keys, values, bias);
  for (const auto& rows : {torch::tensor({0, 0, 0, 1, 1, 1, 2, 2, 2}), torch::tensor({2, 0, 1, 3, 3, 3, 8, 7, 6})}) {
    cache.reorder(rows);
    CHECK(cache.keys().is_same(keys));
    CHECK(cache.values().is_same(values));
  }
}

TEST_CASE("a source of padding alone gives zeros") {
  const auto [keys, values, bias] = some_sources(torch::kFloat32);
  CrossKvCache cache(keys, values, torch::full({3, 1, 1, 5}, -INFINITY));
  cache.reorder(torch::tensor({0, 0, 1, 1, 2, 2}));
  CHECK(cache.attend(torch::randn({6, 2, 1, 8})).output.abs().max().item<double>() == 0);
}

TEST_CASE("what does not fit a cross-attention cache is refused") {
  const auto [keys, values, bias] = some_sources(torch::kFloat32);
  CHECK_THROWS_WITH(CrossKvCache(keys, values.narrow(0, 0, 1)), Catch::Contains("values [1, 2, 5, 8]"));
  CHECK_THROWS_WITH(CrossKvCache(keys, values, torch::zeros({2, 1, 1, 5})), Catch::Contains("biases [2, 1, 1, 5]"));
  CHECK_THROWS_WITH(CrossKvCache(keys, values, torch::zeros({3, 5})), Catch::Contains("biases [3, 5]"));
  CrossKvCache cache(keys, values, torch::zeros({1, 1, 1, 5}));
  CHECK_THROWS_WITH(cache.attend(torch::zeros({1, 2, 1, 8})), Catch::Contains("queries [1, 2, 1, 8]"));
  CHECK_THROWS_WITH(cache.attend(torch::zeros({3, 2, 1, 4})), Catch::Contains("queries [3, 2, 1, 4]"));
  CHECK_THROWS_AS(cache.attend(torch::zeros({3, 2, 1, 8}), {.causal = true}), std::invalid_argument);
  CHECK_THROWS_AS(cache.attend(torch::zeros({3, 2, 1, 8}), {.bias = bias}), std::invalid_argument);
  CHECK_THROWS_AS(cache.reorder(torch::tensor({3})), std::out_of_range);
}

}  // namespace langzoo::test
