#include "models/optim/parameter_rule.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <unordered_map>

#include <fmt/format.h>
#include <fnmatch.h>

namespace langzoo {

namespace {

void check(const ParameterRule& rule) {
  const auto reject = [&](const char* field, double value, const char* expected) {
    throw std::invalid_argument(
        fmt::format("parameter rule '{}': {} is {}, expected {}", rule.pattern, field, value, expected));
  };
  if (!(rule.lr_scale > 0 && std::isfinite(rule.lr_scale))) reject("lr_scale", rule.lr_scale, "a number above 0");
  const double decay = rule.weight_decay.value_or(0);
  if (!(decay >= 0 && std::isfinite(decay))) reject("weight_decay", decay, "a number of 0 or more");
}

}  // namespace

std::vector<const ParameterRule*> match_rules(const NamedTensors& parameters, const std::vector<ParameterRule>& rules) {
  std::vector<const ParameterRule*> matched(parameters.size(), nullptr);
  if (rules.empty()) return matched;
  // Each rule's place counts for the tensor, whichever of its names it matches.
  std::unordered_map<const at::TensorImpl*, std::size_t> first;
  std::vector<bool> used(rules.size(), false);
  for (const auto& item : parameters) {
    std::size_t& best = first.try_emplace(item.value().unsafeGetTensorImpl(), rules.size()).first->second;
    for (std::size_t r = 0; r < rules.size(); ++r) {
      if (fnmatch(rules[r].pattern.c_str(), item.key().c_str(), 0) != 0) continue;
      used[r] = true;
      best = std::min(best, r);
    }
  }
  for (std::size_t r = 0; r < rules.size(); ++r) {
    check(rules[r]);
    if (!used[r])
      throw std::invalid_argument(fmt::format("parameter rule '{}' matches no parameter", rules[r].pattern));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const std::size_t best = first.at(parameters[i].value().unsafeGetTensorImpl());
    if (best < rules.size()) matched[i] = &rules[best];
  }
  return matched;
}

}  // namespace langzoo
