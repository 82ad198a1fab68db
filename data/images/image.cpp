#include "data/images/image.h"

#include <stdexcept>

#include <fmt/format.h>
#include <png.h>

#include "data/files/files.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// libpng's simplified interface, which returns instead of jumping.
class PngImage {
 public:
  PngImage() { image_.version = PNG_IMAGE_VERSION; }
  ~PngImage() { png_image_free(&image_); }
  PngImage(const PngImage&) = delete;
  PngImage& operator=(const PngImage&) = delete;
  png_image* operator->() { return &image_; }
  png_image* get() { return &image_; }
  bool failed() const { return PNG_IMAGE_FAILED(image_); }

 private:
  png_image image_{};
};

}  // namespace

Image::Image(std::int64_t width, std::int64_t height, Color background) : width_(width), height_(height) {
  if (width < 1 || height < 1) throw std::invalid_argument(fmt::format("a picture of {} x {} pixels", width, height));
  pixels_.assign(as_size(width * height), background);
}

Image decode_png(const fs::path& name, std::string_view bytes) {
  PngImage png;
  const auto require = [&](bool done) {
    if (!done || png.failed()) throw FileError(name, fmt::format("is no PNG that can be read: {}", png->message));
  };
  require(png_image_begin_read_from_memory(png.get(), bytes.data(), bytes.size()) != 0);
  if (png->width > kMostImagePixels || png->height > kMostImagePixels) {
    throw FileError(name, fmt::format("has {} x {} pixels; at most {} x {} are read", png->width, png->height,
                                      kMostImagePixels, kMostImagePixels));
  }
  png->format = PNG_FORMAT_RGB;
  Image image(png->width, png->height);
  static_assert(sizeof(Color) == 3);
  const png_color white{255, 255, 255};
  require(png_image_finish_read(png.get(), &white, image.pixels_.data(), 0, nullptr) != 0);
  return image;
}

Image read_png(const fs::path& path) {
  return decode_png(path, read_file(path, std::uint64_t{1} << 28));
}

std::string encode_png(const Image& image) {
  PngImage png;
  png->width = static_cast<png_uint_32>(image.width());
  png->height = static_cast<png_uint_32>(image.height());
  png->format = PNG_FORMAT_RGB;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(*png.get());
  std::string bytes(size, '\0');
  if (png_image_write_to_memory(png.get(), bytes.data(), &size, 0, image.pixels().data(), 0, nullptr) == 0) {
    throw std::runtime_error(fmt::format("a picture cannot be written: {}", png->message));
  }
  bytes.resize(size);
  return bytes;
}

void write_png(const fs::path& path, const Image& image) {
  write_file_atomically(path, encode_png(image));
}

}  // namespace langzoo
