#include "apps/training/tasks/t5.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/tasks/text_to_text.h"
#include "data/files/config_error.h"
#include "models/registry.h"
#include "models/t5/t5_config.h"

namespace langzoo {

namespace {

/// The published shapes are presets.
template <class Config>
std::unique_ptr<ModelConfig> small() {
  Config config;
  config.d_model = 256, config.d_ff = 1024;
  config.num_layers = config.num_heads = 4;
  config.vocab_size = config.decoder_start_token_id = kFromTokenizer;
  config.pad_token_id.reset();
  config.eos_token_id.clear();
  return ModelConfig::of(config);
}

}  // namespace

const std::vector<std::string>& t5_types() {
  static const std::vector<std::string> types = {"t5", "mt5"};
  return types;
}

std::unique_ptr<ModelConfig> t5_config(std::string_view model_type) {
  return model_type == "mt5" ? small<Mt5Config>() : small<T5Config>();
}

std::unique_ptr<TaskSetup> text_to_text_setup(const std::string& model_type, const std::string& objective) {
  const auto& types = t5_types();
  if (std::find(types.begin(), types.end(), model_type) == types.end()) {
    throw ConfigError(fmt::format("model type {}: expected one of {}", model_type, fmt::join(types, ", ")));
  }
  return std::make_unique<TextToTextSetup>(*find_registered_model(model_type), t5_config(model_type), objective);
}

}  // namespace langzoo
