#include "data/files/files.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int error) {
  return std::strerror(error);
}

/// A file descriptor that closes itself.
struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

Descriptor open_regular(const fs::path& path, std::uint64_t& size) {
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw FileError(path, reason_of(errno));
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) throw FileError(path, reason_of(errno));
  if (S_ISDIR(info.st_mode)) throw FileError(path, "is a directory, expected a file");
  if (!S_ISREG(info.st_mode)) throw FileError(path, "is not a regular file");
  size = static_cast<std::uint64_t>(info.st_size);
  const int fd = std::exchange(file.fd, -1);
  return Descriptor{fd};
}

void sync_path(const fs::path& path, int flags) {
  const Descriptor file{::open(path.c_str(), flags | O_CLOEXEC)};
  if (file.fd < 0 || ::fsync(file.fd) != 0) throw FileError(path, "cannot be flushed to disk: " + reason_of(errno));
}

fs::path temporary_name(fs::path beside) {
  static std::atomic<unsigned> counter{0};
  return beside += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
}

void read_at(const fs::path& path, int descriptor, std::uint64_t offset, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw FileError(path, reason_of(errno));
    if (n == 0) throw FileError(path, "ends before byte " + std::to_string(offset + bytes.size()));
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

}  // namespace

FileError::FileError(const fs::path& path, const std::string& reason)
    : std::runtime_error(path.string() + ": " + reason) {}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  std::uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  if (size > max_bytes) {
    throw FileError(
        path, "has " + std::to_string(size) + " bytes, more than the " + std::to_string(max_bytes) + " allowed here");
  }
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.fd, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw FileError(path, reason_of(errno));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

std::string absolute_if_there(const std::string& path) {
  std::error_code error;
  if (path.empty() || !fs::exists(path, error)) return path;
  return fs::absolute(path).lexically_normal().string();
}

void write_file_atomically(const fs::path& path, const std::function<void(std::ostream&)>& write) {
  const fs::path temporary = temporary_name(path);
  try {
    {
      errno = 0;
      std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
      if (!out) throw FileError(path, "cannot be written: " + reason_of(errno));
      write(out);
      out.close();
      if (!out) throw FileError(path, "cannot be written: " + (errno ? reason_of(errno) : std::string("write failed")));
    }
    sync_path(temporary, O_RDONLY);
    std::error_code error;
    fs::rename(temporary, path, error);
    if (error) throw FileError(path, "cannot be replaced: " + error.message());
    sync_path(path.has_parent_path() ? path.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(
      path, [bytes](std::ostream& out) { out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
}

MappedFile::MappedFile(const fs::path& path) {
  std::uint64_t size = 0;
  const Descriptor file = open_regular(path, size);
  if (size == 0) return;
  void* address = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file.fd, 0);
  if (address == MAP_FAILED) throw FileError(path, "cannot be mapped: " + reason_of(errno));
  data_ = static_cast<std::byte*>(address);
  size_ = size;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

RandomAccessFile::RandomAccessFile(const fs::path& path) : path_(path) {
  Descriptor file = open_regular(path, size_);
  descriptor_ = std::exchange(file.fd, -1);
}

RandomAccessFile::~RandomAccessFile() {
  ::close(descriptor_);
}

void RandomAccessFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  read_at(path_, descriptor_, offset, bytes);
}

TemporaryFile::TemporaryFile(const fs::path& beside) : path_(temporary_name(beside)) {
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) throw FileError(path_, "cannot be written: " + reason_of(errno));
  ::unlink(path_.c_str());
}

TemporaryFile::~TemporaryFile() {
  ::close(descriptor_);
}

void TemporaryFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw FileError(path_, "cannot be written: " + reason_of(errno));
    offset += static_cast<std::uint64_t>(n);
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

void TemporaryFile::read(std::uint64_t offset, std::span<std::byte> bytes) const {
  read_at(path_, descriptor_, offset, bytes);
}

}  // namespace langzoo
