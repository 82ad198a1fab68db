#include "tests/support/test.h"

#include <cmath>
#include <numeric>

#include "models/word_vectors/tsne.h"

using langzoo::Affinities;
using langzoo::calibrated_row;
using langzoo::tsne;
using langzoo::tsne_affinities;
using langzoo::tsne_divergence;
using langzoo::tsne_gradient;
using langzoo::TsneOptions;

namespace {

double perplexity_of(const std::vector<double>& row) {
  double entropy = 0;
  for (const auto p : row) entropy -= p > 0 ? p * std::log(p) : 0;
  return std::exp(entropy);
}

/// `n` points around each of `clusters` far-apart centres.
torch::Tensor clusters_of(std::int64_t clusters, std::int64_t n, std::int64_t width) {
  const auto centers = 20 * torch::randn({clusters, width});
  return centers.repeat_interleave(n, 0) + torch::randn({clusters * n, width});
}

}  // namespace

TEST_CASE("a calibrated row has the perplexity asked for") {
  torch::manual_seed(1);
  for (const double scale : {1e-12, 1.0, 1e30}) {
    const auto distances = torch::rand({90}, torch::kFloat64) * scale;
    const std::vector<double> row(distances.data_ptr<double>(), distances.data_ptr<double>() + 90);
    for (const double perplexity : {1.5, 5.0, 30.0, 80.0}) {
      const auto p = calibrated_row(row, perplexity);
      CAPTURE(scale, perplexity);
      CHECK(std::accumulate(p.begin(), p.end(), 0.0) == Approx(1));
      CHECK(perplexity_of(p) == Approx(perplexity).epsilon(1e-5));
      CHECK(std::max_element(p.begin(), p.end()) - p.begin() == std::min_element(row.begin(), row.end()) - row.begin());
    }
  }
}

TEST_CASE("a row whose distances allow no such perplexity comes as near as it can") {
  CHECK(calibrated_row(std::vector{3.0}, 5) == std::vector{1.0});
  CHECK(calibrated_row(std::vector{2.0, 2.0, 2.0, 2.0}, 2) == std::vector(4, 0.25));
  const auto two_nearest = calibrated_row(std::vector{0.0, 0.0, 9.0}, 1);
  CHECK(two_nearest[0] == Approx(0.5));
  CHECK(two_nearest[2] == Approx(0).margin(1e-12));
}

TEST_CASE("affinities are symmetric, sum to 1, and are those of the definition where every point is a neighbour") {
  torch::manual_seed(2);
  const std::int64_t n = 10;
  const auto vectors = torch::randn({n, 4}, torch::kFloat64);
  const double perplexity = 3;  // 3 * 3 neighbours: all of them
  const auto affinities = tsne_affinities(vectors, perplexity);
  REQUIRE(affinities.size() == n);

  auto conditional = torch::zeros({n, n}, torch::kFloat64);
  for (std::int64_t i = 0; i < n; ++i) {
    std::vector<double> distances;
    for (std::int64_t j = 0; j < n; ++j) {
      if (j != i) distances.push_back((vectors[i] - vectors[j]).square().sum().item<double>());
    }
    const auto row = calibrated_row(distances, perplexity);
    for (std::int64_t j = 0, e = 0; j < n; ++j) {
      if (j != i) conditional[i][j] = row[e++];
    }
  }
  const auto expected = (conditional + conditional.t()) / (2.0 * n);
  auto found = torch::zeros({n, n}, torch::kFloat64);
  for (std::int64_t i = 0; i < n; ++i) {
    for (auto e = affinities.offsets[i]; e < affinities.offsets[i + 1]; ++e) {
      found[i][affinities.columns[e]] += affinities.values[e];
    }
  }
  CHECK(langzoo::test::max_difference(found, expected) < 1e-7);
  CHECK(torch::equal(found, found.t()));
  CHECK(found.sum().item<double>() == Approx(1).epsilon(1e-6));
}

TEST_CASE("the gradient of t-SNE is that of its divergence by finite differences") {
  torch::manual_seed(3);
  const std::int64_t n = 37;
  const auto affinities = tsne_affinities(torch::randn({n, 6}), 5);
  const auto points = torch::randn({n, 2}, torch::kFloat64) * 2;
  const auto gradient = tsne_gradient(affinities, points);
  const double h = 1e-5;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t axis = 0; axis < 2; ++axis) {
      const auto divergence_at = [&](double step) {
        auto moved = points.clone();
        moved[i][axis] += step;
        return tsne_divergence(affinities, moved);
      };
      const auto slope = (divergence_at(h) - divergence_at(-h)) / (2 * h);
      CHECK(gradient[i][axis].item<double>() == Approx(slope).epsilon(1e-4).margin(1e-6));
    }
  }
  // Exaggeration multiplies the attraction alone: linear in it.
  const auto attraction = tsne_gradient(affinities, points, 2) - gradient;
  const auto expected = gradient + 11 * attraction;
  CHECK(langzoo::test::max_difference(tsne_gradient(affinities, points, 12), expected) < 1e-5);
}

TEST_CASE("t-SNE keeps clusters together and apart, and lessens the divergence") {
  torch::manual_seed(4);
  const std::int64_t clusters = 5, each = 40;
  const auto vectors = clusters_of(clusters, each, 20);
  std::vector<double> divergences;
  TsneOptions options;
  options.perplexity = 15;
  options.iterations = 400;
  options.progress = [&](std::int64_t iteration, double divergence) {
    CHECK(iteration == 50 * (std::ssize(divergences) + 1));
    divergences.push_back(divergence);
  };
  const auto points = tsne(vectors, options);
  REQUIRE(divergences.size() == 8);
  CHECK(divergences.back() < divergences.front() / 2);
  CHECK(divergences.back() == Approx(tsne_divergence(tsne_affinities(vectors, 15), points)));
  // Every point's 20 nearest are of its own cluster.
  const auto nearest = std::get<1>(torch::cdist(points, points).topk(20, 1, /*largest=*/false));
  const auto owner = torch::arange(clusters).repeat_interleave(each);
  CHECK(owner.index({nearest}).eq(owner.unsqueeze(1)).all().item<bool>());
}

TEST_CASE("t-SNE gives the same picture for a seed, whatever the number of threads") {
  torch::manual_seed(5);
  const auto vectors = torch::randn({120, 10});
  TsneOptions options;
  options.iterations = 60;
  options.seed = 7;
  const auto threads = at::get_num_threads();
  at::set_num_threads(1);
  const auto once = tsne(vectors, options);
  at::set_num_threads(3);
  const auto twice = tsne(vectors, options);
  at::set_num_threads(threads);
  CHECK(torch::equal(once, twice));
  options.seed = 8;
  CHECK(!torch::equal(once, tsne(vectors, options)));
}

TEST_CASE("t-SNE of few, equal and extreme points is finite") {
  torch::manual_seed(6);
  CHECK(tsne(torch::zeros({0, 3})).sizes() == torch::IntArrayRef({0, 2}));
  CHECK(torch::equal(tsne(torch::ones({1, 3})), torch::zeros({1, 2})));
  const auto duplicates = torch::cat({torch::ones({100, 3}), torch::randn({20, 3})});
  for (const auto& vectors : {torch::randn({2, 3}), torch::randn({3, 3}), torch::ones({2, 3}), torch::ones({200, 3}),
                              duplicates, torch::randn({30, 3}) * 1e30, torch::randn({30, 3}) * 1e-30}) {
    const auto points = tsne(vectors);
    CHECK(points.sizes() == torch::IntArrayRef({vectors.size(0), 2}));
    CHECK(points.isfinite().all().item<bool>());
  }
}

TEST_CASE("t-SNE refuses NaN and a perplexity below 1") {
  auto vectors = torch::ones({4, 2});
  vectors[3][0] = std::nanf("");
  CHECK_THROWS_WITH(tsne(vectors), Catch::Contains("row 3"));
  for (const double perplexity : {0.5, -1.0, std::nan("")}) {
    TsneOptions options;
    options.perplexity = perplexity;
    CHECK_THROWS_AS(tsne(torch::ones({4, 2}), options), std::invalid_argument);
  }
}
