/// What a search adds to a hypothesis' log-probability before it compares hypotheses of different lengths.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace langzoo {

/// lp(Y), by which log P(Y|X) is divided.
enum class LengthNormalization {
  kAverage,  ///< |Y|^alpha: alpha = 1 is the mean log-probability of a token; transformers' length_penalty is alpha
  kGnmt,     ///< ((5 + |Y|) / 6)^alpha (Wu et al. 2016, equation 14)
};

/// `length` is |Y| >= 1, `alpha` any finite number: 0 compares plain log-probabilities, above 0 favours long
/// hypotheses.
double length_normalizer(LengthNormalization kind, double alpha, std::int64_t length);

/// cp(X;Y) = beta * sum_i log(min(sum_j p_ij, 1)) (Wu et al. 2016, equation 15): how much of each source position i the
/// steps j have attended to. A position that nothing attended to counts as 1e-10: local attention gives exact zeros,
/// and no score would survive their logarithm. Shapes: coverage (B,S), the attention summed over the steps; mask (B,S)
/// bool, false on padding, or undefined -> (B).
torch::Tensor coverage_score(const torch::Tensor& coverage, const torch::Tensor& mask, double beta);

}  // namespace langzoo
