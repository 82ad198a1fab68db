/// The verbs of langzoo-noisy-channel.
#pragma once

#include <memory>

#include "apps/cli/base/program.h"
#include "apps/cli/translation/sentence_translator.h"

namespace langzoo {

std::unique_ptr<TranslationMethod> noisy_channel_translation();

std::unique_ptr<Verb> noisy_channel_train_verb();

/// train, and the verbs eval, translate and align of every translator.
Verbs noisy_channel_verbs();

}  // namespace langzoo
