#include "data/microworld/pictures.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "data/random/random.h"

namespace langzoo {

namespace {

constexpr std::array<Color, 6> kPalette = {
    {{220, 40, 40}, {0, 160, 60}, {40, 70, 220}, {240, 200, 0}, {150, 50, 190}, {30, 30, 30}}};
constexpr std::array<std::int64_t, 2> kRadii = {3, 5};  ///< by size, in pixels: shapes are 7 and 11 wide
constexpr std::int64_t kLeastPatch = 12;                ///< pixels; less is dirt
constexpr double kLeastOverlap = 0.6;                   ///< of a patch with its shape, intersection over union
constexpr double kUsual = 0.75;                         ///< of a caption's two forms the first
constexpr std::array<std::string_view, 3> kCounts = {"a", "two", "three"};

/// Whether the shape covers the pixel (dx, dy) from its middle.
bool covers(std::int64_t shape, std::int64_t radius, std::int64_t dx, std::int64_t dy) {
  if (std::max(std::abs(dx), std::abs(dy)) > radius) return false;
  if (shape == 0) return dx * dx + dy * dy <= radius * radius + radius / 2;
  return shape == 1 || 2 * std::abs(dx) <= dy + radius;
}

bool is_horizontal(const PictureThing& a, const PictureThing& b) {
  return std::abs(a.x - b.x) > std::abs(a.y - b.y);
}

std::string kind_text(const PictureKind& kind) {
  return fmt::format("{} {} {}", kPictureSizes[as_size(kind.size)], kPictureColors[as_size(kind.color)],
                     kPictureShapes[as_size(kind.shape)]);
}

/// Of a picture that the grammar can tell of, in the usual form or the other one.
std::string tell(std::span<const PictureThing> things, bool usual) {
  const auto& first = things.front();
  if (things.size() == 2 && first.kind != things[1].kind) {
    const bool is_first = relation_of(first, things[1]) % 2 == 0;
    const auto &told = usual == is_first ? first : things[1], &other = usual == is_first ? things[1] : first;
    return fmt::format("a {} is {} a {}", kind_text(told.kind), kPictureRelations[as_size(relation_of(told, other))],
                       kind_text(other.kind));
  }
  const bool many = things.size() > 1;
  return fmt::format("{}{} {}{}",
                     usual  ? ""
                     : many ? "there are "
                            : "there is ",
                     kCounts[things.size() - 1], kind_text(first.kind), many ? "s" : "");
}

PictureKind draw_kind(Random& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::int64_t>(random.below(n)); };
  PictureKind kind;
  kind.shape = below(kPictureShapes.size());
  kind.color = below(kPictureColors.size());
  kind.size = below(kPictureSizes.size());
  return kind;
}

/// Places for things, none of which touches another; where two differ, it is clear how they stand to each other.
bool place(std::vector<PictureThing>& things, Random& random) {
  for (std::size_t i = 0; i < things.size(); ++i) {
    const auto radius = kRadii[as_size(things[i].kind.size)];
    const auto coordinate = [&] {
      return radius + 1 + static_cast<std::int64_t>(random.below(as_size(kPictureSize - 2 * radius - 2)));
    };
    things[i].x = coordinate(), things[i].y = coordinate();
    for (std::size_t j = 0; j < i; ++j) {
      const auto dx = std::abs(things[i].x - things[j].x), dy = std::abs(things[i].y - things[j].y);
      if (std::max(dx, dy) < radius + kRadii[as_size(things[j].kind.size)] + 3) return false;
      if (things[i].kind != things[j].kind && std::abs(dx - dy) < 4) return false;
    }
  }
  return true;
}

/// The color whose mixture with white a pixel is, half of it or more; -1: white.
std::int64_t color_of(const Color& pixel) {
  const auto darkness = [](const Color& color) {
    return std::array<double, 3>{255.0 - color.red, 255.0 - color.green, 255.0 - color.blue};
  };
  const auto dot = [](const auto& a, const auto& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; };
  const auto dark = darkness(pixel);
  std::int64_t best = -1;
  double most = 0;
  for (std::size_t i = 0; i < kPalette.size(); ++i) {
    const auto color = darkness(kPalette[i]);
    const auto product = dot(dark, color), cosine = product / std::sqrt(dot(color, color));
    if (cosine > most && product >= 0.5 * dot(color, color)) most = cosine, best = static_cast<std::int64_t>(i);
  }
  return best;
}

struct Patch {
  std::int64_t color = 0, left = kPictureSize, right = 0, top = kPictureSize, bottom = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> pixels;
};

/// Pixels of one color that touch each other, by a corner too.
std::vector<Patch> patches_of(const Image& image) {
  constexpr auto kSide = kPictureSize;
  std::array<std::int64_t, kSide * kSide> colors{};
  for (std::int64_t i = 0; i < kSide * kSide; ++i) colors[as_size(i)] = color_of(image.at(i % kSide, i / kSide));
  std::vector<Patch> patches;
  for (std::int64_t i = 0; i < kSide * kSide; ++i) {
    if (colors[as_size(i)] < 0) continue;
    Patch patch;
    patch.color = std::exchange(colors[as_size(i)], -1);
    patch.pixels.emplace_back(i % kSide, i / kSide);
    for (std::size_t next = 0; next < patch.pixels.size(); ++next) {
      const auto [x, y] = patch.pixels[next];
      patch.left = std::min(patch.left, x), patch.right = std::max(patch.right, x);
      patch.top = std::min(patch.top, y), patch.bottom = std::max(patch.bottom, y);
      for (auto v = std::max<std::int64_t>(0, y - 1); v <= std::min(kSide - 1, y + 1); ++v) {
        for (auto u = std::max<std::int64_t>(0, x - 1); u <= std::min(kSide - 1, x + 1); ++u) {
          auto& color = colors[as_size(v * kSide + u)];
          if (color != patch.color) continue;
          color = -1;
          patch.pixels.emplace_back(u, v);
        }
      }
    }
    if (std::ssize(patch.pixels) >= kLeastPatch) patches.push_back(std::move(patch));
  }
  return patches;
}

/// The thing that a patch covers best; one of shape -1 where it covers none well.
PictureThing thing_of(const Patch& patch) {
  PictureThing best;
  best.kind = {-1, patch.color, 0};
  best.x = (patch.left + patch.right) / 2, best.y = (patch.top + patch.bottom) / 2;
  const auto middle_x = best.x, middle_y = best.y;
  double most = kLeastOverlap;
  for (std::size_t size = 0; size < kRadii.size(); ++size) {
    for (std::size_t shape = 0; shape < kPictureShapes.size(); ++shape) {
      const auto radius = kRadii[size], of = static_cast<std::int64_t>(shape);
      std::int64_t area = 0;
      for (auto dy = -radius; dy <= radius; ++dy) {
        for (auto dx = -radius; dx <= radius; ++dx) area += covers(of, radius, dx, dy) ? 1 : 0;
      }
      for (auto y = middle_y - 1; y <= middle_y + 1; ++y) {
        for (auto x = middle_x - 1; x <= middle_x + 1; ++x) {
          std::int64_t both = 0;
          for (const auto& [u, v] : patch.pixels) both += covers(of, radius, u - x, v - y) ? 1 : 0;
          const double overlap =
              static_cast<double>(both) / static_cast<double>(area + std::ssize(patch.pixels) - both);
          if (overlap <= most) continue;
          most = overlap;
          best = {{of, patch.color, static_cast<std::int64_t>(size)}, x, y};
        }
      }
    }
  }
  return best;
}

/// Words, one after another.
class WordsLeft {
 public:
  explicit WordsLeft(std::string_view text) {
    std::string word;
    for (const char c : std::string(text) + " ") {
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
        word += c;
      } else if (!word.empty()) {
        words_.push_back(std::exchange(word, {}));
      }
    }
    if (words_.empty() || !words_.back().ends_with('.')) return;
    words_.back().pop_back();
    if (words_.back().empty()) words_.pop_back();
  }
  bool take(std::string_view word) {
    if (next_ == words_.size() || words_[next_] != word) return false;
    ++next_;
    return true;
  }
  /// Which of these; -1: none. `ending` stands behind the word.
  template <class Names>
  std::int64_t take_of(const Names& names, const std::string& ending = {}) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (take(std::string(names[i]) + ending)) return static_cast<std::int64_t>(i);
    }
    return -1;
  }
  std::optional<PictureKind> take_kind(bool many = false) {
    PictureKind kind;
    kind.size = take_of(kPictureSizes);
    kind.color = take_of(kPictureColors);
    kind.shape = take_of(kPictureShapes, many ? "s" : "");
    if (kind.size < 0 || kind.color < 0 || kind.shape < 0) return std::nullopt;
    return kind;
  }
  bool at_end() const { return next_ == words_.size(); }

 private:
  std::vector<std::string> words_;
  std::size_t next_ = 0;
};

}  // namespace

std::int64_t relation_of(const PictureThing& first, const PictureThing& second) {
  if (is_horizontal(first, second)) return first.x < second.x ? 0 : 1;
  return first.y < second.y ? 2 : 3;
}

Image draw_things(std::span<const PictureThing> things) {
  Image image(kPictureSize, kPictureSize);
  for (const auto& [kind, x, y] : things) {
    const auto radius = kRadii[as_size(kind.size)];
    for (auto v = std::max<std::int64_t>(0, y - radius); v <= std::min(kPictureSize - 1, y + radius); ++v) {
      for (auto u = std::max<std::int64_t>(0, x - radius); u <= std::min(kPictureSize - 1, x + radius); ++u) {
        if (covers(kind.shape, radius, u - x, v - y)) image.at(u, v) = kPalette[as_size(kind.color)];
      }
    }
  }
  return image;
}

std::vector<PictureThing> things_in(const Image& image) {
  std::vector<PictureThing> things;
  if (image.width() != kPictureSize || image.height() != kPictureSize) return things;
  for (const auto& patch : patches_of(image)) things.push_back(thing_of(patch));
  std::sort(things.begin(), things.end(),
            [](const PictureThing& a, const PictureThing& b) { return std::pair(a.x, a.y) < std::pair(b.x, b.y); });
  return things;
}

std::optional<PictureCaption> PictureCaption::parse(std::string_view text) {
  WordsLeft words(text);
  PictureCaption caption;
  const bool there = words.take("there");
  const bool is = there && words.take("is"), are = there && !is && words.take("are");
  const auto count = words.take_of(kCounts);
  if (count < 0 || there != (is || are) || (there && are != (count > 0))) return std::nullopt;
  caption.count = count + 1;
  const auto kind = words.take_kind(count > 0);
  if (!kind) return std::nullopt;
  caption.kind = *kind;
  if (words.at_end()) return caption;
  if (there || count > 0 || !words.take("is")) return std::nullopt;
  if (words.take("above")) {
    caption.relation = 2;
  } else if (words.take("below")) {
    caption.relation = 3;
  } else {
    caption.relation = words.take("left") ? 0 : words.take("right") ? 1 : -1;
    if (caption.relation < 0 || !words.take("of")) return std::nullopt;
  }
  if (!words.take("a")) return std::nullopt;
  caption.other = words.take_kind();
  if (!caption.other || !words.at_end()) return std::nullopt;
  return caption;
}

bool caption_holds(std::string_view caption, std::span<const PictureThing> things) {
  const auto says = PictureCaption::parse(caption);
  if (!says) return false;
  if (!says->other) {
    return std::ssize(things) == says->count &&
           std::all_of(things.begin(), things.end(), [&](const PictureThing& t) { return t.kind == says->kind; });
  }
  if (things.size() != 2) return false;
  const auto holds = [&](const PictureThing& first, const PictureThing& second) {
    return first.kind == says->kind && second.kind == *says->other && relation_of(first, second) == says->relation;
  };
  return holds(things[0], things[1]) || holds(things[1], things[0]);
}

std::optional<std::string> likeliest_caption(std::span<const PictureThing> things) {
  if (things.empty() || things.size() > kCounts.size()) return std::nullopt;
  for (const auto& thing : things) {
    if (thing.kind.shape < 0 || (things.size() > 2 && thing.kind != things[0].kind)) return std::nullopt;
  }
  return tell(things, /*usual=*/true);
}

MicroworldPicture microworld_picture(std::uint64_t seed, std::int64_t number) {
  Random random(seed, static_cast<std::uint64_t>(number));
  MicroworldPicture picture;
  auto& things = picture.things;
  if (random.below(2) == 0) {
    const auto count = 1 + random.below(kCounts.size());  // drawn first: the order of arguments is the compiler's
    things.assign(count, {draw_kind(random)});
  } else {
    things.resize(2);
    do {
      for (auto& thing : things) thing.kind = draw_kind(random);
    } while (things[0].kind.shape == things[1].kind.shape && things[0].kind.color == things[1].kind.color);
  }
  while (!place(things, random)) continue;
  std::sort(things.begin(), things.end(),
            [](const PictureThing& a, const PictureThing& b) { return std::pair(a.x, a.y) < std::pair(b.x, b.y); });
  picture.image = draw_things(things);
  const bool usual = random.below(4) < 3;
  picture.caption = tell(things, usual);
  picture.nats = -std::log(usual ? kUsual : 1 - kUsual);
  return picture;
}

}  // namespace langzoo
