#include "models/optim/optimizers.h"

#include <algorithm>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "models/optim/adafactor.h"
#include "models/optim/adamw.h"
#include "models/optim/asgd.h"
#include "models/optim/lamb.h"
#include "models/optim/muon.h"
#include "models/optim/rmsprop.h"
#include "models/optim/sgd.h"

namespace langzoo {

namespace {

struct Entry {
  std::string name;
  MakeOptimizer make;
  std::optional<OwnOptions> own = std::nullopt;
  std::vector<std::string_view> unread = {};  ///< of the options of all
  bool shards = false;                        ///< as shards_state()
};

AdamOptions adam_options(const OptimizerOptions& o) {
  return {o.beta1, o.beta2, o.epsilon, o.weight_decay, o.correct_bias};
}
std::unique_ptr<Optimizer> make_adamw(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<AdamW>(parameters, adam_options(o));
}
std::unique_ptr<Optimizer> make_lamb(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<Lamb>(parameters, adam_options(o));
}
std::unique_ptr<Optimizer> make_sgd(FlatParameters& parameters, const OptimizerOptions& /*options*/) {
  return std::make_unique<Sgd>(parameters);
}

/// Those of the optimizer `of` for itself.
template <class Options>
Options own_options(const OptimizerOptions& options, std::string_view of) {
  for (const auto& [name, given] : options.own)
    if (name == of) return given.as<Options>();
  return {};
}

std::unique_ptr<Optimizer> make_adafactor(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<Adafactor>(parameters, own_options<AdafactorOptions>(o, "adafactor"), o.weight_decay);
}
std::unique_ptr<Optimizer> make_rmsprop(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<RmsProp>(parameters, own_options<RmsPropOptions>(o, "rmsprop"));
}
std::unique_ptr<Optimizer> make_asgd(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<Asgd>(parameters, own_options<AsgdOptions>(o, "asgd"));
}
std::unique_ptr<Optimizer> make_muon(FlatParameters& parameters, const OptimizerOptions& o) {
  return std::make_unique<Muon>(parameters, adam_options(o), own_options<MuonOptions>(o, "muon"));
}

std::mutex table_mutex;

/// Entries are never removed or moved.
std::list<Entry>& table() {
  static std::list<Entry> entries = {
      {.name = "adamw", .make = make_adamw, .shards = true},
      {.name = "sgd", .make = make_sgd, .unread = {"weight_decay", "beta1", "beta2", "epsilon", "correct_bias"}},
      {.name = "adafactor",
       .make = make_adafactor,
       .own = OwnOptions(AdafactorOptions()),
       .unread = {"beta1", "beta2", "epsilon", "correct_bias"}},
      {.name = "asgd",
       .make = make_asgd,
       .own = OwnOptions(AsgdOptions()),
       .unread = {"weight_decay", "beta1", "beta2", "epsilon", "correct_bias"}},
      {"lamb", make_lamb},
      {.name = "rmsprop",
       .make = make_rmsprop,
       .own = OwnOptions(RmsPropOptions()),
       .unread = {"weight_decay", "beta1", "beta2", "epsilon", "correct_bias"}},
      {.name = "muon", .make = make_muon, .own = OwnOptions(MuonOptions())}};
  return entries;
}

/// nullptr: there is none.
const Entry* find_entry(const std::string& name) {
  const std::lock_guard lock(table_mutex);
  for (const Entry& entry : table())
    if (entry.name == name) return &entry;
  return nullptr;
}

void add(Entry entry) {
  const std::lock_guard lock(table_mutex);
  const auto& name = entry.name;
  if (name.empty() || !entry.make) throw std::invalid_argument("an optimizer needs a name and a way to make it");
  const bool taken = std::any_of(table().begin(), table().end(), [&](const Entry& e) { return e.name == name; });
  if (taken || name == "own") throw std::invalid_argument(fmt::format("there is an optimizer '{}' already", name));
  table().push_back(std::move(entry));
}

std::string written(OwnOptions options) {
  return write_fields(std::move(options));
}

}  // namespace

void OptimizerOptions::for_each_field(FieldVisitor& visit) {
  visit("weight_decay", weight_decay, {.least = 0, .below = 1e6, .help = "of matrices; never of biases and norms"});
  visit("beta1", beta1, {.least = 0, .below = 1, .help = "Adam's decay of the mean"});
  visit("beta2", beta2, {.least = 0, .below = 1, .help = "Adam's decay of the square"});
  visit("epsilon", epsilon, {.most = 1, .above = 0, .help = "Adam's epsilon"});
  visit("correct_bias", correct_bias, {.help = "Adam's means are corrected for beginning at 0; BERT's are not"});
  for (auto& [name, options] : own) visit.object(name.data(), options);
}

void OptimizerOptions::refuse_unread(const std::string& optimizer) const {
  for (const auto& [name, defaults] : own_optimizer_options()) {
    const auto given =
        std::find_if(own.begin(), own.end(), [of = name](const auto& other) { return other.first == of; });
    if (name == optimizer || given == own.end() || written(given->second) == written(defaults)) continue;
    throw std::invalid_argument(
        fmt::format("options of the optimizer {} are given, but the optimizer is {}", name, optimizer));
  }
}

void register_optimizer(const std::string& name, MakeOptimizer make) {
  add({name, std::move(make)});
}

void register_optimizer(const std::string& name, OwnOptions defaults, MakeOptimizer make) {
  add({name, std::move(make), std::move(defaults)});
}

OwnOptionsByName own_optimizer_options() {
  const std::lock_guard lock(table_mutex);
  OwnOptionsByName options;
  for (const Entry& entry : table()) {
    if (entry.own) options.emplace_back(entry.name, *entry.own);
  }
  return options;
}

bool shards_state(const std::string& name) {
  const auto* const entry = find_entry(name);
  return entry != nullptr && entry->shards;
}

std::vector<std::string_view> unread_optimizer_options(const std::string& name) {
  const auto* const entry = find_entry(name);
  return entry == nullptr ? std::vector<std::string_view>() : entry->unread;
}

std::vector<std::string_view> optimizer_names() {
  const std::lock_guard lock(table_mutex);
  std::vector<std::string_view> names;
  for (const Entry& entry : table()) names.push_back(entry.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const std::string& name, FlatParameters& parameters,
                                          const OptimizerOptions& options) {
  const Entry* const found = find_entry(name);
  if (found == nullptr) {
    throw std::invalid_argument(
        fmt::format("optimizer '{}' is unknown, expected one of {}", name, fmt::join(optimizer_names(), ", ")));
  }
  if (parameters.shard().world > 1 && !found->shards)
    throw std::invalid_argument(fmt::format("optimizer {} does not divide its state among processes", name));
  return found->make(parameters, options);
}

}  // namespace langzoo
