/// Which source each row of a decoder reads.
#pragma once

#include <vector>

#include <torch/types.h>

namespace langzoo {

/// Rows begin one a source; they are repeated (beams, samples), change places and end, and what was made of a source
/// is stored once however many rows read it.
///
/// Letters: R rows, N sources that are stored.
class SourceRows {
 public:
  explicit SourceRows(std::int64_t sources);

  /// Row i goes on as row `rows[i]` did. Sources that no row reads any longer are dropped, and the others numbered in
  /// the order in which rows read them: returns the places (N) int64 that they had, with which to select what is
  /// stored, or an undefined tensor where what is stored stays as it is. Costs nothing on the device where `rows` lies
  /// on the CPU. Throws std::out_of_range for a row that there is not. Shapes: rows (R) int64.
  torch::Tensor reorder(const torch::Tensor& rows);

  std::int64_t rows() const { return static_cast<std::int64_t>(source_.size()); }
  std::int64_t sources() const { return sources_; }

  /// Whether row i reads source i / (R/N): the rows of a source lie together, as many for each. They can then be its
  /// queries; otherwise what is stored must be selected by index() first.
  bool grouped() const { return grouped_; }
  /// The source of each row, (R) int64 on the CPU.
  torch::Tensor index() const;

 private:
  std::vector<std::int64_t> source_;  ///< by row
  std::int64_t sources_;
  bool grouped_ = true;
};

}  // namespace langzoo
