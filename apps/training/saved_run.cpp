#include "apps/training/saved_run.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "data/files/json_text.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Whether the file has such a section.
bool read_section(const fs::path& path, const std::string& section, const Fields& fields) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 24;
  if (!fs::exists(path)) return false;
  const auto text = read_file(path, kMostBytes);
  if (nested_too_deeply(text)) throw FileError(path, "is nested too deeply");
  const auto run = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (run.is_discarded()) throw FileError(path, "is not JSON");
  const auto found = run.is_object() ? run.find(section) : run.end();
  if (found == run.end() || !found->is_object()) return false;
  for (const auto& field : fields_of(fields)) {
    if (!found->contains(field.name)) continue;
    const auto value = (*found)[field.name].dump();
    if (!field.set(value))
      throw FileError(path, fmt::format("{}.{} = {} must be {}", section, field.name, value, field.allowed));
  }
  return true;
}

/// Whether it is one of the folders that a run makes in its own.
bool is_in_run(const fs::path& dir) {
  const auto normal = dir.lexically_normal();
  const auto name = (normal.has_filename() ? normal : normal.parent_path()).filename().string();
  return name == "best" || name.starts_with("checkpoint-");
}

}  // namespace

void read_run_section(const fs::path& dir, const std::string& section, const Fields& fields) {
  if (read_section(dir / "run.json", section, fields)) return;
  try {
    read_section((dir / ".." / "run.json").lexically_normal(), section, fields);
  } catch (const FileError&) {
    if (is_in_run(dir)) throw;  // another folder may stand in anybody's
  }
}

}  // namespace langzoo
