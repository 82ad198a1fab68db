#include "apps/cli/translation/verbs.h"

#include <string>

#include "apps/cli/average_verb.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/cli/translation/neural_translator.h"

namespace langzoo {

Verbs translation_verbs(const Family& family, const std::string& examples) {
  Verbs verbs;
  verbs.push_back(
      std::make_unique<TrainVerb>(std::string(family.program), examples + "train --out run --resume\n", family.setup));
  verbs.push_back(translation_eval_verb(neural_translation()));
  verbs.push_back(translate_verb(neural_translation()));
  verbs.push_back(align_verb(neural_translation()));
  verbs.push_back(attention_verb(neural_translation()));
  verbs.push_back(translation_score_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
