/// Similarity: pairs of texts in no order, with a number or with a label. Radford et al. 2018, section 3.3: a pair is
/// read in both orders, and what is said of them added up.
#pragma once

#include "apps/training/tasks/examples.h"

namespace langzoo {

/// What a run learns from: once there is a model, it is classification()'s or regression()'s. Numbers that are not all
/// whole, or more than two different ones, are numbers; other labels are classes.
const ExampleKind& similarity();

}  // namespace langzoo
