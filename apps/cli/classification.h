/// The verbs of programs that classify texts: train, eval, predict.
#pragma once

#include "apps/cli/base/program.h"
#include "apps/training/families.h"

namespace langzoo {

/// `train` trains a model of `family`; the other verbs take any that implements SequenceClassifier.
Verbs classification_verbs(const Family& family);

}  // namespace langzoo
