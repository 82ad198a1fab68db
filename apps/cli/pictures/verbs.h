/// The verbs of langzoo-caption.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

std::unique_ptr<Verb> caption_train_verb();
std::unique_ptr<Verb> caption_eval_verb();
std::unique_ptr<Verb> caption_verb();
std::unique_ptr<Verb> caption_attention_verb();
std::unique_ptr<Verb> draw_verb();

Verbs caption_verbs();

}  // namespace langzoo
