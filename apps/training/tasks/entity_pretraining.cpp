#include "apps/training/tasks/entity_pretraining.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "data/microworld/knowledge.h"
#include "data/pretraining/entity_masking.h"
#include "data/text/causal_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::string tell_chronicle(std::uint64_t seed, std::uint64_t bytes) {
  return microworld_chronicle(seed / 2, seed, bytes);
}

EvalMetrics evaluate_model(EntityPretrainer& model, const PretrainingDataset& examples, const PhraseMatcher& names,
                           torch::Device device, const PretrainingEvaluation& evaluation = {}) {
  Random same(1), random(1);
  const auto read = [&](const PretrainingBatch& batch, const EntityBatch& entities) {
    auto inputs = inputs_of(batch);
    inputs.entity_ids = entities.ids.to(device);
    return inputs;
  };
  auto metrics = evaluate_pretraining(model, examples, device, evaluation, [&](const PretrainingBatch& batch) {
    return read(batch, entity_batch(batch, names, same));
  });
  double nats = 0;
  std::int64_t asked = 0, right = 0;
  for_all_batches(examples, device, evaluation, [&](const PretrainingBatch& batch) {
    const auto entities = entity_batch(batch, names, random);
    const auto labels = entities.labels.flatten().to(device);
    const auto places = (labels != kIgnoredTarget).nonzero().squeeze(1);
    if (places.numel() == 0) return;
    const auto logits = model.entity_logits_at(read(batch, entities), places, entities.candidates.to(device));
    const auto log_probs = logits.log_softmax(-1, torch::kFloat32);
    const auto wanted = labels.index_select(0, places);
    nats -= log_probs.gather(1, wanted.unsqueeze(1)).sum(torch::kFloat64).item<double>();
    right += log_probs.argmax(-1).eq(wanted).sum().item<std::int64_t>();
    asked += places.numel();
  });
  const auto count = static_cast<double>(std::max<std::int64_t>(1, asked));
  metrics["entity_loss"] = {.value = nats / count};
  metrics["entity_accuracy"] = {.value = static_cast<double>(right) / count, .direction = Direction::kHigherIsBetter};
  metrics.at("loss").value += nats / count;
  return metrics;
}

}  // namespace

class EntityPretrainingSetup::Task : public ModelTask<EntityPretrainer, PretrainingSetup::Data, PretrainingBatch> {
 public:
  Task(std::shared_ptr<EntityPretrainer> model, PretrainingSetup::Data data, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting),
        names_(name_tokens(model_->entity_names(), *data_.corpus.tokenizer)) {
    batches_ = pretraining_batches(data_.train, batch_.batch_size, kPrepareAhead, rank_);
  }

  std::string fingerprint() const override {
    return fmt::format("entities {} {} batch {} seed {} of {}", data_.corpus.fingerprint,
                       fingerprint_of(data_.train.options()), batch_size_of_all(), seed_,
                       model_->entity_names().size());
  }
  std::vector<LossTerm> loss_terms() const override { return {{"mlm"}, {"nsp"}, {"entities"}}; }
  MicroBatch next() override {
    const auto at = following(position(), batches_per_epoch(), rank_.index);
    Random random(mix_bits(seed_ + static_cast<std::uint64_t>(at.epoch)), static_cast<std::uint64_t>(at.batch));
    const auto batch = batches_->next();
    const auto entities = entity_batch(batch, names_, random);
    const auto asked = [](const torch::Tensor& labels) { return labels.ne(kIgnoredTarget).sum().item<std::int64_t>(); };
    auto inputs = inputs_of(to_device(batch, device_));
    inputs.entity_ids = entities.ids.to(device_);
    return {{asked(batch.labels), asked(batch.sentence_labels), asked(entities.labels)},
            batch.lengths.sum().item<std::int64_t>(),
            [this, inputs, batch = to_device(batch, device_), candidates = entities.candidates.to(device_),
             labels = entities.labels.to(device_)] {
              const auto loss =
                  model_->entity_pretraining_loss(inputs, batch.labels, batch.sentence_labels, candidates, labels);
              return std::vector{loss.masked_lm, loss.sentence, loss.entities};
            }};
  }
  EvalMetrics evaluate() override {
    return data_.valid ? evaluate_model(*model_, *data_.valid, names_, device_) : EvalMetrics{};
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.corpus.tokenizer->save(dir);
  }

 private:
  const PhraseMatcher names_;
};

std::vector<std::string> EntityPretrainingSetup::metric_names() const {
  auto names = PretrainingSetup::metric_names();
  names.insert(names.end(), {"entity_loss", "entity_accuracy"});
  return names;
}

std::vector<UnreadKeys> EntityPretrainingSetup::unread_keys() const {
  auto unread = PretrainingSetup::unread_keys();
  unread.push_back({true, "knowledge, which microworld tells in English,", {"data.microworld_language"}});
  return unread;
}

TextTeller EntityPretrainingSetup::teller() const {
  return tell_chronicle;
}

std::unique_ptr<TrainingTask> EntityPretrainingSetup::make_task(TrainSetting& setting) {
  auto data = open_data(setting);
  auto model = make<EntityPretrainer>(setting);
  set_up_model(*model, *data.corpus.tokenizer, setting);
  require_fitting(*model);
  return std::make_unique<Task>(std::move(model), std::move(data), setting);
}

EvalMetrics evaluate_entity_pretraining(const RegisteredModel& registered, const fs::path& dir, const std::string& data,
                                        const DeviceOptions& options, std::int64_t batch_size, const Message& message) {
  auto loaded = load_model<EntityPretrainer>(registered, dir, options);
  auto& model = *loaded.model;
  loaded.tokenizer = load_model_tokenizer(dir, model.vocab_size());
  TokenizedText text;
  const auto examples = evaluation_examples(dir, data, *loaded.tokenizer, model.n_positions(),
                                            SentenceTask::kNextSentence, text, tell_chronicle, message);
  return evaluate_model(model, examples, name_tokens(model.entity_names(), *loaded.tokenizer), loaded.device,
                        {.batch_size = batch_size, .most = 0});
}

}  // namespace langzoo
