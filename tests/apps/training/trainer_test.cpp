#include "tests/support/test.h"

#include <functional>

#include "apps/training/flush_denormals.h"
#include "apps/training/run_config.h"
#include "data/files/files.h"
#include "tests/apps/training/toy_task.h"

namespace langzoo {

namespace fs = std::filesystem;
using test::check_equal_states;
using test::max_difference;
using test::Recorder;
using test::small_options;
using test::TempDir;
using test::ToyTask;
using test::weights;

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
  for (int i = 0; i < 4; ++i) total += copy.next().loss_sums().front().item<double>();
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
  const auto losses = [](const std::vector<double>& values) {
    std::vector<EvalMetrics> given;
    for (const double value : values) given.push_back({{"loss", {value}}});
    return given;
  };
  const auto all = losses({3.0, 2.0, 2.5, 1.5, 1.6, 1.7, 1.8, 1.0});
  TempDir out;
  ToyTask task;
  task.given = all;
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  const auto summary = trainer.run();
  CHECK(summary.step == 14);  // the best at 8, then three without
  CHECK(summary.valid.at("loss").value == 1.8);
  std::vector<std::int64_t> best;
  for (const auto& report : recorder.evals)
    if (report.best) best.push_back(report.step);
  CHECK(best == std::vector<std::int64_t>{2, 4, 8});
  CHECK(weights(out / "best") != weights(out.path()));

  TempDir resumed;
  {
    ToyTask first;
    first.given = all;
    Trainer part(first, options, resumed.path(), torch::kCPU);
    first.on_next = [&](int n) {
      if (n == 11 * 3) part.request_stop();
    };
    CHECK(part.run().step == 11);
  }
  ToyTask second;
  second.given = losses({1.7, 1.8, 1.0});
  Trainer rest(second, options, resumed.path(), torch::kCPU);
  REQUIRE(rest.resume());
  CHECK(rest.run().step == 14);
  CHECK(weights(resumed / "best") == weights(out / "best"));
}

TEST_CASE("The moving average is what is evaluated, judged and saved as best") {
  auto options = small_options();
  options.max_steps = options.eval_every = 10;
  options.save_every = 0;
  options.best_metric = "bleu";
  TempDir out;
  ToyTask task;
  std::vector<torch::Tensor> evaluated;
  task.given = {{{"bleu", {12, Direction::kHigherIsBetter}}}};
  task.on_save = [&](const fs::path&) { evaluated.push_back(task.net->w1.detach().clone()); };
  Trainer(task, options, out.path(), torch::kCPU).run();
  const auto state = load_training_state(out.path());
  REQUIRE(evaluated.size() == 2);  // the best, then the last
  CHECK(torch::equal(evaluated[0], state->tensors["ema/average.w1"]));
  CHECK_FALSE(torch::equal(evaluated[0], state->tensors["model/w1"]));
  CHECK(torch::equal(load_safetensors(out / "best/model.safetensors")["w1"], evaluated[0]));
  CHECK(torch::equal(task.net->w1, state->tensors["model/w1"]));
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
  CHECK_THAT(message([](auto& o) { o.max_steps = 0; }), Catch::Contains("max_steps = 0"));
  CHECK_THAT(message([](auto& o) { o.learning_rate = -1; }), Catch::Contains("learning_rate = -1"));
  CHECK_THAT(message([](auto& o) { o.learning_rate = 0; }), Catch::Contains("learning_rate = 0"));
  CHECK_THAT(message([](auto& o) { o.learning_rate = std::nan(""); }), Catch::Contains("learning_rate"));
  CHECK_THAT(message([](auto& o) { o.min_learning_rate = 1; }), Catch::Contains("min_learning_rate = 1"));
  CHECK_THAT(message([](auto& o) { o.schedule = "cosin"; }), Catch::Contains("cosin") && Catch::Contains("cosine"));
  CHECK_THAT(message([](auto& o) { o.dtype = "float8"; }), Catch::Contains("float8") && Catch::Contains("bfloat16"));
  CHECK_THAT(message([](auto& o) { o.optimizer = "lbfgs"; }), Catch::Contains("lbfgs") && Catch::Contains("adamw"));
  CHECK_THAT(message([](auto& o) { o.beta2 = 1; }), Catch::Contains("beta2 = 1"));
  CHECK_THAT(message([](auto& o) { o.epsilon = 0; }), Catch::Contains("epsilon = 0"));
}

TEST_CASE("The best checkpoint is that of the highest metric where higher is better, and patience counts likewise") {
  auto options = small_options();
  options.max_steps = 100;
  options.eval_every = 2;
  options.patience = 2;
  options.best_metric = "exact_match";
  TempDir out;
  ToyTask task;
  for (const double score : {10.0, 40.0, 30.0, 50.0, 45.0, 5.0, 60.0})
    task.given.push_back({{"exact_match", {score, Direction::kHigherIsBetter}}, {"loss", {1.0}}});
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  CHECK(trainer.run().step == 12);
  std::vector<std::int64_t> best;
  for (const auto& report : recorder.evals)
    if (report.best) best.push_back(report.step);
  CHECK(best == std::vector<std::int64_t>{2, 4, 8});
  CHECK(load_training_state(out.path())->progress.best == 50.0);

  ToyTask other;
  other.given = {{{"loss", {1.0}}, {"bleu", {1.0}}}};
  TempDir elsewhere;
  CHECK_THROWS_WITH(Trainer(other, options, elsewhere.path(), torch::kCPU).run(),
                    Catch::Contains("'exact_match'") && Catch::Contains("bleu, loss"));
}

TEST_CASE("What is not a number is never the best") {
  auto options = small_options();
  options.eval_every = 5;
  TempDir out;
  ToyTask task;
  task.given = {{{"loss", {std::nan("")}}}, {{"loss", {2.0}}}, {{"loss", {std::nan("")}}}, {{"loss", {3.0}}}};
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  trainer.run();
  std::vector<bool> best;
  for (const auto& report : recorder.evals) best.push_back(report.best);
  CHECK(best == std::vector<bool>{false, true, false, false});
}

TEST_CASE("The data's fingerprint is asked for once, however often a run saves and resumes") {
  TempDir out;
  auto options = small_options();
  options.max_steps = 10;
  options.save_every = 1;
  ToyTask task;
  Trainer(task, options, out.path(), torch::kCPU).run();
  CHECK(task.fingerprints == 1);
  options.max_steps = 20;
  ToyTask again;
  Trainer resumed(again, options, out.path(), torch::kCPU);
  REQUIRE(resumed.resume());
  resumed.run();
  CHECK(again.fingerprints == 1);
}

TEST_CASE("Parameter rules of the task freeze, scale and decay by name") {
  auto options = small_options();
  options.max_steps = 1;
  options.accumulation = 1;
  options.warmup_steps = 0;
  options.ema_decay = 0;
  options.epsilon = 1e-12;  // the first step of AdamW has the length of the learning rate, whatever the gradient
  options.weight_decay = 0;
  TempDir out;
  ToyTask before, task;
  task.rules = {{.pattern = "w1", .frozen = true}, {.pattern = "w*", .lr_scale = 0.1}};
  const double rate = [&] {
    Recorder recorder;
    Trainer trainer(task, options, out.path(), torch::kCPU);
    trainer.add_observer(recorder);
    trainer.run();
    return recorder.steps.back().learning_rate;
  }();
  CHECK(torch::equal(task.net->w1, before.net->w1));
  CHECK((task.net->w2 - before.net->w2).abs().max().item<double>() == Approx(rate * 0.1).epsilon(5e-3));
  CHECK((task.net->b1 - before.net->b1).abs().max().item<double>() == Approx(rate).epsilon(1e-3));

  SECTION("rules are no part of the state: what is frozen there and learns here does not resume") {
    ToyTask other;
    Trainer trainer(other, options, out.path(), torch::kCPU);
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("exp_avg.w1"));
  }
  SECTION("a rule that matches nothing is named") {
    ToyTask other;
    other.rules = {{.pattern = "encoder.*", .frozen = true}};
    CHECK_THROWS_WITH(Trainer(other, options, out.path(), torch::kCPU), Catch::Contains("'encoder.*'"));
  }
}

namespace {

/// SGD with momentum: what a program brings along.
class Momentum : public Optimizer {
 public:
  explicit Momentum(FlatParameters& parameters, double decay = 0.9) : parameters_(parameters), decay_(decay) {
    for (const auto& group : parameters.groups()) velocities_.push_back(torch::zeros_like(group.values));
  }
  void step(double learning_rate, const torch::Tensor& divisor, const torch::Tensor& /*found_inf*/) override {
    const torch::NoGradGuard no_grad;
    parameters_.gather();
    for (std::size_t g = 0; g < velocities_.size(); ++g) {
      const auto& group = parameters_.groups()[g];
      velocities_[g].mul_(decay_).add_(divisor.defined() ? group.grads / divisor : group.grads);
      group.values.sub_(velocities_[g], learning_rate * group.lr_scale);
    }
    parameters_.mark_changed();
  }
  NamedTensors state_dict() const override {
    NamedTensors state;
    for (std::size_t g = 0; g < velocities_.size(); ++g) {
      const auto& group = parameters_.groups()[g];
      for (const auto& slot : group.slots) state.insert("velocity." + slot.name, group.view(velocities_[g], slot));
    }
    return state;
  }

 private:
  FlatParameters& parameters_;
  double decay_;
  std::vector<torch::Tensor> velocities_;
};

}  // namespace

TEST_CASE("A program's own optimizer trains and resumes by its name") {
  auto options = small_options();
  options.optimizer = "test_momentum";
  CHECK_THROWS_WITH(options.validate(), Catch::Contains("test_momentum") && Catch::Contains("adamw, sgd"));
  register_optimizer("test_momentum", [](FlatParameters& parameters, const OptimizerOptions&) {
    return std::make_unique<Momentum>(parameters);
  });
  TempDir whole, parts;
  ToyTask task(0.3);
  CHECK(Trainer(task, options, whole.path(), torch::kCPU).run().train_loss < 1.2);
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
  check_equal_states(parts.path(), whole.path());
  auto other = options;
  other.optimizer = "adamw";
  Trainer refused(rest, other, parts.path(), torch::kCPU);
  CHECK_THROWS_WITH(refused.resume(), Catch::Contains("train.optimizer") && Catch::Contains("test_momentum"));
}

namespace {

struct MomentumOptions {
  double decay = 0.9;
  std::vector<std::string> names = {"a", "b"};
  void for_each_field(FieldVisitor& visit) {
    visit("decay", decay, {.least = 0, .below = 1, .help = "decay"});
    visit("names", names, {.help = "names"});
  }
};

}  // namespace

TEST_CASE("An optimizer's own options are keys of a run, saved with it, and told where they change") {
  register_optimizer("test_decayed", MomentumOptions(),
                     [](FlatParameters& parameters, const OptimizerOptions&, const MomentumOptions& own) {
                       return std::make_unique<Momentum>(parameters, own.decay);
                     });
  auto options = small_options();
  RunConfig config;
  config.bind("train", options);
  config.set("train.test_decayed.decay", "0.5", "--set");
  CHECK_THROWS_WITH(options.validate(), Catch::Contains("test_decayed") && Catch::Contains("adamw"));
  config.set("train.optimizer", "test_decayed", "--set");
  CHECK_THAT(config.help(), Catch::Contains("train.test_decayed.decay = 0.5"));
  const TempDir half, most;
  ToyTask a, b;
  Trainer(a, options, half.path(), torch::kCPU).run();
  CHECK(load_training_state(half.path())->options.own.back().second.as<MomentumOptions>().decay == 0.5);
  config.set("train.test_decayed.decay", "0.8", "--set");
  config.set("train.test_decayed.names", "[\"a\"]", "--set");
  Trainer(b, options, most.path(), torch::kCPU).run();
  CHECK(weights(half.path()) != weights(most.path()));
  Recorder recorder;
  Trainer resumed(a, options, half.path(), torch::kCPU);
  resumed.add_observer(recorder);
  REQUIRE(resumed.resume());
  CHECK(recorder.messages ==
        std::vector<std::string>{"resumed with train.test_decayed.decay = 0.8, was 0.5",
                                 "resumed with train.test_decayed.names = [\"a\"], was [\"a\",\"b\"]"});
}

TEST_CASE("Denormals are flushed on every thread, and only meanwhile") {
  at::globalContext().setFlushDenormal(false);  // a program that ran in this process has set it
  { const FlushDenormals resets_workers_as_this_thread; }
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
