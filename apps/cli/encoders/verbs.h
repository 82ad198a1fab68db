/// BERT and its relatives on the command line.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"

namespace langzoo {

/// train (pretraining), finetune, distill, eval, predict, fill-mask, embed, attention.
Verbs encoder_verbs();

std::unique_ptr<Verb> fill_mask_verb();
std::unique_ptr<Verb> embed_verb();
std::unique_ptr<Verb> encoder_attention_verb();

}  // namespace langzoo
