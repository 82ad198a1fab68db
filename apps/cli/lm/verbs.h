/// Language models of words on the command line, whatever kind they are.
#pragma once

#include <filesystem>
#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

/// The verbs of langzoo-lm.
Verbs lm_verbs();

/// Whether the folder holds an ELMo, which is no CausalLm; also one in the released form.
bool holds_elmo(const std::filesystem::path& dir);

std::unique_ptr<Verb> lm_train_verb();
std::unique_ptr<Verb> lm_eval_verb();
std::unique_ptr<Verb> lm_score_verb();
std::unique_ptr<Verb> lm_features_verb();
std::unique_ptr<Verb> lm_gradients_verb();

}  // namespace langzoo
