#include "models/layers/packed.h"

#include "tests/support/test.h"

#include "models/layers/attention.h"
#include "models/layers/masks.h"

namespace langzoo::test::packed_test {

TEST_CASE("rows are packed without their padding and unpacked with zeros") {
  const auto mask = torch::tensor({{0, 1, 1, 0}, {0, 0, 0, 0}, {1, 1, 1, 1}});
  const PackedRows rows(mask);
  CHECK(torch::equal(rows.cu_seqlens, torch::tensor({0, 2, 2, 6}, torch::kInt64)));
  CHECK((rows.batch() == 3 && rows.tokens() == 6 && rows.padded()));
  const auto x = torch::randn({3, 4, 5}, torch::requires_grad());
  const auto packed = rows.pack(x);
  CHECK(packed.sizes() == torch::IntArrayRef({1, 6, 5}));
  CHECK(torch::equal(packed[0][1], x[0][2]));
  CHECK(torch::equal(packed[0][2], x[2][0]));
  const auto expected = x * mask.unsqueeze(-1);
  CHECK(torch::equal(rows.unpack(packed), expected));
  const auto weights = torch::randn({3, 4, 5});
  const auto gradient = torch::autograd::grad({(rows.unpack(packed) * weights).sum()}, {x})[0];
  CHECK(torch::equal(gradient, weights * mask.unsqueeze(-1)));

  const PackedRows by_length(torch::tensor({2, 0, 4}, torch::kInt64), 4);
  CHECK(torch::equal(by_length.cu_seqlens, rows.cu_seqlens));
  CHECK(torch::equal(by_length.index, torch::tensor({0, 1, 8, 9, 10, 11}, torch::kInt64)));
}

TEST_CASE("without padding nothing is copied") {
  const PackedRows rows(torch::ones({2, 3}));
  CHECK_FALSE(rows.padded());
  const auto x = torch::randn({2, 3, 4});
  CHECK(rows.pack(x).data_ptr() == x.data_ptr());
  CHECK(rows.unpack(rows.pack(x)).data_ptr() == x.data_ptr());
}

TEST_CASE("what does not fit packed rows is refused") {
  const PackedRows rows(torch::ones({2, 3}));
  CHECK_THROWS_AS(PackedRows(torch::ones({3})), std::invalid_argument);
  CHECK_THROWS_AS(rows.pack(torch::ones({3, 2, 4})), std::invalid_argument);
  CHECK_THROWS_AS(rows.unpack(torch::ones({2, 3, 4})), std::invalid_argument);
  const auto x = torch::randn({1, 2, 6, 8});
  const auto ends = [](std::vector<std::int64_t> values) { return torch::tensor(values, torch::kInt64); };
  CHECK_NOTHROW(attend(x, x, x, {.cu_seqlens = ends({0, 2, 6})}));
  CHECK_THROWS_AS(attend(x, x, x, {.cu_seqlens = ends({0, 2, 5})}), std::invalid_argument);
  CHECK_THROWS_AS(attend(x, x, x, {.cu_seqlens = ends({0, 4, 2, 6})}), std::invalid_argument);
  CHECK_THROWS_AS(attend(x, x, x, {.cu_seqlens = ends({1, 6})}), std::invalid_argument);
  CHECK_THROWS_AS(attend(x, x, x, {.cu_seqlens = ends({0, 6}).to(torch::kInt32)}), std::invalid_argument);
  CHECK_THROWS_AS(attend(x, x, x, {.cu_seqlens = ends({0, 6}), .cu_seqlens_keys = ends({0, 3, 6})}),
                  std::invalid_argument);
  CHECK_THROWS_AS(attend(x.expand({2, -1, -1, -1}), x, x, {.cu_seqlens = ends({0, 6})}), std::invalid_argument);
}

TEST_CASE("attention of packed rows equals that of padded ones, weights as well") {
  torch::manual_seed(2);
  const auto mask = torch::tensor({{1, 1, 1, 1, 1}, {1, 1, 0, 0, 0}, {1, 1, 1, 0, 0}});
  const PackedRows rows(mask);
  const auto heads = [&](const torch::Tensor& x) { return x.unflatten(-1, {2, 8}).transpose(1, 2); };
  const auto x = torch::randn({3, 5, 16});
  const auto q = heads(x), packed = heads(rows.pack(x));
  for (const bool want_weights : {false, true}) {
    const auto padded = attend(q, q, q, {.bias = padding_bias(mask, torch::kFloat32), .want_weights = want_weights});
    const auto ours = attend(packed, packed, packed, {.cu_seqlens = rows.cu_seqlens, .want_weights = want_weights});
    CHECK(max_difference(rows.unpack(ours.output.transpose(1, 2)),
                         padded.output.transpose(1, 2) * mask.view({3, 5, 1, 1})) < 1e-6);
    CHECK(ours.weights.defined() == want_weights);
    if (want_weights) CHECK(max_difference(ours.weights, padded.weights * mask.view({3, 1, 5, 1})) < 1e-6);
  }
}

}  // namespace langzoo::test::packed_test
