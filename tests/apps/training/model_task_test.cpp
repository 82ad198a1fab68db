#include "tests/support/test.h"

#include "apps/training/model_task.h"
#include "models/task_model.h"

namespace langzoo::test {

namespace {

/// Ten batches, which are their own positions.
class Positions : public ModelTask<TaskModel, int, DataPosition> {
 public:
  explicit Positions(const TrainSetting& setting) : ModelTask(nullptr, 0, setting) {
    batches_ = std::make_unique<BatchIterator<DataPosition>>(10, [](const DataPosition& at) { return at; });
  }
  using ModelTask::batch_size_of_all;
  using ModelTask::step;
  MicroBatch next() override {
    taken.push_back(batches_->next().batch);
    return {};
  }
  EvalMetrics evaluate() override { return {}; }
  void save_model(const std::filesystem::path& /*dir*/) override {}

  std::vector<std::int64_t> taken;
};

}  // namespace

TEST_CASE("a task knows the optimizer step of its next batch, alone and among other ranks") {
  TrainSetting setting;
  setting.trainer.accumulation = 2;
  setting.rank = {1, 2};
  Positions task(setting);
  CHECK(task.rank() == Rank{1, 2});
  std::vector<std::int64_t> steps;
  for (int i = 0; i < 6; ++i) {
    steps.push_back(task.step());
    task.next();
  }
  CHECK(task.taken == std::vector<std::int64_t>{0, 1, 2, 3, 4, 5});  // every batch is shared by all ranks
  CHECK(steps == std::vector<std::int64_t>{0, 0, 1, 1, 2, 2});
  CHECK(task.batch_size_of_all() == 2 * setting.batch.batch_size);
  task.seek({1, 4});  // 14 batches, 2 a step
  CHECK(task.step() == 7);
  setting.rank = {};
  Positions alone(setting);
  alone.seek({1, 4});
  CHECK(alone.step() == 7);
  CHECK(alone.batch_size_of_all() == setting.batch.batch_size);
}

}  // namespace langzoo::test
