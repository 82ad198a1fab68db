/// The folder that a training writes: --out.
#pragma once

#include <filesystem>

namespace langzoo {

/// Whether there is nothing in `out` yet. Throws UsageError for what can be no folder.
bool is_new_or_empty(const std::filesystem::path& out);

/// Removes what a run put into its directory, unless the run gets under way: a mistake in the data must not leave
/// behind a directory that the next attempt is refused.
class OutputGuard {
 public:
  /// Makes the directory. Throws FileError.
  explicit OutputGuard(std::filesystem::path out);
  ~OutputGuard();
  OutputGuard(const OutputGuard&) = delete;
  OutputGuard& operator=(const OutputGuard&) = delete;
  void keep() { active_ = false; }

 private:
  std::filesystem::path out_;
  bool existed_, active_ = false;
};

}  // namespace langzoo
