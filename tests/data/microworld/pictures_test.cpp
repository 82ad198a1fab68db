#include "tests/support/test.h"

#include <cmath>
#include <set>

#include "data/microworld/pictures.h"

namespace langzoo::test::pictures_test {

namespace {

PictureThing thing(std::int64_t shape, std::int64_t color, std::int64_t size, std::int64_t x, std::int64_t y) {
  return {{shape, color, size}, x, y};
}

/// Each pixel mixed with its neighbours, as pictures that a model draws are.
Image blurred(const Image& image) {
  Image result = image;
  for (std::int64_t y = 1; y + 1 < image.height(); ++y) {
    for (std::int64_t x = 1; x + 1 < image.width(); ++x) {
      const auto mixed = [&](std::uint8_t Color::*channel) {
        const int sum = 4 * (image.at(x, y).*channel) + image.at(x - 1, y).*channel + image.at(x + 1, y).*channel +
                        image.at(x, y - 1).*channel + image.at(x, y + 1).*channel;
        return static_cast<std::uint8_t>(sum / 8);
      };
      result.at(x, y) = {mixed(&Color::red), mixed(&Color::green), mixed(&Color::blue)};
    }
  }
  return result;
}

}  // namespace

TEST_CASE("the parser reads every drawn picture back, sharp or blurred") {
  std::set<std::string> captions;
  std::int64_t usual = 0;
  double nats = 0;
  constexpr std::int64_t kPictures = 2000;
  for (std::int64_t i = 0; i < kPictures; ++i) {
    const auto picture = microworld_picture(3, i);
    CAPTURE(picture.caption);
    REQUIRE((things_in(picture.image) == picture.things));
    REQUIRE(caption_holds(picture.caption, things_in(blurred(picture.image))));
    const auto likeliest = likeliest_caption(picture.things);
    REQUIRE(likeliest.has_value());
    REQUIRE(caption_holds(*likeliest, picture.things));
    REQUIRE(PictureCaption::parse(picture.caption).has_value());
    const bool is_usual = picture.caption == *likeliest;
    REQUIRE(picture.nats == Approx(is_usual ? -std::log(0.75) : -std::log(0.25)));
    usual += is_usual ? 1 : 0;
    nats += picture.nats;
    captions.insert(picture.caption);
  }
  // 0.75 within four standard deviations, 0.5623 nats likewise.
  CHECK(static_cast<double>(usual) / kPictures == Approx(0.75).margin(0.04));
  CHECK(nats / kPictures == Approx(-0.75 * std::log(0.75) - 0.25 * std::log(0.25)).margin(0.045));
  CHECK(captions.size() > 1000);
}

TEST_CASE("a picture is decided by seed and number") {
  CHECK(microworld_picture(1, 5).image == microworld_picture(1, 5).image);
  CHECK(microworld_picture(1, 5).caption == microworld_picture(1, 5).caption);
  CHECK_FALSE(microworld_picture(1, 5).image == microworld_picture(1, 6).image);
  CHECK_FALSE(microworld_picture(1, 5).image == microworld_picture(2, 5).image);
  // The same on every platform: seed 1's first ones.
  CHECK(microworld_picture(1, 0).caption == "three small red squares");
  CHECK(microworld_picture(1, 1).caption == "a small purple circle is below a large green triangle");
}

TEST_CASE("captions hold of what they say, and of nothing else") {
  const std::vector<PictureThing> pair = {thing(0, 0, 1, 8, 16), thing(1, 2, 0, 24, 18)};
  for (const char* text :
       {"a large red circle is left of a small blue square", "a small blue square is right of a large red circle",
        "  a large  red circle is left of a small blue square. "})
    CHECK(caption_holds(text, pair));
  for (const char* text :
       {"a large red circle is right of a small blue square", "a large red circle is above a small blue square",
        "a small red circle is left of a small blue square", "a large red circle", "two large red circles", "",
        "a large red circle is left of a small blue squares",
        "there is a large red circle is left of a small blue square", "a large red circle left of a small blue square",
        "the large red circle is left of a small blue square"})
    CHECK_FALSE(caption_holds(text, pair));
  const std::vector<PictureThing> three(3, thing(2, 5, 0, 9, 9));
  CHECK(caption_holds("three small black triangles", three));
  CHECK(caption_holds("there are three small black triangles", three));
  CHECK_FALSE(caption_holds("two small black triangles", three));
  CHECK_FALSE(caption_holds("there is three small black triangles", three));
  CHECK(caption_holds("there is a small black triangle", {three.begin(), 1}));
  CHECK_FALSE(caption_holds("a small black triangle", {}));
  CHECK(relation_of(thing(0, 0, 0, 5, 5), thing(0, 0, 0, 9, 20)) == 2);
  CHECK(relation_of(thing(0, 0, 0, 5, 25), thing(0, 0, 0, 9, 20)) == 3);
}

TEST_CASE("what is no shape is seen as such, dirt as nothing") {
  Image image(kPictureSize, kPictureSize);
  CHECK(things_in(image).empty());
  CHECK_FALSE(likeliest_caption({}).has_value());
  image.at(3, 3) = image.at(4, 3) = {0, 0, 0};
  CHECK(things_in(image).empty());
  for (std::int64_t x = 2; x < 30; ++x) image.at(x, 20) = {220, 40, 40};  // a line
  const auto things = things_in(image);
  REQUIRE(things.size() == 1);
  CHECK(things[0].kind == PictureKind{-1, 0, 0});
  CHECK_FALSE(likeliest_caption(things).has_value());
  CHECK_FALSE(caption_holds("a small red circle", things));
  CHECK(things_in(Image(kPictureSize, kPictureSize, {0, 0, 0})).front().kind.shape == -1);
  CHECK(things_in(Image(8, 8)).empty());
  CHECK_FALSE(likeliest_caption(std::vector<PictureThing>(4, thing(0, 0, 0, 5, 5))).has_value());
}

}  // namespace langzoo::test::pictures_test
