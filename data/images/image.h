/// Pictures as 8-bit RGB, and PNG files of them, through libpng.
///
///     const auto image = langzoo::read_png("kitten.png");
///     langzoo::write_png("copy.png", image);
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "data/files/as_size.h"

namespace langzoo {

struct Color {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Color&) const = default;
};

/// Rows from the top, pixels from the left.
class Image {
 public:
  Image() = default;
  /// Throws std::invalid_argument for sizes below 1.
  Image(std::int64_t width, std::int64_t height, Color background = {255, 255, 255});

  std::int64_t width() const { return width_; }
  std::int64_t height() const { return height_; }
  Color& at(std::int64_t x, std::int64_t y) { return pixels_[as_size(y * width_ + x)]; }
  const Color& at(std::int64_t x, std::int64_t y) const { return pixels_[as_size(y * width_ + x)]; }
  const std::vector<Color>& pixels() const { return pixels_; }
  bool operator==(const Image&) const = default;

 private:
  friend Image decode_png(const std::filesystem::path& name, std::string_view bytes);

  std::int64_t width_ = 0, height_ = 0;
  std::vector<Color> pixels_;
};

/// Wider or higher pictures are refused.
inline constexpr std::int64_t kMostImagePixels = 1 << 12;

/// The picture in the bytes of a PNG file, whatever its kind: grey, palette and 16 bits become 8-bit sRGB, interlaced
/// rows are put in order, and what is transparent lies on white. Throws FileError naming `name` for bytes that are no
/// PNG, for one that is damaged or cut off, and for one that is wider or higher than kMostImagePixels.
Image decode_png(const std::filesystem::path& name, std::string_view bytes);
/// As decode_png(), of a file of at most 256 MiB.
Image read_png(const std::filesystem::path& path);

/// An 8-bit RGB file. The same picture has the same bytes.
std::string encode_png(const Image& image);
/// Replaces `path` as a whole. Throws FileError.
void write_png(const std::filesystem::path& path, const Image& image);

}  // namespace langzoo
