#include "apps/training/task_setup.h"

#include <new>
#include <stdexcept>

#include <fmt/format.h>

#include "data/files/config_error.h"

namespace langzoo {

void check_without_tokenizers(const ModelConfig& config) {
  try {
    config.validate_without_tokenizers();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("model: {}", error.what()));
  }
}

void require_vocabulary(ModelConfig& config, const std::string& name, std::int64_t tokens) {
  const auto field = find_field(fields_in(config), name);
  if (!field || field->json() == "null" || std::stoll(field->json()) >= tokens) return;
  throw ConfigError(fmt::format("model.{} = {}: the tokenizer has {} tokens", name, field->json(), tokens));
}

std::shared_ptr<torch::nn::Module> make_model(const RegisteredModel& registered, const ModelConfig& config) {
  try {
    return registered.make(config.to_json(), "model");
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw ConfigError(error.what());
  }
}

}  // namespace langzoo
