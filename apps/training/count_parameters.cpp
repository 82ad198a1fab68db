#include "apps/training/count_parameters.h"

#include <set>

#include "third_party/torch.h"

namespace langzoo {

std::int64_t count_parameters(const torch::nn::Module& model) {
  std::set<const void*> seen;
  std::int64_t count = 0;
  for (const auto& parameter : model.parameters()) {
    if (seen.insert(parameter.unsafeGetTensorImpl()).second) count += parameter.numel();
  }
  return count;
}

}  // namespace langzoo
