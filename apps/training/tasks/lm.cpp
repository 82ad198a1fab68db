#include "apps/training/tasks/lm.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <numeric>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/families.h"
#include "apps/training/model_task.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "apps/training/tasks/elmo.h"
#include "apps/training/tasks/ngram.h"
#include "data/files/config_error.h"
#include "data/text/causal_lm.h"
#include "models/optim/clip.h"
#include "models/rnn_lm/rnn_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;
using torch::Tensor;

namespace {

constexpr std::array<std::string_view, 7> kKinds = {"rnn", "lstm", "gru", "ar", "transformer", "ngram", "elmo"};

/// That of a kind, or of a causal language model of another program by its model type. Throws ConfigError.
const Family& family_of_kind(std::string_view kind) {
  const bool own = std::find(kKinds.begin(), kKinds.end(), kind) != kKinds.end();
  const auto type = !own                    ? kind
                    : kind == "ar"          ? "ar-lm"
                    : kind == "transformer" ? "transformer-lm"
                    : kind == "elmo"        ? "elmo"
                                            : "rnn-lm";
  for (const auto& family : families()) {
    if (family.model_type == type && (own || family.task == "causal-lm")) return family;
  }
  throw ConfigError(fmt::format("there is no language model {}", kind));
}

/// Ids [begin, begin + count) as one row.
Tensor row_of(std::span<const TokenId> ids, std::int64_t begin, std::int64_t count) {
  const std::vector<std::int64_t> wide(ids.begin() + begin, ids.begin() + begin + count);
  return torch::tensor(wide, torch::kInt64).unsqueeze(0);
}

void append(std::vector<double>& to, const Tensor& values) {
  const auto flat = values.to(torch::kCPU, torch::kFloat64).contiguous();
  to.insert(to.end(), flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel());
}

/// What the cache adds: its probabilities of the targets, mixed with the model's.
class CacheReader {
 public:
  explicit CacheReader(const ContinuousCache& cache) : cache_(cache) {}

  /// Shapes: log_probabilities and targets (T), states (T,C) -> (T).
  Tensor mix(const Tensor& log_probabilities, const Tensor& states, const Tensor& targets) {
    std::vector<Tensor> mixed;  // in parts: each is multiplied with the window and itself
    const auto logs = log_probabilities.split(kAtOnce), parts = states.split(kAtOnce), words = targets.split(kAtOnce);
    for (std::size_t i = 0; i < logs.size(); ++i) mixed.push_back(mix_part(logs[i], parts[i], words[i]));
    return at::cat(mixed);
  }

 private:
  static constexpr std::int64_t kAtOnce = 256;

  Tensor mix_part(const Tensor& log_probabilities, const Tensor& states, const Tensor& targets) {
    const auto T = states.size(0), before = keys_.defined() ? keys_.size(0) : 0;
    const auto keys = before > 0 ? at::cat({keys_, states}) : states;
    const auto words = before > 0 ? at::cat({words_, targets}) : targets;
    // Key i is followed by word i; of those before the target the last `window` count.
    const auto place = at::arange(before + T, targets.options());
    const auto own = place.narrow(0, before, T).unsqueeze(1);  // (T,1)
    const auto usable = place.unsqueeze(0).lt(own).logical_and(place.unsqueeze(0).ge(own - cache_.window));
    const auto scores = (at::matmul(states, keys.t()) * cache_.theta).masked_fill(usable.logical_not(), -INFINITY);
    const auto weights = scores.softmax(1).nan_to_num(0.0);  // no word yet: no cache
    const auto of_target = (weights * words.unsqueeze(0).eq(targets.unsqueeze(1))).sum(1);
    const auto kept = std::min(cache_.window, before + T);
    keys_ = keys.narrow(0, before + T - kept, kept).clone();
    words_ = words.narrow(0, before + T - kept, kept).clone();
    const auto any = usable.any(1);
    const auto mixed =
        (log_probabilities.to(torch::kFloat64).exp() * (1 - cache_.lambda) + of_target * cache_.lambda).log();
    return at::where(any, mixed, log_probabilities.to(torch::kFloat64));
  }

  ContinuousCache cache_;
  Tensor keys_, words_;  ///< (W,C), (W)
};

std::vector<double> read_stream(StreamLm& model, std::span<const TokenId> ids, const StreamReading& reading,
                                torch::Device device) {
  constexpr std::int64_t kTokens = 64;  // of a batch
  const auto& dynamic = reading.dynamic;
  const bool learns = dynamic.learning_rate > 0, caches = reading.cache.window > 0;
  const auto predicted = static_cast<std::int64_t>(ids.size()) - 1;
  const auto most = learns ? dynamic.segment : kTokens * reading.batch_size;
  std::vector<double> result;
  result.reserve(ids.size());
  CacheReader cache(reading.cache);
  std::vector<Tensor> parameters, first;
  if (learns) {
    for (const auto& parameter : model.module().parameters()) {
      parameters.push_back(parameter);
      first.push_back(parameter.detach().clone());
    }
  }
  std::optional<c10::InferenceMode> inference;
  if (!learns) inference.emplace();
  const torch::AutoGradMode gradients(learns);
  auto memory = model.memory(1);
  for (std::int64_t begin = 0; begin < predicted; begin += most) {
    const auto count = std::min(most, predicted - begin);
    const auto row = row_of(ids, begin, count).to(device), targets = row_of(ids, begin + 1, count).to(device);
    if (!learns && !caches) {
      append(result, model.log_probabilities(row, targets, memory));
      continue;
    }
    const auto states = model.read(row, memory).hidden.squeeze(1);  // (T,C)
    for (auto& part : memory) part = part.detach();
    const auto logs = target_log_probabilities(model.output_logits(states), targets.squeeze(0));
    append(result, caches ? cache.mix(logs.detach(), states.detach(), targets.squeeze(0)) : logs.detach());
    if (!learns) continue;
    (-logs.mean()).backward();
    clip_grad_norm(parameters, 1.0);
    const torch::NoGradGuard no_grad;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (!parameters[i].grad().defined()) continue;
      parameters[i].sub_(parameters[i].grad(), dynamic.learning_rate);
      if (dynamic.decay > 0) parameters[i].lerp_(first[i], dynamic.decay);
      parameters[i].mutable_grad() = Tensor();
    }
  }
  return result;
}

std::vector<double> read_windows(CausalLm& model, std::span<const TokenId> ids, const StreamReading& reading,
                                 torch::Device device) {
  const c10::InferenceMode inference;
  const auto context = model.n_positions(), stride = reading.stride.value_or(context);
  const EvaluationWindows windows(TokenView(ids, static_cast<std::size_t>(model.vocab_size())), context, stride);
  std::vector<double> result(ids.size() - 1);
  for (std::int64_t first = 0; first < windows.num_windows(); first += reading.batch_size) {
    if (!is_own_part(reading.ranks, first / reading.batch_size)) continue;
    const auto batch = windows.batch(first, reading.batch_size);
    const auto counted = batch.targets.ne(kIgnoredTarget).flatten().nonzero().squeeze(1);
    const auto logits = model.logits(batch.ids.to(device)).flatten(0, 1).index_select(0, counted.to(device));
    const auto targets = batch.targets.flatten().index_select(0, counted);
    std::vector<double> logs;
    append(logs, target_log_probabilities(logits, targets.to(device)));
    const auto width = batch.ids.size(1);
    const auto* const at = counted.const_data_ptr<std::int64_t>();
    for (std::size_t i = 0; i < logs.size(); ++i) {
      result[static_cast<std::size_t>((first + at[i] / width) * stride + at[i] % width)] = logs[i];
    }
  }
  sum_over(reading.ranks, result);
  return result;
}

/// What all of langzoo-lm's models learn from.
template <class Interface, class Batch>
class LmTask : public ModelTask<Interface, StreamCorpus, Batch> {
 public:
  EvalMetrics evaluate() override {
    if (!this->data_.valid) return {};
    return stream_metrics(
        stream_log_probabilities(*this->model_, *this->data_.valid->ids, {.ranks = this->ranks_}, this->device_));
  }
  void save_model(const fs::path& dir) override {
    this->model_->save_pretrained(dir);
    this->data_.tokenizer->save(dir);
  }
  /// Texts that begin as every text does.
  std::vector<ReportSample> samples() {
    auto& lm = *this->model_;
    const auto& tokenizer = *this->data_.tokenizer;
    lm.module().eval();
    GenerateOptions options;
    options.max_new_tokens = std::min<std::int64_t>(40, context_of(lm));
    options.num_return_sequences = 4;
    options.sampling.temperature = 0.8;
    options.seed = 1;
    std::vector<ReportSample> samples;
    for (const auto& ids : continue_ids(lm, {LineEncoder(tokenizer).end()}, options, this->device_))
      samples.push_back({"", generated_text(tokenizer, ids)});
    return samples;
  }

 protected:
  using ModelTask<Interface, StreamCorpus, Batch>::ModelTask;
};

/// Windows of the stream, without a memory.
class WindowTask : public LmTask<CausalLm, CausalLmBatch> {
 public:
  WindowTask(StreamCorpus corpus, std::shared_ptr<CausalLm> model, std::int64_t context, const TrainSetting& setting)
      : LmTask(std::move(model), std::move(corpus), setting), context_(context) {
    batches_ =
        causal_lm_batches(CausalLmDataset(data_.train.view(), context, seed_), batch_.batch_size, kPrepareAhead, rank_);
  }
  std::string fingerprint() const override {
    return fmt::format("lm {} context {} batch {} seed {}", data_.fingerprint, context_, batch_size_of_all(), seed_);
  }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto loss = [this, ids = batch.ids.to(device_), targets = batch.targets.to(device_)] {
      return model_->loss_sum(ids, targets);
    };
    return {batch.targets.numel(), batch.ids.numel(), loss};
  }

 private:
  const std::int64_t context_;
};

/// Windows as they follow each other in the rows of the stream: those that MemoryTask reads, in its order.
class RowTask : public LmTask<CausalLm, TextStreamBatch> {
 public:
  RowTask(StreamCorpus corpus, std::shared_ptr<CausalLm> model, std::int64_t context, const TrainSetting& setting)
      : LmTask(std::move(model), std::move(corpus), setting), context_(context) {
    TextStreamOptions stream;
    stream.batch_size = batch_.batch_size;
    stream.steps = context_;
    stream.rank = rank_;
    stream.seed = seed_;
    batches_ = text_stream_batches(TextStream(data_.train.view(), stream));
  }
  std::string fingerprint() const override {
    return fmt::format("lm {} rows {} context {} seed {}", data_.fingerprint, batch_.batch_size * rank_.world, context_,
                       seed_);
  }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto loss = [this, ids = batch.ids.to(device_), targets = batch.targets.to(device_)] {
      return model_->loss_sum(ids, targets);
    };
    return {batch.targets.numel(), batch.ids.numel(), loss};
  }

 private:
  const std::int64_t context_;
};

/// The section `train` of recurrent models, beside what all have.
struct Regularization {
  double activation = 0;  ///< alpha: times the mean of the dropped top states squared
  double temporal = 0;    ///< beta: times the mean of their differences from step to step squared, undropped
  bool any() const { return activation > 0 || temporal > 0; }
};

/// Truncated backpropagation through time: the memory goes on from batch to batch, gradients do not.
class MemoryTask : public LmTask<StreamLm, TextStreamBatch> {
 public:
  MemoryTask(StreamCorpus corpus, std::shared_ptr<StreamLm> model, const TextStreamOptions& stream,
             const Regularization& regularization, const TrainSetting& setting)
      : LmTask(std::move(model), std::move(corpus), setting), stream_(stream), regularization_(regularization) {
    stream_.batch_size = batch_.batch_size;
    stream_.rank = rank_;
    stream_.seed = seed_;
    batches_ = text_stream_batches(TextStream(data_.train.view(), stream_));  // made in microseconds
  }

  std::string fingerprint() const override {
    return fmt::format("lm {} columns {} steps {} random {} seed {}", data_.fingerprint,
                       stream_.batch_size * rank_.world, stream_.steps, stream_.random_steps ? 1 : 0, seed_);
  }

  std::vector<LossTerm> loss_terms() const override {
    if (!regularization_.any()) return {LossTerm{}};
    return {LossTerm{}, {"activation", regularization_.activation}, {"temporal", regularization_.temporal}};
  }

  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto B = batch.ids.size(0), T = batch.ids.size(1);
    const auto read = [this, begins = batch.begins, resets = batch.resets, ids = batch.ids.to(device_)] {
      if (begins || memory_.empty()) {
        memory_ = model_->memory(ids.size(0));
      } else if (resets.defined()) {
        reset(resets.to(device_));
      }
      const auto states = model_->read(ids, memory_);
      for (auto& part : memory_) part = part.detach();
      return states;
    };
    const auto loss = [this, targets = batch.targets.to(device_)](const StreamStates& states) {
      return model_->output_loss(states.hidden.flatten(0, 1), targets.t().reshape({-1}));
    };
    MicroBatch micro;
    micro.num_tokens = B * T;
    micro.counts = {B * T};
    if (regularization_.any()) {
      // Means over (T,B,C) and (T-1,B,C), each as a sum over tokens of the mean over C.
      micro.counts.insert(micro.counts.end(), {B * T, B * (T - 1)});
      micro.loss_sums = [read, loss] {
        const auto states = read();
        const auto width = static_cast<double>(states.hidden.size(2));
        const auto steps = states.undropped.size(0) - 1;
        const auto moves = states.undropped.narrow(0, 1, steps) - states.undropped.narrow(0, 0, steps);
        return std::vector<Tensor>{loss(states), states.hidden.square().sum() / width, moves.square().sum() / width};
      };
    } else {
      micro.loss_sums = [read, loss] { return std::vector<Tensor>{loss(read())}; };
    }
    // A longer batch has a surer gradient (Merity et al. 2018, section 4.1).
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

 private:
  /// Shapes: columns (B) bool.
  void reset(const Tensor& columns) {
    const auto fresh = model_->memory(columns.size(0));
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      std::vector<std::int64_t> sizes(static_cast<std::size_t>(memory_[i].dim()), 1);
      sizes[static_cast<std::size_t>(state_dimension(fmt::format("memory.{}", i)).value())] = columns.size(0);
      memory_[i] = at::where(columns.view(sizes), fresh[i], memory_[i]);
    }
  }

  TextStreamOptions stream_;
  const Regularization regularization_;
  StreamMemory memory_;  ///< of the columns, behind the last batch that was computed
};

/// Throws ConfigError for a token between texts that is not the tokenizer's.
void require_end(const Fields& fields, const char* name, TokenId end) {
  const auto field = find_field(fields, name);
  if (!field || field->json() == "null" || field->json() == std::to_string(end)) return;
  throw ConfigError(fmt::format("model.{} = {}: texts begin and end with the tokenizer's end token, which is {}", name,
                                field->json(), end));
}

class LmSetup : public ModelSetup {
 public:
  LmSetup(std::string_view kind, const RegisteredModel& registered, std::unique_ptr<ModelConfig> config)
      : ModelSetup(registered, std::move(config)), kind_(kind) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    auto& trainer = setting.trainer;
    trainer.max_steps = 5000, trainer.eval_every = 0, trainer.eval_epochs = 1;
    config.bind("data", text_);
    if (is_elmo()) {
      trainer.learning_rate = 2e-3, trainer.weight_decay = 0, trainer.warmup_steps = 100;
    } else if (has_memory()) {
      // PyTorch's word_language_model.
      trainer.optimizer = "sgd", trainer.learning_rate = 20, trainer.schedule = "plateau", trainer.clip_norm = 0.25;
    }
    if (has_memory()) {
      setting.batch.batch_size = 20;
      config.bind("data", [this](FieldVisitor& visit) {
        visit("bptt", stream_.steps,
              {.least = 1, .most = 1 << 20, .help = "tokens that gradients reach back: of each row of a batch"});
        visit("random_bptt", stream_.random_steps,
              {.help = "lengths vary about data.bptt, and the learning rate with them (AWD-LSTM)"});
      });
    }
    if (has_memory() && !is_elmo()) {
      config.bind("data", [this](FieldVisitor& visit) {
        visit("reset_probability", stream_.reset_probability,
              {.least = 0,
               .below = 1,
               .help = "probability that a row of a batch begins with a new state, not with what it carried on"});
      });
      config.bind("train", [this](FieldVisitor& visit) {
        visit("activation_regularization", regularization_.activation,
              {.least = 0, .help = "AWD-LSTM's alpha: times the mean of the dropped states squared"});
        visit("temporal_regularization", regularization_.temporal,
              {.least = 0, .help = "its beta: times the mean of their change from step to step squared"});
      });
    }
    if (!has_memory()) {
      config.bind("data", [this](FieldVisitor& visit) {
        visit("context", context_,
              {.least = 0, .most = 1 << 24, .help = "tokens a training sequence; 0: all the model takes"});
        visit("in_order", in_order_,
              {.help = "the rows of a batch read on where they were, as recurrent models do; false: shuffled"});
      });
    }
    config.bind("model", *config_);
    config.bind("task", [this](FieldVisitor& visit) { visit("model", said_, {.help = "the kind of model"}); });
    config.hide("task.model");
    said_ = kind_;
  }

  void complete(RunConfig& config) override {
    text_.make_paths_absolute();
    if (said_ != kind_) throw ConfigError(fmt::format("task.model = {}: this run is to be a {}", said_, kind_));
    if (is_elmo() && !most_words_of(text_.tokenizer) && !fs::exists(text_.tokenizer)) {
      throw ConfigError(
          fmt::format("data.tokenizer = {}: an elmo reads the letters of words: words, or words:N", text_.tokenizer));
    }
    if (config.has("model.cell")) {
      const auto cell = config.value("model.cell");
      if (!cell.starts_with(kind_))
        throw ConfigError(fmt::format("model.cell = {}: the model is to be a {}", cell, kind_));
    }
    ModelSetup::complete(config);
  }

  std::vector<UnreadKeys> unread_keys() const override {
    const bool told = is_microworld_text(text_.train) || is_microworld_text(text_.valid);
    return {{!told, "a text that microworld does not tell", {"data.microworld_bytes", "data.microworld_seed"}},
            {!text_.valid.empty() && !told, "a run with data.valid", {"data.valid_fraction"}},
            {has_memory(), "a model with a memory", {"train.batch_tokens"}}};
  }
  std::string unread_beside_batch_tokens() const override { return "train.accumulation"; }
  std::vector<std::string> metric_names() const override {
    if (is_elmo()) return {"loss", "perplexity", "forward_perplexity", "backward_perplexity"};
    return {"loss", "perplexity"};
  }
  std::int64_t tokens_per_sequence() const override { return tokens_; }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto corpus = open_stream_corpus(text_, setting.out, setting.message, is_elmo());
    const auto fields = fields_in(*config_);
    const auto end = LineEncoder(*corpus.tokenizer).end();
    fill_field(fields, "eos_token_id", end);
    if (setting.init.empty() && !setting.resume) {
      for (const auto* const name : {"bos_token_id", "eos_token_id"}) require_end(fields, name, end);
    }
    complete_vocabulary(*config_, "vocab_size", *corpus.tokenizer);
    if (corpus.valid && corpus.valid->predicted() < 1)
      throw std::runtime_error(
          fmt::format("{}: no token to validate on", text_.valid.empty() ? text_.train : text_.valid));
    const auto columns = setting.batch.batch_size * setting.rank.world;
    if (has_memory() && corpus.train.predicted() < columns) {
      throw std::runtime_error(fmt::format("{}: {} tokens to train on, fewer than train.batch_size = {}", text_.train,
                                           corpus.train.predicted(), columns));
    }
    if (is_elmo()) {
      samples_ = [] { return std::vector<ReportSample>(); };  // it continues no text
      return elmo_task(std::move(corpus), make<ElmoLmImpl>(setting), stream_, setting);
    }
    auto model = make_lm(setting);
    const auto memory = std::dynamic_pointer_cast<StreamLm>(model);
    if (memory) {
      auto task = std::make_unique<MemoryTask>(std::move(corpus), memory, stream_, regularization_, setting);
      samples_ = [task = task.get()] { return task->samples(); };
      return task;
    }
    tokens_ = context_ > 0 ? context_ : model->n_positions();
    if (tokens_ > model->n_positions())
      throw ConfigError(fmt::format("data.context = {}: the model takes {} tokens", tokens_, model->n_positions()));
    if (corpus.train.predicted() < tokens_) {
      throw std::runtime_error(fmt::format("{}: {} tokens to train on, fewer than the {} that a context of {} needs",
                                           text_.train, corpus.train.ids->size(), tokens_ + 1, tokens_));
    }
    const auto made = [this](auto task) -> std::unique_ptr<TrainingTask> {
      samples_ = [task = task.get()] { return task->samples(); };
      return task;
    };
    if (in_order_) {
      if (corpus.train.predicted() < setting.batch.batch_size * setting.rank.world) {
        throw std::runtime_error(fmt::format("{}: {} tokens to train on, fewer than train.batch_size = {}", text_.train,
                                             corpus.train.predicted(), setting.batch.batch_size));
      }
      return made(std::make_unique<RowTask>(std::move(corpus), std::move(model), tokens_, setting));
    }
    return made(std::make_unique<WindowTask>(std::move(corpus), std::move(model), tokens_, setting));
  }

  std::vector<ReportSample> samples() override { return samples_(); }

 protected:
  virtual std::shared_ptr<CausalLm> make_lm(const TrainSetting& setting) { return make<CausalLm>(setting); }

 private:
  bool is_elmo() const { return kind_ == "elmo"; }
  bool has_memory() const {
    return kind_ != "transformer" && std::find(kKinds.begin(), kKinds.end(), kind_) != kKinds.end();
  }

  const std::string kind_;
  std::string said_;
  StreamTextOptions text_;
  TextStreamOptions stream_;
  Regularization regularization_;
  std::int64_t context_ = 0, tokens_ = 0;
  bool in_order_ = false;
  std::function<std::vector<ReportSample>()> samples_;
};

/// config.json of a model that is none of ours.
struct OwnLmConfig {
  std::int64_t vocab_size = kFromTokenizer, context = 0;
  std::vector<std::int64_t> eos_token_id;

  void for_each_field(FieldVisitor& visit) {
    visit("vocab_size", vocab_size, {.least = 1, .from_tokenizer = true, .help = "tokens of the vocabulary"});
    visit("context", context, {.least = 1, .help = "tokens that it reads at once"});
    visit("eos_token_id", eos_token_id, {.least = 0, .one_or_more = true, .help = "what ends a text"});
  }
  void validate() const { check_fields(*this, "language model config"); }
};

constexpr RegisteredModel kOwnModel = {"own", "OwnLM", "", "a model of the program's own", nullptr, nullptr, nullptr};

class OwnLmSetup : public LmSetup {
 public:
  OwnLmSetup(const std::string& name, MakeLm make)
      : LmSetup(name, kOwnModel, ModelConfig::of(OwnLmConfig())), make_(std::move(make)) {}
  std::optional<ConfiguredModel> configured_model() override { return std::nullopt; }

 protected:
  std::shared_ptr<CausalLm> make_lm(const TrainSetting& setting) override {
    const auto& config = config_->as<OwnLmConfig>();
    auto model = make_(config.vocab_size, config.context);
    model->module().to(setting.device);
    return model;
  }

 private:
  const MakeLm make_;
};

}  // namespace

std::span<const std::string_view> lm_kinds() {
  return kKinds;
}

std::vector<double> stream_log_probabilities(CausalLm& model, std::span<const TokenId> ids,
                                             const StreamReading& reading, torch::Device device) {
  if (ids.size() < 2) return {};
  if (auto* const stream = dynamic_cast<StreamLm*>(&model)) return read_stream(*stream, ids, reading, device);
  if (const auto* const ngrams = dynamic_cast<NGramLmImpl*>(&model)) return ngrams->log_probabilities(ids);
  if (reading.dynamic.learning_rate > 0 || reading.cache.window > 0)
    throw std::invalid_argument("dynamic evaluation and the cache are for models with a memory");
  return read_windows(model, ids, reading, device);
}

EvalMetrics stream_metrics(const std::vector<double>& log_probabilities) {
  const double nats = -std::accumulate(log_probabilities.begin(), log_probabilities.end(), 0.0) /
                      static_cast<double>(log_probabilities.size());
  EvalMetrics metrics;
  metrics["loss"] = {.value = nats, .chart = MetricChart::kLoss};
  metrics["perplexity"] = {.value = std::exp(nats)};
  return metrics;
}

StateDict state_of_memory(const StreamMemory& memory) {
  StateDict state;
  for (std::size_t i = 0; i < memory.size(); ++i) state.insert(fmt::format("memory.{}", i), memory[i]);
  return state;
}

std::optional<std::int64_t> column_dimension(const std::string& name, const StreamMemory& one,
                                             const StreamMemory& two) {
  for (std::size_t i = 0; i < one.size(); ++i) {
    if (name != fmt::format("memory.{}", i)) continue;
    for (std::int64_t d = 0; d < one[i].dim(); ++d)
      if (one[i].size(d) != two[i].size(d)) return d;
  }
  return std::nullopt;
}

StreamMemory memory_of_state(const StateDict& state, StreamMemory begins) {
  if (state.is_empty()) return {};
  if (state.size() != begins.size())
    throw std::invalid_argument(
        fmt::format("the task's memory has {} parts, but {} were saved", begins.size(), state.size()));
  for (std::size_t i = 0; i < begins.size(); ++i) {
    const auto name = fmt::format("memory.{}", i);
    const auto* const saved = state.find(name);
    if (saved == nullptr || saved->sizes() != begins[i].sizes())
      throw std::invalid_argument(fmt::format("{} is missing or of another shape", name));
    begins[i] = saved->to(begins[i].options()).clone();
  }
  return begins;
}

std::unique_ptr<TaskSetup> lm_setup(std::string_view kind) {
  if (kind == "ngram") return ngram_setup();
  const auto& family = family_of_kind(kind);
  auto config = family.default_config();
  if (family.model_type == "rnn-lm") {
    auto own = config->as<RnnLmConfig>();
    own.cell = kind == "rnn" ? "rnn_tanh" : std::string(kind);
    config = ModelConfig::of(own);
  }
  return std::make_unique<LmSetup>(kind, family.model(), std::move(config));
}

std::unique_ptr<TaskSetup> own_lm_setup(const std::string& name, MakeLm make) {
  return std::make_unique<OwnLmSetup>(name, std::move(make));
}

std::string lm_kind_of_run(const fs::path& dir) {
  std::string kind;
  read_run_section(dir, "task", [&](FieldVisitor& visit) { visit("model", kind); });
  return kind;
}

}  // namespace langzoo
