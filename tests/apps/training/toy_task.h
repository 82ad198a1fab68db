/// A small task for the trainer's tests, and what they look at.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/trainer.h"
#include "apps/training/training_state.h"
#include "models/io/safetensors.h"
#include "tests/support/test.h"

namespace langzoo::test {

namespace fs = std::filesystem;

struct NetImpl : torch::nn::Module {
  explicit NetImpl(double dropout_p, std::int64_t width) : p(dropout_p) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
    const auto random = [&](at::IntArrayRef shape) { return torch::randn(shape, generator) * 0.3; };
    w1 = register_parameter("w1", random({width, 4}));
    b1 = register_parameter("b1", torch::zeros({width}));
    w2 = register_parameter("w2", random({3, width}));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    return at::linear(at::dropout(at::tanh(at::linear(x, w1, b1)), p, is_training()), w2);
  }
  double p;
  torch::Tensor w1, b1, w2;
};
TORCH_MODULE(Net);

/// Rows of a fixed function in an order that depends on the epoch; batches differ in their number of targets.
class ToyTask : public TrainingTask {
 public:
  explicit ToyTask(double dropout = 0.0, std::int64_t width = 8, std::int64_t batch_rows = 2)
      : net(dropout, width), rows_(batch_rows) {
    data_ = (torch::arange(kRows * 4, torch::kFloat32).view({kRows, 4}) * 0.37).sin();
    labels_ = torch::arange(kRows) % 3;
  }
  torch::nn::Module& model() override { return *net; }
  MicroBatch next() override {
    if (position_.batch == batches_per_epoch()) position_ = {position_.epoch + 1, 0};
    const auto rows =
        (torch::arange(rows_) + position_.batch * rows_) * 5 % kRows + (position_.epoch % 2 == 0 ? 0 : kRows / 2);
    const auto index = rows % kRows;
    auto labels = labels_.index_select(0, index);
    if (position_.batch % 2 == 1 && rows_ == 2) labels[0] = -100;
    ++position_.batch;
    ++served;
    if (on_next) on_next(served);
    const auto x = data_.index_select(0, index);
    const double poison = served == poisoned ? std::nan("") : 1.0;
    const auto loss = [this, x, labels, poison] {
      return at::cross_entropy_loss(net->forward(x), labels, {}, at::Reduction::Sum, -100) * poison;
    };
    return {(labels != -100).sum().item<std::int64_t>(), rows_, loss};
  }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  std::int64_t batches_per_epoch() const override { return kRows / rows_; }
  std::string fingerprint() const override {
    ++fingerprints;
    return data_name;
  }
  std::vector<ParameterRule> parameter_rules() const override { return rules; }
  EvalMetrics evaluate() override {
    ++evaluations;
    evaluated_in_training = evaluated_in_training || net->is_training() || torch::GradMode::is_enabled();
    torch::rand({3});  // must not disturb the run's dropout
    const auto n = static_cast<std::size_t>(evaluations - 1);
    if (!given.empty()) return given[std::min(n, given.size() - 1)];
    return {{"loss", {at::cross_entropy_loss(net->forward(data_), labels_).item<double>()}}};
  }
  void save_model(const fs::path& dir) override {
    if (on_save) on_save(dir);
    save_safetensors(dir / "model.safetensors", module_tensors(*net));
  }

  static constexpr std::int64_t kRows = 24;
  Net net;
  std::function<void(int)> on_next;
  std::function<void(const fs::path&)> on_save;
  std::vector<EvalMetrics> given;  // what evaluate() returns instead of measuring, one after another
  std::vector<ParameterRule> rules;
  std::string data_name = "rows";
  int served = 0, poisoned = -1, evaluations = 0;
  mutable int fingerprints = 0;
  bool evaluated_in_training = false;

 private:
  std::int64_t rows_;
  torch::Tensor data_, labels_;
  DataPosition position_;
};

struct Recorder : TrainerObserver {
  void on_step(const StepReport& report) override {
    torch::rand({1});
    steps.push_back(report);
  }
  void on_eval(const EvalReport& report) override { evals.push_back(report); }
  void on_checkpoint(std::int64_t step, const fs::path& dir) override { checkpoints.emplace_back(step, dir); }
  void on_message(const std::string& text) override { messages.push_back(text); }
  std::vector<StepReport> steps;
  std::vector<EvalReport> evals;
  std::vector<std::pair<std::int64_t, fs::path>> checkpoints;
  std::vector<std::string> messages;
};

inline TrainerOptions small_options() {
  TrainerOptions options;
  options.max_steps = 20;
  options.accumulation = 3;
  options.learning_rate = 1e-2;
  options.min_learning_rate = 1e-4;
  options.warmup_steps = 4;
  options.ema_decay = 0.9;
  options.eval_every = 6;
  options.save_every = 5;
  options.log_every = 4;
  return options;
}

inline std::string weights(const fs::path& out) {
  return read_file(out / "model.safetensors");
}

/// The states in the end, counters and options (trainer.json) included: equal bytes, whatever the order of entries.
inline void check_equal_states(const fs::path& a, const fs::path& b) {
  const auto first = load_safetensors(training_state_path(a)), second = load_safetensors(training_state_path(b));
  REQUIRE(first.size() == second.size());
  for (const auto& item : first) {
    INFO(item.key());
    CHECK(torch::equal(item.value(), second[item.key()]));
  }
}

}  // namespace langzoo::test
