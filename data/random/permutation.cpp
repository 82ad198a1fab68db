#include "data/random/permutation.h"

#include <bit>
#include <stdexcept>

#include "data/random/random.h"

namespace langzoo {

Permutation::Permutation(std::uint64_t size, std::uint64_t seed, std::uint64_t stream) : size_(size) {
  if (size == 0) throw std::invalid_argument("a permutation needs at least one element");
  half_bits_ = (std::bit_width(size - 1) + 1) / 2;
  Random random(seed, stream);
  for (auto& key : keys_) key = random.next();
}

std::uint64_t Permutation::operator()(std::uint64_t index) const {
  if (half_bits_ == 0) return index;
  const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
  do {
    std::uint64_t left = index >> half_bits_, right = index & mask;
    for (const std::uint64_t key : keys_) {
      const std::uint64_t mixed = left ^ (mix_bits(right ^ key) & mask);
      left = right;
      right = mixed;
    }
    index = left << half_bits_ | right;
  } while (index >= size_);
  return index;
}

}  // namespace langzoo
