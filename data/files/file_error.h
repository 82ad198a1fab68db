/// What is wrong with a file.
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>

namespace langzoo {

/// Its message names the path and the reason.
class FileError : public std::runtime_error {
 public:
  FileError(const std::filesystem::path& path, const std::string& reason);
};

}  // namespace langzoo
