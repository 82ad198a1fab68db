#include "apps/training/trainer.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <torch/torch.h>

#include "apps/training/flush_denormals.h"
#include "apps/training/training_state.h"
#include "data/files/files.h"
#include "models/optim/adamw.h"
#include "models/optim/autocast.h"
#include "models/optim/clip.h"
#include "models/optim/ema.h"
#include "models/optim/grad_scaler.h"
#include "models/optim/schedule.h"
#include "models/optim/sgd.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

torch::ScalarType compute_dtype(const std::string& name) {
  if (name == "float32") return torch::kFloat32;
  if (name == "bfloat16") return torch::kBFloat16;
  if (name == "float16") return torch::kFloat16;
  throw std::invalid_argument(fmt::format("train.dtype is '{}', expected float32, bfloat16 or float16", name));
}

at::Generator default_generator(torch::Device device) {
  return at::globalContext().defaultGenerator(device);
}

/// States of the generators that dropout draws from.
StateDict rng_states(torch::Device device) {
  StateDict states;
  const auto insert = [&](torch::Device d) {
    auto generator = default_generator(d);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    states.insert(c10::DeviceTypeName(d.type(), /*lower_case=*/true), generator.get_state());
  };
  insert(torch::kCPU);
  if (!device.is_cpu()) insert(device);
  return states;
}

/// States of devices this run does not use are left alone.
void restore_rng_states(torch::Device device, const StateDict& states) {
  for (const torch::Device d : {torch::Device(torch::kCPU), device}) {
    const torch::Tensor* state = states.find(c10::DeviceTypeName(d.type(), /*lower_case=*/true));
    if (state == nullptr) continue;
    auto generator = default_generator(d);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(state->clone());
  }
}

/// Whatever happens while it lives draws from the generators in vain.
class RngGuard {
 public:
  explicit RngGuard(torch::Device device) : device_(device), states_(rng_states(device)) {}
  ~RngGuard() { restore_rng_states(device_, states_); }
  RngGuard(const RngGuard&) = delete;
  RngGuard& operator=(const RngGuard&) = delete;

 private:
  torch::Device device_;
  StateDict states_;
};

using Clock = std::chrono::steady_clock;

}  // namespace

void TrainerOptions::for_each_field(FieldVisitor& visit) {
  visit("max_steps", max_steps, {.least = 1, .help = "optimizer steps"});
  visit("max_epochs", max_epochs, {.least = 0, .help = "passes over the data; 0: no bound"});
  visit("accumulation", accumulation, {.least = 1, .most = 1 << 30, .help = "micro-batches an optimizer step"});
  visit(
      "optimizer", optimizer,
      {.choices = {"adamw", "sgd", "own"}, .help = "adamw, sgd, or own: the family's own algorithm, where it has one"});
  visit("learning_rate", learning_rate, {.above = 0, .help = "the highest learning rate"});
  visit("min_learning_rate", min_learning_rate, {.least = 0, .help = "where the schedule ends"});
  visit("warmup_steps", warmup_steps, {.least = 0, .help = "steps of linear warm-up"});
  visit("schedule", schedule,
        {.choices = {"constant", "linear", "cosine", "inverse_sqrt", "wsd"},
         .help = "constant, linear, cosine, inverse_sqrt or wsd"});
  visit("wsd_decay_fraction", wsd_decay_fraction, {.least = 0, .most = 1, .help = "last part of schedule wsd"});
  visit("weight_decay", weight_decay, {.least = 0, .help = "of matrices; never of biases and norms"});
  visit("beta1", beta1, {.least = 0, .most = 1, .help = "Adam's decay of the mean"});
  visit("beta2", beta2, {.least = 0, .most = 1, .help = "Adam's decay of the square"});
  visit("epsilon", epsilon, {.least = 0, .help = "Adam's epsilon"});
  visit("clip_norm", clip_norm, {.least = 0, .help = "largest gradient norm; 0: no clipping"});
  visit("ema_decay", ema_decay, {.least = 0, .most = 1, .help = "moving average of the weights; 0: none"});
  visit("dtype", dtype, {.choices = {"float32", "bfloat16"}, .help = "float32, or bfloat16 (autocast)"});
  visit("eval_every", eval_every, {.least = 0, .help = "steps between evaluations; 0: at the end"});
  visit("save_every", save_every, {.least = 0, .help = "steps between checkpoints; 0: at the end"});
  visit("log_every", log_every, {.least = 1, .help = "steps between reports"});
  visit("patience", patience, {.least = 0, .help = "evaluations without improvement before stopping; 0: never"});
  visit("best_metric", best_metric, {.help = "the metric that decides which checkpoint is best; lower is better"});
  visit("seed", seed, {.help = "seed of initialisation, data order and dropout"});
}

void TrainerOptions::validate() const {
  const auto check = [](bool ok, const char* field, const auto& value, const char* expected) {
    if (!ok) throw std::invalid_argument(fmt::format("train.{} is {}, expected {}", field, value, expected));
  };
  check(max_steps >= 1, "max_steps", max_steps, "1 or more");
  check(max_epochs >= 0, "max_epochs", max_epochs, "0 (no bound) or more");
  check(accumulation >= 1, "accumulation", accumulation, "1 or more");
  check(optimizer == "adamw" || optimizer == "sgd" || optimizer == "own", "optimizer", optimizer, "adamw, sgd or own");
  check(learning_rate > 0 && std::isfinite(learning_rate), "learning_rate", learning_rate, "a number above 0");
  check(min_learning_rate >= 0 && min_learning_rate <= learning_rate, "min_learning_rate", min_learning_rate,
        "between 0 and learning_rate");
  check(warmup_steps >= 0, "warmup_steps", warmup_steps, "0 or more");
  schedule_kind(schedule);
  check(wsd_decay_fraction >= 0 && wsd_decay_fraction <= 1, "wsd_decay_fraction", wsd_decay_fraction,
        "between 0 and 1");
  AdamWOptions{beta1, beta2, epsilon, weight_decay}.validate();
  check(clip_norm >= 0 && std::isfinite(clip_norm), "clip_norm", clip_norm, "0 (no clipping) or more");
  check(ema_decay >= 0 && ema_decay < 1, "ema_decay", ema_decay, "0 (none) or more, below 1");
  compute_dtype(dtype);
  check(eval_every >= 0, "eval_every", eval_every, "0 (only at the end) or more");
  check(save_every >= 0, "save_every", save_every, "0 (only at the end) or more");
  check(log_every >= 1, "log_every", log_every, "1 or more");
  check(patience >= 0, "patience", patience, "0 (never stop early) or more");
}

struct Trainer::State {
  State(TrainingTask& t, TrainerOptions o, fs::path directory, torch::Device d);

  bool finished() const;
  bool epochs_done() const;
  void train_step();
  void own_step(std::int64_t step);
  void optimizer_step(std::int64_t step);
  void settle();
  void report();
  void evaluate();
  void save();
  template <typename Call>
  void notify(const Call& call);
  bool due(std::int64_t every) const { return every > 0 && progress.step % every == 0; }

  TrainingTask& task;
  TrainerOptions options;
  fs::path out;
  torch::Device device;
  torch::ScalarType dtype;
  std::vector<TrainerObserver*> observers;

  // Not for a task's own algorithm, whose parameters stay where they are.
  std::optional<FlatParameters> parameters;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Ema> ema;
  std::unique_ptr<GradScaler> scaler;
  Schedule schedule;

  TrainingProgress progress;
  bool resumed = false;
  std::int64_t saved_step = -1, reported_step = 0;
  std::atomic<bool> stop{false};

  // On the device, read by settle(): a GPU is not waited for at every step.
  torch::Tensor interval_loss;   // float64 scalar, sum since the last settle
  torch::Tensor last_grad_norm;  // float32 scalar
  torch::Tensor first_bad_step;  // int64 scalar, 0: none
  double learning_rate = 0, grad_norm = 0;

  Clock::duration training_time{};  // of this process, evaluation and saving left out
  std::int64_t process_tokens = 0, process_steps = 0;
  Clock::duration reported_time{};
  std::int64_t reported_tokens = 0;
};

Trainer::State::State(TrainingTask& t, TrainerOptions o, fs::path directory, torch::Device d)
    : task(t),
      options((o.validate(), std::move(o))),
      out(std::move(directory)),
      device(d),
      dtype(compute_dtype(options.dtype)) {
  task.model().to(device);
  if (options.optimizer != "own") {
    parameters.emplace(task.model().named_parameters());
    if (options.optimizer == "sgd") {
      optimizer = std::make_unique<Sgd>(*parameters);
    } else {
      const AdamWOptions adamw{options.beta1, options.beta2, options.epsilon, options.weight_decay};
      optimizer = std::make_unique<AdamW>(*parameters, adamw);
    }
    if (options.ema_decay > 0) ema = std::make_unique<Ema>(*parameters, options.ema_decay);
  }
  if (dtype == torch::kFloat16) scaler = std::make_unique<GradScaler>(device);
  const std::int64_t batches = task.batches_per_epoch();
  if (batches < 1) throw std::invalid_argument("the training data has no batch");
  schedule = {schedule_kind(options.schedule),
              options.learning_rate,
              options.min_learning_rate,
              options.warmup_steps,
              options.max_steps,
              options.wsd_decay_fraction};
  if (options.max_epochs > 0 && options.max_epochs <= options.max_steps * options.accumulation / batches) {
    schedule.total_steps =
        std::min(options.max_steps, (options.max_epochs * batches + options.accumulation - 1) / options.accumulation);
  }
  schedule.validate();
  interval_loss = torch::zeros({}, torch::dtype(torch::kFloat64).device(device));
  last_grad_norm = torch::zeros({}, torch::dtype(torch::kFloat32).device(device));
  first_bad_step = torch::zeros({}, torch::dtype(torch::kInt64).device(device));
}

bool Trainer::State::epochs_done() const {
  if (options.max_epochs == 0) return false;
  const DataPosition position = task.position();
  return position.epoch >= options.max_epochs ||
         (position.epoch == options.max_epochs - 1 && position.batch >= task.batches_per_epoch());
}

bool Trainer::State::finished() const {
  return progress.step >= options.max_steps || epochs_done() ||
         (options.patience > 0 && progress.evaluations_without_best >= options.patience);
}

void Trainer::State::train_step() {
  const auto begin = Clock::now();
  const std::int64_t step = progress.step + 1;
  if (options.optimizer == "own") {
    learning_rate = schedule.at(step - 1);
    own_step(step);
  } else {
    learning_rate = schedule.at(step);
    optimizer_step(step);
  }
  progress.step = step;
  progress.position = task.position();
  ++process_steps;
  training_time += Clock::now() - begin;
}

void Trainer::State::own_step(std::int64_t step) {
  const OwnStep done = task.own_step(learning_rate);
  if (!std::isfinite(done.loss_sum)) first_bad_step.fill_(step);
  interval_loss += done.loss_sum;
  progress.interval_terms += done.num_targets;
  progress.tokens += done.num_tokens;
  process_tokens += done.num_tokens;
  settle();
}

void Trainer::State::optimizer_step(std::int64_t step) {
  // The whole step is fetched first: its targets are what every micro-batch's loss is divided by.
  std::vector<MicroBatch> batches;
  std::int64_t targets = 0;
  for (std::int64_t i = 0; i < options.accumulation && (i == 0 || !epochs_done()); ++i) {
    batches.push_back(task.next());
    targets += batches.back().num_targets;
  }
  if (targets < 1) throw std::runtime_error(fmt::format("step {}: its batches hold no target to learn from", step));

  parameters->zero_grad();
  torch::Tensor step_loss;
  for (MicroBatch& kept : batches) {
    const MicroBatch batch = std::move(kept);  // released with its graph at the end of its turn
    torch::Tensor loss;
    {
      const AutocastGuard autocast(device.type(), dtype);
      loss = batch.loss_sum();
    }
    if (loss.scalar_type() != torch::kFloat64) loss = loss.to(torch::kFloat32);
    auto seed = torch::full_like(loss, 1.0 / static_cast<double>(targets));
    if (scaler) seed.mul_(scaler->scale().squeeze());
    torch::autograd::backward({loss}, {seed});
    const auto share = loss.detach().to(torch::kFloat64) / static_cast<double>(targets);
    step_loss = step_loss.defined() ? step_loss + share : share;
    progress.tokens += batch.num_tokens;
    process_tokens += batch.num_tokens;
  }

  const bool overflow = scaler && scaler->unscale(*parameters);
  if (overflow) {
    if (scaler->scale().item<double>() < 1e-3) {
      throw std::runtime_error(fmt::format(
          "step {}: the gradient stays non-finite in float16, try dtype bfloat16 or a lower learning_rate", step));
    }
  } else {
    const torch::Tensor norm = parameters->grad_norm();
    const torch::Tensor bad = (norm + step_loss).isfinite().logical_not();
    first_bad_step = torch::where(bad.logical_and(first_bad_step == 0), step, first_bad_step);
    last_grad_norm = norm;
    interval_loss += step_loss;
    ++progress.interval_terms;
    torch::Tensor found_inf;
    if (device.is_cpu()) {
      settle();
    } else {
      found_inf = bad.to(torch::kFloat32);  // the device leaves the weights as they are until settle() throws
    }
    optimizer->step(learning_rate, options.clip_norm > 0 ? clip_divisor(norm, options.clip_norm) : torch::Tensor(),
                    found_inf);
    if (ema) ema->update();
  }
  if (scaler) scaler->update();
}

/// Reads what the device holds. Throws when a loss or gradient since the last call was not finite.
void Trainer::State::settle() {
  const double loss = interval_loss.item<double>();
  grad_norm = last_grad_norm.item<double>();
  const std::int64_t bad_step = first_bad_step.item<std::int64_t>();
  if (bad_step > 0) {
    const fs::path state = training_state_path(out);
    throw std::runtime_error(fmt::format(
        "step {}: the loss or a gradient is not finite (loss {}, gradient norm {}); {}", bad_step, loss, grad_norm,
        fs::exists(state) ? "the last checkpoint in " + out.string() + " is kept" : "nothing was saved before"));
  }
  progress.interval_loss += loss;
  interval_loss.zero_();
}

template <typename Call>
void Trainer::State::notify(const Call& call) {
  const RngGuard rng(device);
  for (TrainerObserver* observer : observers) call(*observer);
}

void Trainer::State::report() {
  const auto seconds = [](Clock::duration d) { return std::chrono::duration<double>(d).count(); };
  const auto begin = Clock::now();
  settle();
  training_time += Clock::now() - begin;
  if (progress.interval_terms > 0) {
    progress.train_loss = progress.interval_loss / static_cast<double>(progress.interval_terms);
  } else if (options.optimizer == "own") {
    progress.train_loss = std::nan("");
  }
  progress.interval_loss = 0;
  progress.interval_terms = 0;
  reported_step = progress.step;

  StepReport report;
  report.step = progress.step;
  report.max_steps = schedule.total_steps;
  report.epoch = progress.position.epoch;
  report.tokens = progress.tokens;
  report.loss = progress.train_loss;
  report.learning_rate = learning_rate;
  report.grad_norm = grad_norm;
  const double interval = seconds(training_time - reported_time);
  if (interval > 0) report.tokens_per_second = static_cast<double>(process_tokens - reported_tokens) / interval;
  report.seconds_left = seconds(training_time) / static_cast<double>(process_steps) *
                        static_cast<double>(std::max<std::int64_t>(0, report.max_steps - report.step));
  reported_time = training_time;
  reported_tokens = process_tokens;
  notify([&](TrainerObserver& observer) { observer.on_step(report); });
}

void Trainer::State::evaluate() {
  EvalReport report;
  report.step = progress.step;
  {
    const RngGuard rng(device);
    std::unique_ptr<Ema::Swap> averaged = ema ? std::make_unique<Ema::Swap>(*ema) : nullptr;
    {
      // No InferenceMode: what a module caches meanwhile (masks, packed weights) must stay usable in training.
      const torch::NoGradGuard no_grad;
      const AutocastGuard autocast(device.type(), dtype);
      task.model().eval();
      report.metrics = task.evaluate();
      task.model().train();
    }
    progress.evaluated_step = progress.step;
    saved_step = -1;  // a state saved at this step before does not know the outcome
    if (report.metrics.empty()) return;
    progress.valid = report.metrics;
    const auto metric = report.metrics.find(options.best_metric);
    if (metric == report.metrics.end())
      throw std::invalid_argument(
          fmt::format("train.best_metric is '{}', which the evaluation does not give", options.best_metric));
    report.best = metric->second < progress.best;
    if (report.best) {
      progress.best = metric->second;
      progress.evaluations_without_best = 0;
      fs::create_directories(out / "best");
      task.save_model(out / "best");
    } else {
      ++progress.evaluations_without_best;
    }
  }
  notify([&](TrainerObserver& observer) {
    observer.on_eval(report);
    if (report.best) observer.on_checkpoint(report.step, out / "best");
  });
}

void Trainer::State::save() {
  settle();
  const RngGuard rng(device);
  {
    std::unique_ptr<Ema::Swap> averaged = ema ? std::make_unique<Ema::Swap>(*ema) : nullptr;
    fs::create_directories(out);
    task.save_model(out);
  }
  // Last, so that a state always has its model directory: what a crash in between leaves resumes from the state before.
  TrainingState state;
  state.progress = progress;
  state.options = options;
  state.fingerprint = task.fingerprint();
  insert_prefixed(state.tensors, "model", module_tensors(task.model()));
  if (optimizer) insert_prefixed(state.tensors, "optimizer", optimizer->state_dict());
  if (ema) insert_prefixed(state.tensors, "ema", ema->state_dict());
  if (scaler) insert_prefixed(state.tensors, "scaler", scaler->state_dict());
  insert_prefixed(state.tensors, "rng", rng_states(device));
  save_training_state(out, state);
  saved_step = progress.step;
  notify([&](TrainerObserver& observer) { observer.on_checkpoint(progress.step, out); });
}

Trainer::Trainer(TrainingTask& task, TrainerOptions options, fs::path out, torch::Device device)
    : state_(std::make_unique<State>(task, std::move(options), std::move(out), device)) {}

Trainer::~Trainer() = default;

void Trainer::add_observer(TrainerObserver& observer) {
  state_->observers.push_back(&observer);
}

void Trainer::request_stop() noexcept {
  static_assert(std::atomic<bool>::is_always_lock_free);
  state_->stop.store(true);
}

std::int64_t Trainer::step() const {
  return state_->progress.step;
}

std::int64_t Trainer::total_steps() const {
  return state_->schedule.total_steps;
}

bool Trainer::resume() {
  State& s = *state_;
  const auto saved = load_training_state(s.out);
  if (!saved) return false;
  const std::vector<std::string> messages = check_resumable(saved->options, s.options);
  if (saved->fingerprint != s.task.fingerprint()) {
    throw std::runtime_error(
        fmt::format("cannot resume: the training data is another, the run was saved with '{}', not '{}'",
                    saved->fingerprint, s.task.fingerprint()));
  }
  try {
    copy_into_module(s.task.model(), extract_prefixed(saved->tensors, "model"));
    if (s.optimizer) s.optimizer->load_state_dict(extract_prefixed(saved->tensors, "optimizer"));
    if (s.ema) s.ema->load_state_dict(extract_prefixed(saved->tensors, "ema"));
    const StateDict scaler = extract_prefixed(saved->tensors, "scaler");
    if (s.scaler && !scaler.is_empty()) s.scaler->load_state_dict(scaler);
  } catch (const std::exception& error) {
    throw FileError(training_state_path(s.out), fmt::format("cannot resume: {}", error.what()));
  }
  s.progress = saved->progress;
  s.task.seek(s.progress.position);
  restore_rng_states(s.device, extract_prefixed(saved->tensors, "rng"));
  s.resumed = true;
  s.saved_step = s.reported_step = s.progress.step;
  for (const std::string& message : messages)
    s.notify([&](TrainerObserver& observer) { observer.on_message(message); });
  return true;
}

TrainSummary Trainer::run() {
  State& s = *state_;
  const FlushDenormals flush;
  for (const fs::path& dir : {s.out, s.out / "best", training_state_path(s.out).parent_path()})
    remove_partial_files(dir);
  if (!s.resumed && s.progress.step == 0) {
    for (const torch::Device device : {torch::Device(torch::kCPU), s.device}) {
      auto generator = default_generator(device);
      const std::lock_guard<std::mutex> lock(generator.mutex());
      generator.set_current_seed(s.options.seed);
    }
  }
  s.task.model().train();
  // Evaluating and saving come at the top, so that a run interrupted where they were due makes up for them on resuming.
  while (!s.stop) {
    const bool started = s.progress.step > 0;
    if (started && (s.finished() || s.due(s.options.eval_every)) && s.progress.evaluated_step != s.progress.step) {
      s.settle();
      s.evaluate();
    }
    if (started && s.due(s.options.save_every) && s.saved_step != s.progress.step) s.save();
    if (s.finished()) break;
    s.train_step();
    if (s.due(s.options.log_every) || s.finished()) s.report();
  }
  if (s.saved_step != s.progress.step) s.save();

  TrainSummary summary;
  summary.step = s.progress.step;
  summary.tokens = s.progress.tokens;
  const double seconds = std::chrono::duration<double>(s.training_time).count();
  if (seconds > 0) summary.tokens_per_second = static_cast<double>(s.process_tokens) / seconds;
  const auto& progress = s.progress;
  summary.train_loss = std::isnan(progress.train_loss) && progress.interval_terms > 0
                           ? progress.interval_loss / static_cast<double>(progress.interval_terms)
                           : progress.train_loss;
  summary.valid = s.progress.valid;
  summary.interrupted = s.stop;
  return summary;
}

}  // namespace langzoo
