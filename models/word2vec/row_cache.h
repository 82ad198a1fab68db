/// A thread's own copies of the rows that every thread writes to.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

/// Which rows of a table are worth a copy: the `most` with the largest weights, how often they are expected to be
/// touched.
class HotRows {
 public:
  HotRows(std::span<const std::int64_t> weights, std::int64_t most);

  std::int64_t size() const { return static_cast<std::int64_t>(rows_.size()); }
  std::int32_t row(std::int64_t slot) const { return rows_[static_cast<std::size_t>(slot)]; }
  /// The slot of a row's copy, or -1.
  std::int32_t slot(std::int32_t row) const { return slots_[static_cast<std::size_t>(row)]; }

 private:
  std::vector<std::int32_t> slots_, rows_;
};

/// A table as one thread sees it. A word like "the" occurs in every other window of every thread: written in place, its
/// row would travel between the cores at each update, which on two cores took more time than the arithmetic. A thread
/// writes to copies of such rows instead and adds what has changed to the table after every few updates of a row.
/// Until flush() the table may lack the last few updates of each such row, fifteen at most, however rare the row is; a
/// cache that is destroyed without it, as by an exception, drops those.
class RowCache {
 public:
  /// Shapes: table (rows,dim), row-major. `hot` must outlive it. Without `hot` every row is used in place.
  RowCache(float* table, std::int64_t dim, const HotRows* hot);

  float* row(std::int32_t row) {
    const auto slot = hot_ == nullptr ? -1 : hot_->slot(row);
    return slot < 0 ? table_ + row * dim_ : copies_.data() + slot * dim_;
  }
  /// To be called after each update of a row.
  void written(std::int32_t row) {
    const auto slot = hot_ == nullptr ? -1 : hot_->slot(row);
    if (slot >= 0 && ++updates_[static_cast<std::size_t>(slot)] == kUpdatesApart) exchange(slot);
  }
  /// Hands over all that is not in the table yet.
  void flush();

 private:
  static constexpr std::uint8_t kUpdatesApart = 16;

  void exchange(std::int64_t slot);

  float* table_;
  std::int64_t dim_;
  const HotRows* hot_;
  std::vector<float> copies_, seen_;   // (slots,dim); what the table held at the last exchange
  std::vector<std::uint8_t> updates_;  // since then
};

}  // namespace langzoo
