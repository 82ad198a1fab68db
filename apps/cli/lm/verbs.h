/// Language models of words on the command line, whatever kind they are.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

/// The verbs of langzoo-lm.
Verbs lm_verbs();

std::unique_ptr<Verb> lm_train_verb();
std::unique_ptr<Verb> lm_eval_verb();
std::unique_ptr<Verb> lm_score_verb();
std::unique_ptr<Verb> lm_features_verb();
std::unique_ptr<Verb> lm_gradients_verb();

}  // namespace langzoo
