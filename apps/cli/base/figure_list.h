/// The figures that a verb measures: an object of JSON, or a line each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace langzoo {

struct Figure {
  std::string key;    ///< under --json; empty: not there
  std::string label;  ///< otherwise; empty: not there
  std::variant<std::int64_t, double, std::string> value;
  int decimals = 4;         ///< of a number that is not whole, not under --json
  std::string suffix = {};  ///< what follows the value, not under --json
};

/// Labels take `width` columns; 0: two more than the longest has.
void print_figures(const std::vector<Figure>& figures, bool json, std::size_t width = 0);

}  // namespace langzoo
