#include "models/optim/optimizers.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/optim/adamw.h"
#include "models/optim/sgd.h"

namespace langzoo {

namespace {

struct Entry {
  std::string name;
  MakeOptimizer make;
};

std::unique_ptr<Optimizer> make_adamw(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<AdamW>(parameters, AdamWOptions{o.beta1, o.beta2, o.epsilon, o.weight_decay});
}
std::unique_ptr<Optimizer> make_sgd(FlatParameters& parameters, const OptimizerOptions& /*options*/) {
  return std::make_unique<Sgd>(parameters);
}

std::mutex table_mutex;

/// Entries are never removed or moved.
std::list<Entry>& table() {
  static std::list<Entry> entries = {{"adamw", make_adamw}, {"sgd", make_sgd}};
  return entries;
}

}  // namespace

void register_optimizer(const std::string& name, MakeOptimizer make) {
  const std::lock_guard lock(table_mutex);
  if (name.empty() || !make) throw std::invalid_argument("an optimizer needs a name and a way to make it");
  const bool taken = std::any_of(table().begin(), table().end(), [&](const Entry& e) { return e.name == name; });
  if (taken || name == "own") throw std::invalid_argument(fmt::format("there is an optimizer '{}' already", name));
  table().push_back({name, std::move(make)});
}

std::vector<std::string_view> optimizer_names() {
  const std::lock_guard lock(table_mutex);
  std::vector<std::string_view> names;
  for (const Entry& entry : table()) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          const OptimizerOptions& options) {
  const Entry* found = nullptr;
  {
    const std::lock_guard lock(table_mutex);
    for (const Entry& entry : table())
      if (entry.name == name) found = &entry;
  }
  if (found == nullptr) {
    throw std::invalid_argument(
        fmt::format("optimizer '{}' is unknown, expected one of {}", name, fmt::join(optimizer_names(), ", ")));
  }
  return found->make(parameters, options);
}

}  // namespace langzoo
