#include "tokenizers/unicode_classes.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace langzoo {

namespace {

struct CodePointRange {
  char32_t first, last;
};
#include "tokenizers/unicode_classes.inc"

/// Two stages: a block number for every 256 code points, and the distinct blocks.
class ClassTable {
 public:
  ClassTable() {
    std::vector<std::uint8_t> all(kCodePoints);
    const auto add = [&](const auto& ranges, std::uint8_t bit) {
      for (const CodePointRange& r : ranges) {
        for (char32_t c = r.first; c <= r.last; ++c) all[c] |= bit;
      }
    };
    add(kLetters, unicode_class::kLetter);
    add(kNumbers, unicode_class::kNumber);
    add(kWhiteSpace, unicode_class::kWhiteSpace);
    add(kWord, unicode_class::kWord);
    add(kNumeric, unicode_class::kNumeric);
    add(kPunctuation, unicode_class::kPunctuation);
    for (std::size_t b = 0; b < block_of_.size(); ++b) {
      Block block;
      std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(b * block.size()), block.size(), block.begin());
      const auto found = std::find(blocks_.begin(), blocks_.end(), block);
      block_of_[b] = static_cast<std::uint8_t>(found - blocks_.begin());
      if (found == blocks_.end()) blocks_.push_back(block);
    }
  }
  std::uint8_t operator[](char32_t c) const { return c < kCodePoints ? blocks_[block_of_[c >> 8]][c & 0xFF] : 0; }

 private:
  static constexpr std::size_t kCodePoints = 0x110000;
  using Block = std::array<std::uint8_t, 256>;
  std::array<std::uint8_t, kCodePoints / 256> block_of_{};
  std::vector<Block> blocks_;
};

}  // namespace

std::uint8_t unicode_classes(char32_t c) {
  static const ClassTable table;
  return table[c];
}

}  // namespace langzoo
