/// A folder for files that nobody needs for long.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "data/files/file_error.h"

namespace langzoo {

/// A directory that goes away with the object.
class ScratchDir {
 public:
  /// Throws FileError where temporary files have no place.
  ScratchDir() {
    auto name = (std::filesystem::temp_directory_path() / "langzoo-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw FileError(std::filesystem::temp_directory_path(), "cannot hold a temporary folder");
    }
    path_ = name;
  }
  ~ScratchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace langzoo
