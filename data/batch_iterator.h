/// Batches in an order that (seed, epoch) decides, from a position that is exactly what was consumed.
#pragma once

#include <cstdint>

namespace langzoo {

/// Where training stands in its data: the batches handed out so far. Nothing prepared ahead counts.
struct DataPosition {
  std::int64_t epoch = 0;
  std::int64_t batch = 0;  ///< batches of this epoch consumed
  bool operator==(const DataPosition&) const = default;
};

}  // namespace langzoo
