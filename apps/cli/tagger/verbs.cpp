#include "apps/cli/tagger/verbs.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/average_verb.h"
#include "apps/cli/examples.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/training/tasks/tagger.h"

namespace langzoo {

namespace {

/// The task is chosen by --task, by the run that is resumed, or by the preset's name.
class TaggerTrainVerb : public TrainVerb {
 public:
  TaggerTrainVerb() : TaggerTrainVerb(std::make_shared<std::string>(tagger_tasks().front())) {}

 protected:
  void add_own_options(Options& options) override {
    options.add("--task", given_, fmt::format("what it learns: {}", fmt::join(tagger_tasks(), " or ")))
        .one_of({tagger_tasks().begin(), tagger_tasks().end()});
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    const auto of_run = resumes() ? tagger_task_of_run(out()) : "", of_preset = task_of_preset();
    const auto refuse = [&](const std::string& what, const std::string& task) {
      throw UsageError(fmt::format("--task {}: {} learns {}", *given_, what, task));
    };
    if (given_ && !of_run.empty() && of_run != *given_) refuse("the run in " + out(), of_run);
    if (given_ && !of_preset.empty() && of_preset != *given_) refuse("the preset " + preset(), of_preset);
    *task_ = given_.value_or(of_run.empty() ? of_preset : of_run);
    if (task_->empty()) throw UsageError(fmt::format("--task is missing: {}", fmt::join(tagger_tasks(), ", ")));
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups;
    for (const auto task : tagger_tasks()) setups.emplace_back([task] { return tagger_setup(std::string(task)); });
    return "\nKeys of --set where another --task is given:\n" + keys_beside(keys_of(setups.front()), setups);
  }

 private:
  explicit TaggerTrainVerb(const std::shared_ptr<std::string>& task)
      : TrainVerb("tagger",
                  "train --task tagging --data train.conll --valid valid.conll --out run --set model.crf=true "
                  "model.characters=cnn\n"
                  "train --preset tagging-ner --data train.conll --vectors vectors.txt --out run\n"
                  "train --task tagging --data train.conll --features elmo:elmo --out run\n"
                  "train --task classification --data train.csv --out run --set model.pooling=attention\n"
                  "train --out run --resume\n",
                  [task] { return tagger_setup(*task); }),
        task_(task) {}

  /// "tagging" of "tagging-ner".
  std::string task_of_preset() const {
    for (const auto task : tagger_tasks()) {
      if (preset().starts_with(std::string(task) + "-")) return std::string(task);
    }
    return {};
  }

  const std::shared_ptr<std::string> task_;
  std::optional<std::string> given_;
};

}  // namespace

Verbs tagger_verbs() {
  const std::vector<ExamplePredictions> predictions = {tagger_tagging_predictions(),
                                                       tagger_classification_predictions()};
  Verbs verbs;
  verbs.push_back(std::make_unique<TaggerTrainVerb>());
  verbs.push_back(example_eval_verb(predictions));
  verbs.push_back(example_predict_verb(predictions));
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
