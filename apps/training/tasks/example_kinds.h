/// All kinds of task that learn from examples, for programs that take whatever model there is.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "apps/training/tasks/examples.h"

namespace langzoo {

std::span<const ExampleKind* const> example_kinds();

/// The one that accepts `model`; nullptr: none does.
const ExampleKind* find_example_kind(const TokenModel& model);

/// How well the model in `dir` does on `data`, which its kind reads. Throws as evaluate_examples(), and FileError for a
/// model of no kind.
EvalMetrics evaluate_example_model(const std::filesystem::path& dir, const std::string& data,
                                   const DeviceOptions& options, std::int64_t batch_size = kExamplesAtOnce);

}  // namespace langzoo
