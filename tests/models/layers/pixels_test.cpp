#include "tests/support/test.h"

#include "models/layers/pixels.h"

namespace langzoo::test::pixels_test {

TEST_CASE("bytes become values from -1 to 1, channel by channel and row by row") {
  auto bytes = torch::zeros({2, 12}, torch::kUInt8);
  bytes[1][4] = 255;  // green, first row, first pixel
  bytes[1][11] = 51;  // blue, last row, last pixel
  const auto pixels = scaled_pixels(bytes, 2, torch::zeros({1}, torch::kFloat64), "reader");
  CHECK(pixels.sizes() == torch::IntArrayRef({2, 3, 2, 2}));
  CHECK(pixels.scalar_type() == torch::kFloat64);
  CHECK(pixels[0].eq(-1).all().item<bool>());
  CHECK(pixels[1][1][0][0].item<double>() == 1);
  CHECK(pixels[1][2][1][1].item<double>() == Approx(-0.6));
  CHECK_THROWS_WITH(scaled_pixels(bytes, 3, pixels, "reader"),
                    Catch::StartsWith("reader: pictures are (B, 3 x 3 x 3) bytes, not [2, 12]"));
  CHECK_THROWS_AS(scaled_pixels(bytes[0], 2, pixels, "reader"), std::invalid_argument);
}

TEST_CASE("a convolution divides the picture by its stride") {
  const auto x = torch::ones({1, 3, 8, 8});
  for (const auto& [kernel, stride] : {std::pair{1, 1}, {3, 1}, {4, 2}, {4, 4}, {2, 2}}) {
    INFO(kernel << " " << stride);
    CHECK(convolution(3, 5, kernel, stride)(x).sizes() == torch::IntArrayRef({1, 5, 8 / stride, 8 / stride}));
  }
}

}  // namespace langzoo::test::pixels_test
