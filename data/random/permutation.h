/// A pseudo-random permutation of [0, n) in constant memory: the order of an epoch over any number of examples.
#pragma once

#include <array>
#include <cstdint>

namespace langzoo {

/// A Feistel network (Luby and Rackoff 1988) over the smallest even number of bits that holds n; indices that land
/// outside [0, n) are sent through it again until they are inside ("cycle walking", Black and Rogaway 2002), fewer than
/// four passes on average.
class Permutation {
 public:
  /// Of [0, size), decided by (seed, stream). `size` is at least 1.
  Permutation(std::uint64_t size, std::uint64_t seed, std::uint64_t stream);

  std::uint64_t size() const { return size_; }
  /// Where `index` goes. Requires index < size().
  std::uint64_t operator()(std::uint64_t index) const;

 private:
  std::uint64_t size_;
  int half_bits_;
  std::array<std::uint64_t, 6> keys_;
};

}  // namespace langzoo
