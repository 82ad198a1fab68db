#include "apps/training/output_dir.h"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// All below `dir`, links not followed, a folder before what is in it.
std::vector<fs::path> entries_below(const fs::path& dir) {
  std::vector<fs::path> entries;
  std::error_code error;
  fs::recursive_directory_iterator at(dir, fs::directory_options::skip_permission_denied, error), end;
  for (; !error && at != end; at.increment(error)) entries.push_back(at->path());
  return entries;
}

}  // namespace

bool is_new_or_empty(const fs::path& out) {
  if (out.empty()) throw ConfigError("the output folder (--out) has an empty name");
  if (!fs::exists(out)) return true;
  if (!fs::is_directory(out)) throw ConfigError(fmt::format("--out {}: is not a directory", out.string()));
  return fs::is_empty(out);
}

OutputGuard::OutputGuard(fs::path out) : out_(std::move(out)) {
  std::error_code error;
  for (auto dir = fs::absolute(out_).lexically_normal(); dir.has_relative_path(); dir = dir.parent_path()) {
    if (fs::exists(fs::symlink_status(dir, error))) break;
    missing_.push_back(dir);
  }
  fs::create_directories(out_, error);
  if (error) {
    remove_made_folders();
    throw FileError(out_, "cannot be created: " + error.message());
  }
  for (auto& entry : entries_below(out_)) before_.insert(std::move(entry));
}

OutputGuard::~OutputGuard() {
  if (!active_) return;
  std::error_code ignored;
  for (const auto& entry : entries_below(out_)) {
    if (before_.count(entry) == 0) fs::remove_all(entry, ignored);
  }
  remove_made_folders();
}

/// Only those that are empty: a folder above may have got another run's meanwhile.
void OutputGuard::remove_made_folders() const {
  std::error_code ignored;
  for (const auto& dir : missing_) fs::remove(dir, ignored);
}

}  // namespace langzoo
