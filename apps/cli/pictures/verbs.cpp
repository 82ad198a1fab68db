#include "apps/cli/pictures/verbs.h"

#include "apps/cli/average_verb.h"
#include "apps/cli/report_verb.h"

namespace langzoo {

Verbs caption_verbs() {
  Verbs verbs;
  verbs.push_back(caption_train_verb());
  verbs.push_back(caption_eval_verb());
  verbs.push_back(caption_verb());
  verbs.push_back(draw_verb());
  verbs.push_back(caption_attention_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
