/// The verb `train` of programs with several kinds of runs, of which a flag chooses one.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/train_verb.h"

namespace langzoo {

struct TrainChoice {
  std::string flag, help;            ///< "--objective"
  std::vector<std::string> choices;  ///< the usual one first
  std::function<std::unique_ptr<TaskSetup>(const std::string& choice)> make;
  /// Which one made the model in a folder; empty: none of them.
  std::function<std::string(const std::filesystem::path& dir)> of_folder;
};

/// Unless the flag says, a run that goes on decides, then the preset, whose name begins with a choice.
std::unique_ptr<Verb> train_verb_of_choice(const std::string& program, const std::string& examples,
                                        const TrainChoice& choice);

}  // namespace langzoo
