#include "apps/cli/word_vectors/model_dir.h"

#include "apps/cli/model_checks.h"

namespace langzoo {

WordVectors load_vectors(const std::filesystem::path& path) {
  LoadReport report;
  auto vectors = load_word_vectors(path, &report);
  show_load_report(path, report);
  return vectors;
}

}  // namespace langzoo
