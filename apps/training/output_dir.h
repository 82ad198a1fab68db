/// The folder that a training writes.
#pragma once

#include <filesystem>
#include <set>
#include <vector>

namespace langzoo {

/// Whether there is nothing in `out` yet. Throws ConfigError for what can be no folder.
bool is_new_or_empty(const std::filesystem::path& out);

/// Removes what a run put into its folder, whatever it was, unless the run gets under way: a mistake in the data or the
/// settings must not leave behind a folder that the next attempt is refused. What was there before stays: the data that
/// an earlier part of the run prepared.
class OutputGuard {
 public:
  /// Makes the folder, and those above it. Throws FileError.
  explicit OutputGuard(std::filesystem::path out);
  ~OutputGuard();
  OutputGuard(const OutputGuard&) = delete;
  OutputGuard& operator=(const OutputGuard&) = delete;
  void keep() { active_ = false; }

 private:
  void remove_made_folders() const;

  std::filesystem::path out_;
  std::set<std::filesystem::path> before_;      ///< what was in the folder, at any depth
  std::vector<std::filesystem::path> missing_;  ///< itself and those above it that did not exist, from the inside out
  bool active_ = true;
};

}  // namespace langzoo
