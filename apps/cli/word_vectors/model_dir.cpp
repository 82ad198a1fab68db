#include "apps/cli/word_vectors/model_dir.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/cli/model_checks.h"

namespace langzoo {

WordVectors load_vectors(const std::filesystem::path& path) {
  LoadReport report;
  LeftOutRows left_out;
  auto vectors = load_word_vectors(path, &report, &left_out);
  show_load_report(path, report);
  for (const auto& what : left_out.in_words()) std::cerr << fmt::format("{}: left out: {}\n", path.string(), what);
  return vectors;
}

}  // namespace langzoo
