/// Every family there is, by the `model_type` of its directories: for programs that open a directory without knowing
/// what it holds.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "models/pretrained.h"

namespace langzoo {

struct Family {
  std::string_view model_type;  ///< of config.json: "gpt2"
  std::string_view program;     ///< what opens it: "langzoo-gpt"
  std::string_view description;
  /// from_pretrained of the family's model with its usual head.
  std::shared_ptr<torch::nn::Module> (*load)(const std::filesystem::path& dir, LoadReport* report,
                                             const PretrainedOptions& options);
};

std::span<const Family> families();

/// The family of the model in `dir`. Throws FileError naming its model_type and the ones there are.
const Family& family_of(const std::filesystem::path& dir);

}  // namespace langzoo
