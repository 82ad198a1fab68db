#include "tests/support/test.h"

#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include "models/layers/copy_parameters.h"

namespace langzoo::test::copy_parameters_test {

TEST_CASE("parameters are copied by their names, where there may be others") {
  using torch::nn::Linear;
  torch::nn::Sequential small(Linear(2, 3)), large(Linear(2, 3), Linear(3, 1));
  copy_named_parameters(*small, *large);
  for (const auto& parameter : small->named_parameters())
    CHECK(torch::equal(parameter.value(), large->named_parameters()[parameter.key()]));
  CHECK_THROWS_WITH(copy_named_parameters(*large, *small), "there is no parameter 1.weight");
  torch::nn::Sequential wide(Linear(4, 3));
  CHECK_THROWS_WITH(copy_named_parameters(*small, *wide), Catch::Contains("[3, 4] cannot be those of [3, 2]"));
}

}  // namespace langzoo::test::copy_parameters_test
