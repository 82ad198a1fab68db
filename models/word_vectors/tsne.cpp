#include "models/word_vectors/tsne.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/random/random.h"
#include "models/layers/parallel_for.h"
#include "models/layers/vector_math.h"
#include "models/word_vectors/principal_components.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

using torch::Tensor;

constexpr std::int64_t kGrain = 16;  ///< rows that are worth a thread's while
constexpr double kExaggeration = 12;
constexpr float kFarAway = 1e18f;  ///< a point there repels nobody: 1 / distance^2 squared is 0 in float32

struct Repulsion {
  float normalizer, x, y;
};

/// Sums q, q^2 dx and q^2 dy over n points, n a multiple of kLanes, with q = 1 / (1 + dx^2 + dy^2).
LANGZOO_VECTOR_CLONES void repel(float x, float y, const float* xs, const float* ys, std::int64_t n,
                                 Repulsion* result) {
  Lanes normalizer{}, force_x{}, force_y{};
  for (std::int64_t j = 0; j < n; j += kLanes) {
    Lanes dx, dy;
    load_lanes(dx, xs + j);
    load_lanes(dy, ys + j);
    dx = x - dx;
    dy = y - dy;
    const Lanes q = 1.0f / (1.0f + dx * dx + dy * dy);
    const Lanes squared = q * q;
    normalizer += q;
    force_x += squared * dx;
    force_y += squared * dy;
  }
  *result = {sum_of(normalizer), sum_of(force_x), sum_of(force_y)};
}

/// Points of the plane, each coordinate by itself, with points far away at the end up to a multiple of kLanes.
struct Plane {
  explicit Plane(std::int64_t n) : size(n), padded((n + kLanes - 1) / kLanes * kLanes), x(padded, kFarAway), y(x) {}
  explicit Plane(const Tensor& points) : Plane(points.size(0)) {
    const auto from = points.to(torch::kCPU, torch::kFloat32).contiguous();
    for (std::int64_t i = 0; i < size; ++i) {
      x[i] = from.const_data_ptr<float>()[2 * i];
      y[i] = from.const_data_ptr<float>()[2 * i + 1];
    }
  }
  Tensor tensor() const {
    const auto to = torch::empty({size, 2});
    for (std::int64_t i = 0; i < size; ++i) {
      to.data_ptr<float>()[2 * i] = x[i];
      to.data_ptr<float>()[2 * i + 1] = y[i];
    }
    return to;
  }

  std::int64_t size, padded;
  std::vector<float> x, y;
};

void gradient(const Affinities& affinities, const Plane& points, double exaggeration, Plane& result) {
  const auto n = points.size;
  std::vector<Repulsion> repulsions(n);
  // One parallel region an iteration: on a busy machine threads that wait for each other cost more than the loops.
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      repel(points.x[i], points.y[i], points.x.data(), points.y.data(), points.padded, &repulsions[i]);
      double force_x = 0, force_y = 0;
      for (auto e = affinities.offsets[i]; e < affinities.offsets[i + 1]; ++e) {
        const auto j = affinities.columns[e];
        const auto dx = points.x[i] - points.x[j], dy = points.y[i] - points.y[j];
        const auto weight = affinities.values[e] / (1.0f + dx * dx + dy * dy);
        force_x += weight * dx;
        force_y += weight * dy;
      }
      result.x[i] = static_cast<float>(4 * exaggeration * force_x);
      result.y[i] = static_cast<float>(4 * exaggeration * force_y);
    }
  });
  double normalizer = 0;
  for (const auto& repulsion : repulsions) normalizer += repulsion.normalizer - 1.0;  // a point and itself are no pair
  const auto scale = normalizer > 0 ? 4 / normalizer : 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    result.x[i] -= static_cast<float>(scale * repulsions[i].x);
    result.y[i] -= static_cast<float>(scale * repulsions[i].y);
  }
}

/// A coordinate on its way downhill: gradient descent with momentum and a gain each (Jacobs 1988).
class Descent {
 public:
  explicit Descent(std::int64_t n) : velocity_(n), gain_(n, 1.0f) {}

  void step(std::vector<float>& position, const std::vector<float>& slope, double rate, double momentum) {
    const auto n = velocity_.size();
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const bool turns = (slope[i] > 0) == (velocity_[i] > 0);
      gain_[i] = turns ? std::max(gain_[i] * 0.8f, 0.01f) : gain_[i] + 0.2f;
      velocity_[i] = static_cast<float>(momentum * velocity_[i] - rate * gain_[i] * slope[i]);
      position[i] += velocity_[i];
      sum += position[i];
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(n));
    for (std::size_t i = 0; i < n; ++i) position[i] -= mean;
  }

 private:
  std::vector<float> velocity_, gain_;
};

/// As many neighbours as the perplexity needs, and a perplexity that so many points can have.
struct Neighborhood {
  Neighborhood(std::int64_t n, double wanted)
      : perplexity(std::clamp(wanted, 1.0, std::max(1.0, static_cast<double>(n - 1) / 3))),
        neighbors(std::min(n - 1, static_cast<std::int64_t>(std::ceil(3 * perplexity)))) {
    if (!(wanted >= 1)) throw std::invalid_argument(fmt::format("perplexity must be at least 1, not {}", wanted));
  }
  double perplexity;
  std::int64_t neighbors;
};

struct Entry {
  std::int32_t column;
  double value;
};

/// p_j|i of every point's nearest neighbours: `neighborhood.neighbors` entries a row.
std::vector<Entry> conditional_affinities(const Tensor& vectors, const Neighborhood& neighborhood) {
  constexpr std::int64_t kRowsAtATime = 512;
  const auto rows = vectors.to(torch::kCPU, torch::kFloat64);
  const auto points = rows - rows.mean(0);
  const auto n = points.size(0), k = neighborhood.neighbors;
  const auto lengths = points.square().sum(1);
  std::vector<Entry> entries(n * k);
  for (std::int64_t first = 0; first < n; first += kRowsAtATime) {
    const auto some = points.slice(0, first, first + kRowsAtATime);
    const auto distances = (some.square().sum(1, true) + lengths - 2 * some.mm(points.t())).clamp_min(0).contiguous();
    const auto* const table = distances.const_data_ptr<double>();
    parallel_for(some.size(0), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<std::int32_t> order;
      std::vector<double> nearest(k);
      for (auto row = begin; row < end; ++row) {
        const auto* const distance = table + row * n;
        order.resize(n);
        std::iota(order.begin(), order.end(), 0);
        order.erase(order.begin() + first + row);
        std::nth_element(order.begin(), order.begin() + (k - 1), order.end(), [&](std::int32_t a, std::int32_t b) {
          return std::pair(distance[a], a) < std::pair(distance[b], b);
        });
        order.resize(k);
        std::sort(order.begin(), order.end());
        for (std::int64_t e = 0; e < k; ++e) nearest[e] = distance[order[e]];
        const auto probabilities = calibrated_row(nearest, neighborhood.perplexity);
        for (std::int64_t e = 0; e < k; ++e) entries[(first + row) * k + e] = {order[e], probabilities[e]};
      }
    });
  }
  return entries;
}

}  // namespace

std::vector<double> calibrated_row(std::span<const double> squared_distances, double perplexity) {
  constexpr int kMostHalvings = 200;
  constexpr double kTolerance = 1e-7;
  const auto least = *std::min_element(squared_distances.begin(), squared_distances.end());
  double mean = 0;
  for (const auto distance : squared_distances) {
    mean += (distance - least) / static_cast<double>(squared_distances.size());
  }
  std::vector<double> row(squared_distances.size());
  double precision = mean > 0 ? 1 / mean : 1.0, low = 0, high = 0;  // high 0: not known yet
  for (int i = 0; i < kMostHalvings; ++i) {
    double total = 0, energy = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      const auto distance = squared_distances[j] - least;
      row[j] = std::exp(-precision * distance);
      total += row[j];
      energy += row[j] * distance;
    }
    for (auto& p : row) p /= total;
    const auto excess = std::log(total) + precision * energy / total - std::log(perplexity);
    if (std::abs(excess) < kTolerance || mean == 0) break;
    (excess > 0 ? low : high) = precision;
    const auto next = high == 0 ? precision * 2 : (low + high) / 2;
    if (!std::isfinite(next) || next == precision) break;
    precision = next;
  }
  return row;
}

Affinities tsne_affinities(const Tensor& vectors, double perplexity) {
  const auto n = vectors.size(0);
  const Neighborhood neighborhood(n, perplexity);
  Affinities affinities;
  if (n < 2) {
    affinities.offsets.resize(n + 1);
    return affinities;
  }
  const auto conditional = conditional_affinities(vectors, neighborhood);
  std::vector<std::vector<Entry>> rows(n);
  for (std::int64_t i = 0; i < n; ++i) {
    for (auto e = i * neighborhood.neighbors; e < (i + 1) * neighborhood.neighbors; ++e) {
      const auto [j, p] = conditional[e];
      rows[i].push_back({j, p});
      rows[j].push_back({static_cast<std::int32_t>(i), p});
    }
  }
  for (auto& row : rows) {
    std::sort(row.begin(), row.end(), [](const Entry& a, const Entry& b) {
      return std::pair(a.column, a.value) < std::pair(b.column, b.value);
    });
    for (const auto& [column, value] : row) {
      const auto share = static_cast<float>(value / (2 * static_cast<double>(n)));
      const bool first_of_row = std::ssize(affinities.columns) == affinities.offsets.back();
      if (!first_of_row && affinities.columns.back() == column) {
        affinities.values.back() += share;
      } else {
        affinities.columns.push_back(column);
        affinities.values.push_back(share);
      }
    }
    affinities.offsets.push_back(static_cast<std::int64_t>(affinities.columns.size()));
  }
  return affinities;
}

double tsne_divergence(const Affinities& affinities, const Tensor& points) {
  const auto at = points.to(torch::kCPU, torch::kFloat64).contiguous();
  const auto* const p = at.const_data_ptr<double>();
  const auto n = affinities.size();
  const auto kernel = [&](std::int64_t i, std::int64_t j) {
    const auto dx = p[2 * i] - p[2 * j], dy = p[2 * i + 1] - p[2 * j + 1];
    return 1 / (1 + dx * dx + dy * dy);
  };
  std::vector<double> row_sums(n), terms(n);
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = begin; i < end; ++i) {
      for (std::int64_t j = 0; j < n; ++j) row_sums[i] += j == i ? 0 : kernel(i, j);
      for (auto e = affinities.offsets[i]; e < affinities.offsets[i + 1]; ++e) {
        const double share = affinities.values[e];
        if (share > 0) terms[i] += share * std::log(share / kernel(i, affinities.columns[e]));
      }
    }
  });
  const auto normalizer = std::accumulate(row_sums.begin(), row_sums.end(), 0.0);
  const auto mass = std::accumulate(affinities.values.begin(), affinities.values.end(), 0.0);
  return std::accumulate(terms.begin(), terms.end(), mass > 0 ? mass * std::log(normalizer) : 0.0);
}

Tensor tsne_gradient(const Affinities& affinities, const Tensor& points, double exaggeration) {
  const Plane at(points);
  Plane result(at.size);
  gradient(affinities, at, exaggeration, result);
  return result.tensor();
}

Tensor tsne(const Tensor& vectors, const TsneOptions& options) {
  constexpr double kStartSize = 1e-4, kJitter = 1e-6;
  constexpr std::int64_t kReportEvery = 50;
  auto start = principal_components(vectors, 2).cpu();
  const auto n = start.size(0);
  const auto affinities = tsne_affinities(vectors, options.perplexity);
  if (n < 2) return torch::zeros({n, 2});
  const auto spread = start.select(1, 0).std(/*unbiased=*/false).item<double>();
  Plane points(spread > 0 ? start * (kStartSize / spread) : start);
  Random random(options.seed);
  for (auto* coordinate : {&points.x, &points.y}) {
    for (std::int64_t i = 0; i < n; ++i) {
      (*coordinate)[i] += static_cast<float>(kJitter * (2 * random.uniform() - 1));
    }
  }
  Plane slope(n);
  Descent along_x(n), along_y(n);
  const auto rate = std::max(static_cast<double>(n) / (4 * kExaggeration), 50.0);
  const auto exaggerated = options.iterations / 4;
  for (std::int64_t i = 0; i < options.iterations; ++i) {
    const bool early = i < exaggerated;
    gradient(affinities, points, early ? kExaggeration : 1.0, slope);
    along_x.step(points.x, slope.x, rate, early ? 0.5 : 0.8);
    along_y.step(points.y, slope.y, rate, early ? 0.5 : 0.8);
    if (options.progress && (i + 1) % kReportEvery == 0) {
      options.progress(i + 1, tsne_divergence(affinities, points.tensor()));
    }
  }
  return points.tensor();
}

}  // namespace langzoo
