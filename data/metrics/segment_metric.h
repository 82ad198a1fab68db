/// Metrics of a corpus that are made of sums over its segments, as BLEU is: what resampling needs.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// A system's output and what it should have been: references[r][i] belongs to hypotheses[i].
struct ScoredTexts {
  std::span<const std::string_view> hypotheses;
  std::span<const std::vector<std::string_view>> references;
};

/// What was measured of each segment, one after the other.
class SegmentStatistics {
 public:
  SegmentStatistics(std::size_t segments, std::size_t width) : width_(width), values_(segments * width) {}

  std::size_t segments() const { return values_.size() / width_; }
  std::size_t width() const { return width_; }
  std::span<double> of(std::size_t segment) { return std::span(values_).subspan(segment * width_, width_); }
  std::span<const double> of(std::size_t segment) const { return std::span(values_).subspan(segment * width_, width_); }
  /// Over all segments, in their order.
  std::vector<double> sums() const;

 private:
  std::size_t width_;
  std::vector<double> values_;
};

class SegmentMetric {
 public:
  virtual ~SegmentMetric() = default;
  /// Its usual name: "BLEU", "chrF2++".
  virtual std::string name() const = 0;
  /// The part of sacreBLEU's signature that tells the settings: "case:mixed|eff:no|tok:13a|smooth:exp".
  virtual std::string settings() const = 0;
  /// How many numbers are measured of a segment, at least one.
  virtual std::size_t width() const = 0;
  /// Fills `statistics`, which are zero, width() of them. At least one reference.
  virtual void measure(std::string_view hypothesis, std::span<const std::string_view> references,
                       std::span<double> statistics) const = 0;
  /// The names of what scores() gives: "score".
  virtual std::vector<std::string> score_names() const { return {"score"}; }
  /// What the sums of a corpus' statistics amount to.
  virtual std::vector<double> scores(std::span<const double> sums) const = 0;
};

/// Measures every segment, on `threads` threads. Throws std::invalid_argument where there is no segment or no
/// reference, or the numbers of lines differ.
SegmentStatistics measure_segments(const SegmentMetric& metric, const ScoredTexts& texts, std::size_t threads = 1);

}  // namespace langzoo
