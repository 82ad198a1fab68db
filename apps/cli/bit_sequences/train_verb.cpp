#include <memory>
#include <string>

#include "apps/cli/bit_sequences/verbs.h"
#include "apps/cli/train_choice.h"
#include "apps/training/tasks/bit_sequences.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

class BitSequenceTrainVerb : public ChoiceTrainVerb {
 public:
  BitSequenceTrainVerb()
      : ChoiceTrainVerb("ntm",
                        "train --preset copy --out run\n"
                        "train --task copy --length 20 --sequences 30000 --out run --json\n"
                        "train --model lstm --task recall --sequences 30000 --out run\n"
                        "train --task sort --out run --set model.controller=feedforward model.read_heads=4\n"
                        "train --out run --resume --sequences 60000\n",
                        {.flag = "--model",
                         .help = "ntm, or lstm: what it is measured against",
                         .choices = {bit_sequence_kinds().begin(), bit_sequence_kinds().end()},
                         .make = bit_sequence_setup,
                         .of_run = bit_sequence_kind_of_run,
                         .of_init = [](const auto& dir) { return bit_sequence_kind_of_type(model_type_of(dir)); },
                         .of_preset = [](const auto& name) { return name.starts_with("lstm-") ? "lstm" : "ntm"; }}) {}

  std::string notes() const override {
    return TrainVerb::notes() +
           "Behind them stand bits_per_sequence and errors, as eval gives them, of the last validation; tokens are "
           "the\n"
           "vectors of sequences. --resume with more --sequences goes on with a run that is done.\n";
  }

 protected:
  JsonMembers more_members(const TrainSummary& summary) const override {
    JsonMembers members;
    for (const auto& [name, value] : values_of(summary.valid)) members.emplace_back(name, value);
    return members;
  }
};

}  // namespace

std::unique_ptr<Verb> bit_sequence_train_verb() {
  return std::make_unique<BitSequenceTrainVerb>();
}

}  // namespace langzoo
