/// The flags that say which sequences are drawn for a model.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "apps/cli/base/options.h"
#include "apps/training/tasks/bit_sequences.h"

namespace langzoo {

class DrawnTask {
 public:
  /// --task, --length and --repeats.
  void add_to(Options& options);
  /// What is not said is that of the run in `model`. Throws UsageError and ConfigError for what cannot be.
  BitSequenceTask task(const std::filesystem::path& model) const;

 private:
  std::optional<std::string> name_;
  std::optional<std::int64_t> length_, repeats_;
};

}  // namespace langzoo
