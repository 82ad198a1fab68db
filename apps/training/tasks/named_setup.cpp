#include "apps/training/tasks/named_setup.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/config_error.h"
#include "models/pretrained.h"

namespace langzoo {

void NamedTask::for_each_field(FieldVisitor& visit) {
  visit("model_type", model_type, {.choices = {model_type}, .help = "what --model-type says"});
  visit("name", name, {.choices = {name}, .help = "what is learnt"});
}

const RegisteredModel& model_with_head(const std::vector<std::string>& types, const std::string& model_type,
                                       std::string_view head, const std::string& what) {
  if (std::find(types.begin(), types.end(), model_type) == types.end()) {
    throw ConfigError(fmt::format("model type {}: expected one of {}", model_type, fmt::join(types, ", ")));
  }
  for (const auto& model : registered_models()) {
    if (model.model_type == model_type && model.architecture.ends_with(head)) return model;
  }
  throw ConfigError(fmt::format("{} has no head for {}", model_type, what));
}

void must_be(const std::string& value, const std::vector<std::string>& choices, const std::string& what) {
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return;
  throw ConfigError(fmt::format("{} {}: expected one of {}", what, value, fmt::join(choices, ", ")));
}

void check_init_type(const RunConfig& config, const std::string& model_type) {
  const auto init = config.value("train.init");
  if (const auto type = init.empty() ? "" : model_type_of(init); !type.empty() && type != model_type)
    throw ConfigError(fmt::format("train.init = {}: is a model of type {}, this run's is {}", init, type, model_type));
}

}  // namespace langzoo
