#include "apps/cli/encoders/verbs.h"

#include "apps/cli/average_verb.h"
#include "apps/cli/chosen_train_verb.h"
#include "apps/cli/examples.h"
#include "apps/cli/report_verb.h"
#include "apps/training/tasks/encoders.h"

namespace langzoo {

Verbs encoder_verbs() {
  Verbs verbs;
  const auto train = [&](TrainingChoices choices) {
    choices.program = "bert";
    choices.types = encoder_types();
    if (choices.model_type.empty()) choices.model_type = "bert";
    verbs.push_back(chosen_train_verb(std::move(choices)));
  };
  train({.name = "train",
         .summary = "pretrain a model on your own text",
         .examples = "train --data book.txt --tokenizer train:wordpiece:8000 --out run\n"
                     "train --model-type albert --objective mlm+sop --data book.txt --out run\n"
                     "train --out run --resume\n",
         .tasks = pretraining_objectives(),
         .flag = "--objective",
         .flag_help = "what it learns; bert: mlm+nsp, albert: mlm+sop, electra: electra, others: mlm unless given",
         .make = pretraining_setup,
         .usual = [](std::string_view model_type) { return usual_objective(model_type); }});
  train({.name = "finetune",
         .summary = "train a model for a task, from another one's weights or from none",
         .examples = "finetune --task classification --data train.csv --valid valid.csv --init pretrained --out run\n"
                     "finetune --task qa --data squad.json --init pretrained --out run\n"
                     "finetune --task tagging --data microworld --model-type distilbert --out run\n",
         .tasks = finetuning_tasks(),
         .flag = "--task",
         .flag_help = "what it learns",
         .make = finetuning_setup,
         .shown = "classification"});
  train({.name = "distill",
         .summary = "train a smaller student of a masked language model or of a classifier",
         .examples =
             "distill --teacher pretrained --data book.txt --out student\n"
             "distill --teacher pretrained --model-type bert --set model.num_hidden_layers=2 --data book.txt --out "
             "student\n",
         .model_type = "distilbert",
         .tasks = distillation_stages(),
         .flag = "--stage",
         .flag_help = "pretraining: DistilBERT's losses, on documents; of a classifier TinyBERT's: intermediate (its "
                      "attention and states), then prediction",
         .make = distillation_setup,
         .usual = [](std::string_view /*model_type*/) { return std::string(kDistillation); },
         .student = true});
  verbs.push_back(example_eval_verb(all_predictions(), {.pretrained = true}));
  verbs.push_back(example_predict_verb(all_predictions()));
  verbs.push_back(fill_mask_verb());
  verbs.push_back(embed_verb());
  verbs.push_back(encoder_attention_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
