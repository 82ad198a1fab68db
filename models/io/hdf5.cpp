#include "models/io/hdf5.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/file_error.h"
#include "third_party/torch.h"

#ifdef LANGZOO_HDF5
#include <hdf5.h>
#endif

namespace langzoo {

namespace fs = std::filesystem;

#ifdef LANGZOO_HDF5

namespace {

/// The library has one state for all threads.
std::mutex& library() {
  static std::mutex mutex;
  return mutex;
}

/// What the library has opened.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  hid_t id() const { return id_; }
  bool ok() const { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

/// Throws FileError where the dataset has none.
std::vector<std::int64_t> shape_of(const Handle& dataset, const fs::path& path, const std::string& name) {
  const Handle space(H5Dget_space(dataset.id()), H5Sclose);
  const int rank = space.ok() ? H5Sget_simple_extent_ndims(space.id()) : -1;
  if (rank < 0) throw FileError(path, fmt::format("{}: is no array", name));
  std::vector<hsize_t> sizes(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space.id(), sizes.data(), nullptr);
  return {sizes.begin(), sizes.end()};
}

}  // namespace

bool reads_hdf5() {
  return true;
}

Hdf5File::Hdf5File(const fs::path& path) : path_(path) {
  if (!fs::exists(path)) throw FileError(path, "does not exist");
  if (fs::is_directory(path)) throw FileError(path, "is a folder");
  const std::lock_guard lock(library());
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // what is wrong is thrown, not printed
  file_ = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file_ < 0) throw FileError(path, "is no HDF5 file, or is cut short");
}

Hdf5File::~Hdf5File() {
  const std::lock_guard lock(library());
  if (file_ >= 0) H5Fclose(file_);
}

bool Hdf5File::has(const std::string& name) const {
  const std::lock_guard lock(library());
  // Each group on the way has to be there before the next is asked for.
  for (std::size_t end = 0; end != std::string::npos;) {
    end = name.find('/', end + 1);
    if (H5Lexists(file_, name.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

std::vector<std::int64_t> Hdf5File::shape(const std::string& name) const {
  const std::lock_guard lock(library());
  const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) throw FileError(path_, fmt::format("has no dataset {}", name));
  return shape_of(dataset, path_, name);
}

torch::Tensor Hdf5File::read(const std::string& name, const std::vector<std::int64_t>& expected) const {
  const std::lock_guard lock(library());
  const Handle dataset(H5Dopen2(file_, name.c_str(), H5P_DEFAULT), H5Dclose);
  if (!dataset.ok()) throw FileError(path_, fmt::format("has no dataset {}", name));
  const auto found = shape_of(dataset, path_, name);
  if (found != expected) {
    throw FileError(path_, fmt::format("{}: has the shape ({}), expected ({})", name, fmt::join(found, ", "),
                                       fmt::join(expected, ", ")));
  }
  const Handle type(H5Dget_type(dataset.id()), H5Tclose);
  const auto kind = type.ok() ? H5Tget_class(type.id()) : H5T_NO_CLASS;
  if (kind != H5T_FLOAT && kind != H5T_INTEGER) throw FileError(path_, fmt::format("{}: holds no numbers", name));
  auto values = torch::empty(found, torch::kFloat32);
  if (values.numel() > 0 &&
      H5Dread(dataset.id(), H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data_ptr<float>()) < 0)
    throw FileError(path_, fmt::format("{}: cannot be read", name));
  return values;
}

#else

bool reads_hdf5() {
  return false;
}

Hdf5File::Hdf5File(const fs::path& path) {
  throw FileError(path, "is HDF5, which this build does not read: install libhdf5-dev and build again");
}

Hdf5File::~Hdf5File() = default;

bool Hdf5File::has(const std::string& /*name*/) const {
  return false;
}

std::vector<std::int64_t> Hdf5File::shape(const std::string& /*name*/) const {
  return {};
}

torch::Tensor Hdf5File::read(const std::string& /*name*/, const std::vector<std::int64_t>& /*expected*/) const {
  return {};
}

#endif

}  // namespace langzoo
