/// The table of optimizers, by the names that train.optimizer takes.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "models/optim/optimizer.h"

namespace langzoo {

/// What the optimizers of the table take; each reads what it has a use for.
struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
  double weight_decay = 0.1;  ///< of the groups that have none of their own, see FlatParameters
};

/// `parameters` outlives the optimizer.
using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(FlatParameters& parameters, const OptimizerOptions&)>;

/// Adds an optimizer to the table, which knows adamw and sgd from the beginning: a program does so before it reads its
/// options. Throws std::invalid_argument for an empty name, one that is taken, and "own", which train.optimizer has for
/// a task's own algorithm.
void register_optimizer(const std::string& name, MakeOptimizer make);

/// In the order they came; the views stay valid.
std::vector<std::string_view> optimizer_names();

/// Throws std::invalid_argument for an unknown name, naming the known ones.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          const OptimizerOptions& options);

}  // namespace langzoo
