#include "models/generation/penalties.h"

#include <ATen/ATen.h>

#include <cmath>

namespace langzoo {

double length_normalizer(LengthNormalization kind, double alpha, std::int64_t length) {
  const auto tokens = static_cast<double>(length);
  return std::pow(kind == LengthNormalization::kGnmt ? (5 + tokens) / 6 : tokens, alpha);
}

torch::Tensor coverage_score(const torch::Tensor& coverage, const torch::Tensor& mask, double beta) {
  constexpr double kLeastCoverage = 1e-10;
  auto logs = coverage.clamp(kLeastCoverage, 1).log();  // (B,S)
  if (mask.defined()) logs = logs.masked_fill(mask.logical_not(), 0);
  return logs.sum(1) * beta;
}

}  // namespace langzoo
