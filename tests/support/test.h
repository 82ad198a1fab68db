/// The one header every test that uses LibTorch includes: torch first, because its CHECK and Catch2's clash, then Catch2.
#pragma once

#include "third_party/torch.h"
#undef CHECK
#undef REQUIRE

#include "tests/support/plain_test.h"

namespace langzoo::test {

/// The largest absolute difference of two tensors of equal shape, in float64; throws when the shapes differ.
double max_difference(const torch::Tensor& a, const torch::Tensor& b);

}  // namespace langzoo::test
