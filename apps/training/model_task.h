/// What the tasks of most kinds have in common: a model with its kind's Interface, data, and endless batches of it.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "apps/training/task.h"
#include "apps/training/task_setup.h"

namespace langzoo {

/// Batches made in the background while a step computes.
inline constexpr std::size_t kPrepareAhead = 2;

/// The terms of a loss that has R-Drop (models/losses/r_drop.h) with this alpha; the one term of another, where it is
/// 0.
std::vector<LossTerm> terms_with_r_drop(double alpha);
/// Binds train.r_drop, the alpha.
void bind_r_drop(RunConfig& config, double& alpha);

/// A task that is told from outside how its parameters are optimized.
class RuledTask : public TrainingTask {
 public:
  std::vector<ParameterRule> parameter_rules() const final { return rules_; }
  void set_parameter_rules(std::vector<ParameterRule> rules) { rules_ = std::move(rules); }

 private:
  std::vector<ParameterRule> rules_;
};

template <class Interface, class Data, class Batch>
class ModelTask : public RuledTask {
 public:
  torch::nn::Module& model() override { return model_->module(); }
  DataPosition position() const override { return batches_->position(); }
  void seek(const DataPosition& position) override { batches_->seek(position); }
  std::int64_t batches_per_epoch() const override { return batches_->batches_per_epoch(); }
  Rank rank() const override { return rank_; }

 protected:
  /// `setting` must not change what a step is made of once the task is there.
  ModelTask(std::shared_ptr<Interface> model, Data data, const TrainSetting& setting)
      : model_(std::move(model)),
        data_(std::move(data)),
        device_(setting.device),
        rank_(setting.rank),
        ranks_(setting.distributed),
        batch_(setting.batch),
        accumulation_(setting.trainer.accumulation),
        seed_(setting.trainer.seed) {}

  /// The micro-batches of an optimizer step.
  std::int64_t step_batches() const { return accumulation_; }
  /// train.batch_size of all ranks together.
  std::int64_t batch_size_of_all() const { return batch_.batch_size * rank_.world; }
  /// The step, counted from 0, that the next micro-batch belongs to.
  std::int64_t step() const {
    const auto [epoch, batch] = batches_->position();
    return (epoch * batches_->batches_per_epoch() + batch) / step_batches();
  }

  const std::shared_ptr<Interface> model_;
  Data data_;  ///< outlives the batches, which are made of it
  const torch::Device device_;
  const Rank rank_;
  Distributed* const ranks_;  ///< of one process none
  const BatchOptions batch_;
  const std::int64_t accumulation_;
  const std::uint64_t seed_;
  std::unique_ptr<BatchIterator<Batch>> batches_;  ///< made by the kind, with rank_
};

}  // namespace langzoo
