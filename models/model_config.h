/// The config of a model of any family, for code that names none.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "models/io/config_fields.h"

namespace langzoo {

class ModelConfig {
 public:
  virtual ~ModelConfig() = default;

  template <class Config>
  static std::unique_ptr<ModelConfig> of(Config config);
  virtual std::unique_ptr<ModelConfig> copy() const = 0;
  /// One of the same family, of the text of a config.json; keys that it does not have are passed over. Throws
  /// std::runtime_error naming `origin` and the key.
  virtual std::unique_ptr<ModelConfig> parsed(std::string_view text, const std::string& origin) const = 0;

  virtual void for_each_field(FieldVisitor& visit) = 0;
  /// Throws std::invalid_argument naming the first impossible field and its value.
  virtual void validate() const = 0;
  /// The same of a config that still lacks what its tokenizers decide: for what is impossible whatever they say.
  void validate_without_tokenizers() const;
  /// The text of a config.json.
  virtual std::string to_json() const = 0;

  /// The config itself. Throws std::bad_cast where it is another family's.
  template <class Config>
  const Config& as() const;
};

/// A family's own config as a ModelConfig.
template <class Config>
class ModelConfigOf final : public ModelConfig {
 public:
  explicit ModelConfigOf(Config config) : config(std::move(config)) {}

  std::unique_ptr<ModelConfig> copy() const override { return of(config); }
  std::unique_ptr<ModelConfig> parsed(std::string_view text, const std::string& origin) const override {
    return of(config_from_json<Config>(text, origin));
  }
  void for_each_field(FieldVisitor& visit) override { config.for_each_field(visit); }
  void validate() const override { config.validate(); }
  std::string to_json() const override { return write_fields(config); }

  Config config;
};

template <class Config>
std::unique_ptr<ModelConfig> ModelConfig::of(Config config) {
  return std::make_unique<ModelConfigOf<Config>>(std::move(config));
}

template <class Config>
const Config& ModelConfig::as() const {
  return dynamic_cast<const ModelConfigOf<Config>&>(*this).config;
}

}  // namespace langzoo
