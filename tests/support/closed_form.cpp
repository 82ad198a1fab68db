#include "tests/support/closed_form.h"
#include "third_party/torch.h"

#include <cstdint>

namespace langzoo::test {

void fill_closed_form(const torch::Tensor& tensor, const std::string& name) {
  const torch::NoGradGuard no_grad;
  std::uint32_t seed = 2166136261U;
  for (const char c : name) seed = (seed ^ static_cast<unsigned char>(c)) * 16777619U;
  auto* const values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    std::uint32_t h = static_cast<std::uint32_t>(i) * 2654435761U + seed;
    h = (h ^ (h >> 16)) * 0x85EBCA6BU;
    h = (h ^ (h >> 13)) * 0xC2B2AE35U;
    h ^= h >> 16;
    values[i] = (static_cast<float>(h >> 8) * 0x1p-24F - 0.5F) * 0.08F;
  }
}

void fill_closed_form(const torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : module.named_parameters()) {
    fill_closed_form(item.value(), item.key());
    if (item.key().find(".ln_") != std::string::npos && item.key().ends_with("weight")) item.value().add_(1.0);
  }
}

}  // namespace langzoo::test
