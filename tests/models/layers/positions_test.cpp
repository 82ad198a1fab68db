#include "tests/support/test.h"

#include "models/layers/positions.h"

#include <cmath>

namespace langzoo::test {

TEST_CASE("sinusoidal positions are the paper's values, in either order") {
  const auto paper = sinusoidal_positions(2, 512, SinusoidLayout::kInterleaved);
  CHECK(max_difference(paper[0].view({256, 2}), torch::tensor({0.0f, 1.0f}).expand({256, 2})) == 0);
  CHECK(max_difference(paper[1].narrow(0, 0, 4), torch::tensor({.841471, .540302, .821856, .569695})) < 1e-6);
  const auto marian = sinusoidal_positions(2, 512, SinusoidLayout::kHalves);
  CHECK(torch::equal(marian.narrow(1, 0, 256), paper.slice(1, 0, 512, 2)));
  CHECK(torch::equal(marian.narrow(1, 256, 256), paper.slice(1, 1, 512, 2)));
}

TEST_CASE("sinusoidal positions are sines and cosines of the place, odd widths included") {
  for (const std::int64_t width : {1, 2, 5, 8}) {
    const auto paper = sinusoidal_positions(40, width, SinusoidLayout::kInterleaved);
    const auto marian = sinusoidal_positions(40, width, SinusoidLayout::kHalves);
    for (std::int64_t p = 0; p < 40; ++p) {
      for (std::int64_t c = 0; c < width; ++c) {
        const double angle = static_cast<double>(p) / std::pow(10000.0, 2.0 * static_cast<double>(c / 2) / width);
        const double expected = c % 2 == 0 ? std::sin(angle) : std::cos(angle);
        CHECK(paper[p][c].item<double>() == Approx(expected).margin(1e-7));
        CHECK(marian[p][c / 2 + (c % 2) * ((width + 1) / 2)].item<double>() == Approx(expected).margin(1e-7));
      }
    }
  }
  CHECK(sinusoidal_positions(0, 4, SinusoidLayout::kHalves).sizes() == torch::IntArrayRef({0, 4}));
}

TEST_CASE("a table of positions grows as it is asked, and its rows stay what they are") {
  for (const auto layout : {SinusoidLayout::kInterleaved, SinusoidLayout::kHalves}) {
    SinusoidTable grown(6, layout), whole(6, layout);
    const auto first = grown.rows(3);
    CHECK(first.size(0) < 10'000);  // whatever a configuration allows
    grown.rows(1025);
    const auto expected = whole.rows(3000);
    CHECK(torch::equal(grown.rows(3000), expected));
    CHECK(torch::equal(first, expected.narrow(0, 0, first.size(0))));
    CHECK(max_difference(expected.narrow(0, 0, 3000), sinusoidal_positions(3000, 6, layout)) < 1e-7);
    CHECK(torch::equal(sinusoidal_positions(5, 6, layout, 2000),
                       sinusoidal_positions(2005, 6, layout).narrow(0, 2000, 5)));
  }
}

TEST_CASE("the product of two sinusoidal positions depends on their distance alone") {
  const auto table = sinusoidal_positions(60, 32, SinusoidLayout::kHalves).to(torch::kFloat64);
  const auto products = table.mm(table.t());
  for (const std::int64_t distance : {0, 1, 7, 30}) {
    const auto diagonal = products.diagonal(distance);
    CHECK(max_difference(diagonal, diagonal[0].expand_as(diagonal)) < 1e-5);
  }
}

}  // namespace langzoo::test
