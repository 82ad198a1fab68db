/// Architectures on equal footing: every model of a spec learns from the same tokens, cut into the same batches in the
/// same order, under the same budget; each is measured by the same definition; what each run gave is kept, so that a
/// comparison goes on where it was stopped and grows by models without training the others again.
///
///     langzoo::Comparison comparison;
///     comparison.add(langzoo::own_lm("mine", make_mine));               // own_lm.h
///     auto spec = langzoo::built_in_spec("lineage");
///     spec.models = {spec.model("lstm"), {.name = "mine"}};
///     spec.budget = langzoo::ComparisonBudget::parse("tokens=200K");
///     const auto results = comparison.run(spec, "out");                 // out/results.json as text
///
/// From spec to results:
///
/// 1. The task (comparison_task.h) prepares the data once, in `out`/data: texts, a tokenizer, their fingerprint.
/// 2. A model and a seed are a run, known by a hash of all that decides what it gives: the program's version, the
///    model's keys and the common ones, the budget, the data's fingerprint, the seed. `out`/runs/HASH.json is what it
///    gave; where that is there, nothing is done.
/// 3. A run is a process of its own where ComparisonOptions::worker says how to start one, which calls work(): memory
/// is
///    its own, and a fault ends it alone. It trains a TrainingRun in `out`/models/NAME/seed-N, which resumes bit for
///    bit, and measures it. A run that fails is reported; the rest go on.
/// 4. Results of all seeds are put together in `out`/results.json.
///
/// A budget is turned into optimizer steps before a run begins, rounded down: learning rate schedules know their end.
/// Of tokens those that every step reads, or where steps differ those of the run's batches in their order; of FLOPs by
/// the formula of the model (models/flops.h); of time by the speed of the run's first steps, tried before, so that the
/// seconds that training then took are near the budget, not equal to it. Models that are counted in one go (n-grams)
/// see the same tokens once, however often the budget goes through them, and heed no budget of time or FLOPs.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "apps/training/comparison/comparison_spec.h"
#include "apps/training/comparison/comparison_task.h"
#include "apps/training/training_run.h"

namespace langzoo {

/// Told what a comparison does.
class ComparisonObserver {
 public:
  virtual ~ComparisonObserver() = default;
  virtual void on_message(const std::string& /*text*/) {}
  virtual void on_begin(const std::string& /*model*/, std::uint64_t /*seed*/) {}
  virtual void on_step(const StepReport& /*report*/) {}
  /// `error` is empty where the run went well. `kept`: it was there before.
  virtual void on_end(const std::string& /*model*/, std::uint64_t /*seed*/, const std::string& /*error*/,
                      bool /*kept*/) {}
};

struct ComparisonOptions {
  /// A command that calls Comparison::work() with the three arguments that are put behind it: the folder, the model's
  /// name and the seed; and that prints what WorkerHooks::report says as a line of stdout. Empty: runs are not
  /// processes of their own, and the peak memory of each is that of the program so far.
  std::vector<std::string> worker;
  bool resume = false;  ///< `out` may hold an earlier part
  const std::atomic<bool>* stop =
      nullptr;  ///< set by a signal handler: the run under way is saved, then ComparisonStopped
};

/// The comparison was told to stop; resumed it goes on.
class ComparisonStopped : public std::runtime_error {
 public:
  ComparisonStopped() : std::runtime_error("stopped; --resume goes on") {}
};

struct ComparisonResults {
  /// The text of results.json: {spec, data, budget, models: [{name, family, parameters, flops_per_token, train_tokens,
  /// train_seconds, train_tokens_per_second, eval_tokens_per_second, peak_memory_bytes, disk_bytes, seeds, metrics:
  /// {NAME: {mean, low, high, values}}, significance, curve: [{step, tokens, seconds, flops, train_loss, valid_loss}],
  /// samples, pictures, error}]}. What is not known is null; curve, samples and pictures are those of the first seed;
  /// low and high are a 95 % confidence interval over seeds (Student's t), with one seed the mean; significance of
  /// all models but the best is {metric, against, p_value}: by paired bootstrap over the test data's segments.
  std::string json;
  std::size_t failed = 0;  ///< models with an error
};

/// What a process that runs one model does beside it.
struct WorkerHooks {
  /// Trains, by default run.train(): for signal handlers around it.
  std::function<TrainSummary(TrainingRun& run)> train = [](TrainingRun& run) { return run.train(); };
  /// Told after some steps, a line of JSON that the process that waits understands.
  std::function<void(const std::string& line)> report = {};
  Message message = [](const std::string&) {};
};

class Comparison {
 public:
  /// A language model of the program's own, by whose name a spec of the task lm has it.
  void add(OwnLm model) { own_.push_back(std::move(model)); }
  const std::vector<OwnLm>& own() const { return own_; }
  /// Those of own(), as specs.
  std::vector<ModelSpec> own_specs() const;

  /// Runs all that is not there yet in `out`, and writes results.json. Throws ConfigError for a spec that cannot be,
  /// a folder that is used and not resumed, or none of a comparison; FileError; ComparisonStopped.
  ComparisonResults run(const ComparisonSpec& spec, const std::filesystem::path& out,
                        const ComparisonOptions& options = {}) const;
  ComparisonResults run(const ComparisonSpec& spec, const std::filesystem::path& out, const ComparisonOptions& options,
                        ComparisonObserver& observer) const;
  /// One run of the comparison in `out`, for ComparisonOptions::worker. False: it was told to stop, and is saved.
  /// Throws what training and measuring throw.
  bool work(const std::filesystem::path& out, const std::string& model, std::uint64_t seed,
            const WorkerHooks& hooks) const;

 private:
  std::vector<OwnLm> own_;
};

/// Leaves of a spec's models those of these names (model_spec_of()), in their order. Keys for all that only others have
/// go with these; a model of another built-in spec brings what that one says of all. Throws ConfigError.
void select_models(ComparisonSpec& spec, const std::vector<std::string>& names);

/// The spec of the comparison in `out`. Throws ConfigError where there is none.
ComparisonSpec comparison_in(const std::filesystem::path& out);

}  // namespace langzoo
