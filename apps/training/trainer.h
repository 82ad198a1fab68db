/// The training loop every family shares. It prints nothing: observers are told what happens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/distributed/distributed.h"
#include "apps/training/task.h"
#include "models/io/config_fields.h"
#include "models/optim/optimizers.h"

namespace langzoo {

/// The `train.*` keys of a run configuration, field for field; those of the optimizer are its own.
struct TrainerOptions : OptimizerOptions {
  std::int64_t max_steps = 1000;  ///< optimizer steps; training ends at the first of max_steps, max_epochs
  std::int64_t max_epochs = 0;    ///< 0: no bound
  std::int64_t accumulation = 1;  ///< micro-batches a step
  /// One of optimizer_names(), or own: the family's own algorithm (TrainingTask::own_step), for which weight_decay,
  /// clip_norm, ema_decay, accumulation and dtype mean nothing.
  std::string optimizer = "adamw";
  double learning_rate = 1e-3;
  double min_learning_rate = 0.0;  ///< where the schedule ends
  std::int64_t warmup_steps = 0;
  std::string schedule = "cosine";  ///< constant, linear, cosine, inverse_sqrt, wsd, plateau
  double wsd_decay_fraction = 0.2;  ///< of max_steps, the last part of schedule wsd
  /// Of schedule plateau: what the rate is multiplied by after plateau_patience evaluations in a row without a better
  /// best_metric, never below min_learning_rate.
  double plateau_factor = 0.25;
  std::int64_t plateau_patience = 1;
  double clip_norm = 1.0;             ///< global gradient norm; 0: no clipping
  double clip_value = 0.0;            ///< largest magnitude of a gradient's element, before clip_norm; 0: no clipping
  double ema_decay = 0.0;             ///< 0: no moving average; else evaluation and saved weights use it
  std::string dtype = "float32";      ///< float32, bfloat16 or float16 (autocast; float16 with a gradient scaler)
  std::int64_t eval_every = 250;      ///< steps; 0: only at the end
  std::int64_t eval_epochs = 0;       ///< likewise epochs, beside eval_every
  std::int64_t save_every = 500;      ///< steps; 0: only at the end
  std::int64_t keep_checkpoints = 0;  ///< folders checkpoint-STEP that stay (apps/training/checkpoints.h)
  std::string keep_which = "last";    ///< last: of every save_every; best: of the evaluations, by best_metric
  std::int64_t log_every = 10;        ///< steps between on_step reports
  std::int64_t patience = 0;          ///< evaluations without improvement before stopping; 0: never
  std::string best_metric = "loss";   ///< a key of EvalMetrics, which says what is better
  std::uint64_t seed = 1;

  /// Every field, with what it may be and its help. What a saved run lacks of them takes its default.
  void for_each_field(FieldVisitor& visit);
  /// Throws std::invalid_argument naming field and value.
  void validate() const;
};

/// Further `train.*` keys, of runs of several processes (apps/training/distributed).
struct DistributionOptions {
  bool shard_optimizer = false;            ///< ZeRO stage 1: each rank keeps its part of the optimizer's state
  std::string gradient_dtype = "float32";  ///< of the gradients on their way: float32 or bfloat16
  double bucket_mb = 25;                   ///< of gradients that travel together, MB
  std::int64_t sync_every = 10;            ///< steps of an own algorithm after which ranks bring their tables together

  void for_each_field(FieldVisitor& visit);
};

struct StepReport {
  std::int64_t step = 0, max_steps = 0, epoch = 0;
  std::int64_t tokens = 0;  ///< since the start of the run, of all ranks, as all else here
  double loss = 0;  ///< mean over the steps since the last report; of a task's own algorithm, over their targets
  /// The same of each loss term, not weighted, where there are several: a mean over the steps in which it had a count.
  std::vector<std::pair<std::string, double>> losses;
  double learning_rate = 0, grad_norm = 0;
  double tokens_per_second = 0, seconds_left = 0;
  std::string unit = "tokens";  ///< what `tokens` counts
};

struct EvalReport {
  std::int64_t step = 0;
  EvalMetrics metrics;
  bool best = false;
};

class TrainerObserver {
 public:
  virtual ~TrainerObserver() = default;
  virtual void on_step(const StepReport&) {}
  virtual void on_eval(const EvalReport&) {}
  virtual void on_checkpoint(std::int64_t /*step*/, const std::filesystem::path& /*dir*/) {}
  virtual void on_message(const std::string& /*text*/) {}
};

struct TrainSummary {
  std::int64_t step = 0, tokens = 0;  ///< since the start of the run, resumed parts included
  double tokens_per_second = 0;       ///< of this process, evaluation and saving left out
  double train_loss = 0;  ///< mean of the last log interval, or of what there is of the first; NaN: nothing had a loss
  EvalMetrics valid;      ///< last evaluation
  bool interrupted = false;  ///< request_stop() ended it; the state is saved
};

class Trainer {
 public:
  /// Checkpoints go to `out`: the Hugging Face directory itself, `out/best`, those of `out/checkpoint-STEP` that are
  /// kept, and `out/training_state/`. Of several `ranks`, which outlive it, each trains on its share of every batch
  /// (TrainingTask::rank), gradients and losses are those of all tokens together, and only rank 0 reads and writes
  /// checkpoints. All begin with rank 0's weights. Throws std::invalid_argument for impossible options and parameter
  /// rules, DistributedError where another rank's model is another.
  Trainer(TrainingTask& task, TrainerOptions options, std::filesystem::path out, torch::Device device,
          Distributed* ranks = nullptr, const DistributionOptions& distribution = {});
  ~Trainer();

  void add_observer(TrainerObserver& observer);
  /// Continues from `out/training_state` bit for bit; false when nothing was saved there yet. Every option but
  /// `optimizer`, `best_metric` and having a moving average at all may differ from the saved run's (max_steps may be
  /// raised), the number of ranks too; each difference that changes what is learned is told to the observers. On as
  /// many ranks as before dropout goes on as well, others draw anew. Throws std::runtime_error naming what does not
  /// fit: another model, optimizer, parameter rule or data order.
  bool resume();
  /// The optimizer steps done, resumed ones included.
  std::int64_t step() const;
  /// Where it ends unless patience ends it before.
  std::int64_t total_steps() const;
  /// Trains from where it stands to the end. Throws std::runtime_error naming the step when the loss or a gradient is
  /// not finite; the last checkpoint stays. Flushes denormals to zero meanwhile, and seeds the default generators on a
  /// fresh run.
  TrainSummary run();
  /// Safe in a signal handler: the run saves after the step under way and returns; all ranks do where one is told.
  void request_stop() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace langzoo
