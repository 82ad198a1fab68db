#include "apps/cli/translation/verbs.h"

#include <string>

#include "apps/cli/train_verb.h"
#include "apps/cli/translation/neural_translator.h"

namespace langzoo {

Verbs translation_verbs(const Family& family) {
  const std::string examples =
      "train --data addition --preset addition-peeky --out run\n"
      "train --data train.tsv --valid valid.tsv --preset translation-small --out run\n"
      "train --data train.en --target train.fr --preset translation-small --out run --set model.attention=dot\n"
      "train --data train.tsv --tokenizer train:bytebpe:16000 --epochs 5 --out run --set model.hidden_size=512\n"
      "train --out run --resume\n";
  Verbs verbs;
  verbs.push_back(std::make_unique<TrainVerb>(std::string(family.program), examples, family.setup));
  verbs.push_back(translation_eval_verb(neural_translation(family)));
  verbs.push_back(translate_verb(neural_translation(family)));
  verbs.push_back(align_verb(neural_translation(family)));
  return verbs;
}

}  // namespace langzoo
