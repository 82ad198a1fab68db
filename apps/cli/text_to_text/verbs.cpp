#include "apps/cli/text_to_text/verbs.h"

#include <memory>
#include <string>
#include <utility>

#include "apps/cli/average_verb.h"
#include "apps/cli/chosen_train_verb.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/translation/neural_translator.h"
#include "apps/training/tasks/t5.h"
#include "apps/training/tasks/text_to_text.h"

namespace langzoo {

Verbs text_to_text_verbs() {
  Verbs verbs;
  const auto train = [&](TrainingChoices choices) {
    choices.program = choices.model_type = "t5";
    choices.types = t5_types();
    choices.tasks = {kTextToText};
    verbs.push_back(chosen_train_verb(std::move(choices)));
  };
  train({.name = "train",
         .summary = "train a model on text by span corruption, or on a mixture of tasks",
         .examples = "train --data book.txt --preset tiny --out run\n"
                     "train --data book.txt --tokenizer t5-small --objective prefix_lm --out run\n"
                     "train --tasks tasks.json --preset tiny --out run --set data.mixing=temperature "
                     "train.optimizer=adafactor\n"
                     "train --out run --resume\n",
         .make = [](const std::string& type, const std::string& /*task*/) {
           return text_to_text_setup(type, std::string(kDenoisingObjectives[0]));
         }});
  train(
      {.name = "finetune",
       .summary = "train a model on pairs or tasks, from another one's weights or from none",
       .examples = "finetune --model run --data train.tsv --valid valid.tsv --out finetuned\n"
                   "finetune --model run --tasks tasks.json --out finetuned\n"
                   "finetune --model run --tasks microworld --out finetuned --set train.optimizer=adafactor\n"
                   "finetune --out finetuned --resume\n",
       .make = [](const std::string& type, const std::string& /*task*/) { return text_to_text_setup(type, kPairs); }});
  verbs.push_back(text_eval_verb());
  verbs.push_back(text_generate_verb());
  verbs.push_back(translation_score_verb());
  verbs.push_back(encode_texts_verb());
  verbs.push_back(corrupt_verb());
  verbs.push_back(attention_verb(neural_translation()));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
