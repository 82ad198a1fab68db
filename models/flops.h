/// What training a model costs, by formula: floating-point operations of its matrix products, forward and backward.
///
/// A multiply-add is two operations. The backward pass of a product is two products of the same size, so that training
/// is three times the forward pass. Only products count: norms, activations, softmaxes, lookups in tables and the
/// optimizer are left out, as in Kaplan et al. 2020 (https://arxiv.org/abs/2001.08361, table 1) and in
/// torch.utils.flop_counter, with whose counts tests/reference/make_flops.py compares. What a mask hides counts as what
/// it shows: attention over T tokens is T x T, causal, local or not.
///
///     const double flops = training_flops(registered, *config, {.target = 128}) / 128;  // a token
#pragma once

#include <cstdint>
#include <optional>

#include "models/model_config.h"
#include "models/registry.h"

namespace langzoo {

/// What a model reads at once. Numbers may be means.
struct RowLengths {
  double source = 0;  ///< tokens that an encoder-decoder's encoder reads
  double target =
      0;  ///< tokens of a language model's or an encoder's row; that the decoder of an encoder-decoder reads
  std::optional<double> predicted = {};  ///< hidden tokens of a masked language model, whose words are predicted; all
  double characters = 6;  ///< of a word, where they are read; every word counts as often as it stands there
};

/// Of one such row. Zero where a model is counted rather than learned (n-grams, PPMI, IBM models), and where what is
/// learned from was counted before (GloVe, whose cost depends on how many pairs of words differ). Nothing for a model
/// type that has no formula.
std::optional<double> training_flops(const RegisteredModel& model, const ModelConfig& config, const RowLengths& row);

}  // namespace langzoo
