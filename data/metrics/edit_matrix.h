/// Levenshtein distance near the diagonal, and shifts tried on it: what the translation edit rate needs. Internal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

/// The matrix of the edits from a hypothesis (rows) to a reference (columns), of which only a band is computed, as in
/// sacreBLEU: 25 cells, or somewhat more than the step from row to row, on both sides of the straight line.
class EditMatrix {
 public:
  enum class Edit : std::uint8_t { kMatch, kSubstitute, kDelete, kInsert, kNone };

  using Words = std::span<const std::uint32_t>;

  /// Both stay where they are. `reference` is not empty.
  EditMatrix(Words hypothesis, Words reference);

  std::int64_t distance() const { return costs_.back(); }
  /// The distance of `changed`, which has the hypothesis' length and its words outside [begin, end).
  std::int64_t distance_with(Words changed, std::size_t begin, std::size_t end);
  /// The edits of the cheapest path, from its end to its beginning.
  std::vector<Edit> path_from_end() const;

 private:
  using Cost = std::int32_t;
  /// More than any sum of edits, and far from overflowing.
  static constexpr Cost kUnreached = 1 << 30;

  struct Row {
    std::size_t first, last;  ///< columns [first, last)
    std::size_t offset;       ///< of column `first` in costs_
  };

  /// Row i of the matrix from the row above it.
  template <bool keep_edits>
  void fill(const Row& row, std::uint32_t word, const Row& above, const Cost* above_costs, Cost* costs, Edit* edits);

  Words reference_;
  std::vector<Row> rows_;
  std::vector<Cost> costs_;
  std::vector<Edit> edits_;
  std::vector<Cost> changed_above_, changed_row_;
};

}  // namespace langzoo
