/// Zip archives made in memory, for the tests of what reads them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace langzoo::test {

/// Names and bytes as stored records; `method` is what the archive claims about their compression.
std::string zip_archive(const std::vector<std::pair<std::string, std::string>>& records, std::uint16_t method = 0);

}  // namespace langzoo::test
