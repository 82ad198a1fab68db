#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "apps/cli/pictures/verbs.h"
#include "apps/cli/train_verb.h"
#include "apps/training/families.h"
#include "apps/training/saved_run.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

const std::string kCaptioner = "captioner", kTokens = "tokens";

std::unique_ptr<TaskSetup> setup_of(const std::string& kind) {
  const auto type = kind == kTokens ? "image-tokens" : "captioner";
  const auto found = std::find_if(families().begin(), families().end(),
                                  [&](const Family& family) { return family.model_type == type; });
  return found->setup();
}

/// The kind of model is chosen by --model, by the run that is resumed, by the preset's name, or by the model that
/// --init names.
class CaptionTrainVerb : public TrainVerb {
 public:
  CaptionTrainVerb() : CaptionTrainVerb(std::make_shared<std::string>(kCaptioner)) {}

 protected:
  void add_own_options(Options& options) override {
    options
        .add("--model", model_,
             "what is trained: captioner, which writes captions of pictures, or tokens, which draws pictures of "
             "captions; captioner by default")
        .one_of({kCaptioner, kTokens});
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    const auto init = flag_value("--init");
    std::string of_run;
    if (resumes()) read_run_section(out(), "task", [&](FieldVisitor& visit) { visit("model", of_run); });
    const auto of_init = init.empty() ? "" : model_type_of(init) == "image-tokens" ? kTokens : kCaptioner;
    const auto of_preset = preset().empty() ? "" : preset().starts_with(kTokens) ? kTokens : kCaptioner;
    const auto given = model_.value_or("");
    const auto refuse = [&](const std::string& other, const std::string& whose) {
      if (given.empty() || other.empty() || other == given) return;
      throw UsageError(fmt::format("--model {}: {} is for {}", given, whose, other));
    };
    refuse(of_run, "the run in " + out());
    refuse(of_preset, "--preset " + preset());
    refuse(of_init, "the model in " + init);
    for (const auto& known : {of_init, of_preset, of_run, given}) {
      if (!known.empty()) *kind_ = known;
    }
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    return "\nKeys of --set where --model tokens is given:\n" +
           keys_beside(keys_of([] { return setup_of(kCaptioner); }), {[] { return setup_of(kTokens); }});
  }

 private:
  explicit CaptionTrainVerb(const std::shared_ptr<std::string>& kind)
      : TrainVerb("caption",
                  "train --data microworld --preset captioner --out run\n"
                  "train --model captioner --data pictures --valid others --out run --set model.decoder=transformer\n"
                  "train --model tokens --data microworld --preset tokens --out drawer\n"
                  "train --out run --resume\n",
                  [kind] { return setup_of(*kind); }),
        kind_(kind) {}

  const std::shared_ptr<std::string> kind_;
  std::optional<std::string> model_;
};

}  // namespace

std::unique_ptr<Verb> caption_train_verb() {
  return std::make_unique<CaptionTrainVerb>();
}

}  // namespace langzoo
