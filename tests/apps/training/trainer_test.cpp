#include "tests/support/test.h"

#include <fstream>
#include <functional>

#include "apps/training/flush_denormals.h"
#include "apps/training/trainer.h"
#include "apps/training/training_state.h"
#include "data/files/files.h"
#include "models/io/safetensors.h"

namespace langzoo {
namespace {

namespace fs = std::filesystem;
using test::max_difference;
using test::TempDir;

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
    MicroBatch batch;
    batch.num_targets = (labels != -100).sum().item<std::int64_t>();
    batch.num_tokens = rows_;
    const auto x = data_.index_select(0, index);
    const double poison = served == poisoned ? std::nan("") : 1.0;
    batch.loss_sum = [this, x, labels, poison] {
      return at::cross_entropy_loss(net->forward(x), labels, {}, at::Reduction::Sum, -100) * poison;
    };
    return batch;
  }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override { position_ = position; }
  std::int64_t batches_per_epoch() const override { return kRows / rows_; }
  std::string fingerprint() const override { return data_name; }
  EvalMetrics evaluate() override {
    ++evaluations;
    evaluated_in_training = evaluated_in_training || net->is_training() || torch::GradMode::is_enabled();
    torch::rand({3});  // must not disturb the run's dropout
    if (!losses.empty()) return {{"loss", losses[std::min<std::size_t>(evaluations - 1, losses.size() - 1)]}};
    return {{"loss", at::cross_entropy_loss(net->forward(data_), labels_).item<double>()}};
  }
  void save_model(const fs::path& dir) override {
    if (on_save) on_save(dir);
    save_safetensors(dir / "model.safetensors", module_tensors(*net));
  }

  static constexpr std::int64_t kRows = 24;
  Net net;
  std::function<void(int)> on_next;
  std::function<void(const fs::path&)> on_save;
  std::vector<double> losses;  // what evaluate() returns instead of measuring
  std::string data_name = "rows";
  int served = 0, poisoned = -1, evaluations = 0;
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

TrainerOptions small_options() {
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

std::string weights(const fs::path& out) {
  return test::read_file(out / "model.safetensors");
}

/// Tensors of the state in the end: equal bytes, whatever the order of entries.
void check_equal_states(const fs::path& a, const fs::path& b) {
  const auto first = load_training_state(a), second = load_training_state(b);
  REQUIRE(first);
  REQUIRE(second);
  REQUIRE(first->tensors.size() == second->tensors.size());
  for (const auto& item : first->tensors) {
    INFO(item.key());
    CHECK(torch::equal(item.value(), second->tensors[item.key()]));  // counters and options included: trainer.json
  }
}

}  // namespace

TEST_CASE("A run interrupted anywhere and resumed ends in the same bytes") {
  const auto options = small_options();
  TempDir reference;
  {
    ToyTask task(0.3);
    Trainer trainer(task, options, reference.path(), torch::kCPU);
    Recorder recorder;
    trainer.add_observer(recorder);
    CHECK_FALSE(trainer.resume());
    const auto summary = trainer.run();
    CHECK(summary.step == 20);
    CHECK(summary.tokens == 20 * 3 * 2);
    CHECK_FALSE(summary.interrupted);
    CHECK_FALSE(task.evaluated_in_training);
    CHECK(recorder.steps.size() == 5);
    CHECK(recorder.evals.size() == 4);  // 6, 12, 18, 20
  }
  SECTION("by request_stop, also in the middle of a step and where an evaluation is due") {
    // The request comes while micro-batch n is fetched: the step under way is finished. 17 belongs to step 6.
    for (const int stop_at : {1, 2, 8, 17, 25, 59}) {
      INFO("stopped at micro-batch " << stop_at);
      TempDir out;
      {
        ToyTask task(0.3);
        Trainer trainer(task, options, out.path(), torch::kCPU);
        task.on_next = [&](int n) {
          if (n == stop_at) trainer.request_stop();
        };
        const auto summary = trainer.run();
        CHECK(summary.interrupted);
        CHECK(summary.step == (stop_at + 2) / 3);
      }
      torch::rand({5});
      ToyTask task(0.3);
      Trainer trainer(task, options, out.path(), torch::kCPU);
      REQUIRE(trainer.resume());
      const auto summary = trainer.run();
      CHECK(summary.step == 20);
      CHECK(summary.tokens == 120);
      CHECK(weights(out.path()) == weights(reference.path()));
      CHECK(weights(out / "best") == weights(reference / "best"));
      check_equal_states(out.path(), reference.path());
    }
  }
  SECTION("by a crash: everything since the last save is done again") {
    for (const int crash_at : {17, 32, 40}) {
      INFO("crashed at micro-batch " << crash_at);
      TempDir out;
      {
        ToyTask task(0.3);
        Trainer trainer(task, options, out.path(), torch::kCPU);
        task.on_next = [&](int n) {
          if (n == crash_at) throw std::logic_error("killed");
        };
        CHECK_THROWS_AS(trainer.run(), std::logic_error);
      }
      // What a kill in the middle of writing leaves beside the files.
      const auto partial = training_state_path(out.path()).string() + ".tmp-123-4";
      test::write_file(partial, "half");
      ToyTask task(0.3);
      Trainer trainer(task, options, out.path(), torch::kCPU);
      REQUIRE(trainer.resume());
      CHECK(task.position().epoch * 12 + task.position().batch == (crash_at - 1) / 15 * 15);
      trainer.run();
      CHECK_FALSE(fs::exists(partial));
      CHECK(weights(out.path()) == weights(reference.path()));
      check_equal_states(out.path(), reference.path());
    }
  }
  SECTION("by a crash between the model directory and the state") {
    TempDir out;
    {
      ToyTask task(0.3);
      Trainer trainer(task, options, out.path(), torch::kCPU);
      std::string state;
      task.on_save = [&](const fs::path& dir) {
        if (dir != out.path()) return;
        if (task.served == 30) state = test::read_file(training_state_path(out.path()));
      };
      task.on_next = [&](int n) {
        if (n == 31) throw std::logic_error("killed");
      };
      CHECK_THROWS_AS(trainer.run(), std::logic_error);
      test::write_file(training_state_path(out.path()), state);  // step 5's, beside step 10's model
    }
    ToyTask task(0.3);
    Trainer trainer(task, options, out.path(), torch::kCPU);
    REQUIRE(trainer.resume());
    trainer.run();
    CHECK(weights(out.path()) == weights(reference.path()));
  }
  SECTION("and resuming a finished run changes nothing") {
    ToyTask task(0.3);
    const auto before = weights(reference.path());
    Trainer trainer(task, options, reference.path(), torch::kCPU);
    REQUIRE(trainer.resume());
    const auto summary = trainer.run();
    CHECK(summary.step == 20);
    CHECK(summary.valid.count("loss") == 1);
    CHECK(task.served == 0);
    CHECK(weights(reference.path()) == before);
  }
}

TEST_CASE("Resume accepts more steps and names what does not fit") {
  TempDir out;
  auto options = small_options();
  options.schedule = "constant";
  options.eval_every = 0;
  options.max_steps = 10;
  {
    ToyTask task;
    Trainer(task, options, out.path(), torch::kCPU).run();
  }
  SECTION("more steps, and other options with a message") {
    auto more = options;
    more.max_steps = 14;
    more.learning_rate = 2e-2;
    ToyTask task;
    Trainer trainer(task, more, out.path(), torch::kCPU);
    Recorder recorder;
    trainer.add_observer(recorder);
    REQUIRE(trainer.resume());
    CHECK(trainer.run().step == 14);
    REQUIRE(recorder.messages.size() == 1);
    CHECK_THAT(recorder.messages[0], Catch::Contains("learning_rate = 0.02"));
  }
  SECTION("another model") {
    ToyTask task(0.0, 9);
    Trainer trainer(task, options, out.path(), torch::kCPU);
    CHECK_THROWS_WITH(trainer.resume(),
                      Catch::Contains("w1") && Catch::Contains("(8, 4)") && Catch::Contains("(9, 4)"));
  }
  SECTION("other data") {
    ToyTask task;
    task.data_name = "other";
    Trainer trainer(task, options, out.path(), torch::kCPU);
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("'rows'") && Catch::Contains("'other'"));
  }
  SECTION("no moving average any more") {
    options.ema_decay = 0;
    ToyTask task;
    Trainer trainer(task, options, out.path(), torch::kCPU);
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("ema_decay"));
  }
  SECTION("a damaged state") {
    const auto path = training_state_path(out.path());
    const auto bytes = test::read_file(path);
    test::write_file(path, bytes.substr(0, bytes.size() / 2));
    ToyTask task;
    Trainer trainer(task, options, out.path(), torch::kCPU);
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("state.safetensors"));
    save_safetensors(path, module_tensors(*task.net));
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("state.safetensors") && Catch::Contains("trainer.json"));
  }
}

TEST_CASE("Accumulated micro-batches equal one large batch") {
  const auto train = [](std::int64_t rows, std::int64_t accumulation, const fs::path& out) {
    auto options = small_options();
    options.accumulation = accumulation;
    options.ema_decay = 0;
    options.epsilon = 1e-3;  // else AdamW turns rounding into full steps where a gradient is all but zero
    ToyTask task(0.0, 8, rows);
    Trainer(task, options, out, torch::kCPU).run();
    return module_tensors(*task.net)["w2"].clone();
  };
  TempDir a, b;
  // 12 rows in one batch, or in 4 of 3: the same rows, in the same order.
  CHECK(max_difference(train(12, 1, a.path()), train(3, 4, b.path())) < 1e-6);
}

TEST_CASE("The normaliser is the number of targets of the whole step") {
  TempDir out;
  auto options = small_options();
  options.max_steps = 1;
  options.accumulation = 4;  // 2 + 1 + 2 + 1 targets
  ToyTask task, copy;
  double total = 0;
  for (int i = 0; i < 4; ++i) total += copy.next().loss_sum().item<double>();
  Trainer trainer(task, options, out.path(), torch::kCPU);
  CHECK(trainer.run().train_loss == Approx(total / 6).epsilon(1e-6));
}

TEST_CASE("A loss that is not finite names its step and keeps the last checkpoint") {
  TempDir out;
  auto options = small_options();
  std::string saved;
  ToyTask task(0.3);
  task.poisoned = 12 * 3 + 2;  // in step 13
  Trainer trainer(task, options, out.path(), torch::kCPU);
  CHECK_THROWS_WITH(trainer.run(), Catch::Contains("step 13") && Catch::Contains("not finite"));
  CHECK(load_training_state(out.path())->progress.step == 10);
  CHECK(module_tensors(*task.net)["w1"].isfinite().all().item<bool>());
}

TEST_CASE("Early stopping, the best checkpoint, and their counters over a resume") {
  auto options = small_options();
  options.max_steps = 100;
  options.eval_every = 2;
  options.patience = 3;
  const std::vector<double> losses = {3.0, 2.0, 2.5, 1.5, 1.6, 1.7, 1.8, 1.0};
  TempDir out;
  ToyTask task;
  task.losses = losses;
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  const auto summary = trainer.run();
  CHECK(summary.step == 14);  // the best at 8, then three without
  CHECK(summary.valid.at("loss") == 1.8);
  std::vector<std::int64_t> best;
  for (const auto& report : recorder.evals)
    if (report.best) best.push_back(report.step);
  CHECK(best == std::vector<std::int64_t>{2, 4, 8});
  CHECK(weights(out / "best") != weights(out.path()));

  TempDir resumed;
  {
    ToyTask first;
    first.losses = losses;
    Trainer part(first, options, resumed.path(), torch::kCPU);
    first.on_next = [&](int n) {
      if (n == 11 * 3) part.request_stop();
    };
    CHECK(part.run().step == 11);
  }
  ToyTask second;
  second.losses = {1.7, 1.8, 1.0};
  Trainer rest(second, options, resumed.path(), torch::kCPU);
  REQUIRE(rest.resume());
  CHECK(rest.run().step == 14);
  CHECK(weights(resumed / "best") == weights(out / "best"));
}

TEST_CASE("Saving that fails leaves the old checkpoint") {
  TempDir out;
  const auto options = small_options();
  ToyTask task(0.3);
  task.on_save = [&](const fs::path& dir) {
    if (task.served > 40) {
      write_file_atomically(dir / "model.safetensors", [](std::ostream& stream) {
        stream << "part";
        throw FileError("model.safetensors", "No space left on device");
      });
    }
  };
  Trainer trainer(task, options, out.path(), torch::kCPU);
  CHECK_THROWS_WITH(trainer.run(), Catch::Contains("model.safetensors"));
  ToyTask again(0.3);
  Trainer resumed(again, options, out.path(), torch::kCPU);
  REQUIRE(resumed.resume());
  CHECK(resumed.run().step == 20);
  CHECK(load_safetensors(out / "model.safetensors").size() == 3);
}

TEST_CASE("A state directory that cannot be written is named") {
  TempDir out;
  test::write_file(out / "training_state", "a file in the way");
  ToyTask task;
  Trainer trainer(task, small_options(), out.path(), torch::kCPU);
  CHECK_THROWS_WITH(trainer.run(), Catch::Contains("training_state"));
}

TEST_CASE("Epochs bound the run and the schedule") {
  TempDir out;
  auto options = small_options();
  options.max_steps = 1000;
  options.max_epochs = 2;
  options.accumulation = 5;  // 24 batches: five steps, the last one of four
  ToyTask task;
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  const auto summary = trainer.run();
  CHECK(summary.step == 5);
  CHECK(summary.tokens == 48);
  CHECK(recorder.steps.back().max_steps == 5);
  CHECK(recorder.steps.back().learning_rate == Approx(options.min_learning_rate));
}

TEST_CASE("Reduced precision trains and resumes, float16 with its scaler") {
  for (const char* dtype : {"bfloat16", "float16"}) {
    INFO(dtype);
    auto options = small_options();
    options.dtype = dtype;
    TempDir whole, parts;
    ToyTask task(0.3);
    const auto first = Trainer(task, options, whole.path(), torch::kCPU).run();
    CHECK(std::isfinite(first.train_loss));
    CHECK(first.train_loss < 1.2);
    {
      ToyTask part(0.3);
      Trainer trainer(part, options, parts.path(), torch::kCPU);
      part.on_next = [&](int n) {
        if (n == 20) trainer.request_stop();
      };
      trainer.run();
    }
    ToyTask rest(0.3);
    Trainer trainer(rest, options, parts.path(), torch::kCPU);
    REQUIRE(trainer.resume());
    trainer.run();
    CHECK(weights(parts.path()) == weights(whole.path()));
  }
}

TEST_CASE("Options that make no sense are named") {
  const auto message = [](const std::function<void(TrainerOptions&)>& change) {
    TrainerOptions options;
    change(options);
    try {
      options.validate();
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  CHECK(message([](TrainerOptions&) {}) == "accepted");
  CHECK_THAT(message([](auto& o) { o.max_steps = 0; }), Catch::Contains("train.max_steps is 0"));
  CHECK_THAT(message([](auto& o) { o.learning_rate = -1; }), Catch::Contains("train.learning_rate is -1"));
  CHECK_THAT(message([](auto& o) { o.min_learning_rate = 1; }), Catch::Contains("train.min_learning_rate is 1"));
  CHECK_THAT(message([](auto& o) { o.schedule = "cosin"; }), Catch::Contains("'cosin'"));
  CHECK_THAT(message([](auto& o) { o.dtype = "float8"; }), Catch::Contains("'float8'"));
  CHECK_THAT(message([](auto& o) { o.optimizer = "lbfgs"; }), Catch::Contains("train.optimizer is lbfgs"));
  CHECK_THAT(message([](auto& o) { o.beta2 = 1; }), Catch::Contains("beta2 is 1"));
}

TEST_CASE("Denormals are flushed on every thread, and only meanwhile") {
  // Large enough for ATen to use its workers.
  const auto tiny = torch::full({200000}, 1e-39f);
  CHECK((tiny * 1.0f != 0).all().item<bool>());
  {
    const FlushDenormals flush;
    CHECK(torch::count_nonzero((tiny * 1.0f).view(torch::kInt32)).item<std::int64_t>() == 0);
  }
  CHECK((tiny * 1.0f != 0).all().item<bool>());
}

}  // namespace langzoo
