/// Arrays of numbers in HDF5 files, which older models of TensorFlow and Keras have their weights in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

namespace langzoo {

/// Whether this build reads them: it was made where Debian's libhdf5-dev is installed.
bool reads_hdf5();

/// Open for reading, by one thread at a time.
class Hdf5File {
 public:
  /// Throws FileError for a file that is missing or no HDF5, and in a build that reads none.
  explicit Hdf5File(const std::filesystem::path& path);
  ~Hdf5File();
  Hdf5File(const Hdf5File&) = delete;
  Hdf5File& operator=(const Hdf5File&) = delete;

  /// Whether there is a dataset, or a group, "group/subgroup/name".
  bool has(const std::string& name) const;
  /// Of the dataset "group/subgroup/name". Throws FileError naming it where there is none.
  std::vector<std::int64_t> shape(const std::string& name) const;
  /// The dataset as float32, whatever numbers it holds. Throws FileError naming it where there is none, where it has
  /// another shape than `expected` (nothing is read then), and where it holds no numbers.
  torch::Tensor read(const std::string& name, const std::vector<std::int64_t>& expected) const;

 private:
  std::filesystem::path path_;
  std::int64_t file_ = -1;
};

}  // namespace langzoo
