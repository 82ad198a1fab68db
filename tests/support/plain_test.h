/// What a test that knows nothing of LibTorch includes, first: Catch2, fixtures and temporary files.
#pragma once

#include <catch2/catch.hpp>

#include <filesystem>
#include <string>

namespace langzoo::test {

/// tests/fixtures/<name>: golden files made by tests/reference/*.py.
std::filesystem::path fixture(const std::string& name);

/// A fresh empty directory, removed with the object.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

}  // namespace langzoo::test
