#include "apps/cli/base/figure_list.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"

namespace langzoo {

void print_figures(const std::vector<Figure>& figures, bool json, std::size_t width) {
  if (json) {
    JsonMembers members;
    for (const auto& figure : figures) {
      if (figure.key.empty()) continue;
      members.emplace_back(figure.key, std::visit([](const auto& value) { return JsonValue(value); }, figure.value));
    }
    return print_json(members);
  }
  const bool fitted = width == 0;
  for (const auto& figure : figures) {
    if (fitted) width = std::max(width, figure.label.size() + 2);
  }
  for (const auto& figure : figures) {
    if (figure.label.empty()) continue;
    const auto* const number = std::get_if<double>(&figure.value);
    const auto shown = number != nullptr
                           ? fmt::format("{:.{}f}", *number, figure.decimals)
                           : std::visit([](const auto& value) { return fmt::format("{}", value); }, figure.value);
    std::cout << fmt::format("{:<{}}{}{}\n", figure.label, width, shown, figure.suffix);
  }
}

}  // namespace langzoo
