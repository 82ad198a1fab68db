/// The flags of beam search, the same for every program that decodes: `generate` of language models, `translate`.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "apps/cli/base/program.h"
#include "models/generation/beam_search.h"
#include "models/generation_config.h"

namespace langzoo {

/// Which flags go before which keys of a model folder's generation_config.json.
class FlagsOverFolder {
 public:
  template <class T>
  Option& add(Option& option, std::optional<T> GenerationConfig::*key) {
    forget_.push_back([&option, key](GenerationConfig& config) {
      if (option.given()) (config.*key).reset();
    });
    return option;
  }
  /// Takes out of `config` what the command line says.
  void forget_given(GenerationConfig& config) const {
    for (const auto& forget : forget_) forget(config);
  }

 private:
  std::vector<std::function<void(GenerationConfig&)>> forget_;
};

/// The file in `dir` that `config` is of.
std::string generation_file(const GenerationConfig& config, const std::filesystem::path& dir);
/// Tells the user what `config` says, but for end tokens, and what of it is not done. Whether it says anything.
bool show_generation_config(const GenerationConfig& config, const std::string& file);

class BeamFlags {
 public:
  /// Declares --num-beams and what only beams have: --length-penalty, --early-stopping, --beam-rules,
  /// --length-normalization, --patience, --num-beam-groups, --diversity-penalty. Those that a folder may say too are
  /// added to `over_folder`.
  void add_to(Options& options, std::int64_t num_beams, FlagsOverFolder& over_folder);

  /// Declares --coverage-penalty, for models with attention over a source.
  void add_coverage_to(Options& options);

  /// Takes what is said of beams from a folder, of which what the command line says is forgotten.
  void heed(const GenerationConfig& config) { config.apply_to(options_); }

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
