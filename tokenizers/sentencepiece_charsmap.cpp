#include "tokenizers/sentencepiece_charsmap.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

static_assert(std::endian::native == std::endian::little, "the map is read as it lies in the file");

/// libsentencepiece looks at no more keys than this that begin at one place, and trusts that there are no more.
constexpr int kMaxNestedKeys = 32;
/// The longest of Unicode's compatibility decompositions has 33 bytes; a map by hand may have longer ones.
constexpr std::size_t kMaxReplacement = 1024;

// A unit of a Darts-clone double array (https://github.com/s-yata/darts-clone).
std::uint32_t label(std::uint32_t unit) {
  return unit & 0x800000FFu;
}
std::uint32_t offset(std::uint32_t unit) {
  return (unit >> 10) << ((unit & 0x200u) >> 6);
}
bool has_leaf(std::uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
std::uint32_t value(std::uint32_t leaf) {
  return leaf & 0x7FFFFFFFu;
}

}  // namespace

SentencePieceCharsmap::SentencePieceCharsmap(std::string_view bytes) {
  if (bytes.empty()) return;
  std::uint32_t trie_bytes = 0;
  if (bytes.size() <= sizeof trie_bytes) throw std::invalid_argument("the character map is cut off");
  std::memcpy(&trie_bytes, bytes.data(), sizeof trie_bytes);
  bytes.remove_prefix(sizeof trie_bytes);
  if (trie_bytes >= bytes.size()) throw std::invalid_argument("the character map is cut off");
  if (trie_bytes == 0 || trie_bytes % 1024 != 0) {
    throw std::invalid_argument(fmt::format("the character map's trie has {} bytes, no multiple of 1024", trie_bytes));
  }
  units_.resize(trie_bytes / sizeof(std::uint32_t));
  std::memcpy(units_.data(), bytes.data(), trie_bytes);
  replacements_ = bytes.substr(trie_bytes);
  if (replacements_.back() != '\0') throw std::invalid_argument("the character map's last replacement has no end");
  check();
}

void SentencePieceCharsmap::check() {
  const auto check_leaf = [this](std::uint32_t place) {
    if (value(units_[place]) >= replacements_.size()) {
      throw std::invalid_argument("the character map's trie leads out of its replacements");
    }
    const char* begin = replacements_.data() + value(units_[place]);
    const std::size_t size = strnlen(begin, kMaxReplacement + 1);
    if (size > kMaxReplacement || !is_valid_utf8({begin, size})) {
      throw std::invalid_argument("a replacement of the character map is too long or no UTF-8");
    }
  };
  // Depth first over the bases of the nodes, which may share their children.
  enum : unsigned char { kUnseen, kOpen, kDone };
  struct Node {
    std::uint32_t base;
    int keys;  // the most that end below it on one way
    std::uint32_t next_byte;
  };
  std::vector<unsigned char> seen(units_.size(), kUnseen), keys(units_.size());
  std::vector<Node> way;
  const auto enter = [&](std::uint32_t base) {
    if ((base | 0xFFu) >= units_.size()) throw std::invalid_argument("the character map's trie leads out of it");
    seen[base] = kOpen;
    way.push_back({base, 0, 0});
  };
  enter(offset(units_[0]));
  while (!way.empty()) {
    Node& node = way.back();
    if (node.next_byte == 256) {
      seen[node.base] = kDone;
      keys[node.base] = static_cast<unsigned char>(node.keys);
      way.pop_back();
      continue;
    }
    const std::uint32_t byte = node.next_byte;
    const std::uint32_t place = node.base ^ byte;
    const std::uint32_t unit = units_[place];
    if (label(unit) != byte) {
      ++node.next_byte;
      continue;
    }
    const std::uint32_t base = place ^ offset(unit);
    if (base >= units_.size()) throw std::invalid_argument("the character map's trie leads out of it");
    if (seen[base] == kOpen) throw std::invalid_argument("the character map's trie has no end");
    if (seen[base] == kUnseen) {
      enter(base);  // and come back to this byte
      continue;
    }
    ++node.next_byte;
    if (has_leaf(unit)) check_leaf(base);
    const int below = keys[base] + (has_leaf(unit) ? 1 : 0);
    if (below > kMaxNestedKeys) {
      throw std::invalid_argument(fmt::format("more than {} keys of the character map begin alike", kMaxNestedKeys));
    }
    node.keys = std::max(node.keys, below);
    if (way.size() > 1) inside_[byte] = true;
  }
  const std::uint32_t root = offset(units_[0]);
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    const std::uint32_t unit = units_[root ^ byte];
    if (label(unit) == byte && keys[root ^ byte ^ offset(unit)] > 0) inside_[byte] = true;
  }
}

std::string_view SentencePieceCharsmap::replacement(std::uint32_t leaf) const {
  const char* begin = replacements_.data() + value(leaf);
  return {begin, std::strlen(begin)};
}

SentencePieceCharsmap::Match SentencePieceCharsmap::longest(std::string_view text) const {
  Match match;
  if (units_.empty()) return match;
  std::uint32_t leaf = 0;
  std::uint32_t base = offset(units_[0]);
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::uint32_t child = base ^ byte;
    const std::uint32_t unit = units_[child];
    if (label(unit) != byte) break;
    base = child ^ offset(unit);
    if (has_leaf(unit)) {
      match.length = i + 1;
      leaf = units_[base];
    }
  }
  if (match.length > 0) match.replacement = replacement(leaf);
  return match;
}

bool SentencePieceCharsmap::has_prefix(std::string_view prefix) const {
  if (units_.empty()) return false;
  std::uint32_t base = offset(units_[0]);
  for (const char c : prefix) {
    const auto byte = static_cast<unsigned char>(c);
    const std::uint32_t child = base ^ byte;
    if (label(units_[child]) != byte) return false;
    base = child ^ offset(units_[child]);
  }
  return true;
}

}  // namespace langzoo
