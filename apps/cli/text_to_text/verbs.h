/// Text to text on the command line: training on text, pairs and tasks, and what the models write.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> text_generate_verb();
std::unique_ptr<Verb> text_eval_verb();
std::unique_ptr<Verb> encode_texts_verb();
std::unique_ptr<Verb> corrupt_verb();

/// These, and train, finetune, score, attention, average and report, of T5 and its relatives.
Verbs text_to_text_verbs();

}  // namespace langzoo
