#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/metrics/segment_verb.h"
#include "apps/cli/metrics/verbs.h"
#include "data/metrics/bleu.h"

namespace langzoo {

namespace {

constexpr std::uint64_t kMostOrder = 100;
constexpr double kMostSmoothing = 1e6;

const std::vector<std::pair<std::string, BleuSmoothing>> kSmoothing = {{"exp", BleuSmoothing::kExp},
                                                                       {"floor", BleuSmoothing::kFloor},
                                                                       {"add-k", BleuSmoothing::kAddK},
                                                                       {"none", BleuSmoothing::kNone}};

/// What an option's text must be to smooth with: what is no number and nan are not.
std::string check_smoothing(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  const bool ok = error == std::errc() && stop == end && value >= 0 && value <= kMostSmoothing;
  return ok ? "" : fmt::format("{} is not a number from 0 to {:.0f}", text, kMostSmoothing);
}

/// Whole numbers as such; only add-k makes others.
nlohmann::ordered_json counts_json(const std::vector<double>& counts) {
  auto array = nlohmann::ordered_json::array();
  for (const double count : counts) {
    const bool whole = std::floor(count) == count;
    array.push_back(whole ? nlohmann::ordered_json(static_cast<std::int64_t>(count)) : nlohmann::ordered_json(count));
  }
  return array;
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
  void add_metric_options(CLI::App& app) override {
    app.add_option("--tokenize", tokenizer_, "13a, intl, char, zh or none")
        ->check(CLI::IsMember({"13a", "intl", "char", "zh", "none"}))
        ->capture_default_str();
    std::vector<std::string> names;
    for (const auto& [name, method] : kSmoothing) names.push_back(name);
    app.add_option("--smooth-method", smoothing_, fmt::format("{}", fmt::join(names, ", ")))
        ->check(CLI::IsMember(names))
        ->capture_default_str();
    app.add_option("--smooth-value", options_.smooth_value, "of floor (default: 0.1) and add-k (default: 1)")
        ->check(CLI::Validator(check_smoothing, ""));
    app.add_flag("--lowercase", options_.lowercase, "compare in lower case");
    app.add_option("--max-ngram-order", options_.max_order, "the longest n-grams")
        ->check(integer_from(1, kMostOrder))
        ->capture_default_str();
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
    for (const auto& [name, method] : kSmoothing) {
      if (name == smoothing_) options.smoothing = method;
    }
    const bool takes_value = smoothing_ == "floor" || smoothing_ == "add-k";
    if (options.smooth_value && !takes_value) {
      throw UsageError("--smooth-value: --smooth-method floor and add-k have one, " + smoothing_ + " has none");
    }
    return std::make_unique<Bleu>(options);
  }
  nlohmann::ordered_json fields(const SegmentMetric& metric, std::span<const double> sums) const override {
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
  BleuOptions options_;
  std::string tokenizer_ = "13a", smoothing_ = "exp";
};

}  // namespace

std::unique_ptr<Verb> bleu_verb() {
  return std::make_unique<BleuVerb>();
}

}  // namespace langzoo
