#include "data/files/files.h"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <regex>
#include <streambuf>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/files/escaped.h"
#include "data/files/mapped_file.h"
#include "data/files/numbers.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::string reason_of(int error) {
  return std::strerror(error);
}

/// A file descriptor that closes itself.
struct Descriptor {
  explicit Descriptor(int descriptor) : fd(descriptor) {}
  Descriptor(Descriptor&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }

  int fd;
};

const fs::path kDescriptors = "/proc/self/fd";

/// A readable_file.
Descriptor open_regular(const fs::path& path, std::uint64_t& size,
                        std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max()) {
  Descriptor file{::open(readable_file(path, max_bytes).c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw FileError(path, reason_of(errno));
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) throw FileError(path, reason_of(errno));
  if (S_ISDIR(info.st_mode)) throw FileError(path, "is a directory, expected a file");
  if (!S_ISREG(info.st_mode)) throw FileError(path, "is not a regular file");
  size = static_cast<std::uint64_t>(info.st_size);
  return file;
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

/// Whether reading a device need not end: a terminal's user ends it, and /dev/null is empty.
bool is_endless(int descriptor) {
  struct stat info {};
  struct stat null {};
  if (::fstat(descriptor, &info) != 0 || !S_ISCHR(info.st_mode) || ::isatty(descriptor) == 1) return false;
  return ::stat("/dev/null", &null) != 0 || info.st_rdev != null.st_rdev;
}

/// All that is still to be read.
std::unique_ptr<TemporaryFile> copy_of(const fs::path& path, int source, std::uint64_t max_bytes) {
  if (is_endless(source)) throw FileError(path, "is a device, expected a file or a pipe");
  auto copy = std::make_unique<TemporaryFile>(fs::temp_directory_path() / "langzoo-input");
  std::vector<std::byte> block(std::size_t{1} << 20);
  for (std::uint64_t size = 0;;) {
    const ssize_t n = ::read(source, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw FileError(path, reason_of(errno));
    if (n == 0) return copy;
    copy->write(size, std::span(block).first(static_cast<std::size_t>(n)));
    size += static_cast<std::uint64_t>(n);
    if (size > max_bytes)
      throw FileError(path, "has more than the " + std::to_string(max_bytes) + " bytes allowed here");
  }
}

/// What is written to a descriptor, as it comes.
class DescriptorBuffer : public std::streambuf {
 public:
  explicit DescriptorBuffer(int fd) : fd_(fd) { setp(buffer_, buffer_ + sizeof buffer_); }

 private:
  int_type overflow(int_type c) override {
    if (sync() != 0) return traits_type::eof();
    if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
    return traits_type::not_eof(c);
  }
  int sync() override {
    for (const char* at = pbase(); at != pptr();) {
      const ssize_t n = ::write(fd_, at, static_cast<std::size_t>(pptr() - at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return -1;
      at += n;
    }
    setp(buffer_, buffer_ + sizeof buffer_);
    return 0;
  }

  int fd_;
  char buffer_[1 << 16];
};

/// Where writing to a path goes: to a file that is replaced, or to what is open as `descriptor`.
struct Target {
  fs::path file;
  Descriptor descriptor{-1};
};

Target opened(const fs::path& path, int descriptor) {
  if (descriptor < 0) throw FileError(path, "cannot be written: " + reason_of(errno));
  return {path, Descriptor(descriptor)};
}

/// Follows links, but for the descriptors of the process, which are links to whatever they are open to.
Target target_of(const fs::path& path) {
  constexpr int kMostLinks = 40;
  if (path == "-") return opened(path, ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  Target target{path};
  for (int links = 0;; ++links) {
    std::error_code error;
    const fs::path& file = target.file;
    const auto folder = fs::canonical(file.has_parent_path() ? file.parent_path() : fs::path("."), error);
    if (error) throw FileError(path, "cannot be written: " + error.message());
    if (folder == fs::canonical(kDescriptors, error)) {
      int descriptor = -1;
      read_number(file.filename().native(), descriptor);
      return opened(path, ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0));
    }
    if (!fs::is_symlink(file, error)) break;
    if (links == kMostLinks) throw FileError(path, "cannot be written: " + reason_of(ELOOP));
    target.file = folder / fs::read_symlink(file, error);
  }
  std::error_code error;
  const auto status = fs::status(target.file, error);
  if (fs::is_directory(status)) throw FileError(path, "is a directory, expected a file");
  if (!fs::exists(status) || fs::is_regular_file(status)) return target;
  return opened(path, ::open(target.file.c_str(), O_WRONLY | O_CLOEXEC));
}

void replace_file(const fs::path& path, const fs::path& file, const std::function<void(std::ostream&)>& write) {
  const fs::path temporary = temporary_name(file);
  try {
    {
      errno = 0;
      std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
      if (!out) throw FileError(path, "cannot be written: " + reason_of(errno));
      std::error_code ignored;
      if (const auto old = fs::status(file, ignored); fs::exists(old)) {
        fs::permissions(temporary, old.permissions(), ignored);
      }
      write(out);
      out.close();
      if (!out) throw FileError(path, "cannot be written: " + (errno ? reason_of(errno) : std::string("write failed")));
    }
    sync_path(temporary, O_RDONLY);
    std::error_code error;
    fs::rename(temporary, file, error);
    if (error) throw FileError(path, "cannot be replaced: " + error.message());
    sync_path(file.has_parent_path() ? file.parent_path() : fs::path("."), O_RDONLY | O_DIRECTORY);
  } catch (...) {
    std::error_code ignored;
    fs::remove(temporary, ignored);
    throw;
  }
}

/// What files are called that have a name of ours.
class ShownNames {
 public:
  static ShownNames& all() {
    static ShownNames names;
    return names;
  }
  void set(const fs::path& path, const std::string& name) {
    const std::lock_guard lock(mutex_);
    names_[path] = name;
  }
  std::string of(const fs::path& path) {
    const std::lock_guard lock(mutex_);
    const auto found = names_.find(path);
    return found == names_.end() ? path.string() : found->second;
  }

 private:
  std::mutex mutex_;
  std::map<fs::path, std::string> names_;
};

}  // namespace

FileError::FileError(const fs::path& path, const std::string& reason)
    : std::runtime_error(escaped((path.empty() ? "an empty name" : ShownNames::all().of(path)) + ": " + reason)) {}

void show_as(const fs::path& path, const std::string& name) {
  ShownNames::all().set(path, name);
}

fs::path readable_file(const fs::path& path, std::uint64_t max_bytes) {
  struct stat info {};
  const bool standard = path == "-";
  if (!standard && (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode) || S_ISDIR(info.st_mode))) return path;
  static std::mutex mutex;
  static std::map<fs::path, std::unique_ptr<TemporaryFile>> copies;
  const std::lock_guard lock(mutex);
  auto& copy = copies[path];
  if (!copy) {
    const Descriptor source{standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                                     : ::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (source.fd < 0) throw FileError(path, reason_of(errno));
    copy = copy_of(path, source.fd, max_bytes);
    show_as(copy->link(), path.string());
  }
  return copy->link();
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  std::uint64_t size = 0;
  const Descriptor file = open_regular(path, size, max_bytes);
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
  const Target target = target_of(path);
  if (target.descriptor.fd < 0) return replace_file(path, target.file, write);
  DescriptorBuffer buffer(target.descriptor.fd);
  std::ostream out(&buffer);
  errno = 0;
  write(out);
  out.flush();
  if (!out) throw FileError(path, "cannot be written: " + (errno ? reason_of(errno) : std::string("it cannot seek")));
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  write_file_atomically(
      path, [bytes](std::ostream& out) { out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())); });
}

std::string name_behind_temporary(const std::string& name) {
  static const std::regex kTemporary(R"((.+)\.tmp-\d+-\d+)");
  std::smatch parts;
  return std::regex_match(name, parts, kTemporary) ? parts[1].str() : std::string();
}

void check_writable(const fs::path& path) {
  std::error_code error;
  const auto status = fs::status(path, error);
  const bool other = fs::exists(status) && !fs::is_regular_file(status) && !fs::is_directory(status);
  if (other) {  // opening a pipe would wait for its reader
    if (::access(path.c_str(), W_OK) != 0) throw FileError(path, "cannot be written: " + reason_of(errno));
    return;
  }
  const Target target = target_of(path);
  if (target.descriptor.fd >= 0) return;
  const auto folder = target.file.has_parent_path() ? target.file.parent_path() : fs::path(".");
  if (::access(folder.c_str(), W_OK | X_OK) != 0) throw FileError(path, "cannot be written: " + reason_of(errno));
}

bool is_standard_output(const fs::path& path) {
  if (path == "-") return true;
  struct stat there {};
  struct stat out {};
  struct stat null {};
  if (::stat(path.c_str(), &there) != 0 || ::fstat(STDOUT_FILENO, &out) != 0) return false;
  if (::stat("/dev/null", &null) == 0 && S_ISCHR(there.st_mode) && there.st_rdev == null.st_rdev) return false;
  return there.st_dev == out.st_dev && there.st_ino == out.st_ino;
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

fs::path TemporaryFile::link() const {
  return kDescriptors / std::to_string(descriptor_);
}

}  // namespace langzoo
