/// One run of training: its settings, its folder, its task and its trainer, in the order in which they come to be.
/// Prints nothing.
///
/// Of several processes (setting().distributed, setting().rank, set before open()) each has a TrainingRun, and all call
/// the same functions. The folder is rank 0's: others read in it what rank 0 has prepared or, on a machine that does
/// not share it, prepare their data in a scratch folder. What one of them cannot do, and settings or data in which two
/// differ, end all before training: ConfigError and others on the rank whose mistake it is, DistributedError on others.
///
///     TrainingRun run("gpt", family_of_program("gpt").setup());
///     run.open("out");
///     run.config().set("data.train", "book.txt", "main.cpp");
///     const TrainSummary summary = run.train();      // "out" is a model folder now
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/training/output_dir.h"
#include "apps/training/run_config.h"
#include "apps/training/scratch_dir.h"
#include "apps/training/task_setup.h"
#include "apps/training/trainer.h"

namespace langzoo {

class TrainingRun {
 public:
  /// All keys there are, bound. `program` is "gpt": what run.json says, and whose presets there are.
  TrainingRun(std::string program, std::unique_ptr<TaskSetup> setup);
  /// What the run put into its folder is removed unless it got as far as its first checkpoint.
  ~TrainingRun();
  TrainingRun(const TrainingRun&) = delete;
  TrainingRun& operator=(const TrainingRun&) = delete;

  const std::string& program() const { return program_; }
  /// Settings go here after open() and before complete().
  RunConfig& config() { return config_; }
  TaskSetup& setup() { return *setup_; }
  /// .message is told what takes time; .device is where it trains, chosen before prepare().
  TrainSetting& setting() { return setting_; }

  /// The folder to write: new, empty, or with `resume` that of an earlier part of the run, whose settings then hold
  /// until others are set. Throws ConfigError for a folder that holds something else, and for a run of another program.
  void open(const std::filesystem::path& out, bool resume = false);
  /// Likewise, but a run in the folder, of whatever program, goes as soon as this one has its first checkpoint. Throws
  /// ConfigError for a folder that holds anything but a run.
  void overwrite(const std::filesystem::path& out);
  /// Gives settings that depend on others their defaults and checks all, before data is prepared: throws ConfigError
  /// for one that cannot be, or that differs from the earlier part's and may not.
  void complete();
  /// Told everything; must outlive the run. Before prepare() also what resuming has to say.
  void add_observer(TrainerObserver& observer);
  /// complete() where that was not called; then writes run.json, prepares the data, makes the model and the trainer,
  /// and goes on from what was saved. Throws ConfigError, FileError and std::runtime_error for data that cannot be
  /// used, ConfigError for a folder that another process writes, DistributedError.
  void prepare();

  // After prepare(), but for train():

  /// Throw std::logic_error before prepare().
  TrainingTask& task();
  Trainer& trainer();
  /// Whether it goes on from a saved state.
  bool resumed() const { return resumed_; }
  /// Whether there is something to go on from, or a best model: the folder stays.
  bool keeps_folder() const { return guard_ && guard_->keeps(); }
  /// The text of run.json: every setting, those that the tokenizers decide among them.
  const std::string& resolved() const { return resolved_; }
  /// To the end, or to Trainer::request_stop(); prepare() where that was not called. Throws as Trainer::run().
  TrainSummary train();

 private:
  bool leads() const { return setting_.distributed == nullptr || setting_.distributed->leads(); }
  void all(const std::string& doing, const std::function<void()>& work) const;
  void follow(const std::filesystem::path& out, const std::function<void()>& work);
  void open_folder(const std::filesystem::path& out, bool resume);
  void open_to_replace(const std::filesystem::path& out);
  void complete_settings();
  void check_settings_alike() const;
  void find_folder();
  void check_data_alike() const;
  void make_task();
  void check_batch_size() const;
  void refuse_unread() const;
  void begin_with_init();
  void leave_preset_of_other_optimizers();
  void refuse_replaced() const;
  void check_differences() const;
  void check_data_is_there() const;
  bool may_be_renamed(const std::string& key, const std::string& name) const;
  void check_steps_left() const;
  void write_run();

  std::string program_;
  std::unique_ptr<TaskSetup> setup_;
  TrainSetting setting_;
  RunConfig config_;
  bool completed_ = false, resumed_ = false;
  std::string defaults_;  ///< as run.json
  std::string earlier_;   ///< run.json of the earlier part
  std::string resolved_;
  OutputUse use_ = OutputUse::kNew;
  std::vector<TrainerObserver*> observers_;
  std::unique_ptr<ScratchDir> scratch_;  ///< of a rank whose machine does not see the folder
  std::optional<OutputGuard> guard_;     ///< outlives what has files of the folder open
  std::unique_ptr<TrainingTask> task_;
  std::unique_ptr<TrainerObserver> keep_folder_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace langzoo
