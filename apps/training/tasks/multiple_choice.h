/// Multiple choice: a premise and choices, of which one goes on from it.
#pragma once

#include "apps/training/tasks/examples.h"
#include "data/tasks/text_rows.h"
#include "models/multiple_choice.h"

namespace langzoo {

/// All examples of a file have as many choices.
const ExampleKind& multiple_choice();

}  // namespace langzoo
