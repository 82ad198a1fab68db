#include "models/optim/optimizer.h"

#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "third_party/torch.h"

namespace langzoo {

void Optimizer::load_state_dict(const NamedTensors& state) {
  copy_state(state_dict(), state, "optimizer state");
}

void copy_state(const NamedTensors& own, const NamedTensors& saved, const std::string& what) {
  const torch::NoGradGuard no_grad;
  for (const auto& item : own) {
    const torch::Tensor* found = saved.find(item.key());
    if (found == nullptr) throw std::invalid_argument(fmt::format("{}: {} is missing", what, item.key()));
    if (found->sizes() != item.value().sizes()) {
      throw std::invalid_argument(fmt::format("{}: {} has shape {}, expected {}", what, item.key(),
                                              fmt::join(found->sizes(), "x"), fmt::join(item.value().sizes(), "x")));
    }
  }
  for (const auto& item : saved)
    if (!own.contains(item.key())) throw std::invalid_argument(fmt::format("{}: {} is not known", what, item.key()));
  for (const auto& item : own) torch::Tensor(item.value()).copy_(saved[item.key()]);
}

}  // namespace langzoo
