#include "data/metrics/correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace langzoo {

namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

bool any_nan(std::span<const double> x) {
  return std::any_of(x.begin(), x.end(), [](double value) { return std::isnan(value); });
}

/// `x` times the power of two that makes its greatest number 1 to 2: products neither overflow nor vanish, and nothing
/// is rounded otherwise than without.
std::vector<double> scaled(std::span<const double> x) {
  std::vector<double> result(x.begin(), x.end());
  double greatest = 0;
  for (const double value : x) greatest = std::max(greatest, std::abs(value));
  if (greatest == 0 || !std::isfinite(greatest)) return result;
  const int exponent = std::ilogb(greatest);
  for (auto& value : result) value = std::scalbn(value, -exponent);
  return result;
}

/// Of deviations from the mean.
struct Sums {
  double xy = 0, xx = 0, yy = 0;
};

/// NaN where a correlation is undefined.
Sums sums_of_products(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size()) throw std::invalid_argument("correlation of lists of different lengths");
  const auto constant = [](std::span<const double> v) {
    return std::all_of(v.begin(), v.end(), [&](double value) { return value == v[0]; });
  };
  if (x.size() < 2 || constant(x) || constant(y)) return {kUndefined, kUndefined, kUndefined};
  const double x_mean = mean_of(x), y_mean = mean_of(y);
  Sums sums;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - x_mean, dy = y[i] - y_mean;
    sums.xy += dx * dy, sums.xx += dx * dx, sums.yy += dy * dy;
  }
  return sums;
}

}  // namespace

double pearson_correlation(std::span<const double> x, std::span<const double> y) {
  const auto sums = sums_of_products(scaled(x), scaled(y));
  return std::clamp(sums.xy / (std::sqrt(sums.xx) * std::sqrt(sums.yy)), -1.0, 1.0);
}

std::vector<double> average_ranks(std::span<const double> x) {
  if (any_nan(x)) return std::vector<double>(x.size(), kUndefined);
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  std::vector<double> ranks(x.size());
  for (std::size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && x[order[end]] == x[order[begin]]) ++end;
    // Ranks begin+1 to end.
    for (auto i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
  }
  return ranks;
}

double spearman_correlation(std::span<const double> x, std::span<const double> y) {
  // Where the ranks are equal the sums are too, and this is the root of a square, which is exact.
  const auto sums = sums_of_products(average_ranks(x), average_ranks(y));
  return std::clamp(sums.xy / std::sqrt(sums.xx * sums.yy), -1.0, 1.0);
}

}  // namespace langzoo
