#include <algorithm>
#include <memory>
#include <string>

#include "apps/cli/pictures/verbs.h"
#include "apps/cli/train_choice.h"
#include "apps/training/families.h"
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

}  // namespace

std::unique_ptr<Verb> caption_train_verb() {
  return std::make_unique<ChoiceTrainVerb>(
      "caption",
      "train --data microworld --preset captioner --out run\n"
      "train --model captioner --data pictures --valid others --out run --set model.decoder=transformer\n"
      "train --model tokens --data microworld --preset tokens --out drawer\n"
      "train --out run --resume\n",
      TrainChoice{
          .flag = "--model",
          .help = "what is trained: captioner, which writes captions of pictures, or tokens, which draws pictures of "
                  "captions",
          .choices = {kCaptioner, kTokens},
          .make = setup_of,
          .of_run = model_of_run,
          .of_init = [](const auto& dir) { return model_type_of(dir) == "image-tokens" ? kTokens : kCaptioner; }});
}

}  // namespace langzoo
