#include "tests/support/test.h"

#include <cmath>

#include "apps/training/trainer.h"
#include "apps/training/training_state.h"
#include "models/io/safetensors.h"

namespace langzoo {
namespace {

using test::max_difference;
using test::TempDir;

struct VectorImpl : torch::nn::Module {
  VectorImpl() { value = register_parameter("value", torch::ones({3})); }
  torch::Tensor value;
};
TORCH_MODULE(Vector);

/// An algorithm of its own: shrinks its vector by the learning rate, more in later batches.
class ShrinkingTask : public TrainingTask {
 public:
  torch::nn::Module& model() override { return *vector; }
  MicroBatch next() override { throw std::logic_error("not asked for"); }
  OwnStep own_step(double learning_rate) override {
    const torch::NoGradGuard no_grad;
    const auto* before = vector->value.data_ptr();
    vector->value.mul_(1 - learning_rate * static_cast<double>(1 + position_.batch));
    moved = moved || (storage != nullptr && storage != before);
    storage = before;
    position_ = following(position_, kBatches);
    if (++steps == stop_at) stop();
    return {steps == poisoned ? std::nan("") : 6.0, 3, 10};
  }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  std::int64_t batches_per_epoch() const override { return kBatches; }
  EvalMetrics evaluate() override { return {}; }
  void save_model(const std::filesystem::path& dir) override {
    save_safetensors(dir / "model.safetensors", module_tensors(*vector));
  }

  static constexpr std::int64_t kBatches = 4;
  Vector vector;
  std::function<void()> stop;
  int steps = 0, stop_at = -1, poisoned = -1;
  const void* storage = nullptr;
  bool moved = false;

 private:
  DataPosition position_;
};

TrainerOptions own_options() {
  TrainerOptions options;
  options.optimizer = "own";
  options.schedule = "linear";
  options.learning_rate = 0.1;
  options.max_steps = 1000000;
  options.max_epochs = 3;
  options.log_every = 1;
  options.save_every = 5;
  return options;
}

struct Steps : TrainerObserver {
  void on_step(const StepReport& report) override { reports.push_back(report); }
  std::vector<StepReport> reports;
};

TEST_CASE("a task's own algorithm runs by the shared schedule, and reports by the shared reports") {
  TempDir out;
  ShrinkingTask task;
  Trainer trainer(task, own_options(), out.path(), torch::kCPU);
  Steps steps;
  trainer.add_observer(steps);
  CHECK(trainer.total_steps() == 12);
  const auto summary = trainer.run();
  CHECK(summary.step == 12);
  CHECK(summary.tokens == 120);
  CHECK(summary.train_loss == Approx(2));
  CHECK_FALSE(task.moved);  // no optimizer took the parameters into its buffers
  REQUIRE(steps.reports.size() == 12);
  CHECK(steps.reports[0].loss == Approx(2));
  // The rate of a step's beginning: a long step, perhaps the only one, is not to learn at the rate of its end.
  for (std::size_t i = 0; i < 12; ++i) {
    CHECK(steps.reports[i].learning_rate == Approx(0.1 * (1 - static_cast<double>(i) / 12)));
  }
  double expected = 1;
  for (const auto& report : steps.reports) {
    expected *= 1 - report.learning_rate * static_cast<double>(1 + (report.step - 1) % ShrinkingTask::kBatches);
  }
  CHECK(max_difference(task.vector->value, torch::full({3}, expected)) < 1e-6);
}

TEST_CASE("a task's own algorithm stopped and resumed ends in the same bytes") {
  TempDir whole, parts;
  {
    ShrinkingTask task;
    Trainer(task, own_options(), whole.path(), torch::kCPU).run();
  }
  {
    ShrinkingTask task;
    Trainer trainer(task, own_options(), parts.path(), torch::kCPU);
    task.stop_at = 7;
    task.stop = [&] { trainer.request_stop(); };
    CHECK(trainer.run().interrupted);
  }
  ShrinkingTask task;
  Trainer trainer(task, own_options(), parts.path(), torch::kCPU);
  REQUIRE(trainer.resume());
  CHECK(trainer.run().step == 12);
  CHECK(task.steps == 5);
  CHECK(test::read_file(parts / "model.safetensors") == test::read_file(whole / "model.safetensors"));
}

TEST_CASE("the loss shown is a mean over targets, whatever the steps' sizes; without targets there is none") {
  struct Uneven : ShrinkingTask {
    OwnStep own_step(double learning_rate) override {
      ShrinkingTask::own_step(learning_rate);
      return steps % 2 == 1 ? OwnStep{100, 100, 10} : OwnStep{4, 1, 10};
    }
  };
  struct Lossless : ShrinkingTask {
    OwnStep own_step(double learning_rate) override {
      ShrinkingTask::own_step(learning_rate);
      return {0, 0, 10};
    }
  };
  auto options = own_options();
  options.log_every = 4;
  TempDir out, other;
  Uneven uneven;
  CHECK(Trainer(uneven, options, out.path(), torch::kCPU).run().train_loss == Approx(208.0 / 202));
  Lossless lossless;
  CHECK(std::isnan(Trainer(lossless, options, other.path(), torch::kCPU).run().train_loss));
  CHECK(std::isnan(load_training_state(other.path())->progress.train_loss));
}

TEST_CASE("a loss that is not finite ends a task's own algorithm") {
  TempDir out;
  ShrinkingTask task;
  task.poisoned = 6;
  Trainer trainer(task, own_options(), out.path(), torch::kCPU);
  CHECK_THROWS_WITH(trainer.run(), Catch::StartsWith("step 6: the loss or a gradient is not finite"));
  CHECK(load_training_state(out.path())->progress.step == 5);
}

TEST_CASE("a family without an algorithm of its own says so") {
  struct Plain : ShrinkingTask {
    OwnStep own_step(double learning_rate) override { return TrainingTask::own_step(learning_rate); }
  };
  TempDir out;
  Plain task;
  Trainer trainer(task, own_options(), out.path(), torch::kCPU);
  CHECK_THROWS_WITH(trainer.run(), Catch::Contains("no training algorithm of its own"));
}

}  // namespace
}  // namespace langzoo
