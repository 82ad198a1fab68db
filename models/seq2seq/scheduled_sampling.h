/// How often a decoder in training is given the true token before rather than its own.
///
/// Paper: Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks", 2015,
/// section 2.4.
#pragma once

#include <cstdint>
#include <string>

namespace langzoo {

struct ScheduledSampling {
  /// constant: k. linear: max(least, k - c i). inverse_sigmoid: k / (k + exp(i / k)).
  std::string schedule = "constant";
  double k = 1.0;  ///< in [0, 1]; of inverse_sigmoid at least 1
  double c = 0.0;  ///< of linear: lost in each step
  double least = 0.0;

  /// Throws std::invalid_argument naming field and value.
  void validate() const;

  /// The probability of the true token at step i, counted from 0.
  double probability(std::int64_t step) const;
};

}  // namespace langzoo
