/// Answers with the paths of the graph that decided, as HTML.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/cli/examples.h"
#include "models/kagnet/kagnet.h"

namespace langzoo {

inline constexpr std::size_t kMostShownPaths = 10;

/// A path, and how much it counted: the share of its pair times its own.
struct WeighedPath {
  double weight = 0;
  std::vector<std::int64_t> entities, relations;
};
struct ExplainedChoice {
  std::vector<double> probabilities;            ///< of each answer
  std::vector<std::vector<WeighedPath>> paths;  ///< of each answer, those that counted most first
};
ExplainedChoice explain(KagNetImpl& model, const EncodedExamples& encoded, std::int64_t example);

/// What people read: "hard questions"; "~IsA" for a relation read backwards.
std::string shown_entity(const KagNetImpl& model, std::int64_t entity);
std::string shown_relation(const KagNetImpl& model, std::int64_t relation);

/// A card for each question: its answers, and under each the paths that counted most.
std::string show_paths(const PredictedExamples& predicted);

}  // namespace langzoo
