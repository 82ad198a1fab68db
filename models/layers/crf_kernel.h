/// The sums of a linear-chain CRF (crf.h) on the CPU, a sentence at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace langzoo {

/// What a score less than the largest by so much, or by more, is: forbidden. Its exponential counts as 0.
inline constexpr float kCrfForbidden = 5000;

/// The weights of a chain of `labels` labels, prepared once for many sentences. Sums are in float64. Any number of
/// threads may call.
class CrfKernel {
 public:
  /// Expected counts, or their differences from a sentence's own.
  struct Counts {
    explicit Counts(std::int64_t labels)
        : transitions(static_cast<std::size_t>(labels * labels)),
          start(static_cast<std::size_t>(labels)),
          end(static_cast<std::size_t>(labels)) {}
    std::vector<double> transitions, start, end;
  };
  /// Memory of a thread, used again from sentence to sentence.
  struct Workspace {
    std::vector<double> emissions, forward, backward, scales, next, outer;
  };

  /// Shapes: transitions (labels,labels) by (from,to), start and end (labels). They must outlive the object.
  CrfKernel(const float* transitions, const float* start, const float* end, std::int64_t labels);

  /// ln Z of the sentence whose tokens have these rows of scores. With `marginals`, a row a token, each gets the
  /// probabilities of its labels added, and `counts` those of neighbours. A sentence has a token at least.
  double log_partition(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                       Workspace& work) const;
  /// The score of these labels, one a row.
  double score(std::span<const float* const> rows, std::span<const std::int64_t> path) const;
  /// The labels with the largest score (Viterbi); of equal ones the first label at the last token where they differ.
  std::vector<std::int64_t> best(std::span<const float* const> rows) const;

 private:
  /// With each token's forward sums scaled to 1: no logarithm but one a token. Not finite where a sum is out of reach.
  double by_scaling(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                    Workspace& work) const;
  double by_logarithms(std::span<const float* const> rows, std::span<float* const> marginals, Counts* counts,
                       Workspace& work) const;
  /// Whether the sums of these rows stay within float64.
  bool may_scale(std::span<const float* const> rows) const;

  const float *transitions_, *start_, *end_;
  std::int64_t labels_, padded_;
  double largest_ = 0, largest_start_ = 0, largest_end_ = 0;
  double spread_ = 0;  ///< of the weights that are not forbidden
  std::vector<double> exp_transitions_, exp_transposed_, exp_start_, exp_end_;
};

}  // namespace langzoo
