/// Regression: texts, or pairs of texts, with a number each, the squared error as loss, correlations as measures.
#pragma once

#include "apps/training/tasks/examples.h"
#include "apps/training/tasks/labelled_texts.h"
#include "models/sequence_classifier.h"

namespace langzoo {

/// A config becomes one of a single label, problem_type regression.
const ExampleKind& regression();

}  // namespace langzoo
