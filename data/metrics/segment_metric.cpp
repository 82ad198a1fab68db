#include "data/metrics/segment_metric.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/parallel.h"

namespace langzoo {

std::vector<double> SegmentStatistics::sums() const {
  std::vector<double> sums(width_);
  for (std::size_t i = 0; i < values_.size(); ++i) sums[i % width_] += values_[i];
  return sums;
}

SegmentStatistics measure_segments(const SegmentMetric& metric, const ScoredTexts& texts, std::size_t threads) {
  const std::size_t segments = texts.hypotheses.size();
  if (segments == 0) throw std::invalid_argument("hypotheses: there are none");
  if (texts.references.empty()) throw std::invalid_argument("references: there are none");
  for (const auto& references : texts.references) {
    if (references.size() == segments) continue;
    throw std::invalid_argument(fmt::format("references: {} for {} hypotheses", references.size(), segments));
  }
  SegmentStatistics statistics(segments, metric.width());
  constexpr std::size_t kBlock = 64;
  std::atomic<std::size_t> next{0};
  run_on_threads(std::min(threads, (segments + kBlock - 1) / kBlock), [&](std::size_t) {
    std::vector<std::string_view> references(texts.references.size());
    for (std::size_t begin = next.fetch_add(kBlock); begin < segments; begin = next.fetch_add(kBlock)) {
      for (std::size_t i = begin; i < std::min(begin + kBlock, segments); ++i) {
        for (std::size_t r = 0; r < references.size(); ++r) references[r] = texts.references[r][i];
        metric.measure(texts.hypotheses[i], references, statistics.of(i));
      }
    }
  });
  return statistics;
}

}  // namespace langzoo
