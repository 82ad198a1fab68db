/// Models that learn algorithms from sequences of bits, on the command line.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

/// The verbs of langzoo-ntm.
Verbs bit_sequence_verbs();

std::unique_ptr<Verb> bit_sequence_train_verb();
std::unique_ptr<Verb> bit_sequence_eval_verb();
std::unique_ptr<Verb> bit_sequence_run_verb();
std::unique_ptr<Verb> memory_verb();

}  // namespace langzoo
