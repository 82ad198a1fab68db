#include "tests/support/plain_test.h"

#include <iostream>
#include <limits>
#include <sstream>

#include "apps/cli/base/figure_list.h"

using namespace langzoo;

namespace {

std::string printed(const std::vector<Figure>& figures, bool json, std::size_t width = 0) {
  std::ostringstream out;
  auto* const before = std::cout.rdbuf(out.rdbuf());
  print_figures(figures, json, width);
  std::cout.rdbuf(before);
  return out.str();
}

}  // namespace

TEST_CASE("figures are lines of a column each, or one JSON object; what has no name there is left out") {
  const std::vector<Figure> figures = {{"pairs", "pairs", std::int64_t{12}},
                                       {"bleu", "BLEU", 1.23456, 2, " (s)"},
                                       {"signature", "", std::string("a\"b")},
                                       {"", "shown", 2.0},
                                       {"nan", "", std::numeric_limits<double>::quiet_NaN()}};
  CHECK(printed(figures, false) == "pairs  12\nBLEU   1.23 (s)\nshown  2.0000\n");
  CHECK(printed(figures, false, 9) == "pairs    12\nBLEU     1.23 (s)\nshown    2.0000\n");
  CHECK(printed(figures, true) == "{\"pairs\":12,\"bleu\":1.23456,\"signature\":\"a\\\"b\",\"nan\":null}\n");
}
