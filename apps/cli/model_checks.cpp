#include "apps/cli/model_checks.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/training/output_dir.h"

namespace langzoo {

void show_load_report(const std::filesystem::path& dir, const LoadReport& report) {
  const auto summary = report.summary();
  if (!summary.empty()) std::cerr << fmt::format("note: {}: {}\n", dir.string(), summary);
}

Option& add_model_folder(Options& options, std::string& model, const std::string& help) {
  const auto set = [&model](const std::string& dir) {
    model = run_to_read(dir).string();
    if (model == dir) return;
    std::cerr << fmt::format(
        "note: {}: a run that was to replace the one in it is not under way; that one is read, {}\n", dir, model);
  };
  return options.on("--model", set, help);
}

}  // namespace langzoo
