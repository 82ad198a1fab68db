#include "apps/training/tasks/electra.h"

#include <algorithm>

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/saved_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/text/causal_lm.h"
#include "models/electra/electra_pretraining.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// While one is alive, torch draws on the CPU from `seed` on; then it goes on as if nothing had been drawn.
class DrawFrom {
 public:
  explicit DrawFrom(std::uint64_t seed)
      : generator_(at::detail::getDefaultCPUGenerator()), state_(generator_.get_state()) {
    generator_.set_current_seed(seed);
  }
  ~DrawFrom() { generator_.set_state(state_); }
  DrawFrom(const DrawFrom&) = delete;
  DrawFrom& operator=(const DrawFrom&) = delete;

 private:
  at::Generator generator_;
  torch::Tensor state_;
};

void visit_weight(FieldVisitor& visit, double& weight) {
  visit("discriminator_weight", weight, {.least = 0, .help = "of the discriminator's loss beside the generator's"});
}

/// The text itself, without masks.
torch::Tensor text_of(const PretrainingBatch& batch) {
  return torch::where(batch.labels == kIgnoredTarget, batch.ids, batch.labels);
}

EvalMetrics evaluate_pair(ElectraPretrainingImpl& model, const PretrainingDataset& examples, double weight,
                          torch::Device device, const PretrainingEvaluation& evaluation = {}) {
  const DrawFrom same(1);
  double generator = 0, discriminator = 0;
  std::int64_t chosen = 0, tokens = 0, right = 0;
  for_all_batches(examples, device, evaluation, [&](const PretrainingBatch& batch) {
    const auto inputs = inputs_of(batch);
    const auto loss = model.loss(inputs, text_of(batch), batch.labels);
    generator += loss.masked_lm.item<double>(), discriminator += loss.replaced.item<double>();
    chosen += loss.chosen, tokens += loss.tokens;
    auto given = inputs;
    given.ids = loss.given;
    const auto judged = model.discriminator->logits(given) > 0;
    right += (judged == (loss.is_replaced > 0)).logical_and(inputs.attention_mask).sum().item<std::int64_t>();
  });
  const auto mean = [](double sum, std::int64_t count) {
    return sum / static_cast<double>(std::max<std::int64_t>(1, count));
  };
  const auto generator_loss = mean(generator, chosen), discriminator_loss = mean(discriminator, tokens);
  return {{"loss", {.value = generator_loss + weight * discriminator_loss, .chart = MetricChart::kLoss}},
          {"generator_loss", {.value = generator_loss}},
          {"discriminator_loss", {.value = discriminator_loss}},
          {"accuracy", {.value = mean(static_cast<double>(right), tokens), .direction = Direction::kHigherIsBetter}}};
}

}  // namespace

class ElectraSetup::Task : public ModelTask<ElectraPretrainingImpl, PretrainingSetup::Data, PretrainingBatch> {
 public:
  Task(std::shared_ptr<ElectraPretrainingImpl> model, PretrainingSetup::Data data, double weight,
       const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting), weight_(weight) {
    batches_ = pretraining_batches(data_.train, batch_.batch_size, kPrepareAhead, rank_);
  }

  std::string fingerprint() const override {
    return fmt::format("electra {} {} batch {} seed {}", data_.corpus.fingerprint,
                       fingerprint_of(data_.train.options()), batch_size_of_all(), seed_);
  }
  std::vector<LossTerm> loss_terms() const override { return {{"generator"}, {"discriminator", weight_}}; }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto tokens = batch.lengths.sum().item<std::int64_t>();
    const auto chosen = batch.labels.ne(kIgnoredTarget).sum().item<std::int64_t>();
    return {{chosen, tokens}, tokens, [this, batch = to_device(batch, device_)] {
              const auto loss = model_->loss(inputs_of(batch), text_of(batch), batch.labels);
              return std::vector{loss.masked_lm, loss.replaced};
            }};
  }
  EvalMetrics evaluate() override {
    return data_.valid ? evaluate_pair(*model_, *data_.valid, weight_, device_) : EvalMetrics{};
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    for (const auto& folder : {dir, dir / "generator"}) data_.corpus.tokenizer->save(folder);
  }

 private:
  const double weight_;
};

void ElectraSetup::bind(RunConfig& config, TrainSetting& setting) {
  PretrainingSetup::bind(config, setting);
  // As the released code has it.
  config.set_default("data.mask_replace_prob", "0.85");
  config.set_default("data.random_replace_prob", "0");
  config.bind("model", [this](FieldVisitor& visit) {
    visit("generator_fraction", generator_fraction_,
          {.most = 1, .above = 0, .help = "how wide the generator is, beside the discriminator"});
  });
  config.bind("train", [this](FieldVisitor& visit) { visit_weight(visit, weight_); });
}

std::vector<std::string> ElectraSetup::metric_names() const {
  return {"loss", "generator_loss", "discriminator_loss", "accuracy"};
}

std::unique_ptr<TrainingTask> ElectraSetup::make_task(TrainSetting& setting) {
  auto data = open_data(setting);
  std::shared_ptr<ElectraPretrainingImpl> model;
  if (setting.begins_with_init()) {
    model = ElectraPretrainingImpl::from_pretrained(setting.init);
    model->train();
    setting.message(fmt::format("begins with the weights in {}", setting.init));
  } else {
    try {
      const auto& config = config_->as<ElectraConfig>();
      config.validate();
      model = std::make_shared<ElectraPretrainingImpl>(config, config.generator(generator_fraction_));
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("model: {}", error.what()));
    }
  }
  require_fitting(*model->discriminator);
  model->to(setting.device);
  return std::make_unique<Task>(std::move(model), std::move(data), weight_, setting);
}

EvalMetrics evaluate_electra(const fs::path& dir, const std::string& data, const DeviceOptions& options,
                             std::int64_t batch_size, const Message& message) {
  if (!fs::exists(dir / "generator"))
    throw FileError(dir, "has no folder generator: ELECTRA's loss needs the generator, which train saves there");
  double weight = kDiscriminatorWeight;
  read_run_section(dir, "train", [&](FieldVisitor& visit) { visit_weight(visit, weight); });
  const auto model = ElectraPretrainingImpl::from_pretrained(dir);
  model->to(options.device, options.dtype);
  const auto tokenizer = load_model_tokenizer(dir, model->vocab_size());
  TokenizedText text;
  const auto examples =
      evaluation_examples(dir, data, *tokenizer, model->n_positions(), SentenceTask::kPacked, text, {}, message);
  return evaluate_pair(*model, examples, weight, options.device, {.batch_size = batch_size, .most = 0});
}

}  // namespace langzoo
