/// The verb `train` of every program: flags, progress, logs, the report and signals around a TrainingRun.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/cli/base/json_output.h"
#include "apps/cli/compute_verb.h"
#include "apps/training/task_setup.h"
#include "apps/training/training_run.h"

namespace langzoo {

class TrainVerb : public ComputeVerb {
 public:
  using MakeSetup = std::function<std::unique_ptr<TaskSetup>()>;

  /// `program` is "gpt": its presets are offered, and run.json names it.
  TrainVerb(std::string program, std::string examples, MakeSetup make_setup)
      : program_(std::move(program)), examples_(std::move(examples)), make_setup_(std::move(make_setup)) {}

  std::string name() const override { return "train"; }
  std::string summary() const override { return "train a model on your own data"; }
  std::string examples() const override { return examples_; }
  std::string notes() const override;
  bool heeds_seed() const override { return true; }

 protected:
  void add_own_options(Options& options) override;
  void compute(const ComputeOptions& common) override;

  // For those who choose the setup by what is given.

  /// Help for the keys that other setups have besides: a headline that begins "Keys of --set", and a line a key.
  virtual std::string more_keys() const { return {}; }

  /// Setups whose flags are declared beside those of the first one: which of them is made is not known before the
  /// command line is read, and a key that it does not have is refused by name.
  virtual std::vector<MakeSetup> other_setups() const { return {}; }

  /// Whether --preset offers this one: not where it is for another verb.
  virtual bool offers(const std::string& /*preset*/) const { return true; }

  /// What else the last line under --json holds.
  virtual JsonMembers more_members(const TrainSummary& /*summary*/) const { return {}; }

  /// For more_keys(): the keys of these setups that `shown`, another's help, and those before do not have.
  std::string keys_beside(std::string shown, const std::vector<MakeSetup>& others) const;
  /// A setup's keys with their defaults, a line each; none where there is no such setup (ConfigError).
  std::string keys_of(const MakeSetup& make) const;

  const std::string& out() const { return out_; }
  const std::string& preset() const { return preset_; }
  void set_preset(const std::string& name) { preset_ = name; }
  bool resumes() const { return resume_; }
  /// The folder of train.init, by whichever flag it is given; empty: none. Throws UsageError for two different ones.
  std::string init() const;
  /// Of a flag that sets a key, the last value given; empty: none.
  std::string flag_value(const std::string& flag) const;

 private:
  std::vector<Preset> offered() const;
  void configure(RunConfig& config, const ComputeOptions& common) const;
  void train(const ComputeOptions& common, Distributed* ranks);

  std::string program_, examples_;
  MakeSetup make_setup_;
  std::string data_, preset_, config_, out_;
  std::vector<std::string> set_;
  std::vector<std::pair<std::string, std::string>> flags_;  ///< those given: name, key=value
  bool resume_ = false, overwrite_ = false;
  std::optional<double> timeout_;
  std::int64_t local_rank_ = 0;
};

}  // namespace langzoo
