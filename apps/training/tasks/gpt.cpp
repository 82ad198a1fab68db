#include "apps/training/tasks/gpt.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "apps/training/tasks/causal_lm.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/multiple_choice.h"
#include "apps/training/tasks/named_setup.h"
#include "apps/training/tasks/question_answering.h"
#include "apps/training/tasks/similarity.h"
#include "apps/training/tasks/tagging.h"
#include "data/files/config_error.h"
#include "data/tasks/task_tokens.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"

namespace langzoo {

namespace {

const std::string kLmTask = "lm";

struct GptTask {
  const ExampleKind& (*kind)();
  std::string_view head;  ///< of the architecture
  bool framed;            ///< between START and EXTRACT; else every token says something
};
const std::map<std::string, GptTask, std::less<>>& gpt_tasks() {
  static const std::map<std::string, GptTask, std::less<>> tasks = {
      {"choice", {multiple_choice, "DoubleHeadsModel", true}},
      {"classification", {classification, "ForSequenceClassification", true}},
      {"pair", {classification, "ForSequenceClassification", true}},
      {"qa", {question_answering, "ForQuestionAnswering", false}},
      {"similarity", {similarity, "ForSequenceClassification", true}},
      {"tagging", {tagging, "ForTokenClassification", false}},
  };
  return tasks;
}

/// Radford et al. 2018, section 4.1: also the defaults.
constexpr NamedDefaults kGptDefaults{.learning_rate = 6.25e-5, .tokenizer = "train:bytebpe:8000"};

/// A language model of one of the types, which run.json names.
class GptLmSetup : public CausalLmSetup {
 public:
  GptLmSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : CausalLmSetup(registered, std::move(config)), task_{std::string(registered.model_type), kLmTask} {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    CausalLmSetup::bind(config, setting);
    config.bind("task", task_);
  }

 private:
  NamedTask task_;
};

/// A head that reads texts by their last token.
class FramedSetup : public ExampleSetup {
 public:
  FramedSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config, const ExampleKind& kind)
      : ExampleSetup(registered, std::move(config), kind) {
    data_.added_tokens.assign(kTaskTokens.begin(), kTaskTokens.end());
    lm_weight_ = 0.5;
  }

  void bind(RunConfig& config, TrainSetting& setting) override {
    ExampleSetup::bind(config, setting);
    config.bind("train", [this](FieldVisitor& visit) {
      visit("lm_weight", lm_weight_,
            {.least = 0,
             .most = 1e6,
             .help = "of the language model's loss beside the task's: of each text the mean over its tokens; 0: none"});
    });
  }

  void complete(RunConfig& config) override {
    ExampleSetup::complete(config);
    if (lm_weight_ > 0 && r_drop_ > 0) {
      throw ConfigError(fmt::format("train.r_drop = {}: is not done beside train.lm_weight = {}; set one of them to 0",
                                    r_drop_, lm_weight_));
    }
  }

 protected:
  void complete_model(const Tokenizer& tokenizer) override {
    const auto fields = fields_in(*config_);
    const auto tokens = static_cast<std::int64_t>(tokenizer.vocab_size());
    // The tokens that this setup adds may be beyond a vocabulary that a user or a model has decided.
    if (const auto size = find_field(fields, "vocab_size"); size->json() != "null") {
      auto known = std::stoll(size->json());
      while (known < tokens && is_task_token(tokenizer, known)) ++known;
      if (known == tokens) size->set(std::to_string(tokens));
    }
    complete_special_tokens(*config_, tokenizer);
    // By it transformers' classifiers find the last token, which it never is.
    const auto& eos = tokenizer.special_tokens().eos;
    fill_field(fields, "pad_token_id", eos ? *eos : TaskTokens::of(tokenizer)->start);
    ExampleSetup::complete_model(tokenizer);
  }

 private:
  static bool is_task_token(const Tokenizer& tokenizer, std::int64_t id) {
    const auto token = static_cast<TokenId>(id);
    return tokenizer.has_token(token) &&
           std::find(kTaskTokens.begin(), kTaskTokens.end(), tokenizer.id_to_token(token)) != kTaskTokens.end();
  }
};

template <class Setup>
std::unique_ptr<TaskSetup> gpt_example_setup(const std::string& task, const RegisteredModel& model,
                                             const ExampleKind& kind) {
  return std::make_unique<NamedSetup<Setup>>(NamedTask{std::string(model.model_type), task}, kGptDefaults, model,
                                             gpt_config(model.model_type), kind);
}

}  // namespace

const std::vector<std::string>& gpt_types() {
  static const std::vector<std::string> types = {"gpt2", "openai-gpt", "gpt_neo"};
  return types;
}

const std::vector<std::string>& gpt_finetuning_tasks() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> names = {kLmTask};
    for (const auto& [name, task] : gpt_tasks()) names.push_back(name);
    std::sort(names.begin(), names.end());
    return names;
  }();
  return names;
}

std::unique_ptr<ModelConfig> gpt_config(std::string_view model_type) {
  // The published vocabularies are the models' own; a run has its tokenizer's.
  if (model_type == "gpt2") {
    Gpt2Config small;
    small.n_layer = small.n_head = 4;
    small.n_embd = small.n_positions = 256;
    small.vocab_size = kFromTokenizer;
    small.bos_token_id.reset();
    small.eos_token_id.clear();
    return ModelConfig::of(small);
  }
  if (model_type == "openai-gpt") {
    OpenAiGptConfig small;
    small.n_layer = small.n_head = 4;
    small.n_embd = small.n_positions = 256;
    small.vocab_size = kFromTokenizer;
    return ModelConfig::of(small);
  }
  if (model_type != "gpt_neo") throw std::invalid_argument(fmt::format("no GPT has the model type {}", model_type));
  GptNeoConfig small;
  small.num_layers = small.num_heads = 4;
  small.hidden_size = small.max_position_embeddings = 256;
  small.attention_types = {{{"global", "local"}, 2}};
  small.window_size = 64;
  small.vocab_size = kFromTokenizer;
  small.bos_token_id.reset();
  small.eos_token_id.clear();
  return ModelConfig::of(small);
}

std::unique_ptr<TaskSetup> gpt_lm_setup(const std::string& model_type) {
  must_be(model_type, gpt_types(), "model type");
  return std::make_unique<GptLmSetup>(*find_registered_model(model_type), gpt_config(model_type));
}

std::unique_ptr<TaskSetup> gpt_finetuning_setup(const std::string& model_type, const std::string& task) {
  must_be(task, gpt_finetuning_tasks(), "task");
  if (task == kLmTask) return gpt_lm_setup(model_type);
  const auto& [kind, head, framed] = gpt_tasks().find(task)->second;
  const auto& model = model_with_head(gpt_types(), model_type, head, task);
  return framed ? gpt_example_setup<FramedSetup>(task, model, kind())
                : gpt_example_setup<ExampleSetup>(task, model, kind());
}

}  // namespace langzoo
