#include "apps/cli/model_checks.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/program.h"

namespace langzoo {

void show_load_report(const std::filesystem::path& dir, const LoadReport& report) {
  const auto summary = report.summary();
  if (!summary.empty()) std::cerr << fmt::format("note: {}: {}\n", dir.string(), summary);
}

void require_vocabulary(ModelConfig& config, const std::string& name, std::int64_t tokens) {
  const auto field = find_field(fields_in(config), name);
  if (!field || field->json() == "null" || std::stoll(field->json()) >= tokens) return;
  throw UsageError(fmt::format("model.{} = {}: the tokenizer has {} tokens", name, field->json(), tokens));
}

}  // namespace langzoo
