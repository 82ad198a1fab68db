#include "models/layers/nested.h"

#include "third_party/torch.h"

namespace langzoo {

torch::nn::Module& nested_module(torch::nn::Module& at, const std::string& path) {
  if (path.empty()) return at;
  const auto dot = path.find('.');
  const auto name = path.substr(0, dot);
  const auto children = at.named_children();
  const auto* const found = children.find(name);
  auto& child = found != nullptr ? **found : *at.register_module(name, std::make_shared<torch::nn::Module>());
  return nested_module(child, dot == std::string::npos ? "" : path.substr(dot + 1));
}

}  // namespace langzoo
