#include <fmt/format.h>

#include "apps/cli/metrics/segment_verb.h"
#include "apps/cli/metrics/verbs.h"
#include "data/metrics/rouge.h"
#include "data/metrics/squad.h"

namespace langzoo {

namespace {

class RougeVerb : public SegmentVerb {
 public:
  std::string name() const override { return "rouge"; }
  std::string summary() const override { return "ROUGE-1, -2, -L and -Lsum of summaries, as rouge-score"; }
  std::string examples() const override {
    return "rouge --hyp summaries.txt --ref references.txt --stem\n"
           "rouge --hyp summaries.txt --ref references.txt --sentence-separator \"<n>\"\n"
           "rouge --hyp summaries.txt --ref a.txt b.txt --confidence --json\n";
  }

 protected:
  void add_metric_options(Options& options) override {
    options.add("--stem", options_.stem, "compare the stems of words of more than three letters (Porter, English)");
    options.add("--sentence-separator", options_.sentence_separator,
                "what stands between the sentences of a line; adds ROUGE-Lsum, which compares sentence by sentence");
  }
  std::string metric_notes() const override {
    return "Means over the lines, in 0..1, as Google's rouge-score; of several references the one with the greatest\n"
           "F-measure counts. Tokens are runs of a-z and 0-9. Fields under --json: name; rouge1, rouge2, rougeL and\n"
           "with --sentence-separator rougeLsum, each with precision, recall, fmeasure; signature. Intervals and\n"
           "comparisons are of the F-measures.\n";
  }
  std::unique_ptr<SegmentMetric> metric(bool) const override { return std::make_unique<Rouge>(options_); }
  JsonMembers fields(const SegmentMetric& metric, std::span<const double> sums) const override {
    JsonMembers members;
    const auto names = metric.score_names();
    const auto results = dynamic_cast<const Rouge&>(metric).results(sums);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& [precision, recall, fmeasure] = results[i];
      members.push_back({names[i], {{"precision", precision}, {"recall", recall}, {"fmeasure", fmeasure}}});
    }
    return members;
  }
  std::vector<ScoreLine> lines(const SegmentMetric& metric, std::span<const double> sums) const override {
    std::vector<ScoreLine> lines;
    const auto names = metric.score_names();
    const auto results = dynamic_cast<const Rouge&>(metric).results(sums);
    for (std::size_t i = 0; i < names.size(); ++i) {
      const auto& [precision, recall, fmeasure] = results[i];
      lines.push_back({names[i], fmeasure, fmt::format("(precision {:.4f} recall {:.4f})", precision, recall)});
    }
    return lines;
  }
  int decimals() const override { return 4; }

 private:
  RougeOptions options_;
};

class QaVerb : public SegmentVerb {
 public:
  std::string name() const override { return "qa"; }
  std::string summary() const override { return "exact match and token F1 of answers, as SQuAD's script"; }
  std::string examples() const override {
    return "qa --hyp answers.txt --ref references.txt\n"
           "qa --hyp answers.txt --ref first.txt second.txt third.txt --json\n";
  }

 protected:
  void add_metric_options(Options&) override {}
  std::string metric_notes() const override {
    return "As SQuAD 1.1's script: in lower case, without ASCII punctuation and a, an, the; of several references the\n"
           "best one counts. Answers that are empty match exactly but have an F1 of 0. Fields under --json: name,\n"
           "exact_match and f1 (in per cent), signature.\n";
  }
  std::unique_ptr<SegmentMetric> metric(bool) const override { return std::make_unique<Squad>(); }
  JsonMembers fields(const SegmentMetric& metric, std::span<const double> sums) const override {
    const auto scores = metric.scores(sums);
    return {{"exact_match", scores[0]}, {"f1", scores[1]}};
  }
  std::vector<ScoreLine> lines(const SegmentMetric& metric, std::span<const double> sums) const override {
    const auto scores = metric.scores(sums);
    return {{"exact match", scores[0]}, {"F1", scores[1]}};
  }
};

}  // namespace

std::unique_ptr<SegmentVerb> rouge_verb() {
  return std::make_unique<RougeVerb>();
}

std::unique_ptr<SegmentVerb> qa_verb() {
  return std::make_unique<QaVerb>();
}

}  // namespace langzoo
