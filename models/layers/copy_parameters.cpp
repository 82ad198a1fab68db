#include "models/layers/copy_parameters.h"

#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "third_party/torch.h"

namespace langzoo {

void copy_parameter(const torch::Tensor& to, const torch::Tensor& from) {
  if (to.sizes() != from.sizes())
    throw std::invalid_argument(c10::str("parameters of ", from.sizes(), " cannot be those of ", to.sizes()));
  const torch::NoGradGuard no_grad;
  to.copy_(from);
}

void copy_parameters(torch::nn::Module& to, const torch::nn::Module& from) {
  const auto ours = to.parameters(), theirs = from.parameters();
  if (ours.size() != theirs.size())
    throw std::invalid_argument(c10::str(theirs.size(), " parameters cannot be those of ", ours.size()));
  for (std::size_t i = 0; i < ours.size(); ++i) copy_parameter(ours[i], theirs[i]);
}

void copy_named_parameters(torch::nn::Module& to, const torch::nn::Module& from) {
  const auto given = from.named_parameters();
  for (const auto& own : to.named_parameters()) {
    const auto* const found = given.find(own.key());
    if (found == nullptr) throw std::invalid_argument("there is no parameter " + own.key());
    copy_parameter(own.value(), *found);
  }
}

}  // namespace langzoo
