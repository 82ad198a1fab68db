#include "tests/support/test.h"

#include "models/losses/cross_entropy.h"
#include "tests/apps/training/toy_task.h"

namespace langzoo {
namespace {

using test::check_equal_states;
using test::max_difference;
using test::Net;
using test::Recorder;
using test::small_options;
using test::TempDir;
using test::weights;

constexpr std::int64_t kRows = 24;

/// Two losses over the same rows: a class for some of them, a number for all, as MLM and NSP have.
class TwoLosses : public TrainingTask {
 public:
  explicit TwoLosses(std::int64_t batch_rows, double dropout = 0) : net(dropout, 8), rows_(batch_rows) {
    data_ = (torch::arange(kRows * 4, torch::kFloat32).view({kRows, 4}) * 0.37).sin();
    labels_ = torch::where(torch::arange(kRows) % 5 == 0, torch::arange(kRows) % 3, -100);
  }
  torch::nn::Module& model() override { return *net; }
  std::vector<LossTerm> loss_terms() const override { return terms; }
  MicroBatch next() override {
    const auto begin = position_.batch * rows_;
    position_ = following(position_, batches_per_epoch());
    ++served;
    if (on_next) on_next(served);
    const auto x = data_.narrow(0, begin, rows_), labels = labels_.narrow(0, begin, rows_);
    const auto classes = without_classes ? 0 : (labels != -100).sum().item<std::int64_t>();
    return {{classes, rows_}, rows_, [this, x, labels, classes] { return losses(x, labels, classes > 0); }};
  }
  /// Of the rows `x`, each a sum.
  std::vector<torch::Tensor> losses(const torch::Tensor& x, const torch::Tensor& labels, bool classes) {
    const auto out = net->forward(x);
    return {classes ? at::cross_entropy_loss(out, labels, {}, at::Reduction::Sum, -100) : torch::Tensor(),
            (out.sum(1) - x.sum(1)).pow(2).sum()};
  }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  std::int64_t batches_per_epoch() const override { return kRows / rows_; }
  EvalMetrics evaluate() override { return {}; }
  void save_model(const std::filesystem::path& dir) override {
    save_safetensors(dir / "model.safetensors", module_tensors(*net));
  }
  const torch::Tensor& data() const { return data_; }
  const torch::Tensor& labels() const { return labels_; }

  Net net;
  std::vector<LossTerm> terms = {{"classes", 1.0}, {"sums", 0.25}};
  std::function<void(int)> on_next;
  bool without_classes = false;
  int served = 0;

 private:
  std::int64_t rows_;
  torch::Tensor data_, labels_;
  DataPosition position_;
};

TrainerOptions one_step() {
  auto options = small_options();
  options.optimizer = "sgd";
  options.schedule = "constant";
  options.warmup_steps = 0;
  options.clip_norm = options.ema_decay = 0;
  options.learning_rate = options.min_learning_rate = 0.5;
  options.max_steps = options.accumulation = 1;
  return options;
}

double class_mean(TwoLosses& task) {
  return at::cross_entropy_loss(task.net->forward(task.data()), task.labels(), {}, at::Reduction::Mean, -100)
      .item<double>();
}
double sum_mean(TwoLosses& task) {
  return (task.net->forward(task.data()).sum(1) - task.data().sum(1)).pow(2).mean().item<double>();
}

}  // namespace

TEST_CASE("a step's loss is the weighted sum of its terms' means, each over its own count") {
  TwoLosses task(kRows), by_hand(kRows);
  const double classes = class_mean(by_hand), sums = sum_mean(by_hand);
  const auto out = by_hand.net->forward(by_hand.data());
  (at::cross_entropy_loss(out, by_hand.labels(), {}, at::Reduction::Mean, -100) +
   0.25 * (out.sum(1) - by_hand.data().sum(1)).pow(2).mean())
      .backward();
  TempDir dir;
  Recorder recorder;
  Trainer trainer(task, one_step(), dir.path(), torch::kCPU);
  trainer.add_observer(recorder);
  CHECK(trainer.run().train_loss == Approx(classes + 0.25 * sums).epsilon(1e-6));
  const auto& report = recorder.steps.back();
  REQUIRE(report.losses.size() == 2);
  CHECK(report.losses[0].first == "classes");
  CHECK(report.losses[0].second == Approx(classes).epsilon(1e-6));
  CHECK(report.losses[1].first == "sums");
  CHECK(report.losses[1].second == Approx(sums).epsilon(1e-6));
  for (const auto& item : by_hand.net->named_parameters()) {
    INFO(item.key());
    CHECK(max_difference(task.net->named_parameters()[item.key()], item.value() - 0.5 * item.value().grad()) < 1e-6);
  }
}

TEST_CASE("accumulated micro-batches equal one large batch though every term counts for itself") {
  const auto trained = [](std::int64_t rows) {
    TempDir dir;
    auto options = one_step();
    options.max_steps = 5;
    options.learning_rate = options.min_learning_rate = 0.1;
    options.accumulation = kRows / rows;
    TwoLosses task(rows);
    Trainer(task, options, dir.path(), torch::kCPU).run();
    return module_tensors(*task.net)["w2"].clone();
  };
  CHECK(max_difference(trained(kRows), trained(3)) < 1e-6);  // three of eight batches of 3 have no class at all
}

TEST_CASE("a term that counts nothing in a step contributes nothing; a step without any target is an error") {
  TempDir dir, other;
  TwoLosses task(kRows);
  const double sums = sum_mean(task);
  task.without_classes = true;
  Recorder recorder;
  Trainer trainer(task, one_step(), dir.path(), torch::kCPU);
  trainer.add_observer(recorder);
  CHECK(trainer.run().train_loss == Approx(0.25 * sums).epsilon(1e-6));
  REQUIRE(recorder.steps.back().losses.size() == 1);
  CHECK(recorder.steps.back().losses[0].first == "sums");

  TwoLosses nothing(kRows);
  nothing.without_classes = true;
  nothing.terms[1].weight = 0;
  CHECK_THROWS_WITH(Trainer(nothing, one_step(), other.path(), torch::kCPU).run(),
                    Catch::Contains("no target to learn from"));
}

TEST_CASE("a term of weight 0 is reported, and nothing learns from it") {
  TempDir first, second;
  TwoLosses watched(kRows), single(kRows);
  watched.terms[1].weight = 0;
  Recorder recorder;
  Trainer trainer(watched, one_step(), first.path(), torch::kCPU);
  trainer.add_observer(recorder);
  const double classes = class_mean(single), sums = sum_mean(single);
  CHECK(trainer.run().train_loss == Approx(classes).epsilon(1e-6));
  REQUIRE(recorder.steps.back().losses.size() == 2);
  CHECK(recorder.steps.back().losses[1].second == Approx(sums).epsilon(1e-6));
  at::cross_entropy_loss(single.net->forward(single.data()), single.labels(), {}, at::Reduction::Mean, -100).backward();
  CHECK(max_difference(watched.net->w1, single.net->w1 - 0.5 * single.net->w1.grad()) < 1e-6);
}

TEST_CASE("the reports of several terms are the same over a resume, and so are the bytes") {
  auto options = small_options();
  options.accumulation = 2;
  options.log_every = 5;
  const auto reports = [&](const std::filesystem::path& out, int stop_at) {
    Recorder recorder;
    for (int part = 0; part < (stop_at > 0 ? 2 : 1); ++part) {
      TwoLosses task(3, 0.3);
      Trainer trainer(task, options, out, torch::kCPU);
      trainer.add_observer(recorder);
      task.on_next = [&](int n) {
        if (part == 0 && n == stop_at) trainer.request_stop();
      };
      CHECK(trainer.resume() == (part == 1));
      trainer.run();
    }
    return recorder.steps;
  };
  TempDir whole, parts;
  const auto expected = reports(whole.path(), 0), found = reports(parts.path(), 2 * 8);  // between two reports
  REQUIRE(expected.size() == 4);
  REQUIRE(found.size() == 4);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(found[i].loss == expected[i].loss);
    CHECK(found[i].losses == expected[i].losses);
  }
  CHECK(weights(parts.path()) == weights(whole.path()));
  check_equal_states(parts.path(), whole.path());
}

TEST_CASE("losses that do not fit the terms are errors") {
  struct Odd : TwoLosses {
    Odd() : TwoLosses(kRows) {}
    MicroBatch next() override {
      auto batch = TwoLosses::next();
      if (wrong_counts) batch.counts.pop_back();
      if (negative) batch.counts[0] = -1;
      if (wrong_losses) batch.loss_sums = [] { return std::vector<torch::Tensor>(1); };
      return batch;
    }
    bool wrong_counts = false, negative = false, wrong_losses = false;
  };
  TempDir dir;
  const auto fails = [&](const std::function<void(Odd&)>& change, const std::string& names) {
    Odd task;
    change(task);
    CHECK_THROWS_WITH(Trainer(task, one_step(), dir.path(), torch::kCPU).run(), Catch::Contains(names));
  };
  fails([](Odd& t) { t.wrong_counts = true; }, "counts 1 loss terms, expected 2");
  fails([](Odd& t) { t.negative = true; }, "fewer than no targets");
  fails([](Odd& t) { t.wrong_losses = true; }, "has 1 losses, expected 2");
  fails([](Odd& t) { t.terms[1].name = "classes"; }, "two terms 'classes'");
  fails([](Odd& t) { t.terms[1].weight = std::nan(""); }, "weight of the loss term 'sums'");
  fails([](Odd& t) { t.terms.clear(); }, "no terms");
}

namespace {

/// Carries a hidden state from batch to batch, as truncated back-propagation through time does.
class Carrying : public test::ToyTask {
 public:
  MicroBatch next() override {
    position_ = following(position_, batches_per_epoch());
    if (on_next) on_next(++served);
    const auto x = torch::full({2, 4}, 0.1 * static_cast<double>(position_.batch)) + hidden;
    const auto loss = [this, x] {
      const auto out = net->forward(x);
      hidden = torch::cat({out.detach(), out.detach().sum(1, true)}, 1).tanh();  // (2,4)
      return (out - 1).pow(2).sum();
    };
    return {6, 2, loss};
  }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  StateDict state() const override {
    if (forgetful) return StateDict();
    return StateDict({{"hidden", hidden}});
  }
  void load_state(const StateDict& state) override {
    if (!forgetful) copy_state(this->state(), state, "task state");
  }

  torch::Tensor hidden = torch::zeros({2, 4});
  bool forgetful = false;

 private:
  DataPosition position_;
};

/// The weights of a run that is stopped in the middle of an epoch and resumed, or not.
std::string carried(int stop_at, bool forgetful) {
  auto options = small_options();
  options.accumulation = 1;
  TempDir out;
  for (int part = 0; part < (stop_at > 0 ? 2 : 1); ++part) {
    Carrying task;
    task.forgetful = forgetful;
    Trainer trainer(task, options, out.path(), torch::kCPU);
    task.on_next = [&](int n) {
      if (part == 0 && n == stop_at) trainer.request_stop();
    };
    trainer.resume();
    trainer.run();
  }
  return weights(out.path());
}

}  // namespace

TEST_CASE("what a task carries from batch to batch is saved and resumed, in the middle of an epoch") {
  const auto whole = carried(0, false);
  CHECK(carried(7, false) == whole);
  CHECK(carried(15, false) == whole);
  CHECK(carried(7, true) != whole);  // the state does matter
}

TEST_CASE("a task's state that does not fit is named, and one that keeps none takes none") {
  auto options = small_options();
  options.accumulation = 1;
  TempDir out;
  {
    Carrying task;
    Trainer(task, options, out.path(), torch::kCPU).run();
  }
  struct Wider : Carrying {
    Wider() { hidden = torch::zeros({3, 4}); }
  };
  Wider wider;
  CHECK_THROWS_WITH(Trainer(wider, options, out.path(), torch::kCPU).resume(),
                    Catch::Contains("task state") && Catch::Contains("hidden has shape 2x4, expected 3x4"));
  test::ToyTask plain;
  CHECK_THROWS_WITH(Trainer(plain, options, out.path(), torch::kCPU).resume(), Catch::Contains("keeps no state"));
}

}  // namespace langzoo
