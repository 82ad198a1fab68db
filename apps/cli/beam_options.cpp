#include "apps/cli/beam_options.h"

#include <algorithm>
#include <stdexcept>

namespace langzoo {
namespace {

constexpr const char* kGroup = "Beam search";
constexpr std::uint64_t kMostBeams = 1 << 16;

}  // namespace

void BeamFlags::add_to(CLI::App& app, std::int64_t num_beams) {
  options_.num_beams = num_beams;
  app.add_option("--num-beams", options_.num_beams, "hypotheses followed at a time")
      ->check(integer_from(1, kMostBeams))
      ->capture_default_str()
      ->group(kGroup);
  const auto add = [&](CLI::Option* flag) { flags_.push_back(flag->group(kGroup)); };
  add(app.add_option("--length-penalty", options_.length_penalty,
                     "the log-probability is divided by length^this; 0: by nothing")
          ->capture_default_str());
  add(app.add_option("--early-stopping", early_stopping_,
                     "false, true or never: end when better ones are unlikely, at the first num-beams complete "
                     "hypotheses, or when there cannot be better ones")
          ->check(CLI::IsMember({"false", "true", "never"}))
          ->capture_default_str());
  add(app.add_option("--beam-rules", rules_,
                     "huggingface (as transformers) or papers (GNMT's; ends when no better hypothesis can come)")
          ->check(CLI::IsMember({"huggingface", "papers"}))
          ->capture_default_str());
  add(app.add_option("--length-normalization", length_normalization_,
                     "average: by length^penalty; gnmt: by ((5 + length) / 6)^penalty (papers' rules)")
          ->check(CLI::IsMember({"average", "gnmt"}))
          ->capture_default_str());
  add(app.add_option("--patience", options_.patience,
                     "with --early-stopping true: end at num-beams times this many hypotheses")
          ->capture_default_str());
  add(app.add_option("--num-beam-groups", options_.num_beam_groups, "groups of beams that keep apart from each other")
          ->check(integer_from(1, kMostBeams))
          ->capture_default_str());
  add(app.add_option("--diversity-penalty", options_.diversity_penalty,
                     "what a token costs for each beam of an earlier group that has just chosen it")
          ->capture_default_str());
}

void BeamFlags::add_coverage_to(CLI::App& app) {
  flags_.push_back(app.add_option("--coverage-penalty", options_.coverage_penalty,
                                  "above 0: score down what leaves parts of the source unattended (papers' rules)")
                       ->capture_default_str()
                       ->group(kGroup));
}

void BeamFlags::check_needed() const {
  if (more_than_one()) return;
  const auto flag = std::find_if(flags_.begin(), flags_.end(), [](const auto* f) { return f->count() > 0; });
  if (flag != flags_.end()) throw UsageError((*flag)->get_name() + ": needs --num-beams above 1");
}

BeamSearchOptions BeamFlags::apply_to(BeamSearchOptions options) const {
  options.num_beams = options_.num_beams;
  options.length_penalty = options_.length_penalty;
  options.early_stopping = early_stopping_ == "never"  ? EarlyStopping::kNever
                           : early_stopping_ == "true" ? EarlyStopping::kTrue
                                                       : EarlyStopping::kFalse;
  options.rules = rules_ == "papers" ? BeamRules::kPapers : BeamRules::kHuggingFace;
  options.length_normalization =
      length_normalization_ == "gnmt" ? LengthNormalization::kGnmt : LengthNormalization::kAverage;
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
