#include "apps/training/tasks/encoders.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/distillation.h"
#include "apps/training/tasks/electra.h"
#include "apps/training/tasks/multiple_choice.h"
#include "apps/training/tasks/named_setup.h"
#include "apps/training/tasks/pretraining.h"
#include "apps/training/tasks/question_answering.h"
#include "apps/training/tasks/regression.h"
#include "apps/training/tasks/tagging.h"
#include "apps/training/tasks/tiny_bert.h"
#include "data/files/config_error.h"
#include "models/albert/albert.h"
#include "models/bert/bert.h"
#include "models/distilbert/distilbert.h"
#include "models/electra/electra.h"
#include "models/roberta/roberta.h"

namespace langzoo {

namespace {

struct Task {
  const ExampleKind& (*kind)();
  std::string_view head;  ///< of the architecture
};
const std::map<std::string, Task, std::less<>>& tasks() {
  static const std::map<std::string, Task, std::less<>> tasks = {
      {"classification", {classification, "ForSequenceClassification"}},
      {"pair", {classification, "ForSequenceClassification"}},
      {"regression", {regression, "ForSequenceClassification"}},
      {"tagging", {tagging, "ForTokenClassification"}},
      {"qa", {question_answering, "ForQuestionAnswering"}},
      {"choice", {multiple_choice, "ForMultipleChoice"}},
  };
  return tasks;
}

const RegisteredModel& with_head(const std::string& model_type, std::string_view head, const std::string& what) {
  return model_with_head(encoder_types(), model_type, head, what);
}

/// `Setup` for a model of this type.
template <class Setup, class... Arguments>
std::unique_ptr<TaskSetup> named(const std::string& task, const RegisteredModel& registered, Arguments&&... arguments) {
  return std::make_unique<NamedSetup<Setup>>(NamedTask{std::string(registered.model_type), task},
                                             NamedDefaults{.learning_rate = 5e-5, .tokenizer = "train:wordpiece:8000"},
                                             registered, encoder_config(registered.model_type),
                                             std::forward<Arguments>(arguments)...);
}

}  // namespace

const std::vector<std::string>& encoder_types() {
  static const std::vector<std::string> types = {"bert", "roberta", "albert", "electra", "distilbert"};
  return types;
}

const std::vector<std::string>& pretraining_objectives() {
  static const std::vector<std::string> objectives = {"mlm", "mlm+nsp", "mlm+sop", "electra"};
  return objectives;
}

const std::vector<std::string>& distillation_stages() {
  static const std::vector<std::string> stages = {kDistillation, "intermediate", "prediction"};
  return stages;
}

const std::vector<std::string>& finetuning_tasks() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> names;
    for (const auto& [name, task] : tasks()) names.push_back(name);
    return names;
  }();
  return names;
}

std::unique_ptr<ModelConfig> encoder_config(std::string_view model_type) {
  std::unique_ptr<ModelConfig> config;
  if (model_type == "bert") config = ModelConfig::of(BertConfig());
  if (model_type == "roberta") config = ModelConfig::of(RobertaConfig());
  if (model_type == "albert") config = ModelConfig::of(AlbertConfig());
  if (model_type == "electra") config = ModelConfig::of(ElectraConfig());
  if (model_type == "distilbert") config = ModelConfig::of(DistilBertConfig());
  if (!config) throw std::invalid_argument(fmt::format("no encoder has the model type {}", model_type));
  const auto fields = fields_in(*config);
  // The published shapes are presets.
  constexpr std::pair<const char*, const char*> kSmall[] = {
      {"vocab_size", "null"},
      {"pad_token_id", "null"},
      {"bos_token_id", "null"},
      {"eos_token_id", "null"},
      {"hidden_size", "256"},
      {"num_hidden_layers", "4"},
      {"num_attention_heads", "4"},
      {"intermediate_size", "1024"},
      {"embedding_size", "128"},
      {"dim", "256"},
      {"n_layers", "4"},
      {"n_heads", "4"},
      {"hidden_dim", "1024"},
  };
  for (const auto& [name, json] : kSmall) {
    if (const auto field = find_field(fields, name)) field->set(json);
  }
  return config;
}

std::string usual_objective(std::string_view model_type) {
  if (model_type == "bert") return "mlm+nsp";
  if (model_type == "albert") return "mlm+sop";
  if (model_type == "electra") return "electra";
  return "mlm";
}

std::unique_ptr<TaskSetup> pretraining_setup(const std::string& model_type, const std::string& objective) {
  must_be(objective, pretraining_objectives(), "objective");
  const auto& model = with_head(model_type, objective == "mlm" ? "ForMaskedLM" : "ForPreTraining", objective);
  const auto own = usual_objective(model_type);
  if (objective != "mlm" && objective != own) {
    throw ConfigError(fmt::format("{} is not pretrained by {}; it is by {}{}", model_type, objective, own,
                                  own == "mlm" ? "" : " or mlm"));
  }
  if (objective == "electra") return named<ElectraSetup>(objective, model);
  const auto sentences = objective == "mlm+nsp"   ? SentenceTask::kNextSentence
                         : objective == "mlm+sop" ? SentenceTask::kSentenceOrder
                                                  : SentenceTask::kPacked;
  return named<PretrainingSetup>(objective, model, sentences);
}

std::unique_ptr<TaskSetup> distillation_setup(const std::string& model_type, const std::string& task) {
  must_be(task, distillation_stages(), "stage");
  if (task == kDistillation) {
    return named<DistillationSetup>(task, with_head(model_type, "ForMaskedLM", task));
  }
  const auto stage = task == "prediction" ? TinyBertSetup::Stage::kPrediction : TinyBertSetup::Stage::kIntermediate;
  return named<TinyBertSetup>(task, with_head(model_type, "ForSequenceClassification", task), stage);
}

std::unique_ptr<TaskSetup> finetuning_setup(const std::string& model_type, const std::string& task) {
  must_be(task, finetuning_tasks(), "task");
  const auto& [kind, head] = tasks().find(task)->second;
  return named<ExampleSetup>(task, with_head(model_type, head, task), kind());
}

}  // namespace langzoo
