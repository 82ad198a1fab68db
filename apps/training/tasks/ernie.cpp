#include "apps/training/tasks/ernie.h"

#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/training/tasks/entity_pretraining.h"
#include "apps/training/tasks/entity_texts.h"
#include "apps/training/tasks/knowledge_setup.h"
#include "data/files/config_error.h"
#include "models/ernie/ernie.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// What both kinds of ERNIE's runs have in common: the config lists the graph's entities.
template <class Setup>
class ErnieRun : public WithGraph<Setup> {
 public:
  template <class... Arguments>
  ErnieRun(const char* architecture, Arguments&&... arguments)
      : WithGraph<Setup>(*find_registered_model("ernie-thu", architecture), ernie_config(),
                         std::forward<Arguments>(arguments)...) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting.trainer.learning_rate = 1e-3;
    setting.trainer.schedule = "linear";
    setting.trainer.weight_decay = 0.01;
    WithGraph<Setup>::bind(config, setting);
    config.set_default("data.tokenizer", "train:wordpiece:1000");
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    if constexpr (requires { this->corpus_; })
      open_entities(setting, this->corpus_.microworld_seed);
    else
      open_entities(setting, this->data_.microworld_seed);
    return Setup::make_task(setting);
  }

 protected:
  void open_entities(const TrainSetting& setting, std::uint64_t seed) {
    const auto before = this->open_graph(setting, seed, /*hold_out=*/true);
    ErnieConfig known;
    if (before) {
      known = config_of<ErnieConfig>(*before, ErnieModelImpl::pretrained_traits());
    } else {
      known.entities = this->graph_->config().entities;
      known.entity_size = this->graph_->config().dim;
    }
    const nlohmann::json decided = {{"entities", known.entities}, {"entity_size", known.entity_size}};
    read_fields(*this->config_, decided.dump(), this->knowledge_.graph);
    const auto heads = this->config_->template as<ErnieConfig>().num_entity_attention_heads;
    if (known.entity_size % heads == 0) return;
    throw ConfigError(
        fmt::format("model.num_entity_attention_heads = {}: the vectors of {} have width {}, which is no "
                    "multiple",
                    heads, this->knowledge_.graph, known.entity_size));
  }
  void set_up_model(TokenModel& model, const Tokenizer& /*tokenizer*/, const TrainSetting& /*setting*/) override {
    const torch::NoGradGuard no_grad;
    auto& encoder = dynamic_cast<ErnieModelImpl&>(dynamic_cast<EncoderModel&>(model).encoder());
    if (!this->graph_.is_empty()) encoder.entity_embeddings.copy_(this->graph_->entity_embeddings->weight);
  }
  /// The tokenizer's vocabulary, and the marks behind it.
  void complete_model(const Tokenizer& tokenizer) override {
    const auto tokens = static_cast<std::int64_t>(tokenizer.vocab_size()) + ErnieConfig::kMarkers;
    fill_field(fields_in(*this->config_), "vocab_size", tokens);
    require_vocabulary(*this->config_, "vocab_size", tokens);
    complete_special_tokens(*this->config_, tokenizer);
  }
};

}  // namespace

std::unique_ptr<ModelConfig> ernie_config() {
  ErnieConfig small;
  small.vocab_size = kFromTokenizer;
  small.pad_token_id.reset();
  small.hidden_size = 128;
  small.num_hidden_layers = 4;
  small.num_attention_heads = 4;
  small.intermediate_size = 512;
  small.max_position_embeddings = 128;
  return ModelConfig::of(small);
}

std::unique_ptr<TaskSetup> ernie_setup(const std::string& objective) {
  if (objective == "pretrain") return std::make_unique<ErnieRun<EntityPretrainingSetup>>("ErnieForPreTraining");
  using Classifying = ErnieRun<ExampleSetup>;
  return objective == "typing"
             ? std::make_unique<Classifying>("ErnieForEntityTyping", entity_typing())
             : std::make_unique<Classifying>("ErnieForRelationClassification", relation_classification());
}

}  // namespace langzoo
