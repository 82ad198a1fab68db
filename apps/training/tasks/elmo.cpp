#include "apps/training/tasks/elmo.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/tasks/lm.h"
#include "data/files/file_error.h"
#include "models/elmo/elmo_features.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

/// A text in both directions: what is predicted, and the rows of one table of characters that are read.
class ElmoText {
 public:
  ElmoText(const StreamText& text, std::int64_t max_characters)
      : vocab_size_(text.vocab_size), characters_(characters_of(text, max_characters)) {
    ids_[0] = *text.ids;
    for (const auto place : text.forms->places)
      rows_[0].push_back(static_cast<TokenId>(place == 0 ? kElmoBeginRow : kElmoFirstWordRow + place - 1));
    for (const auto part : {&ids_, &rows_}) (*part)[1].assign((*part)[0].rbegin(), (*part)[0].rend());
    std::replace(rows_[1].begin(), rows_[1].end(), static_cast<TokenId>(kElmoBeginRow),
                 static_cast<TokenId>(kElmoEndRow));
  }

  TokenView ids(int direction) const { return {ids_[direction], vocab_size_}; }
  TokenView rows(int direction) const { return {rows_[direction], static_cast<std::size_t>(characters_.size(0))}; }
  std::int64_t predicted() const { return std::ssize(ids_[0]) - 1; }

  /// With the characters of just those words. Shapes: rows of the table (B,T) for each direction.
  ElmoStreams streams(const Tensor& forward, const Tensor& backward, torch::Device device) const {
    const auto both = at::stack({forward, backward});
    const auto [different, places, counts] = at::_unique2(both, /*sorted=*/true, /*return_inverse=*/true);
    const auto own = places.to(device);
    return {characters_.index_select(0, different).to(device), own[0], own[1]};
  }

 private:
  static Tensor characters_of(const StreamText& text, std::int64_t max_characters) {
    if (!text.forms) throw std::invalid_argument("elmo: the text has no WordForms");
    return elmo_characters(text.forms->words, max_characters);
  }

  std::size_t vocab_size_;
  Tensor characters_;                      ///< (2 + words,M) int16
  std::vector<TokenId> ids_[2], rows_[2];  ///< forward, backward
};

struct ElmoBatch {
  Tensor rows[2], targets[2];  ///< (B,T) int64, forward and backward
  bool begins = false;
};

/// The columns of both directions, cut alike.
class ElmoBatches {
 public:
  ElmoBatches(const ElmoText& text, const TextStreamOptions& options) {
    for (const int direction : {0, 1}) {
      streams_.emplace_back(text.rows(direction), options);
      streams_.emplace_back(text.ids(direction), options);
    }
  }
  ElmoBatch batch(const DataPosition& at) const {
    ElmoBatch batch;
    for (const std::size_t direction : {0, 1}) {
      const auto read = streams_[2 * direction].batch(at);
      batch.rows[direction] = read.ids;
      batch.targets[direction] = streams_[2 * direction + 1].batch(at).targets;
      batch.begins = read.begins;
    }
    return batch;
  }
  std::int64_t per_epoch() const { return streams_.front().batches_per_epoch(); }

 private:
  std::vector<TextStream> streams_;
};

class ElmoTask : public ModelTask<ElmoLmImpl, StreamCorpus, ElmoBatch> {
 public:
  ElmoTask(StreamCorpus corpus, std::shared_ptr<ElmoLmImpl> model, TextStreamOptions stream,
           const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(corpus), setting),
        text_(data_.train, model_->config().max_characters),
        stream_(std::move(stream)) {
    stream_.batch_size = batch_.batch_size;
    stream_.rank = rank_;
    stream_.seed = seed_;
    const ElmoBatches batches(text_, stream_);
    batches_ = std::make_unique<BatchIterator<ElmoBatch>>(
        batches.per_epoch(), [batches](const DataPosition& at) { return batches.batch(at); });
  }

  std::string fingerprint() const override {
    return fmt::format("elmo {} columns {} steps {} random {} seed {}", data_.fingerprint,
                       stream_.batch_size * rank_.world, stream_.steps, stream_.random_steps ? 1 : 0, seed_);
  }

  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto B = batch.targets[0].size(0), T = batch.targets[0].size(1);
    MicroBatch micro;
    micro.num_tokens = B * T;
    micro.counts = {2 * B * T};
    micro.loss_sums = [this, batch, B] {
      if (batch.begins || memory_.empty()) memory_ = model_->memory(B);
      const auto states = model_->read(text_.streams(batch.rows[0], batch.rows[1], device_), memory_);
      for (auto& part : memory_) part = part.detach();
      Tensor loss;
      for (const int direction : {0, 1}) {
        const auto& hidden = direction == 0 ? states.forward : states.backward;
        const auto targets = batch.targets[direction].t().reshape({-1}).to(device_);
        const auto own = model_->output_loss(hidden.flatten(0, 1), targets);
        loss = loss.defined() ? loss + own : own;
      }
      return std::vector<Tensor>{loss};
    };
    if (stream_.random_steps) micro.learning_rate_scale = static_cast<double>(T) / static_cast<double>(stream_.steps);
    return micro;
  }

  StateDict state() const override { return state_of_memory(memory_); }
  std::optional<std::int64_t> state_dimension(const std::string& name) const override {
    return column_dimension(name, model_->memory(1), model_->memory(2));
  }
  void load_state(const StateDict& state) override {
    memory_ = memory_of_state(state, model_->memory(stream_.batch_size));
  }

  EvalMetrics evaluate() override {
    if (!data_.valid) return {};
    constexpr std::int64_t kRows = 8;
    return elmo_metrics(elmo_log_probabilities(*model_, *data_.valid, kRows, device_));
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizer->save(dir);
  }

 private:
  const ElmoText text_;
  TextStreamOptions stream_;
  ElmoMemory memory_;  ///< of the columns, behind the last batch that was computed
};

}  // namespace

LoadedElmo load_elmo(const fs::path& dir, const DeviceOptions& options, LoadReport* report) {
  if (is_released_elmo(dir)) {
    throw FileError(dir,
                    "is an ELMo in the form in which it was released, without an output layer: it predicts "
                    "nothing, and gives features only");
  }
  auto elmo = load_model<ElmoLmImpl>(*find_registered_model("elmo", "ElmoLM"), dir, options, report);
  elmo.tokenizer = load_model_tokenizer(dir, elmo.model->vocab_size());
  return elmo;
}

ElmoLogProbabilities elmo_log_probabilities(ElmoLmImpl& model, const StreamText& text, std::int64_t batch_size,
                                            torch::Device device) {
  constexpr std::int64_t kTokens = 64;  // of a batch
  const ElmoText both(text, model.config().max_characters);
  const c10::InferenceMode inference;
  auto memory = model.memory(1);
  const auto output = [&](const Tensor& hidden) { return model.output_logits(hidden); };
  ElmoLogProbabilities logs;
  for (std::int64_t begin = 0; begin < both.predicted(); begin += kTokens * batch_size) {
    const auto count = std::min(kTokens * batch_size, both.predicted() - begin);
    const auto part = [&](const TokenView& of, std::int64_t first) {
      const auto row = torch::empty({1, count}, torch::kInt64);
      of.read(static_cast<std::size_t>(first), {row.data_ptr<std::int64_t>(), static_cast<std::size_t>(count)});
      return row;
    };
    const auto states = model.read(both.streams(part(both.rows(0), begin), part(both.rows(1), begin), device), memory);
    for (const int direction : {0, 1}) {
      const auto& hidden = direction == 0 ? states.forward : states.backward;
      const auto targets = part(both.ids(direction), begin + 1).squeeze(0).to(device);
      const auto own =
          target_log_probabilities(hidden.squeeze(1), targets, output).to(torch::kCPU, torch::kFloat64).contiguous();
      auto& to = direction == 0 ? logs.forward : logs.backward;
      to.insert(to.end(), own.const_data_ptr<double>(), own.const_data_ptr<double>() + count);
    }
  }
  std::reverse(logs.backward.begin(), logs.backward.end());
  return logs;
}

EvalMetrics elmo_metrics(const ElmoLogProbabilities& logs) {
  const auto forward = stream_metrics(logs.forward), backward = stream_metrics(logs.backward);
  EvalMetrics metrics;
  const double loss = (forward.at("loss").value + backward.at("loss").value) / 2;
  metrics["loss"] = {.value = loss, .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = std::exp(loss)};
  metrics["forward_perplexity"] = forward.at("perplexity");
  metrics["backward_perplexity"] = backward.at("perplexity");
  return metrics;
}

std::unique_ptr<TrainingTask> elmo_task(StreamCorpus corpus, std::shared_ptr<ElmoLmImpl> model,
                                        const TextStreamOptions& stream, const TrainSetting& setting) {
  return std::make_unique<ElmoTask>(std::move(corpus), std::move(model), stream, setting);
}

}  // namespace langzoo
