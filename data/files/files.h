/// Files read whole, mapped, or replaced atomically: the one piece every layer may use. No torch, no other langzoo
/// header.
///
/// Every function throws FileError, whose message names the path and the reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <ostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace langzoo {

class FileError : public std::runtime_error {
 public:
  FileError(const std::filesystem::path& path, const std::string& reason);
};

/// A regular file with the bytes of `path`: `path` itself where it is one, and where there is nothing to copy (a
/// folder, a missing file). Of a pipe or device, and of stdin, whose name is "-", a copy without a name on the disk of
/// temporary files: such a source can be read once, so that whoever opens it again in this process gets the first copy.
/// Throws for a device without an end (/dev/zero), and where there is more to copy than `max_bytes`.
std::filesystem::path readable_file(const std::filesystem::path& path,
                                    std::uint64_t max_bytes = std::numeric_limits<std::uint64_t>::max());

/// The whole file, a readable_file. Throws when it is missing, a directory, or larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);

/// `path` as an absolute one where there is such a file or folder, else as it is: for what is to be found again from
/// another directory.
std::string absolute_if_there(const std::string& path);

/// Replaces `path` by what `write` puts into the stream: a temporary name beside it, fsync, rename. Whatever goes wrong
/// (a full disk, an exception out of `write`), the old file is untouched and the temporary one is removed. A symbolic
/// link stays, and the file that it names is replaced; so do a file's permissions. What is no regular file (a pipe, a
/// device, /dev/stdout, or "-" for it) is written to as the bytes come; there the stream cannot seek.
void write_file_atomically(const std::filesystem::path& path, const std::function<void(std::ostream&)>& write);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// The name of the file that a temporary one of write_file_atomically, left by a process that was killed, was to
/// become. Empty: `name` is no such file's.
std::string name_behind_temporary(const std::string& name);

/// Throws where write_file_atomically could not write `path`: to be said before there is work to lose.
void check_writable(const std::filesystem::path& path);

/// A readable_file mapped into memory, privately: its pages are read when touched, and writing to them never reaches
/// the disk. An empty file is an empty span.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::byte* mutable_data() { return data_; }
  std::size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A file whose parts are read when they are asked for, by any number of threads.
class RandomAccessFile {
 public:
  explicit RandomAccessFile(const std::filesystem::path& path);
  ~RandomAccessFile();
  RandomAccessFile(const RandomAccessFile&) = delete;
  RandomAccessFile& operator=(const RandomAccessFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  /// Fills `bytes` from `offset` on; throws also where the file ends before.
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;

 private:
  std::filesystem::path path_;
  int descriptor_;
  std::uint64_t size_ = 0;
};

/// Space on the disk of `beside`'s folder, without a name: it is gone with the object, or with the process. Any number
/// of threads may write and read different parts.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::filesystem::path& beside);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::byte> bytes);
  void read(std::uint64_t offset, std::span<std::byte> bytes) const;
  /// By which this process may open it, as long as the object lives.
  std::filesystem::path link() const;

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace langzoo
