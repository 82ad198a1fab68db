#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "data/metrics/edit_matrix.h"
#include "data/metrics/ter.h"

namespace langzoo {

namespace {

// Tercom's limits, and sacreBLEU's own.
constexpr std::size_t kMaxShiftSize = 10;
constexpr std::size_t kMaxShiftDistance = 50;
constexpr std::size_t kMaxShiftCandidates = 1000;

using Words = std::vector<std::uint32_t>;

/// Which word of the hypothesis stands for a word of the reference, and what is wrong. An inserted word of the
/// reference belongs to the hypothesis' word before it, -1 where there is none.
struct Alignment {
  std::vector<std::ptrdiff_t> hypothesis_of;     ///< reference words
  std::vector<std::size_t> reference_errors{0};  ///< how many of the first n words are wrong
  std::vector<std::size_t> hypothesis_errors{0};

  explicit Alignment(const EditMatrix& matrix) {
    const auto path = matrix.path_from_end();
    std::ptrdiff_t at = -1;
    for (auto edit = path.rbegin(); edit != path.rend(); ++edit) {
      const bool wrong = *edit != EditMatrix::Edit::kMatch;
      if (*edit != EditMatrix::Edit::kInsert) {
        ++at;
        hypothesis_errors.push_back(hypothesis_errors.back() + wrong);
      }
      if (*edit != EditMatrix::Edit::kDelete) {
        hypothesis_of.push_back(at);
        reference_errors.push_back(reference_errors.back() + wrong);
      }
    }
  }
};

/// What a shift moves: words[start, start + length) to before words[target].
struct Shift {
  std::size_t start, length, target;

  /// Where words change: [first, last).
  std::size_t first() const { return std::min(start, target); }
  /// A target within the phrase moves it on by as many words as it is behind its start.
  std::size_t last(std::size_t words) const {
    if (target < start) return start + length;
    return target > start + length ? target : std::min(target + length, words);
  }
  void apply(Words& words) const {
    const auto at = [&](std::size_t i) { return words.begin() + static_cast<std::ptrdiff_t>(i); };
    if (target < start) {
      std::rotate(at(target), at(start), at(start + length));
    } else {
      std::rotate(at(start), at(start + length), at(last(words.size())));
    }
  }
};

class ShiftSearch {
 public:
  ShiftSearch(Words hypothesis, std::span<const std::uint32_t> reference)
      : words_(std::move(hypothesis)), reference_(reference) {}

  std::int64_t edits() {
    for (std::int64_t shifts = 0;; ++shifts) {
      EditMatrix matrix(words_, reference_);
      const auto best = best_shift(matrix);
      if (candidates_ >= kMaxShiftCandidates || !best || best->first <= 0) return shifts + matrix.distance();
      best->second.apply(words_);
    }
  }

 private:
  /// The shift that saves the most edits; of several the longest phrase, the one that begins first, the first target.
  using Best = std::optional<std::pair<std::int64_t, Shift>>;

  Best best_shift(EditMatrix& matrix) {
    const Alignment alignment(matrix);
    Best best;
    for (std::size_t start = 0; start < words_.size(); ++start) {
      const std::size_t longest = std::min(kMaxShiftSize, words_.size() - start);
      // A phrase is moved only where it is wrong.
      if (alignment.hypothesis_errors[start] == alignment.hypothesis_errors[start + longest]) continue;
      const std::size_t first = start > kMaxShiftDistance ? start - kMaxShiftDistance : 0;
      const std::size_t last = std::min(reference_.size(), start + kMaxShiftDistance + 1);
      for (std::size_t place = first; place < last; ++place) {
        for (std::size_t length = 1; length <= longest && place + length <= reference_.size(); ++length) {
          if (words_[start + length - 1] != reference_[place + length - 1]) break;
          if (!worth_trying(alignment, start, place, length)) continue;
          try_targets(matrix, alignment, start, place, length, best);
          if (candidates_ >= kMaxShiftCandidates) return best;
        }
      }
    }
    return best;
  }

  static bool worth_trying(const Alignment& a, std::size_t start, std::size_t place, std::size_t length) {
    if (a.hypothesis_errors[start] == a.hypothesis_errors[start + length]) return false;
    if (a.reference_errors[place] == a.reference_errors[place + length]) return false;
    const auto aligned = a.hypothesis_of[place], begin = static_cast<std::ptrdiff_t>(start);
    return aligned < begin || aligned >= begin + static_cast<std::ptrdiff_t>(length);
  }

  /// Before the place's alignment, and behind that of each of its words.
  void try_targets(EditMatrix& matrix, const Alignment& alignment, std::size_t start, std::size_t place,
                   std::size_t length, Best& best) {
    std::optional<std::size_t> previous;
    for (std::size_t i = 0; i <= length; ++i) {
      const std::size_t target =
          place + i == 0 ? 0 : static_cast<std::size_t>(alignment.hypothesis_of[place + i - 1] + 1);
      if (target == previous) continue;
      previous = target;
      const Shift shift{start, length, target};
      shifted_ = words_;
      shift.apply(shifted_);
      const auto saved = matrix.distance() - matrix.distance_with(shifted_, shift.first(), shift.last(words_.size()));
      ++candidates_;
      const auto worth = [](std::int64_t edits, const Shift& s) {
        return std::tuple(edits, s.length, -static_cast<std::int64_t>(s.start), -static_cast<std::int64_t>(s.target));
      };
      if (!best || worth(saved, shift) > worth(best->first, best->second)) best.emplace(saved, shift);
    }
  }

  Words words_, shifted_;
  std::span<const std::uint32_t> reference_;
  std::size_t candidates_ = 0;
};

}  // namespace

std::int64_t count_edits(std::span<const std::uint32_t> hypothesis, std::span<const std::uint32_t> reference) {
  if (reference.empty()) return static_cast<std::int64_t>(hypothesis.size());
  return ShiftSearch(Words(hypothesis.begin(), hypothesis.end()), reference).edits();
}

}  // namespace langzoo
