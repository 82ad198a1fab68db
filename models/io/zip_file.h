/// Zip archives as PyTorch writes them: every record stored, none compressed, 64-bit sizes where needed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "data/files/mapped_file.h"

namespace langzoo {

/// A mapped archive. The constructor throws FileError for anything but an intact directory of stored records; checksums
/// are not verified, for that would read the whole file.
class ZipFile {
 public:
  explicit ZipFile(const std::filesystem::path& path);

  /// Name -> bytes; they stay valid (and privately writable) as long as `mapping()` is held.
  const std::map<std::string, std::span<std::byte>>& records() const { return records_; }
  const std::shared_ptr<MappedFile>& mapping() const { return file_; }

 private:
  std::shared_ptr<MappedFile> file_;
  std::map<std::string, std::span<std::byte>> records_;
};

}  // namespace langzoo
