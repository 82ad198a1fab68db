#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/bit_sequences/verbs.h"
#include "apps/cli/train_verb.h"
#include "apps/training/tasks/bit_sequences.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

/// The kind of model is chosen by --model, by the run that is resumed, by the preset's name, or by the model that
/// --init names; it is an NTM where none of them says another.
class BitSequenceTrainVerb : public TrainVerb {
 public:
  BitSequenceTrainVerb() : BitSequenceTrainVerb(std::make_shared<std::string>(bit_sequence_kinds().front())) {}

 protected:
  void add_own_options(Options& options) override {
    const std::vector<std::string> kinds(bit_sequence_kinds().begin(), bit_sequence_kinds().end());
    options.add("--model", model_, "ntm, by default, or lstm: what it is measured against").one_of(kinds);
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    const auto init = flag_value("--init");
    const auto of_run = resumes() ? bit_sequence_kind_of_run(out()) : "";
    const auto of_init = init.empty() ? "" : bit_sequence_kind_of_type(model_type_of(init));
    const auto of_preset = preset().empty() ? "" : preset().starts_with("lstm-") ? "lstm" : "ntm";
    if (model_ && !preset().empty() && *model_ != of_preset)
      throw UsageError(fmt::format("--model {}: --preset {} is for {}", *model_, preset(), of_preset));
    const auto refuse_other = [&](const std::string& kind, const std::string& where) {
      if (model_ && !kind.empty() && kind != *model_)
        throw UsageError(fmt::format("--model {}: the model in {} is a {}", *model_, where, kind));
    };
    refuse_other(of_run, out());
    refuse_other(of_init, init);
    *kind_ = bit_sequence_kinds().front();
    for (const std::string& known : {model_.value_or(""), of_run, std::string(of_preset), of_init}) {
      if (known.empty()) continue;
      *kind_ = known;
      break;
    }
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups;
    for (const auto kind : bit_sequence_kinds()) setups.emplace_back([kind] { return bit_sequence_setup(kind); });
    return "\nKeys of --set where --model lstm is given:\n" + keys_beside(keys_of(setups.front()), setups);
  }

  std::string notes() const override {
    return TrainVerb::notes() +
           "Behind them stand bits_per_sequence and errors, as eval gives them, of the last validation; tokens are "
           "the\n"
           "vectors of sequences. --resume with more --sequences goes on with a run that is done.\n";
  }

  JsonMembers more_members(const TrainSummary& summary) const override {
    JsonMembers members;
    for (const auto& [name, value] : values_of(summary.valid)) members.emplace_back(name, value);
    return members;
  }

 private:
  explicit BitSequenceTrainVerb(const std::shared_ptr<std::string>& kind)
      : TrainVerb("ntm",
                  "train --preset copy --out run\n"
                  "train --task copy --length 20 --sequences 30000 --out run --json\n"
                  "train --model lstm --task recall --sequences 30000 --out run\n"
                  "train --task sort --out run --set model.controller=feedforward model.read_heads=4\n"
                  "train --out run --resume --sequences 60000\n",
                  [kind] { return bit_sequence_setup(*kind); }),
        kind_(kind) {}

  const std::shared_ptr<std::string> kind_;
  std::optional<std::string> model_;
};

}  // namespace

std::unique_ptr<Verb> bit_sequence_train_verb() {
  return std::make_unique<BitSequenceTrainVerb>();
}

}  // namespace langzoo
