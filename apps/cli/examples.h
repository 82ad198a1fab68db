/// The verbs of programs whose kind of task learns from examples (apps/training/tasks/examples.h): train, eval and
/// predict.
#pragma once

#include <string>
#include <vector>

#include "apps/cli/base/program.h"
#include "apps/training/families.h"
#include "apps/training/tasks/examples.h"

namespace langzoo {

/// What the verb predict is for one kind.
struct ExamplePredictions {
  std::string summary;  ///< "the labels of texts"
  std::string example;  ///< flags that give one example: "--text \"a fine film\""
  std::string fields;   ///< those under --json: "a line a text: label, probabilities (by label)"
  /// Prints a line for each of the rows, which `examples` are the ids of.
  void (*print)(const LoadedModel<TokenModel>& model, const std::vector<TableRow>& rows, const ParallelCorpus& examples,
                bool json);
};

/// `train` trains a model of `family`; the other verbs take any that the kind accepts. Both must outlive the verbs.
Verbs example_verbs(const Family& family, const ExampleKind& kind, const ExamplePredictions& predictions);

// Those of each kind.

Verbs classification_verbs(const Family& family);

}  // namespace langzoo
