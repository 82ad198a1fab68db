#include "apps/cli/noisy_channel/verbs.h"

namespace langzoo {

Verbs noisy_channel_verbs() {
  Verbs verbs;
  verbs.push_back(noisy_channel_train_verb());
  verbs.push_back(translation_eval_verb(noisy_channel_translation()));
  verbs.push_back(translate_verb(noisy_channel_translation()));
  verbs.push_back(align_verb(noisy_channel_translation()));
  return verbs;
}

}  // namespace langzoo
