/// apps/configs/*.json, carried inside the program; apps/CMakeLists.txt writes the table.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace langzoo {

/// (name, JSON text), by name.
extern const std::vector<std::pair<std::string_view, std::string_view>> kEmbeddedPresets;

}  // namespace langzoo
