#include "apps/cli/beam_options.h"

#include <algorithm>
#include <stdexcept>

namespace langzoo {
namespace {

constexpr const char* kGroup = "Beam search";
constexpr std::uint64_t kMostBeams = 1 << 16;

}  // namespace

void BeamFlags::add_to(Options& options, std::int64_t num_beams) {
  options_.num_beams = num_beams;
  options.add("--num-beams", options_.num_beams, "hypotheses followed at a time").range(1, kMostBeams).group(kGroup);
  with_beams(options.add("--length-penalty", options_.length_penalty,
                         "the log-probability is divided by length^this; 0: by nothing"));
  with_beams(
      options.add("--early-stopping", options_.early_stopping,
                  {{"false", EarlyStopping::kFalse}, {"true", EarlyStopping::kTrue}, {"never", EarlyStopping::kNever}},
                  "false, true or never: end when better ones are unlikely, at the first num-beams complete "
                  "hypotheses, or when there cannot be better ones"));
  with_beams(options.add("--beam-rules", options_.rules,
                         {{"huggingface", BeamRules::kHuggingFace}, {"papers", BeamRules::kPapers}},
                         "huggingface (as transformers) or papers (GNMT's; ends when no better hypothesis can come)"));
  with_beams(options.add("--length-normalization", options_.length_normalization,
                         {{"average", LengthNormalization::kAverage}, {"gnmt", LengthNormalization::kGnmt}},
                         "average: by length^penalty; gnmt: by ((5 + length) / 6)^penalty (papers' rules)"));
  with_beams(options.add("--patience", options_.patience,
                         "with --early-stopping true: end at num-beams times this many hypotheses"));
  with_beams(
      options.add("--num-beam-groups", options_.num_beam_groups, "groups of beams that keep apart from each other"))
      .range(1, kMostBeams);
  with_beams(options.add("--diversity-penalty", options_.diversity_penalty,
                         "what a token costs for each beam of an earlier group that has just chosen it"));
}

void BeamFlags::add_coverage_to(Options& options) {
  with_beams(options.add("--coverage-penalty", options_.coverage_penalty,
                         "above 0: score down what leaves parts of the source unattended (papers' rules)"));
}

Option& BeamFlags::with_beams(Option& flag) const {
  return flag.group(kGroup).needs("--num-beams above 1", [this] { return more_than_one(); });
}

BeamSearchOptions BeamFlags::apply_to(BeamSearchOptions options) const {
  options.num_beams = options_.num_beams;
  options.length_penalty = options_.length_penalty;
  options.early_stopping = options_.early_stopping;
  options.rules = options_.rules;
  options.length_normalization = options_.length_normalization;
  options.patience = options_.patience;
  options.num_beam_groups = options_.num_beam_groups;
  options.diversity_penalty = options_.diversity_penalty;
  options.coverage_penalty = options_.coverage_penalty;
  try {
    options.validate();
  } catch (const std::invalid_argument& error) {
    throw_usage_error(error);
  }
  return options;
}

void throw_usage_error(const std::invalid_argument& error) {
  std::string message = error.what();  // the field's name comes first: top_p is --top-p
  std::replace(message.begin(), std::find(message.begin(), message.end(), ' '), '_', '-');
  throw UsageError("--" + message);
}

}  // namespace langzoo
