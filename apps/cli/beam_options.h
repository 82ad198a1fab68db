/// The flags of beam search, the same for every program that decodes: `generate` of language models, `translate`.
#pragma once

#include <stdexcept>
#include <string>

#include "apps/cli/base/program.h"
#include "models/generation/beam_search.h"

namespace langzoo {

class BeamFlags {
 public:
  /// Declares --num-beams and what only beams have: --length-penalty, --early-stopping, --beam-rules,
  /// --length-normalization, --patience, --num-beam-groups, --diversity-penalty.
  void add_to(Options& options, std::int64_t num_beams);

  /// Declares --coverage-penalty, for models with attention over a source.
  void add_coverage_to(Options& options);

  std::int64_t num_beams() const { return options_.num_beams; }
  bool more_than_one() const { return options_.num_beams > 1; }

  /// `options` with the flags' values in their fields, checked. Throws UsageError naming the flag.
  BeamSearchOptions apply_to(BeamSearchOptions options) const;

 private:
  /// What says nothing to one beam.
  Option& with_beams(Option& flag) const;

  BeamSearchOptions options_;
};

/// For what `validate` of a decoder's options throws: a UsageError that names the flag, which is the field's name.
[[noreturn]] void throw_usage_error(const std::invalid_argument& error);

}  // namespace langzoo
