#include "apps/cli/model_checks.h"

#include <iostream>

#include <fmt/format.h>

namespace langzoo {

void show_load_report(const std::filesystem::path& dir, const LoadReport& report) {
  const auto summary = report.summary();
  if (!summary.empty()) std::cerr << fmt::format("note: {}: {}\n", dir.string(), summary);
}

}  // namespace langzoo
