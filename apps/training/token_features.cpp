#include "apps/training/token_features.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/elmo/elmo_features.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

constexpr std::string_view kElmo = "elmo:";

class ElmoTokenFeatures : public TokenFeatures {
 public:
  explicit ElmoTokenFeatures(ElmoFeatures elmo) : elmo_(std::move(elmo)) {}

  std::int64_t layers() const override { return elmo_.num_layers(); }
  std::int64_t width() const override { return elmo_.width(); }
  torch::Tensor of(std::span<const std::vector<std::string>> sentences) const override {
    const bool any = std::any_of(sentences.begin(), sentences.end(), [](const auto& words) { return !words.empty(); });
    if (!any) return torch::zeros({layers(), std::ssize(sentences), 0, width()});
    return elmo_.layers(sentences).to(torch::kCPU, torch::kFloat32);
  }

 private:
  ElmoFeatures elmo_;
};

}  // namespace

std::string absolute_features(const std::string& name, const std::string& what) {
  if (!name.starts_with(kElmo) || name.size() == kElmo.size())
    throw ConfigError(fmt::format("{} = {}: expected elmo:DIR, the folder of a trained ELMo", what, name));
  const auto dir = name.substr(kElmo.size());
  if (!std::filesystem::is_directory(dir)) throw ConfigError(fmt::format("{} = {}: {} is no folder", what, name, dir));
  return std::string(kElmo) + absolute_if_there(dir);
}

std::shared_ptr<const TokenFeatures> load_token_features(const std::string& name, const std::string& what) {
  const auto dir = absolute_features(name, what).substr(kElmo.size());
  return std::make_shared<ElmoTokenFeatures>(ElmoFeatures::load(dir));
}

}  // namespace langzoo
