#include "apps/cli/kagnet/verbs.h"

#include <algorithm>
#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/examples.h"
#include "apps/cli/kagnet/paths_page.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_choice.h"
#include "apps/training/tasks/kagnet.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

void print_choice(const PredictedExamples& predicted) {
  auto& model = dynamic_cast<KagNetImpl&>(predicted.model);
  for (std::int64_t i = 0; i < predicted.raw.size(); ++i) {
    const auto [probabilities, paths] = explain(model, predicted.encoded, i);
    const auto chosen = std::max_element(probabilities.begin(), probabilities.end()) - probabilities.begin();
    const auto& of_chosen = paths.at(static_cast<std::size_t>(chosen));
    std::vector<JsonValue> shown;
    std::string best;
    for (std::size_t k = 0; k < std::min(of_chosen.size(), kMostShownPaths); ++k) {
      std::vector<std::string> entities, relations;
      for (const auto entity : of_chosen[k].entities) entities.push_back(shown_entity(model, entity));
      for (const auto relation : of_chosen[k].relations) relations.push_back(shown_relation(model, relation));
      shown.push_back({{"weight", of_chosen[k].weight}, {"entities", entities}, {"relations", relations}});
      if (k > 0) continue;
      best = entities[0];
      for (std::size_t r = 0; r < relations.size(); ++r)
        best += fmt::format(" -{}-> {}", relations[r], entities[r + 1]);
    }
    if (predicted.json) {
      JsonMembers members = {{"choice", chosen}, {"probabilities", probabilities}, {"paths", shown}};
      const auto& logits = predicted.logits[static_cast<std::size_t>(i)];
      std::vector<double> values(logits.data_ptr<float>(), logits.data_ptr<float>() + logits.numel());
      add_logits(members, predicted, i, values);
      print_json(members);
    } else {
      std::cout << fmt::format("{}\t{:.4f}\t{}\n", chosen, probabilities[static_cast<std::size_t>(chosen)], best);
    }
  }
}

ExamplePredictions kagnet_predictions() {
  return {kagnet_choice,
          "the answers to questions, and the paths of the graph that decided",
          "",
          "choice (from 0), probabilities, paths (of the chosen answer, those that counted most first: weight, "
          "entities, relations, read backwards with ~)",
          print_choice,
          show_paths};
}

}  // namespace

Verbs kagnet_verbs() {
  Verbs verbs;
  verbs.push_back(std::make_unique<ChoiceTrainVerb>(
      "kagnet",
      "train --preset microworld --out run\n"
      "train --data train.jsonl --valid valid.jsonl --knowledge graph --out run\n"
      "train --data train.jsonl --knowledge graph.tsv --encoder bert --encoder-init pretrained --out run\n"
      "train --out run --resume\n",
      TrainChoice{.flag = "--encoder",
                  .help = "what reads the texts",
                  .choices = encoder_part_types(),
                  .make = kagnet_setup,
                  .of_run = kagnet_encoder_of,
                  .of_init = kagnet_encoder_of}));
  verbs.push_back(example_eval_verb({kagnet_predictions()}));
  verbs.push_back(example_predict_verb({kagnet_predictions()}));
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
