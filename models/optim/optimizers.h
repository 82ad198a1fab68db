/// The table of optimizers, by the names that train.optimizer takes.
#pragma once

#include <any>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "models/io/config_fields.h"
#include "models/optim/optimizer.h"

namespace langzoo {

/// The options that one optimizer has for itself, whatever their struct. Copies are independent.
class OwnOptions {
 public:
  template <class Options>
  requires(!std::same_as<Options, OwnOptions> && HasFields<Options>) explicit OwnOptions(Options options)
      : value_(std::move(options)),
        visit_([](std::any& value, FieldVisitor& visit) { std::any_cast<Options&>(value).for_each_field(visit); }) {}

  void for_each_field(FieldVisitor& visit) { visit_(value_, visit); }
  /// Throws std::bad_any_cast where it is another struct.
  template <class Options>
  const Options& as() const {
    return std::any_cast<const Options&>(value_);
  }

 private:
  std::any value_;
  void (*visit_)(std::any& value, FieldVisitor& visit);
};

using OwnOptionsByName = std::vector<std::pair<std::string_view, OwnOptions>>;
/// Those of the optimizers in the table that have some, with their defaults.
OwnOptionsByName own_optimizer_options();

/// What the optimizers of the table take; each reads what it has a use for.
struct OptimizerOptions {
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
  double weight_decay = 0.1;  ///< of the groups that have none of their own, see FlatParameters
  bool correct_bias = true;   ///< AdamOptions::correct_bias
  OwnOptionsByName own = own_optimizer_options();

  /// Every field; what an optimizer has for itself is an object of its name: "adafactor.decay_rate".
  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument for an option of its own that an optimizer other than `optimizer` was given.
  void refuse_unread(const std::string& optimizer) const;
};

/// `parameters` outlives the optimizer.
using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(FlatParameters& parameters, const OptimizerOptions&)>;

/// Adds an optimizer to the table, which knows adamw, sgd, adafactor, asgd, lamb, rmsprop and muon from the beginning:
/// a program does so before it reads its options. Throws std::invalid_argument for an empty name, one that is taken,
/// and "own", which train.optimizer has for a task's own algorithm.
void register_optimizer(const std::string& name, MakeOptimizer make);
/// One with options of its own, whose defaults are these:
///
///     struct LionOptions {
///       double beta = 0.99;
///       void for_each_field(FieldVisitor& visit) { visit("beta", beta, {.least = 0, .below = 1, .help = "..."}); }
///     };
///     register_optimizer("lion", LionOptions(), [](FlatParameters& parameters, const OptimizerOptions& all,
///                                                  const LionOptions& own) { ... });
///
/// They are keys of a run's configuration, train.lion.beta, and saved with it.
void register_optimizer(const std::string& name, OwnOptions defaults, MakeOptimizer make);
template <class Options, class Make>
requires(!std::same_as<Options, OwnOptions> &&
         HasFields<Options>) void register_optimizer(const std::string& name, Options defaults, Make make) {
  register_optimizer(name, OwnOptions(defaults),
                     [name, defaults, make](FlatParameters& parameters, const OptimizerOptions& all) {
                       for (const auto& [of, own] : all.own) {
                         if (of == name) return make(parameters, all, own.template as<Options>());
                       }
                       return make(parameters, all, defaults);  // `all` is older than the optimizer
                     });
}

/// Whether this one divides its state among the shards of its FlatParameters; to others there may be but one.
bool shards_state(const std::string& name);
/// The options of all optimizers, "beta1", that this one makes no use of. One that was added may read them all.
std::vector<std::string_view> unread_optimizer_options(const std::string& name);

/// In the order they came; the views stay valid.
std::vector<std::string_view> optimizer_names();

/// Throws std::invalid_argument for an unknown name, naming the known ones, and for one that knows no shards where the
/// parameters have some.
std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          const OptimizerOptions& options);

}  // namespace langzoo
