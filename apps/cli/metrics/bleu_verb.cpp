#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/metrics/segment_verb.h"
#include "apps/cli/metrics/verbs.h"
#include "data/metrics/bleu.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kMostBleuOrder = 100;
constexpr double kMostSmoothing = 1e6;

const std::vector<std::pair<std::string, BleuSmoothing>> kSmoothing = {{"exp", BleuSmoothing::kExp},
                                                                       {"floor", BleuSmoothing::kFloor},
                                                                       {"add-k", BleuSmoothing::kAddK},
                                                                       {"none", BleuSmoothing::kNone}};

/// Whole numbers as such; only add-k makes others.
std::vector<JsonValue> counts_json(const std::vector<double>& counts) {
  std::vector<JsonValue> list;
  for (const double count : counts) {
    const bool whole = std::floor(count) == count;
    list.push_back(whole ? JsonValue(static_cast<std::int64_t>(count)) : JsonValue(count));
  }
  return list;
}

class BleuVerb : public SegmentVerb {
 public:
  std::string name() const override { return "bleu"; }
  std::string summary() const override { return "BLEU of translations, as sacreBLEU"; }
  std::string examples() const override {
    return "bleu --hyp translations.txt --ref references.txt --signature\n"
           "bleu --hyp translations.txt --ref a.txt b.txt --tokenize intl --lowercase --json\n"
           "bleu --hyp baseline.txt mine.txt --ref references.txt --paired-bs\n"
           "bleu --hyp translations.txt --ref references.txt --sentence-level --json\n";
  }

 protected:
  void add_metric_options(Options& options) override {
    options.add("--tokenize", tokenizer_, "13a, intl, char, zh or none").one_of({"13a", "intl", "char", "zh", "none"});
    options.add("--smooth-method", options_.smoothing, kSmoothing, "exp, floor, add-k or none");
    options.add("--smooth-value", options_.smooth_value, "of floor (default: 0.1) and add-k (default: 1)")
        .between(0, kMostSmoothing)
        .needs("--smooth-method floor or add-k", [this] { return smooths_by_value(); });
    options.add("--lowercase", options_.lowercase, "compare in lower case");
    options.add("--max-ngram-order", options_.max_order, "the longest n-grams").range(1, kMostBleuOrder);
  }
  std::string metric_notes() const override {
    return "The scores are sacreBLEU's to the last digit, and so is the signature but for the version, which is ours.\n"
           "--sentence-level leaves out the orders that a line is too short for (eff:yes).\n"
           "Fields under --json: name, score and precisions (in per cent), bp, sys_len, ref_len, counts, totals, "
           "signature.\n";
  }
  std::unique_ptr<SegmentMetric> metric(bool sentence_level) const override {
    auto options = options_;
    options.tokenizer = bleu_tokenizer(tokenizer_);
    options.effective_order = sentence_level;
    if (!smooths_by_value()) options.smooth_value.reset();
    return std::make_unique<Bleu>(options);
  }
  JsonMembers fields(const SegmentMetric& metric, std::span<const double> sums) const override {
    const auto bleu = dynamic_cast<const Bleu&>(metric).result(sums);
    return {{"score", bleu.score},
            {"precisions", bleu.precisions},
            {"bp", bleu.brevity_penalty},
            {"sys_len", bleu.sys_len},
            {"ref_len", bleu.ref_len},
            {"counts", counts_json(bleu.counts)},
            {"totals", counts_json(bleu.totals)}};
  }
  std::vector<ScoreLine> lines(const SegmentMetric& metric, std::span<const double> sums) const override {
    const auto bleu = dynamic_cast<const Bleu&>(metric).result(sums);
    const double ratio = bleu.ref_len > 0 ? static_cast<double>(bleu.sys_len) / static_cast<double>(bleu.ref_len) : 0;
    return {{"BLEU", bleu.score,
             fmt::format("{:.1f} (BP = {:.3f} ratio = {:.3f} hyp_len = {} ref_len = {})",
                         fmt::join(bleu.precisions, "/"), bleu.brevity_penalty, ratio, bleu.sys_len, bleu.ref_len)}};
  }

 private:
  bool smooths_by_value() const {
    return options_.smoothing == BleuSmoothing::kFloor || options_.smoothing == BleuSmoothing::kAddK;
  }

  BleuOptions options_;
  std::string tokenizer_ = "13a";
};

}  // namespace

std::unique_ptr<SegmentVerb> bleu_verb() {
  return std::make_unique<BleuVerb>();
}

}  // namespace langzoo
