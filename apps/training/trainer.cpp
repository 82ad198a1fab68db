#include "apps/training/trainer.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/checkpoints.h"
#include "apps/training/distributed/gradient_sync.h"
#include "apps/training/flush_denormals.h"
#include "apps/training/training_state.h"
#include "data/files/file_error.h"
#include "data/random/random.h"
#include "models/io/config_fields.h"
#include "models/optim/autocast.h"
#include "models/optim/clip.h"
#include "models/optim/ema.h"
#include "models/optim/grad_scaler.h"
#include "models/optim/schedule.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::pair<std::string_view, torch::ScalarType>, 3> kDtypes = {
    {{"float32", torch::kFloat32}, {"bfloat16", torch::kBFloat16}, {"float16", torch::kFloat16}}};

/// Of a validated name.
torch::ScalarType compute_dtype(std::string_view name) {
  const auto* found = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const auto& d) { return d.first == name; });
  return found->second;
}

/// FieldRules view their texts: this one stays, for the few optimizers that a program adds.
std::string_view kept(std::string text) {
  static std::mutex mutex;
  static std::set<std::string> texts;
  const std::lock_guard lock(mutex);
  return *texts.insert(std::move(text)).first;
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

/// While it lives the model holds the mean of its weights, where there is one.
class AveragedWeights {
 public:
  AveragedWeights(Ema* ema, Optimizer* optimizer)
      : optimizer_(ema == nullptr && optimizer != nullptr && optimizer->averages() ? optimizer : nullptr) {
    if (ema != nullptr) swap_.emplace(*ema);
    if (optimizer_ != nullptr) optimizer_->exchange_average();
  }
  ~AveragedWeights() {
    if (optimizer_ != nullptr) optimizer_->exchange_average();
  }
  AveragedWeights(const AveragedWeights&) = delete;
  AveragedWeights& operator=(const AveragedWeights&) = delete;

 private:
  std::optional<Ema::Swap> swap_;
  Optimizer* optimizer_;
};

/// Throws unless there are terms, of different names and finite weights.
std::vector<LossTerm> checked_terms(std::vector<LossTerm> terms) {
  std::set<std::string> names;
  for (const LossTerm& term : terms) {
    if (!names.insert(term.name).second)
      throw std::logic_error(fmt::format("a task's loss has two terms '{}'", term.name));
    if (!std::isfinite(term.weight))
      throw std::invalid_argument(fmt::format("the weight of the loss term '{}' is {}", term.name, term.weight));
  }
  if (terms.empty()) throw std::logic_error("a task's loss has no terms");
  return terms;
}

bool same_names(const std::vector<LossTerm>& a, const std::vector<LossTerm>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const LossTerm& x, const LossTerm& y) { return x.name == y.name; });
}

void check_counts(const std::vector<std::int64_t>& counts, std::size_t terms) {
  if (counts.size() != terms)
    throw std::logic_error(fmt::format("a micro-batch counts {} loss terms, expected {}", counts.size(), terms));
  if (std::any_of(counts.begin(), counts.end(), [](std::int64_t count) { return count < 0; }))
    throw std::logic_error("a micro-batch counts fewer than no targets");
}

/// What a rank's generators begin with: rank 0 draws as one process would.
std::uint64_t seed_of(std::uint64_t seed, const Rank& rank, std::int64_t step) {
  if (rank.index == 0) return seed;
  return mix_bits(mix_bits(seed + static_cast<std::uint64_t>(rank.index)) + static_cast<std::uint64_t>(step));
}

void seed_generators(torch::Device device, std::uint64_t seed) {
  for (const torch::Device d : {torch::Device(torch::kCPU), device}) {
    auto generator = default_generator(d);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
}

std::string rng_prefix(std::int64_t rank) {
  return rank == 0 ? "rng" : fmt::format("rng.{}", rank);
}

/// Parameters and buffers of rank 0 for all. Throws DistributedError where models have others.
void begin_alike(torch::nn::Module& model, Distributed& ranks) {
  const torch::NoGradGuard no_grad;
  StateDict tensors = module_tensors(model);
  std::string listed;
  for (const auto& item : tensors)
    listed += fmt::format("{} {} {}\n", item.key(), toString(item.value().scalar_type()), item.value().sizes());
  const auto all = ranks.gather(listed);
  for (std::size_t r = 1; r < all.size(); ++r) {
    if (all[r] == all[0]) continue;
    const auto [a, b] = std::mismatch(all[0].begin(), all[0].end(), all[r].begin(), all[r].end());
    const auto begin = all[0].rfind('\n', static_cast<std::size_t>(a - all[0].begin()));
    const auto line = all[0].substr(begin == std::string::npos ? 0 : begin + 1);
    throw DistributedError(
        DistributedError::Kind::kDisagreement,
        fmt::format("rank {} has another model than rank 0, which has {}", r, line.substr(0, line.find('\n'))));
  }
  for (auto& item : tensors) {
    const auto sent = item.value().cpu().contiguous();
    if (sent.numel() > 0) ranks.broadcast(sent.reshape({-1}).view(torch::kUInt8));
    if (!sent.is_same(item.value())) item.value().copy_(sent);
  }
}

/// Throws DistributedError naming a buffer that is another on another rank.
void check_buffers(const torch::nn::Module& model, Distributed& ranks) {
  std::string listed;
  for (const auto& item : model.named_buffers()) {
    if (!item.value().defined()) continue;
    const auto bytes = item.value().detach().cpu().contiguous();
    const std::string_view view(static_cast<const char*>(bytes.const_data_ptr()), bytes.nbytes());
    listed += fmt::format("{} {:016x}\n", item.key(), std::hash<std::string_view>()(view));
  }
  const auto all = ranks.gather(listed);
  for (std::size_t r = 1; r < all.size(); ++r) {
    std::istringstream here(all[0]), there(all[r]);
    for (std::string a, b; std::getline(here, a) && std::getline(there, b);) {
      if (a == b) continue;
      throw DistributedError(
          DistributedError::Kind::kDisagreement,
          fmt::format("rank {}: the model's buffer {} is another than rank 0's", r, a.substr(0, a.rfind(' '))));
    }
  }
}

/// The names of the values in which two fingerprints differ: "text 0f3a validation 77ab seed 1" has the names text,
/// validation and seed. Nothing where they do not list the same values.
std::vector<std::string> parts_that_differ(const std::string& a, const std::string& b) {
  const auto is_name = [](const std::string& word) {
    constexpr std::size_t kHash = 16;  // digits, which may all be letters
    return word.size() > 2 && word.size() != kHash &&
           std::all_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_' || c == '-'; });
  };
  std::vector<std::string> parts;
  std::istringstream of_a(a), of_b(b);
  std::string name, x, y;
  for (;;) {
    const bool more = static_cast<bool>(of_a >> x);
    if (more != static_cast<bool>(of_b >> y)) return {};
    if (!more) return parts;
    if (x == y) {
      if (is_name(x)) name = x;
      continue;
    }
    if (is_name(x) || is_name(y) || name.empty()) return {};
    if (parts.empty() || parts.back() != name) parts.push_back(name);
  }
}

using Clock = std::chrono::steady_clock;

}  // namespace

void TrainerOptions::for_each_field(FieldVisitor& visit) {
  constexpr double kMostBatches = 1 << 30;  // products of counts stay in range
  auto optimizers = optimizer_names();
  const auto optimizer_help =
      kept(fmt::format("{}, or own: the family's own algorithm, where it has one", fmt::join(optimizers, ", ")));
  optimizers.push_back("own");
  std::vector<std::string_view> dtypes;
  for (const auto& [name, type] : kDtypes) dtypes.push_back(name);

  visit("max_steps", max_steps, {.least = 1, .help = "optimizer steps"});
  visit("max_epochs", max_epochs, {.least = 0, .help = "passes over the data; 0: no bound"});
  visit("accumulation", accumulation, {.least = 1, .most = kMostBatches, .help = "micro-batches an optimizer step"});
  visit("optimizer", optimizer, {.choices = optimizers, .help = optimizer_help});
  visit("learning_rate", learning_rate, {.above = 0, .help = "the highest learning rate"});
  visit("min_learning_rate", min_learning_rate, {.least = 0, .help = "where the schedule ends"});
  visit("warmup_steps", warmup_steps, {.least = 0, .help = "steps of linear warm-up"});
  visit("schedule", schedule,
        {.choices = {kScheduleNames.begin(), kScheduleNames.end()},
         .help = "constant, linear, cosine, inverse_sqrt, wsd, plateau (falls when evaluations show no better), or "
                 "linear_from_start as BERT's"});
  visit("wsd_decay_fraction", wsd_decay_fraction, {.least = 0, .most = 1, .help = "last part of schedule wsd"});
  visit("plateau_factor", plateau_factor, {.above = 0, .below = 1, .help = "by which schedule plateau falls"});
  visit("plateau_patience", plateau_patience,
        {.least = 1, .help = "evaluations in a row without a better one after which it does"});
  OptimizerOptions::for_each_field(visit);
  visit("clip_norm", clip_norm, {.least = 0, .help = "largest gradient norm; 0: no clipping"});
  visit("clip_value", clip_value, {.least = 0, .help = "largest element of a gradient, before clip_norm; 0: any"});
  visit("ema_decay", ema_decay, {.least = 0, .below = 1, .help = "moving average of the weights; 0: none"});
  visit("dtype", dtype, {.choices = dtypes, .help = "float32, or bfloat16 or float16 (autocast)"});
  visit("eval_every", eval_every, {.least = 0, .help = "steps between evaluations; 0: at the end"});
  visit("eval_epochs", eval_epochs, {.least = 0, .help = "epochs between evaluations, beside eval_every; 0: none"});
  visit("save_every", save_every, {.least = 0, .help = "steps between checkpoints; 0: at the end"});
  visit("keep_checkpoints", keep_checkpoints,
        {.least = 0, .help = "folders checkpoint-STEP that stay in the output folder, for average; 0: none"});
  visit("keep_which", keep_which,
        {.choices = {"last", "best"}, .help = "of them: last (of every save_every) or best (of the evaluations)"});
  visit("log_every", log_every, {.least = 1, .help = "steps between reports"});
  visit("patience", patience, {.least = 0, .help = "evaluations without improvement before stopping; 0: never"});
  visit("best_metric", best_metric, {.help = "the metric of the evaluation that decides which checkpoint is best"});
  visit("seed", seed, {.help = "seed of initialisation, data order and dropout"});
}

std::string TrainingTask::accept_fingerprint(const std::string& saved) const {
  const auto now = fingerprint();
  const auto parts = parts_that_differ(saved, now);
  throw std::runtime_error(
      fmt::format("cannot resume: the training data is another{}: the run was saved with '{}', not '{}'",
                  parts.empty() ? "" : fmt::format(", in its {}", fmt::join(parts, ", ")), saved, now));
}

void TrainerOptions::validate() const {
  check_fields(*this, "train");
  refuse_unread(optimizer);
  if (min_learning_rate > learning_rate) {
    throw std::invalid_argument(fmt::format("train: min_learning_rate = {} must be at most learning_rate, which is {}",
                                            min_learning_rate, learning_rate));
  }
}

void DistributionOptions::for_each_field(FieldVisitor& visit) {
  visit("shard_optimizer", shard_optimizer,
        {.help = "of several processes each keeps its part of AdamW's moments (ZeRO stage 1)"});
  visit("gradient_dtype", gradient_dtype,
        {.choices = {"float32", "bfloat16"}, .help = "in which gradients travel between processes"});
  visit("bucket_mb", bucket_mb,
        {.most = 1e5, .above = 0, .help = "MB of gradients that travel together, while others are computed"});
  visit("sync_every", sync_every,
        {.least = 1, .help = "steps after which the processes of an own algorithm bring their tables together"});
}

struct Trainer::State {
  State(TrainingTask& t, TrainerOptions o, fs::path directory, torch::Device d, Distributed* among,
        const DistributionOptions& distribution);

  bool finished() const;
  bool epochs_done() const;
  bool saves() const { return rank.index == 0; }
  bool stops() const { return ranks == nullptr ? stop.load() : all_stop; }
  const std::string& fingerprint();
  void train_step();
  void own_step(std::int64_t step);
  void optimizer_step(std::int64_t step);
  void share_values();
  void settle();
  void collect(TrainingState& state);
  void restore(const TrainingState& saved);
  void report();
  void evaluate(bool due);
  bool judge(const EvalMetrics& metrics);
  void heed(const Metric& metric, bool best);
  bool keeps(const std::string& which) const {
    return saves() && options.keep_checkpoints > 0 && options.keep_which == which;
  }
  void keep_last();
  void keep_if_best(const Metric& metric);
  void save();
  template <typename Call>
  void notify(const Call& call);
  bool due(std::int64_t every) const { return every > 0 && progress.step % every == 0; }
  /// That have passed.
  std::int64_t epochs() const {
    const auto& [epoch, batch] = progress.position;
    return batch < task.batches_per_epoch() ? epoch : epoch + 1;
  }
  bool epoch_due() const {
    const auto every = options.eval_epochs;
    return every > 0 && epochs() / every > progress.evaluated_epoch / every;
  }

  TrainingTask& task;
  TrainerOptions options;
  fs::path out;
  torch::Device device;
  Distributed* ranks;  ///< of several
  Rank rank;
  torch::ScalarType dtype;
  std::vector<LossTerm> terms;  ///< their names; weights are those of the last step
  std::optional<std::string> task_fingerprint;
  std::vector<TrainerObserver*> observers;

  // Not for a task's own algorithm, whose parameters stay where they are.
  std::optional<FlatParameters> parameters;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<Ema> ema;
  std::unique_ptr<GradScaler> scaler;
  std::optional<GradientSync> sync;  ///< of several ranks
  Schedule schedule;

  TrainingProgress progress;
  bool resumed = false;
  std::int64_t saved_step = -1, reported_step = 0;
  std::atomic<bool> stop{false};
  bool all_stop = false;  ///< a rank was asked to, and all know

  // On the device, read by settle(): a GPU is not waited for at every step.
  torch::Tensor interval_loss;    // float64 scalar, sum since the last settle
  torch::Tensor interval_losses;  // float64 (terms), likewise of each
  torch::Tensor last_grad_norm;   // float32 scalar
  torch::Tensor first_bad_step;   // int64 scalar, 0: none
  double learning_rate = 0, grad_norm = 0;

  Clock::duration training_time{};  // of this process, evaluation and saving left out
  std::int64_t process_tokens = 0, process_steps = 0;
  Clock::duration reported_time{};
  std::int64_t reported_tokens = 0;
};

Trainer::State::State(TrainingTask& t, TrainerOptions o, fs::path directory, torch::Device d, Distributed* among,
                      const DistributionOptions& distribution)
    : task(t),
      options((o.validate(), std::move(o))),
      out(std::move(directory)),
      device(d),
      ranks(among),
      rank(task.rank()),
      dtype(compute_dtype(options.dtype)),
      terms(checked_terms(task.loss_terms())) {
  check_rank(rank);
  if (ranks != nullptr && rank != ranks->rank())
    throw std::logic_error(
        fmt::format("the task is rank {}'s, the trainer is rank {}", rank.index, ranks->rank().index));
  task.model().to(device);
  if (options.optimizer != "own") {
    Shard shard;
    if (ranks != nullptr && distribution.shard_optimizer) {
      shard = {rank.index, rank.world, [this](const torch::Tensor& own) {
                 const auto sent = own.cpu();
                 auto all = torch::empty({sent.numel() * rank.world}, sent.options());
                 ranks->gather(sent, all);
                 return saves() ? all : torch::Tensor();
               }};
    }
    parameters.emplace(task.model().named_parameters(), task.parameter_rules(), shard);
    optimizer = make_optimizer(options.optimizer, *parameters, options);
  }
  if (ranks != nullptr) begin_alike(task.model(), *ranks);
  if (parameters && options.ema_decay > 0) ema = std::make_unique<Ema>(*parameters, options.ema_decay);
  if (ranks != nullptr && parameters) {
    sync.emplace(*parameters, *ranks, static_cast<std::int64_t>(distribution.bucket_mb * 1e6),
                 distribution.gradient_dtype == "bfloat16");
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
  const std::int64_t step_batches = options.accumulation;
  if (options.max_epochs > 0 && options.max_epochs <= options.max_steps * step_batches / batches) {
    schedule.total_steps =
        std::min(options.max_steps, (options.max_epochs * batches + step_batches - 1) / step_batches);
  }
  schedule.validate();
  interval_loss = torch::zeros({}, torch::dtype(torch::kFloat64).device(device));
  interval_losses = torch::zeros({std::ssize(terms)}, interval_loss.options());
  last_grad_norm = torch::zeros({}, torch::dtype(torch::kFloat32).device(device));
  first_bad_step = torch::zeros({}, torch::dtype(torch::kInt64).device(device));
}

const std::string& Trainer::State::fingerprint() {
  if (!task_fingerprint) task_fingerprint = task.fingerprint();
  return *task_fingerprint;
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
    if (schedule.kind == ScheduleKind::kPlateau && step > schedule.warmup_steps)
      learning_rate = std::max(options.min_learning_rate, learning_rate * progress.plateau_scale);
    optimizer_step(step);
  }
  progress.step = step;
  progress.position = task.position();
  ++process_steps;
  training_time += Clock::now() - begin;
}

void Trainer::State::own_step(std::int64_t step) {
  OwnStep done = task.own_step(learning_rate);
  if (ranks != nullptr) {
    double sums[] = {done.loss_sum, static_cast<double>(done.num_targets), static_cast<double>(done.num_tokens),
                     stop ? 1.0 : 0.0};
    ranks->sum(sums);
    done = {sums[0], static_cast<std::int64_t>(sums[1]), static_cast<std::int64_t>(sums[2])};
    all_stop = sums[3] > 0;
  }
  if (!std::isfinite(done.loss_sum)) first_bad_step.fill_(step);
  interval_loss += done.loss_sum;
  progress.interval_loss.count += done.num_targets;
  progress.tokens += done.num_tokens;
  process_tokens += done.num_tokens;
  settle();
}

void Trainer::State::optimizer_step(std::int64_t step) {
  auto asked = checked_terms(task.loss_terms());
  if (!same_names(asked, terms)) throw std::logic_error("the names of a task's loss terms have changed");
  terms = std::move(asked);
  // The whole step is fetched first: its counts are what every micro-batch's sums are divided by.
  std::vector<MicroBatch> batches;
  double rate_scale = 0;
  std::vector<std::int64_t> counts(terms.size(), 0);
  std::int64_t tokens = 0;
  for (std::int64_t i = 0; i < options.accumulation && (i == 0 || !epochs_done()); ++i) {
    batches.push_back(task.next());
    check_counts(batches.back().counts, terms.size());
    rate_scale += batches.back().learning_rate_scale;
    tokens += batches.back().num_tokens;
    for (std::size_t t = 0; t < terms.size(); ++t) counts[t] += batches.back().counts[t];
  }
  learning_rate *= rate_scale / static_cast<double>(batches.size());
  const auto learns = [&](std::size_t t) { return counts[t] > 0 && terms[t].weight != 0; };
  const auto check_counted = [&] {
    bool any = false;
    for (std::size_t t = 0; t < terms.size(); ++t) any = any || learns(t);
    if (!any) throw std::runtime_error(fmt::format("step {}: its batches hold no target to learn from", step));
  };
  // Counts of all ranks, on their way while the first forward pass is computed.
  torch::Tensor of_all;
  Distributed::Pending counting;
  if (ranks == nullptr) {
    check_counted();
  } else {
    auto own = counts;
    own.insert(own.end(), {tokens, stop ? 1 : 0});
    of_all = torch::tensor(own, torch::kInt64);
    counting = ranks->start_sum(of_all);
  }
  const auto count_all = [&] {
    if (!of_all.defined()) return;
    counting.wait();
    const auto* const all = of_all.const_data_ptr<std::int64_t>();
    std::copy_n(all, counts.size(), counts.begin());
    tokens = all[counts.size()];
    all_stop = all[counts.size() + 1] > 0;
    of_all.reset();
    check_counted();
  };

  parameters->zero_grad();
  std::vector<torch::Tensor> means(terms.size());  // of the step, by term; undefined where there is nothing to count
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const MicroBatch batch = std::move(batches[i]);  // released with its graph at the end of its turn
    const bool empty = batch.num_tokens == 0 && std::all_of(batch.counts.begin(), batch.counts.end(),
                                                            [](std::int64_t count) { return count == 0; });
    if (empty && ranks != nullptr) continue;  // there were fewer examples than ranks
    std::vector<torch::Tensor> sums;
    {
      const AutocastGuard autocast(device.type(), dtype);
      sums = batch.loss_sums();
    }
    count_all();
    if (sums.size() != terms.size())
      throw std::logic_error(fmt::format("a micro-batch has {} losses, expected {}", sums.size(), terms.size()));
    std::vector<torch::Tensor> roots, seeds;
    for (std::size_t t = 0; t < terms.size(); ++t) {
      if (batch.counts[t] == 0) continue;
      torch::Tensor sum = sums[t];
      if (sum.scalar_type() != torch::kFloat64) sum = sum.to(torch::kFloat32);
      const auto count = static_cast<double>(counts[t]);
      if (learns(t)) {
        roots.push_back(sum);
        seeds.push_back(torch::full_like(sum, terms[t].weight / count));
        if (scaler) seeds.back().mul_(scaler->scale().squeeze());
      }
      const auto share = sum.detach().to(torch::kFloat64) / count;
      means[t] = means[t].defined() ? means[t] + share : share;
    }
    if (sync && i + 1 == batches.size()) sync->expect_last_backward();
    if (!roots.empty()) torch::autograd::backward(roots, seeds);
  }
  count_all();
  progress.tokens += tokens;
  process_tokens += tokens;
  if (sync) {
    std::vector<double> sums(terms.size(), 0);
    for (std::size_t t = 0; t < terms.size(); ++t)
      if (means[t].defined()) sums[t] = means[t].item<double>();
    const bool first = sync->unused().empty() && process_steps == 0;
    sync->finish(sums);
    for (std::size_t t = 0; t < terms.size(); ++t)
      means[t] = counts[t] > 0 ? torch::full({}, sums[t], interval_loss.options()) : torch::Tensor();
    if (first && !sync->unused().empty()) {
      const auto text = fmt::format("{} have no gradient on any rank in the first step: {}", sync->unused().size(),
                                    fmt::join(sync->unused(), ", "));
      notify([&](TrainerObserver& observer) { observer.on_message("parameters that are not used: " + text); });
    }
  }
  torch::Tensor step_loss;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (!learns(t)) continue;
    const auto weighted = terms[t].weight == 1 ? means[t] : means[t] * terms[t].weight;
    step_loss = step_loss.defined() ? step_loss + weighted : weighted;
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
    ++progress.interval_loss.count;
    for (std::size_t t = 0; terms.size() > 1 && t < terms.size(); ++t) {
      if (!means[t].defined()) continue;
      interval_losses[static_cast<std::int64_t>(t)] += means[t];
      ++progress.interval_losses[terms[t].name].count;
    }
    torch::Tensor found_inf;
    if (device.is_cpu()) {
      settle();
    } else {
      found_inf = bad.to(torch::kFloat32);  // the device leaves the weights as they are until settle() throws
    }
    torch::Tensor divisor;
    if (options.clip_value > 0) parameters->clip_values(options.clip_value);
    if (options.clip_norm > 0)
      divisor = clip_divisor(options.clip_value > 0 ? parameters->grad_norm() : norm, options.clip_norm);
    optimizer->step(learning_rate, divisor, found_inf);
    if (parameters->shard().world > 1) share_values();
    if (ema) ema->update();
  }
  if (scaler) scaler->update();
}

/// Of a divided optimizer every rank has updated its own part of the weights.
void Trainer::State::share_values() {
  const torch::NoGradGuard no_grad;
  const auto& shard = parameters->shard();
  for (const auto& group : parameters->groups()) {
    const auto size = group.values.numel();
    const auto device = Distributed::takes(group.values.device()) ? group.values.device() : torch::kCPU;
    const auto own = group.values.slice(0, shard.begin(size), shard.end(size)).to(device, false, /*copy=*/true);
    const auto all = group.values.device() == device ? group.values : torch::empty_like(group.values, device);
    ranks->gather(own, all);
    if (!all.is_same(group.values)) group.values.copy_(all);
  }
  parameters->mark_changed();
}

/// Reads what the device holds. Throws when a loss or gradient since the last call was not finite.
void Trainer::State::settle() {
  const double loss = interval_loss.item<double>();
  grad_norm = last_grad_norm.item<double>();
  const std::int64_t bad_step = first_bad_step.item<std::int64_t>();
  if (bad_step > 0) {
    const fs::path state = training_state_path(out);
    const auto text = fmt::format(
        "step {}: the loss or a gradient is not finite (loss {}, gradient norm {}); {}", bad_step, loss, grad_norm,
        fs::exists(state) ? "the last checkpoint in " + out.string() + " is kept" : "nothing was saved before");
    if (ranks != nullptr) ranks->all_know();
    if (!saves()) throw DistributedError(DistributedError::Kind::kDisagreement, text);
    throw std::runtime_error(text);
  }
  progress.interval_loss.sum += loss;
  interval_loss.zero_();
  if (terms.size() < 2) return;
  const torch::Tensor losses = interval_losses.cpu();
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const auto found = progress.interval_losses.find(terms[t].name);
    if (found != progress.interval_losses.end())
      found->second.sum += losses[static_cast<std::int64_t>(t)].item<double>();
  }
  interval_losses.zero_();
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
  StepReport report;
  if (progress.interval_loss.count > 0) {
    progress.train_loss = progress.interval_loss.mean();
  } else if (options.optimizer == "own") {
    progress.train_loss = std::nan("");
  }
  for (const LossTerm& term : terms) {
    const auto found = progress.interval_losses.find(term.name);
    if (found != progress.interval_losses.end()) report.losses.emplace_back(term.name, found->second.mean());
  }
  progress.interval_loss = {};
  progress.interval_losses.clear();
  reported_step = progress.step;

  report.step = progress.step;
  report.max_steps = schedule.total_steps;
  report.epoch = progress.position.epoch;
  report.tokens = progress.tokens;
  report.unit = task.unit();
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

/// One that is not `due`, but the run ends, changes no rule of what follows: a run may be told to go on.
void Trainer::State::evaluate(bool due) {
  EvalReport report;
  report.step = progress.step;
  {
    const Distributed::Busy busy(ranks, "evaluates");
    const RngGuard rng(device);
    if (ranks != nullptr) task.synchronize();
    const AveragedWeights averaged(ema.get(), optimizer.get());
    {
      // No InferenceMode: what a module caches meanwhile (masks, packed weights) must stay usable in training.
      const torch::NoGradGuard no_grad;
      const AutocastGuard autocast(device.type(), dtype);
      task.model().eval();
      report.metrics = task.evaluate();
      task.model().train();
      if (ranks != nullptr && !report.metrics.empty()) {
        // Whatever they decide, they decide alike.
        std::vector<double> values;
        for (const auto& [name, metric] : report.metrics) values.push_back(metric.value);
        ranks->broadcast(torch::from_blob(values.data(), {std::ssize(values)}, torch::kFloat64));
        auto value = values.begin();
        for (auto& [name, metric] : report.metrics) metric.value = *value++;
      }
    }
    progress.evaluated_step = progress.step;
    progress.evaluated_epoch = epochs();
    saved_step = -1;  // a state saved at this step before does not know the outcome
    if (report.metrics.empty()) return;
    report.best = judge(report.metrics);
    progress.valid = report.metrics;
    if (due) heed(report.metrics.at(options.best_metric), report.best);
    if (report.best && saves()) {
      fs::create_directories(out / "best");
      task.save_model(out / "best");
    }
    if (keeps("best")) keep_if_best(report.metrics.at(options.best_metric));
  }
  notify([&](TrainerObserver& observer) {
    observer.on_eval(report);
    if (report.best && saves()) observer.on_checkpoint(report.step, out / "best");
  });
}

/// What an evaluation changes in what follows.
void Trainer::State::heed(const Metric& metric, bool best) {
  progress.plateau_waits = best ? 0 : progress.plateau_waits + 1;
  if (schedule.kind == ScheduleKind::kPlateau && progress.plateau_waits >= options.plateau_patience) {
    progress.plateau_waits = 0;
    progress.plateau_scale *= options.plateau_factor;
  }
  if (!optimizer) return;
  optimizer->evaluated(metric.direction == Direction::kHigherIsBetter ? -metric.value : metric.value);
}

/// Whether an evaluation is the best so far.
bool Trainer::State::judge(const EvalMetrics& metrics) {
  const std::string& name = options.best_metric;
  const auto found = metrics.find(name);
  if (found == metrics.end()) {
    std::vector<std::string> names;
    for (const auto& [known, metric] : metrics) names.push_back(known);
    throw std::invalid_argument(fmt::format(
        "train.best_metric is '{}', which the evaluation does not give; it gives {}", name, fmt::join(names, ", ")));
  }
  const Metric& metric = found->second;
  const bool higher = metric.direction == Direction::kHigherIsBetter;
  const auto before = progress.valid.find(name);
  if (progress.best && before != progress.valid.end() && before->second.direction != metric.direction) {
    const auto text = fmt::format("the best checkpoint so far is that of the {} {}: it is chosen anew",
                                  higher ? "lowest" : "highest", name);
    notify([&](TrainerObserver& observer) { observer.on_message(text); });
    progress.best.reset();
    progress.kept.clear();
    progress.evaluations_without_best = 0;
  }
  const bool best = !progress.best ? std::isfinite(metric.value)
                    : higher       ? metric.value > *progress.best
                                   : metric.value < *progress.best;
  if (best) progress.best = metric.value;
  progress.evaluations_without_best = best ? 0 : progress.evaluations_without_best + 1;
  return best;
}

void Trainer::State::keep_last() {
  save_checkpoint(out, progress.step, [&](const fs::path& dir) { task.save_model(dir); });
  const auto kept = kept_checkpoints(out);
  for (auto left = std::ssize(kept); left > options.keep_checkpoints; --left) {
    remove_checkpoint(out, kept[kept.size() - static_cast<std::size_t>(left)].step);
  }
}

/// The worst of too many go, of equal ones the last.
void Trainer::State::keep_if_best(const Metric& metric) {
  if (!std::isfinite(metric.value)) return;
  progress.kept[progress.step] = metric.value;
  const bool higher = metric.direction == Direction::kHigherIsBetter;
  std::vector<std::int64_t> gone;
  while (std::ssize(progress.kept) > options.keep_checkpoints) {
    auto worst = progress.kept.begin();
    for (auto at = worst; at != progress.kept.end(); ++at)
      if (higher ? at->second <= worst->second : at->second >= worst->second) worst = at;
    gone.push_back(worst->first);
    progress.kept.erase(worst);
  }
  if (progress.kept.contains(progress.step))
    save_checkpoint(out, progress.step, [&](const fs::path& dir) { task.save_model(dir); });
  for (const auto step : gone) remove_checkpoint(out, step);
}

/// Their tensors, of all ranks those that are each its own.
void Trainer::State::collect(TrainingState& state) {
  insert_prefixed(state.tensors, "model", module_tensors(task.model()));
  if (optimizer) insert_prefixed(state.tensors, "optimizer", optimizer->state_dict());
  if (ema) insert_prefixed(state.tensors, "ema", ema->state_dict());
  if (scaler) insert_prefixed(state.tensors, "scaler", scaler->state_dict());
  const auto of_task = task.state(), rng = rng_states(device);
  if (ranks == nullptr) {
    insert_prefixed(state.tensors, "task", of_task);
    insert_prefixed(state.tensors, "rng", rng);
    return;
  }
  const auto of_all = [&](const torch::Tensor& own) {
    const auto sent = own.cpu().contiguous().view({-1});
    auto all = torch::empty({sent.numel() * rank.world}, sent.options());
    ranks->gather(sent, all);
    return all.chunk(rank.world);
  };
  for (const auto& item : of_task) {
    auto tensor = item.value();
    if (const auto dimension = task.state_dimension(item.key())) {
      std::vector<torch::Tensor> parts;
      for (const auto& part : of_all(tensor)) parts.push_back(part.view(tensor.sizes()));
      tensor = at::cat(parts, *dimension);
    }
    state.tensors.insert("task/" + item.key(), tensor);
  }
  for (const auto& item : rng) {
    const auto parts = of_all(item.value());
    for (std::int64_t r = 0; r < rank.world; ++r) {
      state.tensors.insert(rng_prefix(r) + "/" + item.key(), parts[static_cast<std::size_t>(r)].clone());
    }
  }
}

/// What collect() has collected, on as many ranks or others.
void Trainer::State::restore(const TrainingState& saved) {
  copy_into_module(task.model(), extract_prefixed(saved.tensors, "model"));
  if (optimizer) optimizer->load_state_dict(extract_prefixed(saved.tensors, "optimizer"));
  if (ema) ema->load_state_dict(extract_prefixed(saved.tensors, "ema"));
  const StateDict of_scaler = extract_prefixed(saved.tensors, "scaler");
  if (scaler && !of_scaler.is_empty()) scaler->load_state_dict(of_scaler);
  task.seek(saved.progress.position);
  StateDict of_task;
  for (const auto& item : extract_prefixed(saved.tensors, "task")) {
    auto tensor = item.value();
    const auto dimension = ranks == nullptr ? std::nullopt : task.state_dimension(item.key());
    if (dimension) {
      const auto size = tensor.size(*dimension);
      const auto begin = size * rank.index / rank.world, end = size * (rank.index + 1) / rank.world;
      tensor = tensor.narrow(*dimension, begin, end - begin).contiguous();
    }
    of_task.insert(item.key(), tensor);
  }
  task.load_state(of_task);
}

void Trainer::State::save() {
  settle();
  if (ranks != nullptr) {
    task.synchronize();
    check_buffers(task.model(), *ranks);
  }
  if (!saves()) {
    TrainingState state;
    collect(state);
    saved_step = progress.step;
    return;
  }
  const Distributed::Busy busy(ranks, "saves a checkpoint");
  const RngGuard rng(device);
  {
    const AveragedWeights averaged(ema.get(), optimizer.get());
    fs::create_directories(out);
    task.save_model(out);
    // Not where a run is interrupted: resumed it keeps what the uninterrupted one does.
    if (keeps("last") && (due(options.save_every) || finished())) keep_last();
  }
  // Last, so that a state always has its model directory: what a crash in between leaves resumes from the state before.
  TrainingState state;
  state.progress = progress;
  state.options = options;
  state.world = rank.world;
  state.fingerprint = fingerprint();
  collect(state);
  save_training_state(out, state);
  saved_step = progress.step;
  notify([&](TrainerObserver& observer) { observer.on_checkpoint(progress.step, out); });
}

Trainer::Trainer(TrainingTask& task, TrainerOptions options, fs::path out, torch::Device device, Distributed* ranks,
                 const DistributionOptions& distribution)
    : state_(std::make_unique<State>(task, std::move(options), std::move(out), device, ranks, distribution)) {}

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
  std::optional<TrainingState> saved;
  const auto load = [&] {
    if (s.saves()) saved = load_training_state(s.out);
  };
  if (s.ranks == nullptr) {
    load();
  } else {
    s.ranks->together("reads a checkpoint", load);
    share_training_state(saved, *s.ranks);
  }
  if (!saved) return false;
  std::vector<std::string> messages = check_resumable(*saved, s.options);
  if (saved->fingerprint != s.fingerprint()) messages.push_back(s.task.accept_fingerprint(saved->fingerprint));
  try {
    s.restore(*saved);
  } catch (const std::exception& error) {
    throw FileError(training_state_path(s.out), fmt::format("cannot resume: {}", error.what()));
  }
  s.progress = saved->progress;
  const auto rng = extract_prefixed(saved->tensors, rng_prefix(s.rank.index));
  if (s.ranks != nullptr && (rng.is_empty() || saved->world != s.rank.world)) {
    seed_generators(s.device, seed_of(s.options.seed, s.rank, s.progress.step));
  }
  if (s.rank.index == 0 || saved->world == s.rank.world) restore_rng_states(s.device, rng);
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
    if (s.saves()) remove_partial_files(dir);
  if (s.saves()) remove_later_checkpoints(s.out, s.progress.step);
  if (!s.resumed && s.progress.step == 0) seed_generators(s.device, seed_of(s.options.seed, s.rank, 0));
  s.task.model().train();
  // Evaluating and saving come at the top, so that a run interrupted where they were due makes up for them on resuming.
  while (!s.stops()) {
    const bool started = s.progress.step > 0;
    const bool due = s.due(s.options.eval_every) || s.epoch_due();
    if (started && (s.finished() || due) && s.progress.evaluated_step != s.progress.step) {
      s.settle();
      s.evaluate(due);
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
  summary.train_loss = std::isnan(progress.train_loss) && progress.interval_loss.count > 0
                           ? progress.interval_loss.mean()
                           : progress.train_loss;
  summary.valid = s.progress.valid;
  summary.interrupted = s.stops();
  return summary;
}

}  // namespace langzoo
