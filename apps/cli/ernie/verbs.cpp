#include "apps/cli/ernie/verbs.h"

#include <utility>

#include "apps/cli/examples.h"
#include "apps/cli/family_eval_verb.h"
#include "apps/cli/predictions_page.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_choice.h"
#include "apps/cli/triple_score_verb.h"
#include "apps/training/tasks/entity_texts.h"
#include "apps/training/tasks/ernie.h"
#include "apps/training/tasks/transe.h"
#include "models/registry.h"

namespace langzoo {

namespace {

const std::vector<std::pair<std::string, std::string>> kObjectives = {{"transe", "TransE"},
                                                                      {"pretrain", "ErnieForPreTraining"},
                                                                      {"typing", "ErnieForEntityTyping"},
                                                                      {"relation", "ErnieForRelationClassification"}};

std::unique_ptr<TaskSetup> setup_of(const std::string& objective) {
  return objective == "transe" ? transe_setup() : ernie_setup(objective);
}

std::string objective_of(const std::filesystem::path& dir) {
  const auto& model = registered_model(dir);
  for (const auto& [objective, architecture] : kObjectives) {
    if (model.architecture == architecture) return objective;
  }
  return {};
}

ExamplePredictions predictions(const ExampleKind& (*kind)(), const std::string& summary) {
  auto predictions = classification_predictions();
  predictions.kind = kind;
  predictions.summary = summary;
  predictions.example = "";
  predictions.show = show_entity_labels;
  return predictions;
}

}  // namespace

Verbs ernie_verbs() {
  TrainChoice choice{.flag = "--objective",
                     .help =
                         "what is learnt: vectors of a graph (transe), texts with them (pretrain), what names are "
                         "of (typing), how two are related (relation)",
                     .choices = {},
                     .make = setup_of,
                     .of_run = objective_of};
  for (const auto& [objective, architecture] : kObjectives) choice.choices.push_back(objective);
  Verbs verbs;
  verbs.push_back(std::make_unique<ChoiceTrainVerb>(
      "ernie",
      "train --objective transe --data triples.tsv --out graph\n"
      "train --objective pretrain --data book.txt --knowledge graph --out pretrained\n"
      "train --objective relation --data train.jsonl --init pretrained --out run\n"
      "train --preset relation --out run\n"
      "train --out run --resume\n",
      choice));
  verbs.push_back(family_eval_verb(
      "what the model has learnt from: triples, documents, texts with names, or microworld",
      "  transe: mean_rank, mean_reciprocal_rank, hits_at_1, hits_at_3, hits_at_10 (over heads and tails, filtered), "
      "loss\n"
      "  pretrain: loss, perplexity, accuracy, sentence_loss, sentence_accuracy, entity_loss, entity_accuracy\n"
      "  typing, relation: loss, accuracy, precision, recall, f1 (means over the labels), micro_f1 (of all "
      "decisions)\n"));
  verbs.push_back(triple_score_verb());
  verbs.push_back(example_predict_verb({predictions(entity_typing, "what names in texts are of"),
                                        predictions(relation_classification, "how two names in texts are related")}));
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
