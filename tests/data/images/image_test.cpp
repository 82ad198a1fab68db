#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "data/files/file_error.h"
#include "data/images/image.h"

namespace langzoo::test::image_test {

namespace {

Image some_image(std::int64_t width, std::int64_t height) {
  Image image(width, height);
  for (std::int64_t i = 0; i < width * height; ++i) {
    const auto byte = static_cast<std::uint8_t>(i * 37);
    image.at(i % width, i / width) = {byte, static_cast<std::uint8_t>(255 - byte), static_cast<std::uint8_t>(i)};
  }
  return image;
}

}  // namespace

TEST_CASE("a picture comes back from its PNG file, and has the same bytes every time") {
  const TempDir dir;
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 7}, {13, 2}, {64, 64}}) {
    const auto image = some_image(width, height);
    const auto bytes = encode_png(image);
    CHECK(bytes == encode_png(image));
    CHECK(decode_png("x", bytes) == image);
    write_png(dir / "x.png", image);
    CHECK(read_png(dir / "x.png") == image);
  }
  CHECK_THROWS_WITH(Image(0, 3), Catch::Contains("0 x 3"));
}

TEST_CASE("every kind of PNG becomes 8-bit colors on white") {
  const auto expected = nlohmann::json::parse(read_file(fixture("images/pixels.json")));
  for (const auto& [name, pixels] : expected.items()) {
    CAPTURE(name);
    const auto image = read_png(fixture("images/" + name + ".png"));
    REQUIRE(image.width() == 6);
    REQUIRE(image.pixels().size() == pixels.size());
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      CAPTURE(i);
      const auto& pixel = image.pixels()[i];
      CHECK(nlohmann::json{pixel.red, pixel.green, pixel.blue} == pixels[i]);
    }
  }
}

TEST_CASE("what is no PNG is refused by name") {
  const TempDir dir;
  const auto path = dir / "x.png";
  const auto refused = [&](const std::string& bytes, const std::string& reason) {
    write_file(path, bytes);
    CHECK_THROWS_AS(read_png(path), FileError);
    CHECK_THROWS_WITH(read_png(path), Catch::Contains("x.png") && Catch::Contains(reason));
  };
  refused("", "is no PNG");
  refused("GIF89a", "is no PNG");
  refused(std::string(5000, 'x'), "is no PNG");
  const auto whole = encode_png(some_image(9, 9));
  for (std::size_t size = 0; size + 12 < whole.size(); ++size) {  // without IEND all pixels can be there
    CAPTURE(size);
    CHECK_THROWS_AS(decode_png("x", std::string_view(whole).substr(0, size)), FileError);
  }
  auto damaged = whole;
  damaged[damaged.size() / 2] ^= 0x55;
  refused(damaged, "is no PNG");
  auto wide = read_file(fixture("images/rgb.png"));
  wide[16] = 0x7f;  // the width's first byte, and its checksum no longer holds
  refused(wide, "is no PNG");
  write_png(path, Image(kMostImagePixels + 1, 1));
  CHECK_THROWS_WITH(read_png(path), Catch::Contains("has 4097 x 1 pixels; at most 4096 x 4096"));
  CHECK_THROWS_AS(read_png(dir.path()), FileError);
  CHECK_THROWS_AS(read_png(dir / "none.png"), FileError);
}

}  // namespace langzoo::test::image_test
