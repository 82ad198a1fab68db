/// An encoder inside another model, of whichever family.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/encoder.h"
#include "models/model_config.h"

namespace langzoo {

/// An encoder's config of whichever family, by value.
class EncoderPart {
 public:
  /// A type is one of encoder_part_types(). Throws std::invalid_argument for another.
  explicit EncoderPart(const std::string& type = "bert");
  EncoderPart(std::string type, std::unique_ptr<ModelConfig> config)
      : type_(std::move(type)), made_(type_), config_(std::move(config)) {}
  EncoderPart(const EncoderPart& other) : type_(other.type_), made_(other.made_), config_(other.config_->copy()) {}
  EncoderPart& operator=(const EncoderPart& other) {
    type_ = other.type_, made_ = other.made_, config_ = other.config_->copy();
    return *this;
  }

  const std::string& type() const { return type_; }
  ModelConfig& config() { return *config_; }
  const ModelConfig& config() const { return *config_; }
  void for_each_field(FieldVisitor& visit) { config_->for_each_field(visit); }
  /// The type as a field, before the config's: where a file says another one, the config becomes its default.
  void visit_type(FieldVisitor& visit, const char* name);
  /// One with random weights, and no pooler.
  std::shared_ptr<torch::nn::Module> make() const;

 private:
  std::string type_, made_;  ///< what a field says; what the config is of
  std::unique_ptr<ModelConfig> config_;
};
/// "bert", "roberta", "albert", "electra", "distilbert"
const std::vector<std::string>& encoder_part_types();

}  // namespace langzoo
