#include "apps/cli/train_choice.h"

#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/saved_run.h"

namespace langzoo {

namespace {

/// "relation" of "relation-large".
std::string beginning_of(const std::string& preset, const std::vector<std::string>& choices) {
  for (const auto& choice : choices) {
    if (preset == choice || preset.starts_with(choice + "-")) return choice;
  }
  return {};
}

}  // namespace

void ChoiceTrainVerb::add_own_options(Options& options) {
  const auto usual = choice_.required ? "" : fmt::format("; {} by default", choice_.choices.front());
  options.add(choice_.flag, given_, choice_.help + usual).one_of(choice_.choices);
  TrainVerb::add_own_options(options);
}

void ChoiceTrainVerb::compute(const ComputeOptions& common) {
  const auto folder = choice_.of_init ? init() : "";
  const auto of_preset = [&](const std::string& name) {
    return choice_.of_preset ? choice_.of_preset(name) : beginning_of(name, choice_.choices);
  };
  *chosen_ = given_.value_or("");
  const auto heed = [&](const std::string& known, const std::string& whose) {
    if (given_ && !known.empty() && known != *given_)
      throw UsageError(fmt::format("{} {}: {} is for {}", choice_.flag, *given_, whose, known));
    if (chosen_->empty()) *chosen_ = known;
  };
  heed(resumes() ? choice_.of_run(out()) : "", "the run in " + out());
  heed(preset().empty() ? "" : of_preset(preset()), "--preset " + preset());
  heed(folder.empty() ? "" : choice_.of_init(folder), "the model in " + folder);
  if (chosen_->empty() && choice_.required)
    throw UsageError(fmt::format("{} is missing: {}", choice_.flag, fmt::join(choice_.choices, ", ")));
  if (chosen_->empty()) *chosen_ = choice_.choices.front();
  refuse_flags_of_others();
  TrainVerb::compute(common);
}

void ChoiceTrainVerb::refuse_flags_of_others() const {
  std::set<std::string> own;
  for (const auto& [name, key] : choice_.make(*chosen_)->flags()) own.insert(name);
  for (const auto& other : choice_.choices) {
    for (const auto& [name, key] : choice_.make(other)->flags()) {
      if (!own.contains(name) && !flag_value(name).empty())
        throw UsageError(fmt::format("{}: is for {} {}, and this one is {}", name, choice_.flag, other, *chosen_));
    }
  }
}

std::vector<TrainVerb::MakeSetup> ChoiceTrainVerb::other_setups() const {
  std::vector<MakeSetup> setups;
  for (const auto& choice : choice_.choices) setups.emplace_back([this, choice] { return choice_.make(choice); });
  return setups;
}

std::string ChoiceTrainVerb::more_keys() const {
  const auto setups = other_setups();
  return fmt::format("\nKeys of --set where another {} is given:\n{}", choice_.flag,
                     keys_beside(keys_of(setups.front()), setups));
}

std::string model_of_run(const std::filesystem::path& dir) {
  std::string model;
  read_run_section(dir, "task", [&](FieldVisitor& visit) { visit("model", model); });
  return model;
}

}  // namespace langzoo
