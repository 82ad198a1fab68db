/// How well two lists of numbers agree.
#pragma once

#include <span>
#include <vector>

namespace langzoo {

/// Product-moment correlation, in [-1,1]; NaN where it is undefined: fewer than two numbers, all of a list equal, or
/// one not finite. Throws std::invalid_argument when the lengths differ. As scipy.stats.pearsonr.
double pearson_correlation(std::span<const double> x, std::span<const double> y);

/// Correlation of the ranks, equal numbers sharing their average. As scipy.stats.spearmanr, but exactly 1 and -1 where
/// the orders agree and where they are opposite.
double spearman_correlation(std::span<const double> x, std::span<const double> y);

/// From 1; equal numbers get the mean of the ranks they take up. NaN ranks are NaN. As scipy.stats.rankdata.
std::vector<double> average_ranks(std::span<const double> x);

}  // namespace langzoo
