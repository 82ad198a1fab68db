#include <filesystem>
#include <memory>
#include <string>

#include "apps/cli/lm/verbs.h"
#include "apps/cli/train_choice.h"
#include "apps/training/tasks/lm.h"
#include "models/pretrained.h"
#include "models/rnn_lm/rnn_lm.h"

namespace langzoo {

namespace {

constexpr const char* kUsualKind = "lstm";

/// Of the model in a folder; empty for one of another program, which is refused later.
std::string kind_of(const std::filesystem::path& dir) {
  const auto type = model_type_of(dir);
  if (type == "ar-lm") return "ar";
  if (type == "transformer-lm") return "transformer";
  if (type == "ngram" || type == "elmo") return type;
  if (type != "rnn-lm") return {};
  const auto cell = config_of<RnnLmConfig>(dir, RnnLmImpl::pretrained_traits()).cell;
  return cell.starts_with("rnn") ? "rnn" : cell;
}

TrainChoice choice_of_kind() {
  TrainChoice choice{.flag = "--model",
                     .help = "what model it is",
                     .choices = {kUsualKind},
                     .make = lm_setup,
                     .of_run = lm_kind_of_run,
                     .of_init = kind_of};
  for (const auto kind : lm_kinds()) {
    if (kind != kUsualKind) choice.choices.emplace_back(kind);
  }
  return choice;
}

}  // namespace

std::unique_ptr<Verb> lm_train_verb() {
  return std::make_unique<ChoiceTrainVerb>(
      "lm",
      "train --data book.txt --out run\n"
      "train --model gru --data book.txt --out run --set model.hidden_size=400 model.dropout=0.4\n"
      "train --preset awd-lstm-ptb --data train.txt --valid valid.txt --out run\n"
      "train --model transformer --data book.txt --tokenizer words:10000 --out run\n"
      "train --model ngram --data book.txt --out run --set model.order=5 --memory 2G\n"
      "train --model elmo --data book.txt --tokenizer words:20000 --out run\n"
      "train --out run --resume\n",
      choice_of_kind());
}

}  // namespace langzoo
