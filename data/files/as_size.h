/// Counts and places, which are signed here as LibTorch's are, as the standard library's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace langzoo {

/// `n` is not negative.
constexpr std::size_t as_size(std::int64_t n) {
  return static_cast<std::size_t>(n);
}

}  // namespace langzoo
