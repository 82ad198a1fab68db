#include "tests/support/zip.h"

namespace langzoo::test {

std::string zip_archive(const std::vector<std::pair<std::string, std::string>>& records, std::uint16_t method) {
  const auto number = [](std::uint64_t value, int width) {
    std::string bytes;
    for (int i = 0; i < width; ++i, value >>= 8) bytes += static_cast<char>(value);
    return bytes;
  };
  std::string file, directory;
  for (const auto& [name, bytes] : records) {
    const std::string common = number(0, 2) + number(method, 2) + number(0, 8) + number(bytes.size(), 4) +
                               number(bytes.size(), 4) + number(name.size(), 2) + number(0, 2);
    directory += "PK\x01\x02" + number(0, 4) + common + number(0, 10) + number(file.size(), 4) + name;
    file += "PK\x03\x04" + number(0, 2) + common + name + bytes;
  }
  return file + directory + "PK\x05\x06" + number(0, 4) + number(records.size(), 2) + number(records.size(), 2) +
         number(directory.size(), 4) + number(file.size(), 4) + number(0, 2);
}

}  // namespace langzoo::test
