#include "models/encoder_part.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/albert/albert.h"
#include "models/bert/bert.h"
#include "models/distilbert/distilbert.h"
#include "models/electra/electra.h"
#include "models/roberta/roberta.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

struct Kind {
  std::string type;
  std::unique_ptr<ModelConfig> (*config)();
  std::shared_ptr<torch::nn::Module> (*make)(const ModelConfig& config);
};

template <class Model>
Kind kind(const char* type) {
  using Config = typename Model::ContainedType::Config;
  return {type, [] { return ModelConfig::of(Config()); },
          [](const ModelConfig& config) -> std::shared_ptr<torch::nn::Module> {
            auto own = config.as<Config>();
            if constexpr (requires { own.add_pooling_layer; }) own.add_pooling_layer = false;
            return Model(own).ptr();
          }};
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kinds = {kind<BertModel>("bert"), kind<RobertaModel>("roberta"),
                                          kind<AlbertModel>("albert"), kind<ElectraModel>("electra"),
                                          kind<DistilBertModel>("distilbert")};
  return kinds;
}

const Kind& kind_of(const std::string& type) {
  const auto found = std::find_if(kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.type == type; });
  if (found == kinds().end())
    throw std::invalid_argument(
        fmt::format("encoder_type = {}: expected one of {}", type, fmt::join(encoder_part_types(), ", ")));
  return *found;
}

}  // namespace

const std::vector<std::string>& encoder_part_types() {
  static const std::vector<std::string> types = [] {
    std::vector<std::string> types;
    for (const auto& kind : kinds()) types.push_back(kind.type);
    return types;
  }();
  return types;
}

EncoderPart::EncoderPart(const std::string& type) : type_(type), made_(type), config_(kind_of(type).config()) {}

void EncoderPart::visit_type(FieldVisitor& visit, const char* name) {
  const auto& types = encoder_part_types();
  visit(name, type_, {.choices = {types.begin(), types.end()}, .help = "whose layers read the texts"});
  if (type_ != made_) *this = EncoderPart(type_);
}

std::shared_ptr<torch::nn::Module> EncoderPart::make() const {
  return kind_of(type_).make(*config_);
}

}  // namespace langzoo
