/// Whether draws have the probabilities that were computed exactly.
#pragma once

#include <cmath>
#include <map>

#include "tests/support/plain_test.h"

namespace langzoo::test {

/// Draws 20,000 times; Pearson's statistic must be within six standard deviations of its mean, and every draw be one of
/// `exact`. Outcomes that are expected less than five times are one outcome.
template <class Outcome, class Draw>
void check_frequencies(const std::map<Outcome, double>& exact, Draw&& draw) {
  constexpr int kDraws = 20'000;
  double sum = 0;
  for (const auto& [outcome, probability] : exact) sum += probability;
  CHECK(sum == Approx(1));
  std::map<Outcome, int> counts;
  for (int i = 0; i < kDraws; ++i) ++counts[draw()];
  for (const auto& [outcome, count] : counts) CHECK(exact.count(outcome) == 1);

  double statistic = 0, rare_expected = 0, rare_count = 0;
  int outcomes = 0;
  const auto add = [&](double expected, double count) {
    if (expected <= 0) return;
    statistic += (count - expected) * (count - expected) / expected;
    ++outcomes;
  };
  for (const auto& [outcome, probability] : exact) {
    const double expected = probability * kDraws, count = counts[outcome];
    if (expected >= 5) {
      add(expected, count);
    } else {
      rare_expected += expected;
      rare_count += count;
    }
  }
  if (rare_expected >= 5) add(rare_expected, rare_count);
  const double freedom = std::max(1, outcomes - 1);
  CAPTURE(statistic, outcomes);
  CHECK(statistic < freedom + 6 * std::sqrt(2 * freedom));
}

}  // namespace langzoo::test
