#include "apps/cli/text_to_text/verbs.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "apps/cli/average_verb.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/cli/translation/neural_translator.h"
#include "apps/training/saved_run.h"
#include "apps/training/tasks/named_setup.h"
#include "apps/training/tasks/t5.h"
#include "apps/training/tasks/text_to_text.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

/// A verb that trains. What kind of model it trains the flag --model-type says, the model that it begins with, or the
/// run that is resumed.
class TextTrainVerb : public TrainVerb {
 public:
  TextTrainVerb(std::string name, std::string summary, std::string examples, std::string objective)
      : TextTrainVerb(std::move(name), std::move(summary), std::move(examples), std::move(objective),
                      std::make_shared<std::string>("t5")) {}

  std::string name() const override { return name_; }
  std::string summary() const override { return summary_; }

 protected:
  void add_own_options(Options& options) override {
    options.add("--model-type", model_type_, "what model it is: that of the model it begins with, else t5")
        .one_of(t5_types());
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    NamedTask run;
    if (resumes()) {
      read_run_section(out(), "task", [&](FieldVisitor& visit) { visit("model_type", run.model_type); });
    }
    auto init = flag_value("--init");
    if (const auto model = flag_value("--model"); !model.empty()) {
      if (!init.empty() && init != model)
        throw UsageError(fmt::format("--init {}: --model {} is said as well", init, model));
      init = model;
    }
    const auto init_type = init.empty() ? std::string() : model_type_of(init);
    for (const auto& [type, whose] : {std::pair(run.model_type, "the run in " + out()), std::pair(init_type, init)}) {
      if (!type.empty() && model_type_ && *model_type_ != type)
        throw UsageError(fmt::format("--model-type {}: {} is of type {}", *model_type_, whose, type));
    }
    const auto& types = t5_types();
    const auto known = [&](const std::string& type) {
      return std::find(types.begin(), types.end(), type) != types.end();
    };
    // Of another type the model is refused where it is opened.
    if (model_type_) *chosen_ = *model_type_;
    for (const auto& type : {init_type, run.model_type}) {
      if (known(type)) *chosen_ = type;
    }
    TrainVerb::compute(common);
  }

 private:
  TextTrainVerb(std::string name, std::string summary, std::string examples, std::string objective,
                const std::shared_ptr<std::string>& chosen)
      : TrainVerb("t5", std::move(examples), [chosen, objective] { return text_to_text_setup(*chosen, objective); }),
        name_(std::move(name)),
        summary_(std::move(summary)),
        chosen_(chosen) {}

  const std::string name_, summary_;
  const std::shared_ptr<std::string> chosen_;
  std::optional<std::string> model_type_;
};

}  // namespace

Verbs text_to_text_verbs() {
  Verbs verbs;
  verbs.push_back(std::make_unique<TextTrainVerb>(
      "train", "train a model on text by span corruption, or on a mixture of tasks",
      "train --data book.txt --preset tiny --out run\n"
      "train --data book.txt --tokenizer t5-small --objective prefix_lm --out run\n"
      "train --tasks tasks.json --preset tiny --out run --set data.mixing=temperature train.optimizer=adafactor\n"
      "train --out run --resume\n",
      std::string(kDenoisingObjectives[0])));
  verbs.push_back(std::make_unique<TextTrainVerb>(
      "finetune", "train a model on pairs or tasks, from another one's weights or from none",
      "finetune --model run --data train.tsv --valid valid.tsv --out finetuned\n"
      "finetune --model run --tasks tasks.json --out finetuned\n"
      "finetune --model run --tasks microworld --out finetuned --set train.optimizer=adafactor\n"
      "finetune --out finetuned --resume\n",
      kPairs));
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
