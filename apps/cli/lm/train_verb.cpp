#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/lm/verbs.h"
#include "apps/cli/train_verb.h"
#include "apps/training/tasks/lm.h"
#include "models/pretrained.h"
#include "models/rnn_lm/rnn_lm.h"

namespace langzoo {

namespace {

constexpr const char* kUsualKind = "lstm";

/// The kind of model is chosen by --model, by the run that is resumed, by the preset's name, or by the model that
/// --init names.
class LmTrainVerb : public TrainVerb {
 public:
  LmTrainVerb() : LmTrainVerb(std::make_shared<std::string>(kUsualKind)) {}

 protected:
  void add_own_options(Options& options) override {
    std::vector<std::string> kinds(lm_kinds().begin(), lm_kinds().end());
    options
        .add("--model", model_, fmt::format("what model it is: {}; {} by default", fmt::join(kinds, ", "), kUsualKind))
        .one_of(kinds);
    TrainVerb::add_own_options(options);
    options
        .on(
            "--memory", [this](const std::string& value) { give("--memory", "train.memory", value); },
            "of ngram: for counting, beyond what the program begins with: 512M (K, M, G) (train.memory)")
        .take_last();
  }

  void compute(const ComputeOptions& common) override {
    const auto of_run = resumes() ? lm_kind_of_run(out()) : "";
    if (model_ && !of_run.empty() && of_run != *model_)
      throw UsageError(fmt::format("--model {}: the run in {} trains a {}", *model_, out(), of_run));
    const auto init = flag_value("--init");
    const auto of_init = init.empty() ? "" : kind_of(init);
    if (model_ && !of_init.empty() && of_init != *model_)
      throw UsageError(fmt::format("--model {}: the model in {} is a {}", *model_, init, of_init));
    *kind_ = kUsualKind;
    for (const auto& known : {model_.value_or(""), of_run, kind_of_preset(), of_init}) {
      if (known.empty()) continue;
      *kind_ = known;
      break;
    }
    if (*kind_ != "ngram" && !flag_value("--memory").empty()) {
      throw UsageError(fmt::format("--memory: is for --model ngram, and this one is of kind {}", *kind_));
    }
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups = {[] { return lm_setup(kUsualKind); }};
    for (const auto kind : lm_kinds()) setups.emplace_back([kind] { return lm_setup(kind); });
    return "\nKeys of --set where another --model is given:\n" + keys_beside(keys_of(setups.front()), setups);
  }

 private:
  explicit LmTrainVerb(const std::shared_ptr<std::string>& kind)
      : TrainVerb("lm",
                  "train --data book.txt --out run\n"
                  "train --model gru --data book.txt --out run --set model.hidden_size=400 model.dropout=0.4\n"
                  "train --preset awd-lstm-ptb --data train.txt --valid valid.txt --out run\n"
                  "train --model transformer --data book.txt --tokenizer words:10000 --out run\n"
                  "train --model ngram --data book.txt --out run --set model.order=5 --memory 2G\n"
                  "train --model elmo --data book.txt --tokenizer words:20000 --out run\n"
                  "train --out run --resume\n",
                  [kind] { return lm_setup(*kind); }),
        kind_(kind) {}

  std::string kind_of_preset() const {
    for (const auto kind : lm_kinds()) {
      if (preset().starts_with(std::string(kind) + "-")) return std::string(kind);
    }
    return {};
  }
  /// Of the model in a folder; empty for one of another program, which is refused later.
  static std::string kind_of(const std::string& dir) {
    const auto type = model_type_of(dir);
    if (type == "ar-lm") return "ar";
    if (type == "transformer-lm") return "transformer";
    if (type == "ngram" || type == "elmo") return type;
    if (type != "rnn-lm") return {};
    const auto cell = config_of<RnnLmConfig>(dir, RnnLmImpl::pretrained_traits()).cell;
    return cell.starts_with("rnn") ? "rnn" : cell;
  }

  const std::shared_ptr<std::string> kind_;
  std::optional<std::string> model_;
};

}  // namespace

std::unique_ptr<Verb> lm_train_verb() {
  return std::make_unique<LmTrainVerb>();
}

}  // namespace langzoo
