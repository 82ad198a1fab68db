#include "tests/support/plain_test.h"

#include <limits>

#include "apps/cli/base/figures.h"

using namespace langzoo;

TEST_CASE("figures are short") {
  CHECK(with_unit(0) == "0");
  CHECK(with_unit(999) == "999");
  CHECK(with_unit(21400) == "21.4k");
  CHECK(with_unit(999999) == "1.00M");
  CHECK(with_unit(124439808) == "124M");
  CHECK(as_duration(7) == "0:07");
  CHECK(as_duration(3 * 3600 + 65) == "3:01:05");
  CHECK(as_duration(std::numeric_limits<double>::infinity()) == "?");
}
