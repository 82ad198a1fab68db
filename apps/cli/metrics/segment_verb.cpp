#include "apps/cli/metrics/segment_verb.h"

#include <iostream>

#include <fmt/format.h>

namespace langzoo {

namespace {

constexpr std::uint64_t kMostSamples = 10'000'000;
constexpr std::uint64_t kDefaultSeed = 12345;  // sacreBLEU's

}  // namespace

std::string SegmentVerb::notes() const {
  return metric_notes() +
         "Files hold one text a line, in UTF-8; white space at the ends of lines does not count. Without --hyp the\n"
         "hypotheses come from stdin. Several --ref are several references for each line. Several --hyp are several\n"
         "systems: each is scored (field system), and with --paired-bs or --paired-ar compared to the first.\n"
         "With --confidence or --paired-bs the field confidence gives, by score, mean, low, high (95% of the "
         "resampled\n"
         "scores are between these) and ci, half their distance; comparisons give p_value, by score.\n"
         "sacreBLEU's p_value counts differences beyond the real one: of two equal systems it is the least there is.\n";
}

void SegmentVerb::add_options(Options& options) {
  options.add("--hyp", hypothesis_paths_, "hypotheses, a file for each system (default: stdin)");
  options.add("--ref", reference_paths_, "references, one file or several").required();
  add_metric_options(options);
  options.add("--sentence-level", sentence_level_, "score every line by itself");
  options.add("--signature", signature_, "print the signature, which says how the score was computed");
  options.add("--confidence", confidence_, "a confidence interval by bootstrap resampling");
  options.add("--paired-bs", paired_bootstrap_, "compare systems to the first by paired bootstrap resampling");
  options.add("--paired-ar", paired_randomization_, "compare systems to the first by approximate randomization")
      .excludes("--paired-bs");
  const auto add_samples = [&](const std::string& mode, std::size_t& samples, const std::string& help) {
    options.add(mode + "-n", samples, help).range(1, kMostSamples).needs(mode);
  };
  add_samples("--confidence", confidence_samples_, "resamples");
  add_samples("--paired-bs", bootstrap_samples_, "resamples");
  add_samples("--paired-ar", randomization_samples_, "trials");
}

void SegmentVerb::check_options() const {
  const bool several = hypothesis_paths_.size() > 1;
  if (sentence_level_ && several) throw UsageError("--sentence-level: takes one --hyp");
  if (sentence_level_ && (confidence_ || paired())) {
    throw UsageError("--sentence-level: lines have no confidence intervals and are not compared");
  }
  if (paired() && !several) throw UsageError("--paired-bs and --paired-ar compare several --hyp; there is one");
  if (paired_bootstrap_ && confidence_) throw UsageError("--confidence: --paired-bs gives confidence intervals itself");
  check_stdin_once(hypothesis_paths_, reference_paths_);
}

void SegmentVerb::run(const CommonOptions& common) {
  check_options();
  const auto metric = this->metric(sentence_level_);
  json_ = common.json;
  seed_ = common.seed_or(kDefaultSeed);
  threads_ = threads_of(common);
  std::vector<std::vector<std::string_view>> references;
  for (const auto& path : reference_paths_) references_.push_back(read_lines(path));
  for (const auto& file : references_) references.push_back(file.views());
  std::vector<System> systems;
  if (hypothesis_paths_.empty()) hypothesis_paths_.push_back("");
  for (const auto& path : hypothesis_paths_) systems.push_back({read_lines(path), {}});
  for (auto& system : systems) {
    for (const auto& reference : references_) check_line_counts(system.file, reference);
    system.hypotheses = system.file.views();
  }

  std::optional<SegmentStatistics> baseline;
  PairedBootstrap bootstrap(*metric, resampling(bootstrap_samples_));
  for (const auto& system : systems) {
    auto statistics = measure_segments(*metric, {system.hypotheses, references}, threads_);
    if (sentence_level_) {
      for (std::size_t i = 0; i < statistics.segments(); ++i) print(*metric, statistics.of(i), nullptr, {});
      return;
    }
    const auto certainty = paired_bootstrap_ ? bootstrap.add(statistics)
                                             : certainty_of(*metric, statistics, baseline ? &*baseline : nullptr);
    print(*metric, statistics.sums(), systems.size() > 1 ? &system : nullptr, certainty);
    if (paired_randomization_ && !baseline) baseline.emplace(std::move(statistics));
  }
}

std::string SegmentVerb::signature(const SegmentMetric& metric) const {
  auto text = fmt::format("nrefs:{}", references_.size());
  if (confidence_ || paired_bootstrap_) {
    text += fmt::format("|bs:{}", paired_bootstrap_ ? bootstrap_samples_ : confidence_samples_);
  }
  if (paired_randomization_) text += fmt::format("|ar:{}", randomization_samples_);
  if (confidence_ || paired()) text += fmt::format("|seed:{}", seed_);
  const auto settings = metric.settings();
  return text + (settings.empty() ? "" : "|") + settings + "|version:langzoo-" + LANGZOO_VERSION;
}

std::vector<Certainty> SegmentVerb::certainty_of(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                                 const SegmentStatistics* baseline) const {
  std::vector<Certainty> certainty(metric.score_names().size());
  if (confidence_) {
    const auto scores = bootstrap_scores(metric, statistics, resampling(confidence_samples_));
    for (std::size_t s = 0; s < scores.size(); ++s) certainty[s].interval = confidence_interval(scores[s]);
  }
  if (paired_randomization_ && baseline != nullptr) {
    const auto p_values = approximate_randomization(metric, *baseline, statistics, resampling(randomization_samples_));
    for (std::size_t s = 0; s < p_values.size(); ++s) certainty[s].p_value = p_values[s];
  }
  return certainty;
}

void SegmentVerb::print(const SegmentMetric& metric, std::span<const double> sums, const System* system,
                        const std::vector<Certainty>& certainty) const {
  const auto names = metric.score_names();
  if (json_) {
    JsonMembers members, confidence, p_values;
    if (system != nullptr) members.emplace_back("system", system->file.name);
    members.emplace_back("name", metric.name());
    for (auto& field : fields(metric, sums)) members.push_back(std::move(field));
    for (std::size_t s = 0; s < certainty.size(); ++s) {
      if (const auto& interval = certainty[s].interval) {
        confidence.push_back(
            {names[s],
             {{"mean", interval->mean}, {"ci", interval->ci}, {"low", interval->low}, {"high", interval->high}}});
      }
      if (certainty[s].p_value) p_values.emplace_back(names[s], *certainty[s].p_value);
    }
    if (!confidence.empty()) members.emplace_back("confidence", confidence);
    if (!p_values.empty()) members.emplace_back("p_value", p_values);
    members.emplace_back("signature", signature(metric));
    return print_json(members);
  }
  if (system != nullptr) std::cout << system->file.name << '\n';
  const auto scores = lines(metric, sums);
  for (std::size_t s = 0; s < scores.size(); ++s) {
    const auto& [label, value, detail] = scores[s];
    auto line = fmt::format("{}{} = {:.{}f}", label, signature_ ? "|" + signature(metric) : "", value, decimals());
    if (s < certainty.size() && certainty[s].interval) {
      line += fmt::format(" (mean {:.{}f} ± {:.{}f})", certainty[s].interval->mean, decimals(),
                          certainty[s].interval->ci, decimals());
    }
    if (s < certainty.size() && certainty[s].p_value) line += fmt::format(" (p = {:.4f})", *certainty[s].p_value);
    std::cout << line << (detail.empty() ? "" : " ") << detail << '\n';
  }
}

}  // namespace langzoo
