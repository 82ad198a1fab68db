/// The verbs of langzoo-tokenizer.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> train_verb();
std::unique_ptr<Verb> encode_verb();
std::unique_ptr<Verb> decode_verb();
std::unique_ptr<Verb> info_verb();
std::unique_ptr<Verb> show_verb();

/// All of them.
Verbs tokenizer_verbs();

}  // namespace langzoo
