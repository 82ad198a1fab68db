#include "apps/training/tasks/transe.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/training/saved_run.h"
#include "apps/training/tasks/triple_corpus.h"
#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/files/files.h"
#include "data/microworld/knowledge.h"
#include "data/text/fingerprint.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kBatchSize = 100;
constexpr double kLearningRate = 0.01;
/// Evaluations on the way look at no more.
constexpr std::size_t kMostRanked = 2000;

/// A model of the graph, which keeps its triples.
Transe new_model(TranseConfig config, const KnowledgeGraph& graph) {
  config.entities = graph.entities();
  config.relations = graph.relations();
  config.num_triples = static_cast<std::int64_t>(graph.triples().size());
  try {
    auto model = make_checked<Transe>(config, "model");
    model->set_triples(graph.triples());
    return model;
  } catch (const std::runtime_error& error) {
    throw ConfigError(error.what());
  }
}

class TranseTask : public TrainingTask {
 public:
  TranseTask(Transe model, TripleCorpus triples, const TrainSetting& setting)
      : model_(std::move(model)),
        triples_(std::move(triples)),
        batches_(triples_.graph, setting.batch.batch_size, setting.trainer.seed),
        device_(setting.device),
        batch_size_(setting.batch.batch_size),
        seed_(setting.trainer.seed) {}

  torch::nn::Module& model() override { return *model_; }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override {
    check_position(position, batches_per_epoch());
    position_ = position;
  }
  std::int64_t batches_per_epoch() const override { return batches_.per_epoch(); }
  std::string unit() const override { return "triples"; }
  std::string loss_unit() const override { return "margin loss a triple"; }
  std::string fingerprint() const override {
    Fingerprint print(1);
    for (const auto* const triples : {&triples_.graph.triples(), &triples_.valid}) {
      for (const auto& [head, relation, tail] : *triples) {
        for (const auto id : {head, relation, tail}) print.add(static_cast<std::uint64_t>(id));
      }
    }
    return fmt::format("transe {:016x} batch {} seed {}", print.value(), batch_size_, seed_);
  }

  OwnStep own_step(double learning_rate) override {
    const auto batch = advance();
    const auto count = static_cast<std::int64_t>(batch.right.size());
    return {model_->train_step(batch.right, batch.wrong, learning_rate), count, count};
  }
  MicroBatch next() override {
    const auto batch = advance();
    const auto count = static_cast<std::int64_t>(batch.right.size());
    return {count, count,
            [this, right = tensor_of(batch.right).to(device_), wrong = tensor_of(batch.wrong).to(device_)] {
              model_->normalize_entities();
              return model_->loss_sum(right, wrong);
            }};
  }
  EvalMetrics evaluate() override {
    if (triples_.valid.empty()) return {};
    const auto shown = std::span(triples_.valid).first(std::min(kMostRanked, triples_.valid.size()));
    if (model_->entity_embeddings->weight.is_cpu()) return evaluate_links(*model_, shown, triples_.graph);
    const Transe copy(model_->config());
    const torch::NoGradGuard no_grad;
    copy->entity_embeddings->weight.copy_(model_->entity_embeddings->weight);
    copy->relation_embeddings->weight.copy_(model_->relation_embeddings->weight);
    return evaluate_links(*copy, shown, triples_.graph);
  }
  void save_model(const fs::path& dir) override { model_->save_pretrained(dir); }

 private:
  TranseBatches::Batch advance() {
    auto batch = batches_.at(position_);
    position_ = following(position_, batches_per_epoch());
    return batch;
  }

  Transe model_;
  const TripleCorpus triples_;
  const TranseBatches batches_;
  const torch::Device device_;
  const std::int64_t batch_size_;
  const std::uint64_t seed_;
  DataPosition position_;
};

class TranseSetup : public ModelSetup {
 public:
  TranseSetup() : ModelSetup(*find_registered_model("transe"), ModelConfig::of(TranseConfig())) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting_ = &setting;
    auto& trainer = setting.trainer;
    trainer.optimizer = "own";
    trainer.schedule = "constant";
    trainer.learning_rate = kLearningRate;
    trainer.max_epochs = 300;
    trainer.max_steps = 1'000'000'000;
    trainer.weight_decay = trainer.clip_norm = 0;
    trainer.eval_every = 2000;
    trainer.save_every = 10'000;
    trainer.log_every = 200;
    trainer.best_metric = "mean_rank";
    setting.batch.batch_size = kBatchSize;
    config.bind("data", data_);
    config.bind("model", *config_, {"entities", "relations", "num_triples"});
    config.describe("train.batch_size", "triples a step");
    config.describe("train.optimizer", "own: stochastic gradient descent as in the paper; or one by gradients");
    config.hide("train.batch_tokens");
  }
  std::vector<TrainFlag> flags() const override {
    return {{"--valid", "data.valid"}, {"--epochs", "train.max_epochs"}, {"--dim", "model.dim"}};
  }
  std::vector<std::string> data_keys() const override { return {"data.train", "data.valid"}; }
  std::optional<ConfiguredModel> configured_model() override { return std::nullopt; }
  void complete(RunConfig& config) override {
    for (auto* const file : {&data_.train, &data_.valid}) {
      if (*file != kMicroworld) *file = absolute_if_there(*file);
    }
    ModelSetup::complete(config);
  }
  std::vector<UnreadKeys> unread_keys() const override {
    const bool made = data_.train == kMicroworld;
    return {{true, "triples, which have no tokens,", {"train.batch_tokens"}},
            {made || !data_.valid.empty(),
             made ? "microworld, which holds facts out" : "a run with data.valid",
             {"data.valid_fraction"}},
            {!made && data_.valid != kMicroworld, "a run whose triples come from files", {"data.microworld_seed"}}};
  }
  std::vector<std::string> metric_names() const override {
    return {"loss", "mean_rank", "mean_reciprocal_rank", "hits_at_1", "hits_at_3", "hits_at_10"};
  }
  bool has_own_algorithm() const override { return true; }
  std::string needs_cpu() const override {
    return setting_->trainer.optimizer == "own" ? "train.optimizer = own runs on the CPU; others run on any device"
                                                : "";
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto triples = open_triple_corpus(data_, setting.out / "data", setting.message);
    const auto& graph = triples.graph;
    setting.message(fmt::format("{} triples of {} entities and {} relations, {} to validate", graph.triples().size(),
                                graph.entities().size(), graph.relations().size(), triples.valid.size()));
    auto model = new_model(config_->as<TranseConfig>(), graph);
    model->to(setting.device);
    return std::make_unique<TranseTask>(std::move(model), std::move(triples), setting);
  }

 private:
  TripleOptions data_;
  const TrainSetting* setting_ = nullptr;
};

}  // namespace

TranseBatches::Batch TranseBatches::at(const DataPosition& position) const {
  Random random(mix_bits(seed_ + static_cast<std::uint64_t>(position.epoch)),
                static_cast<std::uint64_t>(position.batch));
  Batch batch;
  for (const auto i : order_.examples(position)) {
    batch.right.push_back(graph_.triples()[static_cast<std::size_t>(i)]);
    batch.wrong.push_back(corrupted(batch.right.back(), graph_, random));
  }
  return batch;
}

torch::Tensor tensor_of(const std::vector<Triple>& triples) {
  const auto table = torch::empty({static_cast<std::int64_t>(triples.size()), 3}, torch::kInt64);
  auto* to = table.data_ptr<std::int64_t>();
  for (const auto& [head, relation, tail] : triples) *to++ = head, *to++ = relation, *to++ = tail;
  return table;
}

EvalMetrics evaluate_links(const TranseImpl& model, std::span<const Triple> triples, const KnowledgeGraph& known) {
  std::vector<Triple> all = known.triples(), wrong;
  all.insert(all.end(), triples.begin(), triples.end());
  const KnowledgeGraph right(known.entities(), known.relations(), all);
  const auto both = link_ranks(model, triples, right);
  auto ranks = both.heads;
  ranks.insert(ranks.end(), both.tails.begin(), both.tails.end());
  Random random(1);
  for (const auto& triple : triples) wrong.push_back(corrupted(triple, right, random));
  const torch::NoGradGuard no_grad;
  const auto loss = model.loss_sum(tensor_of({triples.begin(), triples.end()}), tensor_of(wrong)).item<double>();
  const auto mean = [&](const auto& value) {
    double sum = 0;
    for (const auto rank : ranks) sum += value(rank);
    return ranks.empty() ? 0 : sum / static_cast<double>(ranks.size());
  };
  const auto hits = [&](double most) {
    return Metric{.value = mean([most](double rank) { return rank <= most ? 1.0 : 0.0; }),
                  .direction = Direction::kHigherIsBetter};
  };
  return {
      {"loss",
       {.value = loss / static_cast<double>(std::max<std::size_t>(1, triples.size())), .chart = MetricChart::kLoss}},
      {"mean_rank", {.value = mean([](double rank) { return rank; })}},
      {"mean_reciprocal_rank",
       {.value = mean([](double rank) { return 1 / rank; }), .direction = Direction::kHigherIsBetter}},
      {"hits_at_1", hits(1)},
      {"hits_at_3", hits(3)},
      {"hits_at_10", hits(10)}};
}

EvalMetrics evaluate_transe(const RegisteredModel& registered, const fs::path& dir, const std::string& data,
                            const DeviceOptions& /*options*/) {
  const auto loaded = load_model<TranseImpl>(registered, dir, {});
  const auto& graph = loaded.model->graph();
  if (data != kMicroworld) return evaluate_links(*loaded.model, read_known_triples(data, graph), graph);
  TripleOptions run;
  read_run_section(dir, "data", run);
  std::vector<Triple> held_out;
  try {
    for (const auto& triple : microworld_facts(run.microworld_seed).held_out) held_out.push_back(graph.ids_of(triple));
  } catch (const std::runtime_error&) {
    throw FileError(dir, "has not learnt microworld's facts: --data is a file of triples");
  }
  return evaluate_links(*loaded.model, held_out, graph);
}

Transe embedded(const KnowledgeGraph& graph, std::int64_t dim, std::int64_t epochs, std::uint64_t seed) {
  TranseConfig config;
  config.dim = dim;
  auto model = new_model(config, graph);
  const TranseBatches batches(graph, kBatchSize, seed);
  for (DataPosition at; at.epoch < epochs; at = following(at, batches.per_epoch())) {
    const auto batch = batches.at(at);
    model->train_step(batch.right, batch.wrong, kLearningRate);
  }
  return model;
}

std::unique_ptr<TaskSetup> transe_setup() {
  return std::make_unique<TranseSetup>();
}

}  // namespace langzoo
