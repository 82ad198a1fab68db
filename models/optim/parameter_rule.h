/// Learning rate, weight decay and freezing by parameter name: layer-wise decay, a head that learns faster, frozen
/// embeddings.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <torch/ordered_dict.h>
#include <torch/types.h>

namespace langzoo {

using NamedTensors = torch::OrderedDict<std::string, torch::Tensor>;

/// What holds for the parameters whose names match. A tied weight matches by any of its names.
struct ParameterRule {
  /// The whole name, as the shell matches file names, but * and ? match dots too: "encoder.layer.0.*", "*.bias".
  std::string pattern;
  double lr_scale = 1.0;                    ///< times the learning rate
  std::optional<double> weight_decay = {};  ///< none: the optimizer's for matrices, none for biases and norms
  bool frozen = false;                      ///< takes no part: requires_grad becomes false
};

/// For each of `parameters` the first rule that matches it, else null. Throws std::invalid_argument naming a rule that
/// matches nothing, or whose numbers are impossible.
std::vector<const ParameterRule*> match_rules(const NamedTensors& parameters, const std::vector<ParameterRule>& rules);

}  // namespace langzoo
