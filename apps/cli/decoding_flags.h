/// The flags of `generate`, the same for every program that has the verb: how tokens are drawn, what ends a text, and
/// beams; and how they go together with what a model folder says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "apps/cli/beam_options.h"
#include "models/generation/generate.h"

namespace langzoo {

class DecodingFlags {
 public:
  /// What the help says otherwise from program to program.
  struct Words {
    const char *max_new_tokens, *temperature, *num_return_sequences;
  };
  /// Declares --max-new-tokens, --min-new-tokens, --temperature, --top-k, --top-p, --repetition-penalty,
  /// --no-repeat-ngram-size, --stop, --num-return-sequences, --greedy and those of beams.
  void add_to(Options& options, const Words& words);

  bool greedy() const { return declared_->given("--greedy"); }
  bool more_than_one_beam() const { return beams_.more_than_one(); }
  /// Whether a flag says how to draw.
  bool draw() const;
  bool given(const std::string& flag) const { return declared_->given(flag); }

  /// The flags' values before a folder is opened, which may give more tokens. Throws UsageError for an empty --stop.
  GenerateOptions before_folder() const;
  /// Takes out of `folder` what flags say otherwise, and what it says of beams; and of its stop strings.
  void heed(GenerationConfig& folder);

  /// Throws UsageError naming the flag, whose name is the field's.
  void check(const GenerateOptions& options) const;
  /// Tells the user what `folder`, that of `dir`, says, and calls `check` of the options that it was applied to. What
  /// that throws is told as the file's, unless it begins with a flag that was given or the file says nothing.
  void check_folder(const GenerationConfig& folder, const std::filesystem::path& dir,
                    const std::function<void()>& check) const;
  /// `options` with the beams' flags. Throws likewise.
  BeamSearchOptions beam_options(const DecodingOptions& options) const;

  GenerateOptions options;
  std::vector<std::string> stops;

 private:
  /// Whether `message` begins with a flag that was given.
  bool is_of_given(const std::string& message) const;

  const Options* declared_ = nullptr;
  BeamFlags beams_;
  FlagsOverFolder over_folder_;
};

}  // namespace langzoo
