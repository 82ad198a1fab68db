#include <fmt/format.h>

#include "apps/cli/metrics/segment_verb.h"
#include "apps/cli/metrics/verbs.h"
#include "data/metrics/chrf.h"
#include "data/metrics/ter.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kMostOrder = 100, kMostBeta = 1000;

/// One score in per cent.
class ChrfOrTerVerb : public SegmentVerb {
 protected:
  JsonMembers fields(const SegmentMetric& metric, std::span<const double> sums) const override {
    return {{"score", metric.scores(sums)[0]}};
  }
  std::vector<ScoreLine> lines(const SegmentMetric& metric, std::span<const double> sums) const override {
    return {{metric.name(), metric.scores(sums)[0]}};
  }
};

class ChrfVerb : public ChrfOrTerVerb {
 public:
  std::string name() const override { return "chrf"; }
  std::string summary() const override { return "chrF and chrF++ of translations, as sacreBLEU"; }
  std::string examples() const override {
    return "chrf --hyp translations.txt --ref references.txt\n"
           "chrf --hyp translations.txt --ref references.txt --word-order 2 --signature\n"
           "chrf --hyp baseline.txt mine.txt --ref references.txt --paired-ar --json\n";
  }

 protected:
  void add_metric_options(Options& options) override {
    options.add("--char-order", options_.char_order, "the longest character n-grams").range(0, kMostOrder);
    options.add("--word-order", options_.word_order, "the longest word n-grams; 2: chrF++").range(0, kMostOrder);
    options.add("--beta", options_.beta, "how many times recall counts as much as precision").range(1, kMostBeta);
    options.add("--whitespace", options_.whitespace, "white space belongs to the character n-grams");
    options.add("--lowercase", options_.lowercase, "compare in lower case");
    options.add("--eps-smoothing", options_.eps_smoothing, "smooth as chrF++.py, NLTK and Moses do");
  }
  std::string metric_notes() const override {
    return "The scores are sacreBLEU's to the last digit. Fields under --json: name, score (in per cent), signature.\n";
  }
  std::unique_ptr<SegmentMetric> metric(bool) const override {
    if (options_.char_order + options_.word_order == 0) {
      throw UsageError("--char-order and --word-order: one of them must be more than 0");
    }
    return std::make_unique<Chrf>(options_);
  }

 private:
  ChrfOptions options_;
};

class TerVerb : public ChrfOrTerVerb {
 public:
  std::string name() const override { return "ter"; }
  std::string summary() const override { return "translation edit rate, as sacreBLEU"; }
  std::string examples() const override {
    return "ter --hyp translations.txt --ref references.txt\n"
           "ter --hyp translations.txt --ref references.txt --normalized --no-punct --asian-support --json\n";
  }

 protected:
  void add_metric_options(Options& options) override {
    options.add("--normalized", options_.normalized, "resolve XML's entities, set punctuation apart");
    options.add("--no-punct", options_.no_punct, "leave punctuation out");
    options.add("--asian-support", options_.asian_support,
                "with --normalized set Chinese characters apart, with --no-punct leave their punctuation out");
    options.add("--case-sensitive", options_.case_sensitive, "compare without turning to lower case");
  }
  std::string metric_notes() const override {
    return "The scores are sacreBLEU's to the last digit; the lower, the better. Fields under --json: name, score (in\n"
           "per cent), signature.\n";
  }
  std::unique_ptr<SegmentMetric> metric(bool) const override { return std::make_unique<Ter>(options_); }

 private:
  TerOptions options_;
};

}  // namespace

std::unique_ptr<SegmentVerb> chrf_verb() {
  return std::make_unique<ChrfVerb>();
}

std::unique_ptr<SegmentVerb> ter_verb() {
  return std::make_unique<TerVerb>();
}

}  // namespace langzoo
