#include "apps/cli/causal_lm/verbs.h"
#include "apps/cli/chosen_train_verb.h"
#include "apps/training/tasks/gpt.h"

namespace langzoo {

namespace {

TrainingChoices choices_of(const Family& family) {
  return {.program = std::string(family.program),
          .types = gpt_types(),
          .model_type = std::string(family.model_type),
          .make = gpt_finetuning_setup,
          // Of GPT-Neo's layers, as GPT-3 is.
          .preset_types = {{"gpt3-", "gpt_neo"}, {"patterns", "gpt_neo"}}};
}

}  // namespace

std::unique_ptr<Verb> causal_lm_train_verb(const Family& family) {
  auto choices = choices_of(family);
  choices.name = "train";
  choices.summary = "train a model on your own data";
  choices.examples =
      "train --data microworld --preset microworld --out run\n"
      "train --data book.txt --preset warandpeace-bpe --out run --set model.n_layer=6 train.max_steps=5000\n"
      "train --data book.txt --preset shakespeare-char --out run\n"
      "train --model-type gpt_neo --data book.txt --out run --set model.window_size=32\n"
      "train --out run --resume\n";
  choices.tasks = {"lm"};
  return chosen_train_verb(std::move(choices));
}

std::unique_ptr<Verb> causal_lm_finetune_verb(const Family& family) {
  auto choices = choices_of(family);
  choices.name = "finetune";
  choices.summary = "train a model for a task, from another one's weights or from none";
  choices.examples =
      "finetune --task classification --data train.csv --valid valid.csv --init run --out tuned\n"
      "finetune --task choice --data microworld --init run --out tuned --set train.lm_weight=0.5\n"
      "finetune --task similarity --data pairs.tsv --init openai-gpt --out tuned\n"
      "finetune --task lm --data more.txt --init run --out tuned\n"
      "finetune --out tuned --resume\n";
  choices.tasks = gpt_finetuning_tasks();
  choices.flag = "--task";
  choices.flag_help = "what it learns";
  choices.shown = "classification";
  return chosen_train_verb(std::move(choices));
}

}  // namespace langzoo
