#include "apps/cli/lm/verbs.h"

#include "apps/cli/average_verb.h"
#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/ngram/verbs.h"
#include "apps/cli/report_verb.h"
#include "models/elmo/elmo_features.h"

namespace langzoo {

bool holds_elmo(const std::filesystem::path& dir) {
  return is_released_elmo(dir) || model_type_of(dir) == "elmo";
}

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
