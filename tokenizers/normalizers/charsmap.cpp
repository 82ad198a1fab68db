#include "tokenizers/normalizers/charsmap.h"

#include <stdexcept>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::size_t kUnitSize = 4;

std::uint32_t little_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = kUnitSize; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// The fields of a unit of the double array.
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t label(std::uint32_t unit) {
  return unit & (1u << 31 | 0xFF);
}
std::size_t offset(std::uint32_t unit) {
  return static_cast<std::size_t>(unit >> 10) << ((unit & 1u << 9) >> 6);
}

}  // namespace

Charsmap::Charsmap(std::string_view bytes) {
  if (bytes.size() < kUnitSize) throw std::invalid_argument("the charsmap has no size");
  const std::size_t size = little_endian(bytes, 0);
  if (size > bytes.size() - kUnitSize || size % kUnitSize != 0 || size == 0) {
    throw std::invalid_argument("the charsmap's trie has another size than it says");
  }
  for (std::size_t at = kUnitSize; at < kUnitSize + size; at += kUnitSize) units_.push_back(little_endian(bytes, at));
  replacements_ = bytes.substr(kUnitSize + size);
  if (!is_valid_utf8(replacements_)) throw std::invalid_argument("the charsmap's replacements are not UTF-8");
}

std::optional<std::uint32_t> Charsmap::child(std::size_t base, unsigned char byte) const {
  const std::size_t at = base ^ byte;
  if (at >= units_.size() || label(units_[at]) != byte) return {};
  return units_[at];
}

std::optional<std::string_view> Charsmap::replacement(std::size_t base, std::uint32_t unit) const {
  if (!has_leaf(unit) || base >= units_.size()) return {};
  const std::size_t begin = units_[base] & ~(1u << 31);
  if (begin > replacements_.size()) return {};
  const bool within_character =
      begin < replacements_.size() && (static_cast<unsigned char>(replacements_[begin]) & 0xC0) == 0x80;
  if (within_character) return {};
  const std::string_view rest = std::string_view(replacements_).substr(begin);
  return rest.substr(0, rest.find('\0'));
}

std::optional<std::string_view> Charsmap::find(std::string_view text) const {
  std::size_t base = offset(units_[0]);
  for (const char byte : text) {
    if (byte == '\0') return {};
    const auto unit = child(base, static_cast<unsigned char>(byte));
    if (!unit) return {};
    base ^= static_cast<unsigned char>(byte);
    base ^= offset(*unit);
    if (const auto found = replacement(base, *unit)) return found;
  }
  return {};
}

bool Charsmap::for_each_key(unsigned char first, const Visit& visit) const {
  constexpr std::size_t kMaxNodes = 1 << 14, kMaxKeySize = 64;
  std::size_t nodes = 0;
  const std::function<bool(std::size_t, unsigned char, std::size_t)> walk = [&](std::size_t base, unsigned char byte,
                                                                                std::size_t size) {
    const auto unit = child(base, byte);
    if (!unit) return true;
    if (++nodes > kMaxNodes || size > kMaxKeySize) return false;
    base ^= byte;
    base ^= offset(*unit);
    if (const auto found = replacement(base, *unit)) visit(size, *found);
    for (unsigned next = 1; next < 256; ++next) {
      if (!walk(base, static_cast<unsigned char>(next), size + 1)) return false;
    }
    return true;
  };
  return walk(offset(units_[0]), first, 1);
}

}  // namespace langzoo
