#include "apps/training/saved_run.h"

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "data/files/json_text.h"

namespace langzoo {

namespace fs = std::filesystem;

void read_run_section(const fs::path& dir, const std::string& section, const Fields& fields) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;
  for (const auto& path : {dir / "run.json", dir / ".." / "run.json"}) {
    if (!fs::exists(path)) continue;
    const auto text = read_file(path, kMostBytes);
    if (nested_too_deeply(text)) continue;  // not a run's, nor what follows
    const auto run = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    const auto found = run.is_object() ? run.find(section) : run.end();
    if (found == run.end() || !found->is_object()) continue;
    for (const auto& field : fields_of(fields)) {
      if (found->contains(field.name)) field.set((*found)[field.name].dump());
    }
    return;
  }
}

}  // namespace langzoo
