#include "models/io/zip_file.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace langzoo {

namespace {

// APPNOTE.TXT 4.3 and 4.5.3; offsets are within the structure, all integers little-endian.
constexpr std::uint32_t kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::uint32_t kDirectoryEntry = 0x02014b50, kLocalHeader = 0x04034b50;
constexpr std::uint64_t kEndSize = 22, kEnd64Size = 56, kLocatorSize = 20, kEntrySize = 46, kLocalSize = 30;
constexpr std::uint64_t kMaxComment = 65535;
constexpr std::uint32_t kIn64BitField = 0xffffffff;

/// Bounds-checked reading of integers.
class ZipBytes {
 public:
  ZipBytes(const std::filesystem::path& path, std::span<const std::byte> bytes) : path_(path), bytes_(bytes) {}

  template <class Integer>
  Integer at(std::uint64_t position) const {
    need(position, sizeof(Integer));
    Integer value;
    std::memcpy(&value, bytes_.data() + position, sizeof value);
    return value;
  }
  std::uint16_t u16(std::uint64_t position) const { return at<std::uint16_t>(position); }
  std::uint32_t u32(std::uint64_t position) const { return at<std::uint32_t>(position); }
  std::uint64_t u64(std::uint64_t position) const { return at<std::uint64_t>(position); }

  void need(std::uint64_t position, std::uint64_t count) const {
    if (position > bytes_.size() || count > bytes_.size() - position) fail("truncated or damaged zip archive");
  }
  [[noreturn]] void fail(const std::string& what) const { throw FileError(path_, what); }
  std::uint64_t size() const { return bytes_.size(); }

 private:
  const std::filesystem::path& path_;
  std::span<const std::byte> bytes_;
};

std::uint64_t find_end(const ZipBytes& reader) {
  if (reader.size() >= kEndSize) {
    const std::uint64_t last = reader.size() - kEndSize;
    for (std::uint64_t back = 0; back <= std::min(last, kMaxComment); ++back) {
      if (reader.u32(last - back) == kEnd && reader.u16(last - back + 20) == back) return last - back;
    }
  }
  reader.fail("not a complete zip archive (truncated file?)");
}

}  // namespace

ZipFile::ZipFile(const std::filesystem::path& path) : file_(std::make_shared<MappedFile>(path)) {
  const ZipBytes reader(path, file_->bytes());
  const std::uint64_t end = find_end(reader);
  std::uint64_t count = reader.u16(end + 10), directory = reader.u32(end + 16);
  if (end >= kLocatorSize && reader.u32(end - kLocatorSize) == kLocator64) {
    const std::uint64_t end64 = reader.u64(end - kLocatorSize + 8);
    reader.need(end64, kEnd64Size);
    if (reader.u32(end64) != kEnd64) reader.fail("damaged zip archive");
    count = reader.u64(end64 + 32);
    directory = reader.u64(end64 + 48);
  }

  std::uint64_t entry = directory;
  for (std::uint64_t i = 0; i < count; ++i) {
    reader.need(entry, kEntrySize);
    if (reader.u32(entry) != kDirectoryEntry) reader.fail("damaged zip archive");
    const std::uint64_t name_size = reader.u16(entry + 28), extra_size = reader.u16(entry + 30);
    reader.need(entry + kEntrySize, name_size + extra_size);
    const std::string name(file_->text().substr(entry + kEntrySize, name_size));
    if ((reader.u16(entry + 8) & 1) != 0 || reader.u16(entry + 10) != 0) {
      reader.fail("zip record " + std::to_string(i) + " is compressed or encrypted, which PyTorch files never are");
    }

    std::uint64_t size = reader.u32(entry + 24), stored = reader.u32(entry + 20), local = reader.u32(entry + 42);
    std::uint64_t extra = entry + kEntrySize + name_size;
    const std::uint64_t extra_end = extra + extra_size;
    while (extra + 4 <= extra_end) {
      const std::uint16_t id = reader.u16(extra), field_size = reader.u16(extra + 2);
      std::uint64_t field = extra + 4;
      extra = field + field_size;
      if (id != 1) continue;
      for (std::uint64_t* value : {&size, &stored, &local}) {
        if (*value != kIn64BitField) continue;
        if (field + 8 > std::min(extra, extra_end)) reader.fail("damaged zip archive");
        *value = reader.u64(field);
        field += 8;
      }
    }
    if (size != stored) reader.fail("damaged zip archive");

    reader.need(local, kLocalSize);
    if (reader.u32(local) != kLocalHeader) reader.fail("damaged zip archive");
    const std::uint64_t data = local + kLocalSize + reader.u16(local + 26) + reader.u16(local + 28);
    reader.need(data, size);
    if (!records_.emplace(name, std::span<std::byte>(file_->mutable_data() + data, size)).second) {
      reader.fail("two zip records of one name");
    }
    entry = extra_end + reader.u16(entry + 32);
  }
}

}  // namespace langzoo
