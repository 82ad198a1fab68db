#include "data/metrics/edit_matrix.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace langzoo {

EditMatrix::EditMatrix(Words hypothesis, Words reference) : reference_(reference) {
  constexpr std::size_t kBeamWidth = 25;
  const std::size_t columns = reference.size() + 1;
  const double step = hypothesis.empty() ? 1.0 : static_cast<double>(reference.size()) / hypothesis.size();
  // Where rows are far apart on the line a wider band lets each meet the one above.
  const auto width = kBeamWidth < step / 2 ? static_cast<std::size_t>(std::ceil(step / 2 + kBeamWidth)) : kBeamWidth;
  rows_.push_back({0, columns, 0});
  for (std::size_t i = 1; i <= hypothesis.size(); ++i) {
    const auto diagonal = static_cast<std::size_t>(std::floor(static_cast<double>(i) * step));
    const std::size_t first = diagonal > width ? diagonal - width : 0;
    const std::size_t last = i == hypothesis.size() ? columns : std::min(columns, diagonal + width);
    const auto& above = rows_.back();
    rows_.push_back({first, last, above.offset + (above.last - above.first)});
  }
  const std::size_t cells = rows_.back().offset + (rows_.back().last - rows_.back().first);
  costs_.resize(cells);
  edits_.resize(cells);
  for (std::size_t j = 0; j < columns; ++j) costs_[j] = static_cast<Cost>(j), edits_[j] = Edit::kInsert;
  for (std::size_t i = 1; i < rows_.size(); ++i) {
    const auto& row = rows_[i];
    fill<true>(row, hypothesis[i - 1], rows_[i - 1], &costs_[rows_[i - 1].offset], &costs_[row.offset],
               &edits_[row.offset]);
  }
}

template <bool keep_edits>
void EditMatrix::fill(const Row& row, std::uint32_t word, const Row& above, const Cost* above_costs, Cost* costs,
                      Edit* edits) {
  const auto above_at = [&](std::size_t j) {
    return j >= above.first && j < above.last ? above_costs[j - above.first] : kUnreached;
  };
  Cost left = kUnreached;
  Cost diagonal = row.first > 0 ? above_at(row.first - 1) : kUnreached;
  for (std::size_t j = row.first; j < row.last; ++j) {
    const Cost up = above_at(j);
    const bool match = j > 0 && word == reference_[j - 1];
    // Of equally cheap edits the first counts: match or substitution, deletion, insertion.
    Cost cost = kUnreached;
    Edit edit = Edit::kNone;
    const auto consider = [&](Cost candidate, Edit its_edit) {
      if (candidate < cost) cost = candidate, edit = its_edit;
    };
    if (j > 0) consider(diagonal + (match ? 0 : 1), match ? Edit::kMatch : Edit::kSubstitute);
    consider(up + 1, Edit::kDelete);
    consider(left + 1, Edit::kInsert);
    costs[j - row.first] = cost;
    if constexpr (keep_edits) edits[j - row.first] = edit;
    diagonal = up;
    left = cost;
  }
}

std::int64_t EditMatrix::distance_with(Words changed, std::size_t begin, std::size_t end) {
  if (begin == end) return distance();
  const auto first = costs_.begin() + static_cast<std::ptrdiff_t>(rows_[begin].offset);
  changed_above_.assign(first, first + static_cast<std::ptrdiff_t>(rows_[begin].last - rows_[begin].first));
  for (std::size_t i = begin + 1; i < rows_.size(); ++i) {
    const auto& row = rows_[i];
    const std::size_t size = row.last - row.first;
    changed_row_.resize(size);
    fill<false>(row, changed[i - 1], rows_[i - 1], changed_above_.data(), changed_row_.data(), nullptr);
    std::swap(changed_above_, changed_row_);
    if (i < end) continue;
    // Below the change the words are the same: rows that differ from here on by one number will do so to the end.
    const Cost* old = &costs_[row.offset];
    const Cost difference = changed_above_[0] - old[0];
    const bool settled = std::equal(changed_above_.begin(), changed_above_.end(), old,
                                    [difference](Cost a, Cost b) { return a - b == difference; });
    if (settled) return distance() + difference;
  }
  return changed_above_.back();
}

std::vector<EditMatrix::Edit> EditMatrix::path_from_end() const {
  std::vector<Edit> path;
  std::size_t i = rows_.size() - 1, j = reference_.size();
  while (i > 0 || j > 0) {
    const auto edit = edits_[rows_[i].offset + (j - rows_[i].first)];
    path.push_back(edit);
    if (edit != Edit::kInsert) --i;
    if (edit != Edit::kDelete) --j;
  }
  return path;
}

}  // namespace langzoo
