/// The verb `train` of programs with several kinds of runs, of which a flag chooses one.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/cli/train_verb.h"

namespace langzoo {

struct TrainChoice {
  using OfFolder = std::function<std::string(const std::filesystem::path& dir)>;

  std::string flag, help;            ///< "--objective"
  std::vector<std::string> choices;  ///< the usual one first
  bool required = false;             ///< none is usual: it has to be known
  std::function<std::unique_ptr<TaskSetup>(const std::string& choice)> make;
  OfFolder of_run;        ///< which one made the run in a folder; empty: none of them
  OfFolder of_init = {};  ///< which one can begin with the model in a folder, where not all can; empty: none
  /// Which one a preset is for; empty: any. As its name begins, unless this says.
  std::function<std::string(const std::string& preset)> of_preset = {};
};

/// Unless the flag says, a run that goes on decides, then the preset, then the model that --init names.
class ChoiceTrainVerb : public TrainVerb {
 public:
  ChoiceTrainVerb(const std::string& program, const std::string& examples, const TrainChoice& choice)
      : ChoiceTrainVerb(program, examples, choice, std::make_shared<std::string>(choice.choices.front())) {}

 protected:
  void add_own_options(Options& options) override;
  void compute(const ComputeOptions& common) override;
  std::vector<MakeSetup> other_setups() const override;
  std::string more_keys() const override;

 private:
  ChoiceTrainVerb(const std::string& program, const std::string& examples, const TrainChoice& choice,
                  const std::shared_ptr<std::string>& chosen)
      : TrainVerb(program, examples, [chosen, make = choice.make] { return make(*chosen); }),
        choice_(choice),
        chosen_(chosen) {}
  void refuse_flags_of_others() const;

  const TrainChoice choice_;
  const std::shared_ptr<std::string> chosen_;
  std::optional<std::string> given_;
};

/// What a run in `dir` says that it is (task.model); empty: nothing.
std::string model_of_run(const std::filesystem::path& dir);

}  // namespace langzoo
