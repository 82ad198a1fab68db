/// Every model there is, by what config.json says of it: its model_type and its architecture. For programs that open a
/// directory without knowing what it holds, and for those that treat all models alike.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "models/pretrained.h"

namespace langzoo {

struct RegisteredModel {
  std::string_view model_type;    ///< "gpt2"
  std::string_view architecture;  ///< "GPT2LMHeadModel"
  std::string_view program;       ///< what trains and opens it: "langzoo-gpt"
  std::string_view description;
  const PretrainedTraits& (*traits)();
  /// One with random weights, of the text of a config.json. Throws std::runtime_error naming `origin` and the key.
  std::shared_ptr<torch::nn::Module> (*make)(std::string_view config, const std::string& origin);
  /// from_pretrained of it.
  std::shared_ptr<torch::nn::Module> (*load)(const std::filesystem::path& dir, LoadReport* report,
                                             const PretrainedOptions& options);
};

/// Those of one model_type stand together, the usual one first.
std::span<const RegisteredModel> registered_models();

/// What the directory holds: of its model_type the first of its architectures that there is, or the usual one where it
/// names none. Without a model_type the architectures alone decide. Throws FileError naming what it says and what there
/// is.
const RegisteredModel& registered_model(const std::filesystem::path& dir);
/// That of a name; an empty architecture is the usual one. nullptr where there is none.
const RegisteredModel* find_registered_model(std::string_view model_type, std::string_view architecture = {});

}  // namespace langzoo
