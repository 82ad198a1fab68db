/// The verbs that train of programs with models of several types, or with several tasks.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/cli/base/program.h"
#include "apps/training/task_setup.h"

namespace langzoo {

struct TrainingChoices {
  std::string program = {};                            ///< "gpt"
  std::string name = {}, summary = {}, examples = {};  ///< the verb's
  std::vector<std::string> types = {};                 ///< what --model-type may be
  std::string model_type = {};                         ///< unless told otherwise
  std::vector<std::string> tasks = {};
  std::string flag = {}, flag_help = {};  ///< chooses one of the tasks; empty: there is but one
  std::unique_ptr<TaskSetup> (*make)(const std::string& model_type, const std::string& task) = nullptr;
  /// The task of a model type unless told otherwise; none: it has to be told, unless there is but one.
  std::string (*usual)(std::string_view model_type) = nullptr;
  std::string shown = {};  ///< the task whose keys the help lists, where there is no usual one
  /// What preset begins so is of this type, beside those that begin as their type: {"gpt3-", "gpt_neo"}.
  std::vector<std::pair<std::string, std::string>> preset_types = {};
  bool student = false;  ///< a preset is also --student
};

/// Which kind of model is trained for which task the flags say, the model that --init names, the preset, or the run
/// that is resumed.
std::unique_ptr<Verb> chosen_train_verb(TrainingChoices choices);

}  // namespace langzoo
