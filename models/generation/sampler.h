/// From processed logits (logits_processors.h) to the next token: the filters of sampling, in transformers' order, and
/// the draw.
///
/// Letters: B rows, V vocabulary.
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "models/layers/linear.h"

namespace langzoo {

struct SamplingOptions {
  bool greedy = false;       ///< the likeliest token; temperature, top_k and top_p play no part
  double temperature = 1.0;  ///< 0 means greedy
  std::int64_t top_k = 0;    ///< 0 = off
  double top_p = 1.0;        ///< 1 = off

  /// Throws std::invalid_argument naming the field and its value.
  void validate() const;
  bool is_greedy() const { return greedy || temperature == 0; }
};

/// Every function takes logits (B,V) floating point and returns (B,V). Each works row by row.

/// Logits / temperature, shifted so that each row's largest is 0 and no temperature overflows.
torch::Tensor apply_temperature(const torch::Tensor& logits, double temperature);

/// -inf below the k-th largest logit; ties with it stay.
torch::Tensor keep_top_k(const torch::Tensor& logits, std::int64_t k);

/// Nucleus sampling (Holtzman et al. 2020): -inf outside the smallest set of likeliest tokens whose probabilities
/// reach `p`; at least one token stays.
torch::Tensor keep_top_p(const torch::Tensor& logits, double p);

/// Temperature, then top-k, then top-p.
torch::Tensor apply_filters(const torch::Tensor& logits, const SamplingOptions& options);

/// Draws one token a row by inverting its cumulative distribution at `uniforms` (B) float64 in [0,1).
/// Returns (B) int64; -1 where a row has no token of positive probability or holds a NaN.
torch::Tensor draw(const torch::Tensor& logits, const torch::Tensor& uniforms);

/// The likeliest token of each row (B) int64; -1 where there is none (all -inf, or a NaN).
torch::Tensor likeliest(const torch::Tensor& logits);

/// likeliest(head(hidden)), of one row by LinearImpl::argmax. Shapes: hidden (B,C) -> (B) int64.
torch::Tensor likeliest(const torch::Tensor& hidden, Linear& head);

}  // namespace langzoo
