#include "tests/support/test.h"
TEST_CASE("x") {
  CHECK(torch::ones(1).item<int>() == 1);
}
