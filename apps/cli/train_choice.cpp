#include "apps/cli/train_choice.h"

#include <optional>
#include <utility>

#include <fmt/format.h>

namespace langzoo {

namespace {

class ChoiceTrainVerb : public TrainVerb {
 public:
  ChoiceTrainVerb(const std::string& program, const std::string& examples, const TrainChoice& choice)
      : ChoiceTrainVerb(program, examples, choice, std::make_shared<std::string>(choice.choices.front())) {}

 protected:
  void add_own_options(Options& options) override {
    options.add(choice_.flag, given_, fmt::format("{}; {} by default", choice_.help, choice_.choices.front()))
        .one_of(choice_.choices);
    TrainVerb::add_own_options(options);
  }

  void compute(const ComputeOptions& common) override {
    const auto of_run = resumes() ? choice_.of_folder(out()) : "";
    if (given_ && !of_run.empty() && *given_ != of_run)
      throw UsageError(fmt::format("{} {}: the run in {} is one of {}", choice_.flag, *given_, out(), of_run));
    *chosen_ = choice_.choices.front();
    for (const auto& known : {given_.value_or(""), of_run, of_preset()}) {
      if (known.empty()) continue;
      *chosen_ = known;
      break;
    }
    TrainVerb::compute(common);
  }

  std::vector<MakeSetup> other_setups() const override {
    std::vector<MakeSetup> setups;
    for (const auto& choice : choice_.choices) setups.emplace_back([this, choice] { return choice_.make(choice); });
    return setups;
  }

  std::string more_keys() const override {
    const auto setups = other_setups();
    return fmt::format("\nKeys of --set where another {} is given:\n{}", choice_.flag,
                       keys_beside(keys_of(setups.front()), setups));
  }

 private:
  ChoiceTrainVerb(const std::string& program, const std::string& examples, const TrainChoice& choice,
                  const std::shared_ptr<std::string>& chosen)
      : TrainVerb(program, examples, [chosen, make = choice.make] { return make(*chosen); }),
        choice_(choice),
        chosen_(chosen) {}

  std::string of_preset() const {
    for (const auto& choice : choice_.choices) {
      if (preset() == choice || preset().starts_with(choice + "-")) return choice;
    }
    return {};
  }

  const TrainChoice choice_;
  const std::shared_ptr<std::string> chosen_;
  std::optional<std::string> given_;
};

}  // namespace

std::unique_ptr<Verb> train_verb_of_choice(const std::string& program, const std::string& examples,
                                           const TrainChoice& choice) {
  return std::make_unique<ChoiceTrainVerb>(program, examples, choice);
}

}  // namespace langzoo
