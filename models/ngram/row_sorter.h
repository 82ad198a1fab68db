/// Rows of 32-bit numbers in order, on disk where memory does not hold them: what n-grams are counted with. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "data/files/mapped_file.h"

namespace langzoo {

struct RowOrder {
  std::size_t width = 1;             ///< numbers in a row
  std::vector<std::size_t> columns;  ///< that decide the order, the first most; none: rows stay as they came
  bool sum_equal = false;            ///< rows alike in `columns` become one: the last two numbers, the lower and upper
                                     ///< half of one count, are summed
};

/// First all rows are added, then all are read; behind the last one the disk is free again. Rows that are equal in what
/// decides stay in the order in which they came.
class RowSorter {
 public:
  /// `memory`: bytes, within a few KiB; beyond, parts are sorted and merged on the disk of `beside`'s folder.
  RowSorter(RowOrder order, std::size_t memory, std::filesystem::path beside);
  RowSorter(RowSorter&&) noexcept;
  RowSorter& operator=(RowSorter&&) noexcept;
  ~RowSorter();

  /// A new row, to be filled before the next call.
  std::uint32_t* add() {
    if (size_ + order_.width > room_) make_room();
    size_ += order_.width;
    return rows_.get() + size_ - order_.width;
  }
  /// Ends adding; row() is then the first.
  void sort();
  /// The current row, null behind the last.
  const std::uint32_t* row() const { return row_; }
  void advance() {
    if (merger_ || row_ == nullptr) return read();
    row_ += order_.width;
    if (row_ == rows_.get() + size_) row_ = nullptr;
  }

 private:
  struct Run;    ///< sorted rows on disk
  class Merger;  ///< reads runs at once

  void make_room();
  void read();
  void sort_rows();
  void spill();
  void append_to_disk();
  std::vector<Run> merge_some(std::vector<Run> runs);

  RowOrder order_;
  std::size_t most_;      ///< numbers that `rows_` may hold
  std::size_t room_ = 0;  ///< that it can hold as it is
  std::size_t size_ = 0;  ///< that it holds
  std::filesystem::path beside_;
  std::unique_ptr<std::uint32_t[]> rows_;
  std::unique_ptr<TemporaryFile> disk_;
  std::uint64_t disk_bytes_ = 0;
  std::vector<Run> runs_;
  std::unique_ptr<Merger> merger_;
  const std::uint32_t* row_ = nullptr;
};

}  // namespace langzoo
