#include "apps/cli/encoders/verbs.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/average_verb.h"
#include "apps/cli/examples.h"
#include "apps/cli/report_verb.h"
#include "apps/cli/train_verb.h"
#include "apps/training/saved_run.h"
#include "apps/training/tasks/encoders.h"
#include "data/files/config_error.h"
#include "models/pretrained.h"

namespace langzoo {

namespace {

namespace fs = std::filesystem;

/// Which model learns what.
struct Choice {
  std::string model_type, task;
};

/// A verb that trains.
struct TrainingKind {
  std::string name, summary, examples;
  std::unique_ptr<TaskSetup> (*make)(const std::string& model_type, const std::string& task);
  std::vector<std::string> tasks;
  std::string flag, flag_help;  ///< chooses one of the tasks; empty: there is but one
  /// The task of a model type unless told otherwise; none: it has to be told.
  std::string (*usual)(std::string_view model_type) = nullptr;
  std::string shown;                ///< the task whose keys the help lists, where there is no usual one
  std::string model_type = "bert";  ///< unless told otherwise
  bool student = false;             ///< a preset is also --student
};

/// The kind of model and of task is chosen by flags, by the model that --init names, by the preset, and by the run that
/// is resumed.
class EncoderTrainVerb : public TrainVerb {
 public:
  explicit EncoderTrainVerb(const TrainingKind& kind) : EncoderTrainVerb(kind, std::make_shared<Choice>()) {}

  std::string name() const override { return kind_.name; }
  std::string summary() const override { return kind_.summary; }

 protected:
  void add_own_options(Options& options) override {
    options
        .add("--model-type", model_type_,
             fmt::format("what model it is; that of --init, or that the preset's name begins with, else {}",
                         kind_.model_type))
        .one_of(encoder_types());
    if (!kind_.flag.empty()) options.add(kind_.flag, task_, kind_.flag_help).one_of(kind_.tasks);
    TrainVerb::add_own_options(options);
    if (kind_.student) options.add("--student", student_, "the student's shape: a preset").excludes("--preset");
  }

  void compute(const ComputeOptions& common) override {
    if (!student_.empty()) set_preset(student_);
    // Of a run that goes on, what it says itself.
    EncoderTask run;
    if (resumes()) {
      read_run_section(out(), "task", [&](FieldVisitor& visit) {
        visit("model_type", run.model_type);
        visit("name", run.name);
      });
    }
    if (!run.name.empty()) refuse_other_than(run);
    std::string init_type;
    if (const auto init = flag_value("--init"); !init.empty()) init_type = model_type_of(init);
    if (model_type_ && !init_type.empty() && init_type != *model_type_) {
      throw UsageError(
          fmt::format("--model-type {}: the model in {} is a {}", *model_type_, flag_value("--init"), init_type));
    }
    *choice_ = {first_of(model_type_, {run.model_type, init_type, type_of_preset(), kind_.model_type}), {}};
    choice_->task = first_of(task_, {run.name, usual_task(kind_, choice_->model_type)});
    if (choice_->task.empty())
      throw UsageError(fmt::format("{} is missing: {}", kind_.flag, fmt::join(kind_.tasks, ", ")));
    try {
      kind_.make(choice_->model_type, choice_->task);
    } catch (const ConfigError& error) {
      throw UsageError(error.what());
    }
    TrainVerb::compute(common);
  }

  std::string more_keys() const override {
    std::vector<MakeSetup> setups;
    for (const auto& type : encoder_types()) {
      for (const auto& task : kind_.tasks) setups.emplace_back([this, type, task] { return kind_.make(type, task); });
    }
    const auto shown = keys_of([this] { return kind_.make(kind_.model_type, shown_task()); });
    return fmt::format("\nKeys of --set where another --model-type or {} is given:\n{}", kind_.flag,
                       keys_beside(shown, setups));
  }

 private:
  EncoderTrainVerb(const TrainingKind& kind, const std::shared_ptr<Choice>& choice)
      : TrainVerb("bert", kind.examples,
                  [choice, kind] {
                    const auto type = choice->model_type.empty() ? kind.model_type : choice->model_type;
                    const auto usual = usual_task(kind, type);
                    const auto& otherwise = usual.empty() ? kind.shown : usual;
                    return kind.make(type, choice->task.empty() ? otherwise : choice->task);
                  }),
        kind_(kind),
        choice_(choice) {}

  /// A run that goes on learns what it has learnt.
  void refuse_other_than(const EncoderTask& run) const {
    const auto refuse = [&](const std::string& what, const std::string& learner) {
      throw UsageError(fmt::format("{}: the run in {} {}", what, out(), learner));
    };
    if (std::find(kind_.tasks.begin(), kind_.tasks.end(), run.name) == kind_.tasks.end())
      refuse(kind_.name, "learns " + run.name);
    if (task_ && *task_ != run.name) refuse(fmt::format("{} {}", kind_.flag, *task_), "learns " + run.name);
    if (model_type_ && *model_type_ != run.model_type)
      refuse("--model-type " + *model_type_, "trains a model of type " + run.model_type);
  }
  /// That whose keys the help shows first.
  std::string shown_task() const {
    const auto usual = usual_task(kind_, kind_.model_type);
    return usual.empty() ? kind_.shown : usual;
  }
  static std::string usual_task(const TrainingKind& kind, const std::string& type) {
    if (kind.usual != nullptr) return kind.usual(type);
    return kind.tasks.size() == 1 ? kind.tasks.front() : "";
  }
  static std::string first_of(const std::optional<std::string>& given, const std::vector<std::string>& others) {
    if (given) return *given;
    for (const auto& other : others) {
      if (!other.empty()) return other;
    }
    return {};
  }
  /// "albert" of "albert-tiny".
  std::string type_of_preset() const {
    for (const auto& type : encoder_types()) {
      if (preset().starts_with(type + "-")) return type;
    }
    return {};
  }

  const TrainingKind kind_;
  const std::shared_ptr<Choice> choice_;
  std::optional<std::string> model_type_, task_;
  std::string student_;
};

std::vector<ExamplePredictions> all_predictions() {
  return {classification_predictions(), regression_predictions(), tagging_predictions(), answer_predictions(),
          choice_predictions()};
}

}  // namespace

Verbs encoder_verbs() {
  Verbs verbs;
  const auto train = [&](const TrainingKind& kind) { verbs.push_back(std::make_unique<EncoderTrainVerb>(kind)); };
  train({.name = "train",
         .summary = "pretrain a model on your own text",
         .examples = "train --data book.txt --tokenizer train:wordpiece:8000 --out run\n"
                     "train --model-type albert --objective mlm+sop --data book.txt --out run\n"
                     "train --out run --resume\n",
         .make = pretraining_setup,
         .tasks = pretraining_objectives(),
         .flag = "--objective",
         .flag_help = "what it learns; bert: mlm+nsp, albert: mlm+sop, electra: electra, others: mlm unless given",
         .usual = usual_objective});
  train({.name = "finetune",
         .summary = "train a model for a task, from another one's weights or from none",
         .examples = "finetune --task classification --data train.csv --valid valid.csv --init pretrained --out run\n"
                     "finetune --task qa --data squad.json --init pretrained --out run\n"
                     "finetune --task tagging --data microworld --model-type distilbert --out run\n",
         .make = finetuning_setup,
         .tasks = finetuning_tasks(),
         .flag = "--task",
         .flag_help = "what it learns",
         .shown = "classification"});
  train({.name = "distill",
         .summary = "train a smaller student of a masked language model or of a classifier",
         .examples =
             "distill --teacher pretrained --data book.txt --out student\n"
             "distill --teacher pretrained --model-type bert --set model.num_hidden_layers=2 --data book.txt --out "
             "student\n",
         .make = distillation_setup,
         .tasks = distillation_stages(),
         .flag = "--stage",
         .flag_help = "pretraining: DistilBERT's losses, on documents; of a classifier TinyBERT's: intermediate (its "
                      "attention and states), then prediction",
         .usual = [](std::string_view /*model_type*/) { return std::string(kDistillation); },
         .model_type = "distilbert",
         .student = true});
  verbs.push_back(example_eval_verb(all_predictions()));
  verbs.push_back(example_predict_verb(all_predictions()));
  verbs.push_back(fill_mask_verb());
  verbs.push_back(embed_verb());
  verbs.push_back(encoder_attention_verb());
  verbs.push_back(average_verb());
  verbs.push_back(report_verb());
  return verbs;
}

}  // namespace langzoo
