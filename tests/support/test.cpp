#include "tests/support/test.h"

#include <stdexcept>

namespace langzoo::test {

double max_difference(const torch::Tensor& a, const torch::Tensor& b) {
  if (a.sizes() != b.sizes()) throw std::invalid_argument("shapes differ");
  if (a.numel() == 0) return 0.0;
  return (a.to(torch::kFloat64) - b.to(torch::kFloat64)).abs().max().item<double>();
}

}  // namespace langzoo::test
