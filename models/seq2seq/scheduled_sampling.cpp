#include "models/seq2seq/scheduled_sampling.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <c10/util/StringUtil.h>

namespace langzoo {

void ScheduledSampling::validate() const {
  const auto require = [](bool holds, const char* field, auto value, const char* rule) {
    if (!holds) throw std::invalid_argument(c10::str("scheduled sampling: ", field, " = ", value, " must be ", rule));
  };
  const bool inverse_sigmoid = schedule == "inverse_sigmoid";
  require(schedule == "constant" || schedule == "linear" || inverse_sigmoid, "schedule", schedule,
          "constant, linear or inverse_sigmoid");
  if (inverse_sigmoid) require(k >= 1.0 && std::isfinite(k), "k", k, "1 or more");
  if (!inverse_sigmoid) require(k >= 0.0 && k <= 1.0, "k", k, "in [0, 1]");
  require(c >= 0.0 && std::isfinite(c), "c", c, "0 or more");
  require(least >= 0.0 && least <= 1.0, "least", least, "in [0, 1]");
}

double ScheduledSampling::probability(std::int64_t step) const {
  const auto i = static_cast<double>(step);
  if (schedule == "linear") return std::max(least, k - c * i);
  if (schedule == "inverse_sigmoid") return k / (k + std::exp(i / k));
  return k;
}

}  // namespace langzoo
