#include "tests/support/test.h"

#include <cmath>

#include "tests/apps/training/toy_task.h"

namespace langzoo::test::plateau_test {

namespace {

TrainerOptions plain_options() {
  TrainerOptions options;
  options.optimizer = "sgd";
  options.schedule = "plateau";
  options.learning_rate = 0.1;
  options.clip_norm = 0;
  options.max_steps = 10;
  options.eval_every = 1;
  options.save_every = 0;
  options.log_every = 1;
  return options;
}

std::vector<EvalMetrics> losses(const std::vector<double>& values) {
  std::vector<EvalMetrics> metrics;
  for (const double value : values) metrics.push_back({{"loss", {value}}});
  return metrics;
}

std::vector<double> rates(const TrainerOptions& options, const std::vector<double>& values, const fs::path& out,
                          bool resume = false) {
  ToyTask task;
  task.given = losses(values);
  Trainer trainer(task, options, out, torch::kCPU);
  Recorder recorder;
  trainer.add_observer(recorder);
  if (resume) CHECK(trainer.resume());
  trainer.run();
  std::vector<double> rates;
  for (const auto& step : recorder.steps) rates.push_back(step.learning_rate);
  return rates;
}

/// A task whose every other batch asks for half the rate.
class ScaledTask : public ToyTask {
 public:
  using ToyTask::ToyTask;
  MicroBatch next() override {
    auto batch = ToyTask::next();
    batch.learning_rate_scale = served % 2 == 0 ? 0.5 : 1;
    return batch;
  }
};

}  // namespace

TEST_CASE("schedule plateau: a quarter of the rate after each evaluation without a better one") {
  const TempDir dir;
  const std::vector<double> values = {5, 4, 4, 4.5, 3, 3.5, 2, 1, 1, 1};
  // The rates of the steps after those evaluations.
  const std::vector<double> expected = {0.1,     0.1,       0.1,       0.025,     0.00625,
                                        0.00625, 0.0015625, 0.0015625, 0.0015625, 0.000390625};
  auto options = plain_options();
  CHECK(rates(options, values, dir / "a") == expected);
  SECTION("it goes on where a run was interrupted") {
    options.max_steps = 4;
    rates(options, values, dir / "b");
    options.max_steps = 10;
    const std::vector<double> rest(values.begin() + 4, values.end());
    CHECK(rates(options, rest, dir / "b", true) == std::vector<double>(expected.begin() + 4, expected.end()));
  }
  SECTION("it waits as long as it is told, and stays above the least") {
    options.plateau_patience = 2;
    options.plateau_factor = 0.5;
    options.min_learning_rate = 0.04;
    CHECK(rates(options, values, dir / "c") ==
          std::vector<double>{0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05, 0.05, 0.05});
    CHECK(rates(options, {1}, dir / "d").back() == 0.04);
  }
}

TEST_CASE("evaluations come with epochs where they are asked for") {
  const TempDir dir;
  auto options = plain_options();
  options.eval_every = 0;
  options.eval_epochs = 2;
  options.max_steps = 60;  // 12 a epoch
  ToyTask task;
  Trainer trainer(task, options, dir.path(), torch::kCPU);
  Recorder recorder;
  trainer.add_observer(recorder);
  trainer.run();
  std::vector<std::int64_t> steps;
  for (const auto& report : recorder.evals) steps.push_back(report.step);
  CHECK(steps == std::vector<std::int64_t>{24, 48, 60});
}

TEST_CASE("gradients are clipped by value, then by norm") {
  const auto moved = [](double clip_value, double clip_norm) {
    const TempDir dir;
    auto options = plain_options();
    options.schedule = "constant";
    options.max_steps = 1;
    options.learning_rate = 1;
    options.clip_value = clip_value;
    options.clip_norm = clip_norm;
    ToyTask task;
    StateDict before;
    for (const auto& item : task.net->named_parameters()) before.insert(item.key(), item.value().detach().clone());
    Trainer(task, options, dir.path(), torch::kCPU).run();
    std::vector<torch::Tensor> moves;
    for (const auto& item : task.net->named_parameters())
      moves.push_back((before[item.key()] - item.value().detach()).flatten());
    return torch::cat(moves);
  };
  const auto gradient = moved(0, 0);
  const double most = gradient.abs().max().item<double>();
  CHECK(max_difference(moved(most / 3, 0), gradient.clamp(-most / 3, most / 3)) < 1e-6);
  const auto clamped = gradient.clamp(-most / 3, most / 3);
  const double norm = clamped.norm().item<double>();
  CHECK(max_difference(moved(most / 3, norm / 2), clamped / 2) < 1e-5);
}

TEST_CASE("a micro-batch may scale the step's rate, several by their mean") {
  const TempDir dir;
  auto options = plain_options();
  options.schedule = "constant";
  options.max_steps = 4;
  for (const std::int64_t accumulation : {1, 2}) {
    options.accumulation = accumulation;
    ScaledTask task;
    Trainer trainer(task, options, dir / std::to_string(accumulation), torch::kCPU);
    Recorder recorder;
    trainer.add_observer(recorder);
    trainer.run();
    for (std::size_t i = 0; i < 4; ++i) {
      const double expected = accumulation == 2 ? 0.075 : i % 2 == 0 ? 0.1 : 0.05;
      CHECK(recorder.steps[i].learning_rate == Approx(expected));
    }
  }
}

TEST_CASE("the mean of an averaging optimizer is what is evaluated and saved, and training goes on without it") {
  const TempDir dir;
  auto options = plain_options();
  options.schedule = "constant";
  options.optimizer = "asgd";
  for (auto& [name, own] : options.own) {
    if (name != "asgd") continue;
    auto fields = [&own = own](FieldVisitor& visit) { own.for_each_field(visit); };
    REQUIRE(find_field(fields, "nonmono")->set("0"));
    REQUIRE(find_field(fields, "weight_decay")->set("0"));
  }
  ToyTask averaged, plain;
  const auto sum = torch::zeros_like(averaged.net->w1);
  Trainer(averaged, options, dir / "averaged", torch::kCPU).run();
  options.optimizer = "sgd";
  options.own = own_optimizer_options();
  plain.on_next = [&](int n) {
    if (n > 1) sum.add_(plain.net->w1.detach());
  };
  Trainer(plain, options, dir / "plain", torch::kCPU).run();
  sum.add_(plain.net->w1.detach());
  CHECK(max_difference(averaged.net->w1, plain.net->w1) < 1e-6);
  const auto saved = load_safetensors(dir / "averaged" / "model.safetensors");
  CHECK(max_difference(saved["w1"], sum / 10) < 1e-6);
}

}  // namespace langzoo::test::plateau_test
