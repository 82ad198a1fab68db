#include "apps/cli/metrics/segment_verb.h"

#include <iostream>

#include <fmt/format.h>

namespace langzoo {

namespace {

constexpr std::uint64_t kMostSamples = 10'000'000;
constexpr std::uint64_t kDefaultSeed = 12345;  // sacreBLEU's

}  // namespace

std::string segment_notes() {
  return "Files hold one text a line, in UTF-8; white space at the ends of lines does not count. Without --hyp the\n"
         "hypotheses come from stdin. Several --ref are several references for each line. Several --hyp are several\n"
         "systems: each is scored (field system), and with --paired-bs or --paired-ar compared to the first.\n"
         "With --confidence or --paired-bs the field confidence gives, by score, mean, low, high (95% of the "
         "resampled\n"
         "scores are between these) and ci, half their distance; comparisons give p_value, by score.\n"
         "sacreBLEU's p_value counts differences beyond the real one: of two equal systems it is the least there is.\n";
}

void SegmentOptions::add_files(Options& options) {
  options.add("--hyp", hypothesis_paths, "hypotheses, a file for each system (default: stdin)");
  options.add("--ref", reference_paths, "references, one file or several").required();
}

void SegmentOptions::add_more(Options& options) {
  options.add("--sentence-level", sentence_level, "score every line by itself");
  options.add("--signature", signature, "print the signature, which says how the score was computed");
  options.add("--confidence", confidence, "a confidence interval by bootstrap resampling");
  options.add("--paired-bs", paired_bootstrap, "compare systems to the first by paired bootstrap resampling");
  options.add("--paired-ar", paired_randomization, "compare systems to the first by approximate randomization")
      .excludes("--paired-bs");
  const auto add_samples = [&](const std::string& mode, std::size_t& samples, const std::string& help) {
    options.add(mode + "-n", samples, help).range(1, kMostSamples).needs(mode);
  };
  options.idle_where("--seed", "nothing is resampled", [this] { return !confidence && !paired(); });
  add_samples("--confidence", confidence_samples, "resamples");
  add_samples("--paired-bs", bootstrap_samples, "resamples");
  add_samples("--paired-ar", randomization_samples, "trials");
}

void SegmentOptions::check() const {
  const bool several = hypothesis_paths.size() > 1;
  if (sentence_level && several) throw UsageError("--sentence-level: takes one --hyp");
  if (sentence_level && (confidence || paired())) {
    throw UsageError("--sentence-level: lines have no confidence intervals and are not compared");
  }
  if (paired() && !several) throw UsageError("--paired-bs and --paired-ar compare several --hyp; there is one");
  if (paired_bootstrap && confidence) throw UsageError("--confidence: --paired-bs gives confidence intervals itself");
  check_stdin_once(hypothesis_paths, reference_paths);
}

SegmentTexts::SegmentTexts(const SegmentOptions& options) {
  for (const auto& path : options.reference_paths) reference_files.push_back(read_lines(path));
  for (const auto& file : reference_files) references.push_back(file.views());
  auto paths = options.hypothesis_paths;
  if (paths.empty()) paths.emplace_back();
  for (const auto& path : paths) systems.push_back({read_lines(path), {}});
  for (auto& system : systems) {
    for (const auto& reference : reference_files) check_line_counts(system.file, reference);
    system.hypotheses = system.file.views();
  }
}

void SegmentVerb::add_options(Options& options) {
  options_.add_files(options);
  add_metric_options(options);
  options_.add_more(options);
}

void SegmentVerb::run(const CommonOptions& common) {
  options_.check();
  metric(options_.sentence_level);  // throws for what cannot be, before files are read
  score(options_, SegmentTexts(options_), common);
}

void SegmentVerb::score(const SegmentOptions& options, const SegmentTexts& texts, const CommonOptions& common) const {
  const auto metric = this->metric(options.sentence_level);
  const Run run{options, texts, common.json, common.seed_or(kDefaultSeed), threads_of(common)};
  std::optional<SegmentStatistics> baseline;
  PairedBootstrap bootstrap(*metric, run.resampling(options.bootstrap_samples));
  for (const auto& system : texts.systems) {
    auto statistics = measure_segments(*metric, {system.hypotheses, texts.references}, run.threads);
    if (options.sentence_level) {
      for (std::size_t i = 0; i < statistics.segments(); ++i) print(*metric, statistics.of(i), nullptr, {}, run);
      return;
    }
    const auto certainty = options.paired_bootstrap
                               ? bootstrap.add(statistics)
                               : certainty_of(*metric, statistics, baseline ? &*baseline : nullptr, run);
    print(*metric, statistics.sums(), texts.systems.size() > 1 ? &system : nullptr, certainty, run);
    if (options.paired_randomization && !baseline) baseline.emplace(std::move(statistics));
  }
}

std::string SegmentVerb::signature(const SegmentMetric& metric, const Run& run) {
  const auto& o = run.options;
  auto text = fmt::format("nrefs:{}", run.texts.references.size());
  if (o.confidence || o.paired_bootstrap) {
    text += fmt::format("|bs:{}", o.paired_bootstrap ? o.bootstrap_samples : o.confidence_samples);
  }
  if (o.paired_randomization) text += fmt::format("|ar:{}", o.randomization_samples);
  if (o.confidence || o.paired()) text += fmt::format("|seed:{}", run.seed);
  const auto settings = metric.settings();
  return text + (settings.empty() ? "" : "|") + settings + "|version:langzoo-" + LANGZOO_VERSION;
}

std::vector<Certainty> SegmentVerb::certainty_of(const SegmentMetric& metric, const SegmentStatistics& statistics,
                                                 const SegmentStatistics* baseline, const Run& run) {
  std::vector<Certainty> certainty(metric.score_names().size());
  if (run.options.confidence) {
    const auto scores = bootstrap_scores(metric, statistics, run.resampling(run.options.confidence_samples));
    for (std::size_t s = 0; s < scores.size(); ++s) certainty[s].interval = confidence_interval(scores[s]);
  }
  if (run.options.paired_randomization && baseline != nullptr) {
    const auto p_values =
        approximate_randomization(metric, *baseline, statistics, run.resampling(run.options.randomization_samples));
    for (std::size_t s = 0; s < p_values.size(); ++s) certainty[s].p_value = p_values[s];
  }
  return certainty;
}

void SegmentVerb::print(const SegmentMetric& metric, std::span<const double> sums, const SegmentTexts::System* system,
                        const std::vector<Certainty>& certainty, const Run& run) const {
  const auto names = metric.score_names();
  if (run.json) {
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
    members.emplace_back("signature", signature(metric, run));
    return print_json(members);
  }
  if (system != nullptr) std::cout << system->file.name << '\n';
  const auto scores = lines(metric, sums);
  for (std::size_t s = 0; s < scores.size(); ++s) {
    const auto& [label, value, detail] = scores[s];
    auto line = fmt::format("{}{} = {:.{}f}", label, run.options.signature ? "|" + signature(metric, run) : "", value,
                            decimals());
    if (s < certainty.size() && certainty[s].interval) {
      line += fmt::format(" (mean {:.{}f} ± {:.{}f})", certainty[s].interval->mean, decimals(),
                          certainty[s].interval->ci, decimals());
    }
    if (s < certainty.size() && certainty[s].p_value) line += fmt::format(" (p = {:.4f})", *certainty[s].p_value);
    std::cout << line << (detail.empty() ? "" : " ") << detail << '\n';
  }
}

}  // namespace langzoo
