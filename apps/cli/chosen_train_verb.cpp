#include "apps/cli/chosen_train_verb.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/train_verb.h"
#include "apps/training/saved_run.h"
#include "apps/training/tasks/named_setup.h"
#include "data/files/config_error.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

std::string usual_task(const TrainingChoices& choices, const std::string& type) {
  if (choices.usual != nullptr) return choices.usual(type);
  return choices.tasks.size() == 1 ? choices.tasks.front() : "";
}

class ChosenTrainVerb : public TrainVerb {
 public:
  explicit ChosenTrainVerb(const TrainingChoices& choices) : ChosenTrainVerb(choices, std::make_shared<NamedTask>()) {}

  std::string name() const override { return choices_.name; }
  std::string summary() const override { return choices_.summary; }

 protected:
  void add_own_options(Options& options) override {
    options
        .add("--model-type", model_type_,
             fmt::format("what model it is: that of the model it begins with, or as the preset's name begins, else {}",
                         choices_.model_type))
        .one_of(choices_.types);
    if (!choices_.flag.empty()) options.add(choices_.flag, task_, choices_.flag_help).one_of(choices_.tasks);
    TrainVerb::add_own_options(options);
    if (choices_.student) options.add("--student", student_, "the student's shape: a preset").excludes("--preset");
  }

  void compute(const ComputeOptions& common) override {
    if (!student_.empty()) set_preset(student_);
    // Of a run that goes on, what it says itself.
    NamedTask run;
    if (resumes()) {
      read_run_section(out(), "task", [&](FieldVisitor& visit) {
        visit("model_type", run.model_type);
        visit("name", run.name);
      });
    }
    refuse_other_than(run);
    std::string init_type;
    if (const auto folder = init(); !folder.empty()) init_type = model_type_of(folder);
    if (model_type_ && !init_type.empty() && init_type != *model_type_) {
      throw UsageError(fmt::format("--model-type {}: the model in {} is of type {}", *model_type_, init(), init_type));
    }
    // Of another family it is refused where it is opened.
    const auto& types = choices_.types;
    if (std::find(types.begin(), types.end(), init_type) == types.end()) init_type.clear();
    chosen_->model_type =
        first_of(model_type_, {run.model_type, init_type, type_of_preset(preset()), choices_.model_type});
    chosen_->name = first_of(task_, {run.name, usual_task(choices_, chosen_->model_type)});
    if (chosen_->name.empty())
      throw UsageError(fmt::format("{} is missing: {}", choices_.flag, fmt::join(choices_.tasks, ", ")));
    try {
      choices_.make(chosen_->model_type, chosen_->name);
    } catch (const ConfigError& error) {
      throw UsageError(error.what());
    }
    TrainVerb::compute(common);
  }

  /// One of the tasks has its keys.
  bool offers(const std::string& name) const override {
    const auto type = first_of({}, {type_of_preset(name), choices_.model_type});
    return std::any_of(choices_.tasks.begin(), choices_.tasks.end(), [&](const std::string& task) {
      try {
        TrainingRun(choices_.program, choices_.make(type, task)).config().load_preset(choices_.program, name);
        return true;
      } catch (const ConfigError&) {
        return false;
      }
    });
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups;
    for (const auto& type : choices_.types) {
      for (const auto& task : choices_.tasks)
        setups.emplace_back([this, type, task] { return choices_.make(type, task); });
    }
    const auto shown = keys_of([this] { return choices_.make(choices_.model_type, shown_task(choices_)); });
    const auto or_flag = choices_.flag.empty() ? "" : " or " + choices_.flag;
    const auto more = keys_beside(shown, setups);
    if (more.empty()) return {};
    return fmt::format("\nKeys of --set where another --model-type{} is given:\n{}", or_flag, more);
  }

 private:
  ChosenTrainVerb(const TrainingChoices& choices, const std::shared_ptr<NamedTask>& chosen)
      : TrainVerb(choices.program, choices.examples,
                  [chosen, choices] {
                    const auto type = chosen->model_type.empty() ? choices.model_type : chosen->model_type;
                    return choices.make(type, chosen->name.empty() ? shown_task(choices) : chosen->name);
                  }),
        choices_(choices),
        chosen_(chosen) {}

  /// A run that goes on learns what it has learnt. What it does not say is the program's usual.
  void refuse_other_than(const NamedTask& run) const {
    const auto refuse = [&](const std::string& what, const std::string& learner) {
      throw UsageError(fmt::format("{}: the run in {} {}", what, out(), learner));
    };
    const auto& tasks = choices_.tasks;
    if (!run.name.empty() && std::find(tasks.begin(), tasks.end(), run.name) == tasks.end())
      refuse(choices_.name, "learns " + run.name);
    if (!run.name.empty() && task_ && *task_ != run.name)
      refuse(fmt::format("{} {}", choices_.flag, *task_), "learns " + run.name);
    if (!run.model_type.empty() && model_type_ && *model_type_ != run.model_type)
      refuse("--model-type " + *model_type_, "trains a model of type " + run.model_type);
  }
  /// That whose keys the help shows first.
  static std::string shown_task(const TrainingChoices& choices) {
    const auto usual = usual_task(choices, choices.model_type);
    return usual.empty() ? choices.shown : usual;
  }
  static std::string first_of(const std::optional<std::string>& given, const std::vector<std::string>& others) {
    if (given) return *given;
    for (const auto& other : others) {
      if (!other.empty()) return other;
    }
    return {};
  }
  /// "albert" of "albert-tiny".
  std::string type_of_preset(const std::string& name) const {
    for (const auto& [beginning, type] : choices_.preset_types) {
      if (name.starts_with(beginning)) return type;
    }
    for (const auto& type : choices_.types) {
      if (name == type || name.starts_with(type + "-")) return type;
    }
    return {};
  }

  const TrainingChoices choices_;
  const std::shared_ptr<NamedTask> chosen_;
  std::optional<std::string> model_type_, task_;
  std::string student_;
};

}  // namespace

std::unique_ptr<Verb> chosen_train_verb(TrainingChoices choices) {
  return std::make_unique<ChosenTrainVerb>(std::move(choices));
}

}  // namespace langzoo
