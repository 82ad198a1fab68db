/// The flags of drawing: of the verbs draw and eval.
#pragma once

#include <optional>
#include <string>

#include "apps/cli/compute_verb.h"
#include "apps/training/tasks/pictures/image_tokens.h"

namespace langzoo {

class DrawFlags {
 public:
  /// Declares --candidates, --captioner, --temperature, --top-k and --top-p. With `idle` they change nothing where it
  /// holds, for what it is called.
  void add_to(Options& options, const std::string& idle_with = {}, const Option::Condition& idle = {});
  /// Opens the captioner, where there is one. Throws UsageError for several candidates without.
  void open(const ComputeOptions& common);

  DrawOptions options(std::uint64_t seed) const;
  const LoadedCaptioner* captioner() const { return captioner_ ? &*captioner_ : nullptr; }

 private:
  std::int64_t candidates_ = 1;
  SamplingOptions sampling_;
  std::string captioner_dir_;
  std::optional<LoadedCaptioner> captioner_;
};

}  // namespace langzoo
