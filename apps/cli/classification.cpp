#include <iostream>

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"
#include "apps/cli/examples.h"
#include "apps/training/tasks/classification.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

void print_labels(const LoadedModel<TokenModel>& loaded, const std::vector<TableRow>& /*rows*/,
                  const ParallelCorpus& texts, bool json) {
  auto& model = dynamic_cast<SequenceClassifier&>(*loaded.model);
  const auto probabilities = class_log_probs(model, texts, loaded.device).exp();
  for (std::int64_t i = 0; i < texts.size(); ++i) {
    JsonMembers all;
    for (const auto& [id, name] : model.labels().id2label) all.emplace_back(name, probabilities[i][id].item<double>());
    const auto& label = model.labels().id2label.at(probabilities[i].argmax().item<std::int64_t>());
    if (json) print_json({{"label", label}, {"probabilities", all}});
    if (!json) std::cout << fmt::format("{}\t{:.4f}\n", label, probabilities[i].max().item<double>());
  }
}

}  // namespace

Verbs classification_verbs(const Family& family) {
  return example_verbs(family, classification(),
                       {"the labels of texts", "--text \"a fine film\"",
                        "a line a text: label, probabilities (by label)", print_labels});
}

}  // namespace langzoo
