#include "apps/cli/train_verb.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/causal_lm/verbs.h"
#include "apps/training/saved_run.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

/// Of a program whose models are of several types: that of --model-type, of the run that is resumed, of the model that
/// --init names, or of the preset; else the program's first.
class CausalLmTrainVerb : public TrainVerb {
 public:
  explicit CausalLmTrainVerb(const Family& family)
      : CausalLmTrainVerb(family, std::make_shared<std::string>(family.model_type)) {}

 protected:
  void add_own_options(Options& options) override {
    options
        .add("--model-type", model_type_,
             fmt::format("what model it is: {}; that of --init or of the preset, else {}", fmt::join(types_, ", "),
                         types_.front()))
        .one_of(types_);
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    std::string of_run;  // of the program's first type nothing is said
    if (resumes()) read_run_section(out(), "task", [&](FieldVisitor& visit) { visit("model_type", of_run); });
    const auto init = flag_value("--init"), of_init = init.empty() ? "" : model_type_of(init);
    if (model_type_ && !of_run.empty() && of_run != *model_type_)
      throw UsageError(fmt::format("--model-type {}: the run in {} trains a {}", *model_type_, out(), of_run));
    if (model_type_ && !of_init.empty() && of_init != *model_type_)
      throw UsageError(fmt::format("--model-type {}: the model in {} is a {}", *model_type_, init, of_init));
    for (const auto& type : {model_type_.value_or(""), of_run, of_init, type_of_preset()}) {
      if (std::find(types_.begin(), types_.end(), type) == types_.end()) continue;
      *type_ = type;
      break;
    }
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups;
    for (const auto& type : types_) setups.emplace_back([type] { return family_of_type(type).setup(); });
    return "\nKeys of --set where another --model-type is given:\n" + keys_beside(keys_of(setups.front()), setups);
  }

 private:
  CausalLmTrainVerb(const Family& family, const std::shared_ptr<std::string>& type)
      : TrainVerb(
            std::string(family.program),
            "train --data microworld --preset microworld --out run\n"
            "train --data book.txt --preset warandpeace-bpe --out run --set model.n_layer=6 train.max_steps=5000\n"
            "train --data book.txt --preset shakespeare-char --out run\n"
            "train --model-type gpt_neo --data book.txt --out run --set model.window_size=32\n"
            "train --out run --resume\n",
            [type] { return family_of_type(*type).setup(); }),
        type_(type) {
    for (const auto& other : families()) {
      if (other.program == family.program && other.task == family.task) types_.emplace_back(other.model_type);
    }
  }

  static const Family& family_of_type(const std::string& type) {
    return *std::find_if(families().begin(), families().end(),
                         [&](const Family& family) { return family.model_type == type; });
  }
  /// GPT-3's shapes are GPT-Neo's; other presets begin with their type.
  std::string type_of_preset() const {
    if (preset().starts_with("gpt3-")) return "gpt_neo";
    for (const auto& type : types_) {
      if (preset().starts_with(type)) return type;
    }
    return {};
  }

  const std::shared_ptr<std::string> type_;
  std::vector<std::string> types_;
  std::optional<std::string> model_type_;
};

}  // namespace

std::unique_ptr<Verb> causal_lm_train_verb(const Family& family) {
  return std::make_unique<CausalLmTrainVerb>(family);
}

}  // namespace langzoo
