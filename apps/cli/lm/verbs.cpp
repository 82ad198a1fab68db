#include "apps/cli/lm/verbs.h"

#include "apps/cli/average_verb.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/ngram/verbs.h"
#include "apps/cli/report_verb.h"

namespace langzoo {

Verbs lm_verbs() {
  const auto& family = family_of_program("lm");
  Verbs verbs;
  verbs.push_back(lm_train_verb());
  verbs.push_back(lm_eval_verb());
  verbs.push_back(generate_verb(family));
  verbs.push_back(lm_score_verb());
  verbs.push_back(lm_features_verb());
  verbs.push_back(lm_gradients_verb());
  verbs.push_back(attention_verb(family));
  verbs.push_back(ngram_convert_verb());
  verbs.push_back(ngram_interpolate_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
