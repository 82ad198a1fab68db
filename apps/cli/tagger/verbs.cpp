#include "apps/cli/tagger/verbs.h"

#include <memory>
#include <vector>

#include "apps/cli/average_verb.h"
#include "apps/cli/examples.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_choice.h"
#include "apps/training/tasks/tagger.h"

namespace langzoo {

Verbs tagger_verbs() {
  const std::vector<ExamplePredictions> predictions = {tagger_tagging_predictions(),
                                                       tagger_classification_predictions()};
  Verbs verbs;
  verbs.push_back(std::make_unique<ChoiceTrainVerb>(
      "tagger",
      "train --task tagging --data train.conll --valid valid.conll --out run --set model.crf=true "
      "model.characters=cnn\n"
      "train --preset tagging-ner --data train.conll --vectors vectors.txt --out run\n"
      "train --task tagging --data train.conll --features elmo:elmo --out run\n"
      "train --task classification --data train.csv --out run --set model.pooling=attention\n"
      "train --out run --resume\n",
      TrainChoice{.flag = "--task",
                  .help = "what it learns",
                  .choices = {tagger_tasks().begin(), tagger_tasks().end()},
                  .required = true,
                  .make = tagger_setup,
                  .of_run = tagger_task_of_run}));
  verbs.push_back(example_eval_verb(predictions));
  verbs.push_back(example_predict_verb(predictions));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
