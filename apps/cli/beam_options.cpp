#include "apps/cli/beam_options.h"

#include <algorithm>
#include <iostream>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace langzoo {
namespace {

constexpr const char* kGroup = "Beam search";
constexpr std::uint64_t kMostBeams = 1 << 16;

}  // namespace

std::string generation_file(const GenerationConfig& config, const std::filesystem::path& dir) {
  return (dir / (config.file.empty() ? "config.json" : "generation_config.json")).string();
}

bool show_generation_config(const GenerationConfig& config, const std::string& file) {
  std::vector<std::string> settings;
  auto fields = config;
  for (const auto& field : fields_of(fields_in(fields))) {
    const auto json = field.json();
    const bool of_any_model = field.name == "eos_token_id" || field.name == "decoder_start_token_id";
    if (json == "null" || json == "[]" || of_any_model) continue;
    settings.push_back(field.name + " = " + json);
  }
  if (!settings.empty()) std::cerr << fmt::format("note: {}: {}\n", file, fmt::join(settings, ", "));
  if (!config.not_done.empty()) {
    std::cerr << fmt::format("warning: {}: not done: {}\n", file, fmt::join(config.not_done, ", "));
  }
  return !settings.empty();
}

void BeamFlags::add_to(Options& options, std::int64_t num_beams, FlagsOverFolder& over_folder) {
  using Config = GenerationConfig;
  options_.num_beams = num_beams;
  over_folder
      .add(options.add("--num-beams", options_.num_beams, "hypotheses followed at a time").range(1, kMostBeams),
           &Config::num_beams)
      .group(kGroup);
  over_folder.add(with_beams(options.add("--length-penalty", options_.length_penalty,
                                         "the log-probability is divided by length^this; 0: by nothing")),
                  &Config::length_penalty);
  over_folder.add(
      with_beams(options.add(
          "--early-stopping", options_.early_stopping,
          {{"false", EarlyStopping::kFalse}, {"true", EarlyStopping::kTrue}, {"never", EarlyStopping::kNever}},
          "false, true or never: end when better ones are unlikely, at the first num-beams complete "
          "hypotheses, or when there cannot be better ones")),
      &Config::early_stopping);
  with_beams(options.add("--beam-rules", options_.rules,
                         {{"huggingface", BeamRules::kHuggingFace}, {"papers", BeamRules::kPapers}},
                         "huggingface (as transformers) or papers (GNMT's; ends when no better hypothesis can come)"));
  with_beams(options.add("--length-normalization", options_.length_normalization,
                         {{"average", LengthNormalization::kAverage}, {"gnmt", LengthNormalization::kGnmt}},
                         "average: by length^penalty; gnmt: by ((5 + length) / 6)^penalty (papers' rules)"));
  with_beams(options.add("--patience", options_.patience,
                         "with --early-stopping true: end at num-beams times this many hypotheses"));
  over_folder.add(with_beams(options.add("--num-beam-groups", options_.num_beam_groups,
                                         "groups of beams that keep apart from each other"))
                      .range(1, kMostBeams),
                  &Config::num_beam_groups);
  over_folder.add(with_beams(options.add("--diversity-penalty", options_.diversity_penalty,
                                         "what a token costs for each beam of an earlier group that has just chosen "
                                         "it")),
                  &Config::diversity_penalty);
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
  // A score without beams is a mean, whatever beams are to be compared by.
  options.length_penalty = more_than_one() ? options_.length_penalty : BeamSearchOptions().length_penalty;
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
