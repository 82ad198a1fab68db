#include "apps/training/tasks/kagnet.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/training/tasks/derived_kind.h"
#include "apps/training/tasks/encoders.h"
#include "apps/training/tasks/knowledge_setup.h"
#include "apps/training/tasks/multiple_choice.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/layers/copy_parameters.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

/// What the graph and the tokenizer decide.
const std::vector<std::string> kDecided = {
    "encoder_type",   "knowledge.entities", "knowledge.relations", "knowledge.num_triples", "knowledge.dim",
    "knowledge.norm", "knowledge.margin",   "encoder.id2label",    "encoder.label2id",      "encoder.problem_type"};

ExampleFormat choice_format() {
  auto format = multiple_choice().format();
  format.task = "graph-choice";
  format.decided = kDecided;
  format.loss_unit = "margin loss an example";
  format.metrics_help = "loss (margin loss an example), accuracy; grounded, the share with a path to the right answer";
  format.metrics.emplace_back("grounded");
  format.otherwise = "does not choose by a graph";
  format.r_drop = format.label_smoothing = false;
  format.microworld = {MicroworldTask::kGraphQuestions};
  return format;
}

class KagNetChoice : public DerivedKind<ChoiceExample> {
 public:
  KagNetChoice() : DerivedKind(multiple_choice(), choice_format()) {}

  bool accepts(const TokenModel& model) const override { return dynamic_cast<const KagNetImpl*>(&model) != nullptr; }
  std::vector<TokenExample> encode(const RawExamples& examples, std::int64_t i,
                                   const ExampleEncoding& encoding) const override {
    auto encoded = behind_.encode(examples, i, encoding);
    const auto& model = dynamic_cast<const KagNetImpl&>(encoding.model);
    const auto& raw = raw_of(examples, i);
    for (const auto& choice : raw.choices) model.ground(raw.premise, choice).append_to(encoded.front().knowledge);
    return encoded;
  }
  torch::Tensor logits(TokenModel& model, const TokenBatch& batch) const override {
    auto& kagnet = dynamic_cast<KagNetImpl&>(model);
    std::vector<SchemaGraph> graphs;
    const auto knowledge = batch.knowledge.contiguous();
    for (std::int64_t b = 0; b < batch.ids.size(0); ++b) {
      const std::span numbers(knowledge.data_ptr<std::int64_t>() + b * knowledge.size(1),
                              static_cast<std::size_t>(knowledge.size(1)));
      std::size_t at = 0;
      for (std::int64_t a = 0; a < batch.ids.size(1); ++a) graphs.push_back(SchemaGraph::read_from(numbers, at));
    }
    return kagnet.forward(inputs_of(batch), SchemaBatch::of(graphs, kagnet.num_relations()).on(batch.ids.device()))
        .logits;
  }
  torch::Tensor loss_sum(const TokenModel& model, const torch::Tensor& logits, const TokenBatch& batch,
                         const LabelSmoothing& /*smoothing*/) const override {
    return dynamic_cast<const KagNetImpl&>(model).loss_sum(logits, batch.labels.flatten());
  }
  EvalMetrics scores(const TokenModel& model, const RawExamples& raw, const EncodedExamples& encoded,
                     const std::vector<torch::Tensor>& logits) const override {
    auto metrics = behind_.scores(model, raw, encoded, logits);
    double grounded = 0;
    for (std::int64_t i = 0; i < encoded.examples.size(); ++i) {
      const auto label = static_cast<std::size_t>(encoded.examples.labels(i)[0]);
      grounded += schema_graphs(encoded, i).at(label).paths.empty() ? 0 : 1;
    }
    metrics["grounded"] = {.value = grounded / static_cast<double>(std::max<std::int64_t>(1, encoded.examples.size())),
                           .direction = Direction::kHigherIsBetter};
    return metrics;
  }
};

class KagNetSetup : public WithGraph<ExampleSetup> {
 public:
  explicit KagNetSetup(const std::string& encoder_type)
      : WithGraph(*find_registered_model("kagnet"), kagnet_config(encoder_type), kagnet_choice()) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    auto& trainer = setting.trainer;
    trainer.learning_rate = 1e-3;
    trainer.schedule = "linear";
    trainer.weight_decay = 1e-4;
    trainer.best_metric = "accuracy";
    WithGraph::bind(config, setting);
    config.set_default("data.tokenizer", "train:wordpiece:2000");
    config.bind("train", [this](FieldVisitor& visit) {
      visit("encoder_init", encoder_init_,
            {.help = "a pretrained model of the encoder's type: its sizes, its weights and its tokenizer"});
    });
  }
  std::vector<TrainFlag> flags() const override {
    auto flags = WithGraph::flags();
    flags.push_back({"--encoder-init", "train.encoder_init"});
    return flags;
  }
  void complete(RunConfig& config) override {
    if (!encoder_init_.empty() && setting_->init.empty()) begin_with_encoder(config);
    WithGraph::complete(config);
  }
  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = WithGraph::unread_keys();
    unread.push_back({!setting_->init.empty(), "a run that begins with another KagNet", {"train.encoder_init"}});
    return unread;
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    const auto before = open_graph(setting, data_.microworld_seed, /*hold_out=*/false);
    own_config().knowledge =
        before ? config_of<KagNetConfig>(*before, KagNetImpl::pretrained_traits()).knowledge : graph_->config();
    return ExampleSetup::make_task(setting);
  }

 protected:
  void complete_model(const Tokenizer& tokenizer) override {
    auto& encoder = own_config().encoder.config();
    complete_vocabulary(encoder, "vocab_size", tokenizer);
    complete_special_tokens(encoder, tokenizer);
  }
  void set_up_model(TokenModel& model, const Tokenizer& /*tokenizer*/, const TrainSetting& setting) override {
    auto& kagnet = dynamic_cast<KagNetImpl&>(model);
    const torch::NoGradGuard no_grad;
    // Examples are grounded by it, those of a run that goes on too, whose weights are read later.
    const auto begin_with = [&](const Transe& graph) {
      kagnet.knowledge->entity_embeddings->weight.copy_(graph->entity_embeddings->weight);
      kagnet.knowledge->relation_embeddings->weight.copy_(graph->relation_embeddings->weight);
      kagnet.knowledge->triples.copy_(graph->triples);
    };
    if (!graph_.is_empty())
      begin_with(graph_);
    else if (!setting.begins_with_init())
      begin_with(from_pretrained<KagNet>(setting.init)->knowledge);
    if (encoder_init_.empty() || !setting.init.empty()) return;
    const auto& registered = registered_model(encoder_init_);
    const auto loaded = registered.load(encoder_init_, nullptr, {});
    auto& theirs = as_interface<EncoderModel>(loaded, registered, encoder_init_)->encoder();
    try {
      copy_named_parameters(dynamic_cast<torch::nn::Module&>(kagnet.encoder()),
                            dynamic_cast<torch::nn::Module&>(theirs));
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("train.encoder_init = {}: {}", encoder_init_, error.what()));
    }
    setting.message(fmt::format("the encoder begins with the weights in {}", encoder_init_));
  }

 private:
  KagNetConfig& own_config() { return dynamic_cast<ModelConfigOf<KagNetConfig>&>(*config_).config; }

  /// Its sizes and its tokenizer are those of the pretrained model.
  void begin_with_encoder(RunConfig& config) {
    encoder_init_ = absolute_if_there(encoder_init_);
    auto& encoder = own_config().encoder;
    if (const auto type = model_type_of(encoder_init_); type != encoder.type()) {
      throw ConfigError(fmt::format("train.encoder_init = {}: is a model of type {}, the encoder's is {} (--encoder)",
                                    encoder_init_, type, encoder.type()));
    }
    const auto theirs = encoder.config().parsed(read_config(encoder_init_, encoder.type()), encoder_init_);
    for (const auto& field : fields_of(fields_in(*theirs))) {
      const auto key = "model.encoder." + field.name;
      if (!config.has(key)) continue;
      const auto json = field.json();
      const bool text = field.kind == Field::Kind::kText && json.size() > 1;
      config.set_default(key, text ? json.substr(1, json.size() - 2) : json);
    }
    config.set_default("data.tokenizer", encoder_init_);
  }

  std::string encoder_init_;
};

}  // namespace

const ExampleKind& kagnet_choice() {
  static const KagNetChoice kind;
  return kind;
}

std::vector<SchemaGraph> schema_graphs(const EncodedExamples& encoded, std::int64_t example) {
  const auto numbers = encoded.examples.knowledge(example);
  std::vector<SchemaGraph> graphs;
  for (std::size_t at = 0; at < numbers.size();) graphs.push_back(SchemaGraph::read_from(numbers, at));
  return graphs;
}

std::unique_ptr<ModelConfig> kagnet_config(const std::string& encoder_type) {
  KagNetConfig config;
  config.encoder = EncoderPart(encoder_type, encoder_config(encoder_type));
  const auto fields = fields_in(config.encoder);
  constexpr std::pair<const char*, const char*> kSmall[] = {
      {"hidden_size", "128"}, {"num_hidden_layers", "2"}, {"intermediate_size", "256"},      {"dim", "128"},
      {"n_layers", "2"},      {"hidden_dim", "256"},      {"max_position_embeddings", "128"}};
  for (const auto& [name, json] : kSmall) {
    if (const auto field = find_field(fields, name)) field->set(json);
  }
  return ModelConfig::of(std::move(config));
}

std::unique_ptr<TaskSetup> kagnet_setup(const std::string& encoder_type) {
  return std::make_unique<KagNetSetup>(encoder_type);
}

std::string kagnet_encoder_of(const std::filesystem::path& dir) {
  if (model_type_of(dir) != "kagnet") return {};
  return config_of<KagNetConfig>(dir, KagNetImpl::pretrained_traits()).encoder.type();
}

}  // namespace langzoo
