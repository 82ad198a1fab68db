/// apps/configs/<program>/<preset>.json and apps/prompts/<task>.json, carried inside the programs; apps/CMakeLists.txt
/// writes the table.
#pragma once

#include <string_view>
#include <vector>

namespace langzoo {

struct EmbeddedPreset {
  std::string_view program;  ///< "gpt"; of tasks kPromptTasks
  std::string_view name;     ///< the file's, without .json
  std::string_view json;
};

inline constexpr std::string_view kPromptTasks = "prompts";

/// By program and name.
extern const std::vector<EmbeddedPreset> kEmbeddedPresets;

}  // namespace langzoo
