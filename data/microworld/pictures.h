/// Microworld's pictures: a few shapes on white, and captions that say what there is. The world that is drawn, the
/// choices that a caption makes and their probabilities are known, so that a captioner can be held to the best that
/// anybody can do, and a picture can be read back: what somebody else has drawn is looked at by the same rules.
///
///     const auto drawn = langzoo::microworld_picture(1, 0);   // .image, .caption, .nats
///     langzoo::caption_holds("two small red circles", langzoo::things_in(drawn.image));
///
/// Half of the pictures are one to three things of a kind, half two things that differ. The grammar of captions:
///
///     caption -> group (3/4) | "there" ("is" | "are") group (1/4)         of one kind
///              | thing "is" relation thing                                of two; the one on the left or above is told
///                                                                         of first with probability 3/4
///     group   -> "a" kind | ("two" | "three") kind "s"
///     thing   -> "a" kind
///     kind    -> ("small" | "large") color shape
///     relation -> "left of" | "right of" | "above" | "below"
///
/// So a caption's entropy, given its picture, is that of one choice of 3 : 1, 0.5623 nats, and nobody finds more than
/// three of four to the letter.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/images/image.h"

namespace langzoo {

inline constexpr std::array<std::string_view, 3> kPictureShapes = {"circle", "square", "triangle"};
inline constexpr std::array<std::string_view, 6> kPictureColors = {"red", "green", "blue", "yellow", "purple", "black"};
inline constexpr std::array<std::string_view, 2> kPictureSizes = {"small", "large"};
inline constexpr std::array<std::string_view, 4> kPictureRelations = {"left of", "right of", "above", "below"};
inline constexpr std::int64_t kPictureSize = 32;  ///< pixels of a side

/// Of each an index into the names above.
struct PictureKind {
  std::int64_t shape = 0, color = 0, size = 0;
  bool operator==(const PictureKind&) const = default;
};

struct PictureThing {
  PictureKind kind;
  std::int64_t x = 0, y = 0;  ///< its middle
  bool operator==(const PictureThing&) const = default;
};

/// Of a picture's two things that differ, how the first stands to the second: the longer way decides.
std::int64_t relation_of(const PictureThing& first, const PictureThing& second);

Image draw_things(std::span<const PictureThing> things);

/// What there is in a picture, from the left to the right. Pixels are taken for the color whose mixture with white they
/// are, patches of one color for the shape that they cover best. Nothing for another size of picture; a patch that is
/// no shape is a thing with shape -1.
std::vector<PictureThing> things_in(const Image& image);

/// What a caption says.
struct PictureCaption {
  std::int64_t count = 1;  ///< of things of `kind`, beside which there is nothing unless `other` is told of
  PictureKind kind;
  std::int64_t relation = 0;         ///< of the first to the second, where there is one
  std::optional<PictureKind> other;  ///< the second thing

  /// Nothing for a text that is none of the grammar's. Other white space and a final full stop do not matter.
  static std::optional<PictureCaption> parse(std::string_view text);
};

/// Whether these things, all of them, are what a caption says. False for a caption that is none of the grammar's.
bool caption_holds(std::string_view caption, std::span<const PictureThing> things);
/// The most probable caption of these things; nothing where the grammar has none for them.
std::optional<std::string> likeliest_caption(std::span<const PictureThing> things);

struct MicroworldPicture {
  std::vector<PictureThing> things;
  Image image;
  std::string caption;
  double nats = 0;  ///< -log p of the caption, given the picture
};
/// The picture of that number among those that the seed decides; the same on every platform.
MicroworldPicture microworld_picture(std::uint64_t seed, std::int64_t number);

}  // namespace langzoo
