/// BLEU: Papineni, Roukos, Ward and Zhu, "BLEU: a method for automatic evaluation of machine translation" (ACL 2002),
/// as sacreBLEU computes it (Post, "A call for clarity in reporting BLEU scores", WMT 2018).
#pragma once

#include <cstdint>
#include <optional>

#include "data/metrics/bleu_tokenizers.h"
#include "data/metrics/segment_metric.h"

namespace langzoo {

/// What becomes of an n-gram precision of zero: Chen and Cherry, "A systematic comparison of smoothing techniques for
/// sentence-level BLEU" (WMT 2014).
enum class BleuSmoothing {
  kNone,   ///< it makes the score zero
  kFloor,  ///< their method 1: a numerator of smooth_value
  kAddK,   ///< their method 2: smooth_value more n-grams found and had, but for n = 1
  kExp,    ///< their method 3, of mteval: half of a match, a quarter for the next such order, and so on
};

struct BleuOptions {
  BleuTokenizer tokenizer = BleuTokenizer::k13a;
  BleuSmoothing smoothing = BleuSmoothing::kExp;
  std::optional<double> smooth_value;  ///< 0.1 for kFloor, 1 for kAddK
  bool lowercase = false;
  bool effective_order = false;  ///< leave out the orders that the hypothesis is too short for: right for sentences
  std::size_t max_order = 4;
};

struct BleuScore {
  double score = 0;                       ///< in per cent
  std::vector<double> precisions;         ///< in per cent, of 1-grams, 2-grams, ...
  double brevity_penalty = 1;             ///< in (0,1]; 0 without hypothesis
  std::int64_t sys_len = 0, ref_len = 0;  ///< in tokens; ref_len sums the references closest in length
  std::vector<double> counts, totals;     ///< n-grams found and had; with kAddK what was added included
};

class Bleu : public SegmentMetric {
 public:
  /// Throws std::invalid_argument for a max_order of 0 and a smooth_value that is not finite or without use.
  explicit Bleu(BleuOptions options = {});

  std::string name() const override { return "BLEU"; }
  std::string settings() const override;
  std::size_t width() const override { return 2 + 2 * options_.max_order; }
  void measure(std::string_view hypothesis, std::span<const std::string_view> references,
               std::span<double> statistics) const override;
  std::vector<double> scores(std::span<const double> sums) const override { return {result(sums).score}; }
  BleuScore result(std::span<const double> sums) const;

 private:
  BleuOptions options_;
};

}  // namespace langzoo
