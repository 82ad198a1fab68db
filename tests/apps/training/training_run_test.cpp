#include "tests/support/test.h"

#include <algorithm>

#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "tests/apps/training/toy_task.h"

namespace langzoo::test {

namespace {

/// The toy task as a run has it.
class ToySetup : public TaskSetup {
 public:
  void bind(RunConfig& config, TrainSetting& setting) override {
    setting.trainer.max_steps = 6;
    setting.trainer.schedule = "constant";
    setting.batch.batch_size = 2;
    setting.trainer.save_every = 2;
    config.bind("data", [this](FieldVisitor& visit) { visit("train", data_, {.help = "names nothing"}); });
    config.bind("data", [this](FieldVisitor& visit) { visit("poisoned", poisoned_); });
    config.bind("model", [this](FieldVisitor& visit) { visit("width", width_, {.least = 1, .help = "units"}); });
  }
  std::vector<TrainFlag> flags() const override { return {}; }
  std::vector<std::string> data_keys() const override { return {"data.train", "data.poisoned"}; }
  void complete(RunConfig& config) override {
    config.set_default("train.log_every", "1");
    if (data_ == "contradiction") throw ConfigError("data.train contradicts itself");
  }
  std::string needs_cpu() const override { return data_ == "slow" ? "it is slow" : ""; }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    fs::create_directories(setting.out / "data");
    write_file(setting.out / "data" / "prepared", "x");
    setting.message("prepared");
    if (data_ == "bad") throw std::runtime_error("the data is bad");
    auto task = std::make_unique<ToyTask>(0.0, width_, setting.batch.batch_size);
    task->poisoned = static_cast<int>(poisoned_);
    return task;
  }
  std::string unread_beside_batch_tokens() const override { return "train.accumulation"; }
  std::int64_t tokens_per_sequence() const override { return 3; }

 private:
  std::string data_;
  std::int64_t width_ = 8, poisoned_ = -1;
};

std::unique_ptr<TrainingRun> toy_run(const std::string& program = "toy") {
  return std::make_unique<TrainingRun>(program, std::make_unique<ToySetup>());
}

/// Trained in `out` with these settings.
TrainSummary train(const fs::path& out, bool resume, const std::vector<std::string>& settings) {
  const auto run = toy_run();
  run->open(out, resume);
  for (const auto& setting : settings) run->config().set_text(setting, "test");
  return run->train();
}

}  // namespace

TEST_CASE("a run trains into its folder, tells its observers and writes down its settings") {
  const TempDir dir;
  const auto out = dir / "above" / "run";
  Recorder before, after;
  std::vector<std::string> messages;
  const auto run = toy_run();
  run->open(out);
  run->config().set("model.width", "5", "test");
  run->setting().message = [&](const std::string& text) { messages.push_back(text); };
  run->add_observer(before);
  run->complete();
  CHECK_FALSE(fs::exists(out));  // nothing is written before all settings are checked
  CHECK_THROWS_AS(run->task(), std::logic_error);
  CHECK_THROWS_AS(run->trainer(), std::logic_error);
  run->prepare();
  run->add_observer(after);
  CHECK_FALSE(run->resumed());
  CHECK(run->trainer().total_steps() == 6);
  CHECK(run->task().model().parameters().front().size(0) == 5);
  CHECK(messages == std::vector<std::string>{"prepared"});
  const auto summary = run->train();
  CHECK(summary.step == 6);
  CHECK(before.steps.size() == 6);  // log_every is 1, which the setup completed
  CHECK(after.steps.size() == 6);
  CHECK(read_file(out / "run.json") == run->resolved());
  CHECK_THAT(run->resolved(), Catch::Contains("\"program\": \"toy\"") && Catch::Contains("\"width\": 5"));
  CHECK(load_training_state(out));
}

TEST_CASE("a run that does not get under way leaves nothing behind") {
  const TempDir dir;
  const auto out = dir / "above" / "run";
  {
    const auto run = toy_run();
    run->open(out);
    run->prepare();
    CHECK(fs::exists(out / "data" / "prepared"));
  }
  CHECK_FALSE(fs::exists(dir / "above"));
  CHECK_THROWS_WITH(train(out, false, {"data.train=bad"}), "the data is bad");
  CHECK_FALSE(fs::exists(dir / "above"));
}

TEST_CASE("a run that fails before its first checkpoint leaves nothing, one that fails later keeps it") {
  const TempDir dir;
  const auto out = dir / "run";
  // Steps 1 and 2 come before the first checkpoint.
  CHECK_THROWS_WITH(train(out, false, {"data.poisoned=2"}), Catch::Contains("step 2: the loss or a gradient is not"));
  CHECK_FALSE(fs::exists(out));
  CHECK_THROWS_WITH(train(out, false, {"data.poisoned=4"}), Catch::Contains("step 4"));
  CHECK(load_training_state(out)->progress.step == 2);
  CHECK(train(out, true, {"data.poisoned=-1"}).step == 6);
  const TempDir best;
  CHECK_THROWS(train(best / "run", false, {"data.poisoned=2", "train.eval_every=1"}));
  CHECK(fs::exists(best / "run/best/model.safetensors"));
}

TEST_CASE("another run replaces one once it has a checkpoint of its own") {
  const TempDir dir;
  const auto out = dir / "run";
  const auto replace = [&](const std::vector<std::string>& settings) {
    const auto run = toy_run("other");
    run->overwrite(out);
    for (const auto& setting : settings) run->config().set_text(setting, "test");
    return run->train();
  };
  CHECK(replace({}).step == 6);  // there was none
  const auto before = weights(out);
  CHECK_THROWS(replace({"data.poisoned=1"}));
  CHECK_THROWS(replace({"data.train=bad"}));
  CHECK(weights(out) == before);
  CHECK(load_training_state(out)->progress.step == 6);
  CHECK(replace({"train.max_steps=2", "model.width=5"}).step == 2);
  CHECK(load_training_state(out)->progress.step == 2);
  CHECK_THAT(read_file(out / "run.json"), Catch::Contains("\"width\": 5"));

  write_file(out / "notes.txt", "mine");
  CHECK_THROWS_WITH(replace({}), Catch::Contains("holds notes.txt"));
  fs::remove(out / "notes.txt");
  write_file(out / "run.json", R"({"scripts": {}})");  // another tool's
  CHECK_THROWS_WITH(replace({}), Catch::Contains("run.json: is no run's"));
}

TEST_CASE("two runs do not write one folder") {
  const TempDir dir;
  const auto out = dir / "run";
  train(out, false, {"train.max_steps=2"});
  const auto first = toy_run();
  first->open(out, true);
  first->prepare();
  CHECK_THROWS_WITH(train(out, true, {}), Catch::Contains("another process is training in it"));
  CHECK(first->train().step == 2);
  // Both saw a folder that was not there.
  const auto a = toy_run(), b = toy_run();
  a->open(dir / "new");
  b->open(dir / "new");
  a->prepare();
  CHECK_THROWS_AS(b->prepare(), ConfigError);
  CHECK(a->train().step == 6);
  CHECK_THROWS_WITH(b->prepare(), Catch::Contains("another process"));
}

TEST_CASE("a resumed run says where fewer steps are asked for than are done, and where none is left") {
  const TempDir dir;
  const auto out = dir / "run";
  train(out, false, {"train.max_steps=4"});
  CHECK_THROWS_AS(train(out, true, {"train.max_steps=3"}), ConfigError);
  CHECK_THROWS_WITH(train(out, true, {"train.max_steps=3"}),
                    "cannot resume: 4 steps are done already, and train.max_steps = 3 asks for 3");
  CHECK(load_training_state(out)->progress.step == 4);
  const auto run = toy_run();
  std::vector<std::string> messages;
  run->setting().message = [&](const std::string& text) { messages.push_back(text); };
  run->open(out, true);
  CHECK(run->train().step == 4);
  CHECK(messages.back() == "nothing is left to do: 4 steps are done (train.max_steps = 4)");
}

TEST_CASE("a family that begins with no other model's weights says so") {
  const TempDir dir;
  CHECK_THROWS_AS(train(dir / "run", false, {"train.init=elsewhere"}), ConfigError);
  CHECK_THROWS_WITH(train(dir / "run", false, {"train.init=elsewhere"}), Catch::Contains("train.init = elsewhere"));
}

TEST_CASE("settings are checked before data is prepared") {
  const TempDir dir;
  const auto out = dir / "run";
  CHECK_THROWS_AS(train(out, false, {"data.train=contradiction"}), ConfigError);
  CHECK_THROWS_AS(train(out, false, {"train.max_steps=0", "train.max_epochs=0", "train.min_learning_rate=1"}),
                  ConfigError);
  const auto slow = toy_run();
  slow->open(out);
  slow->config().set("data.train", "slow", "test");
  slow->setting().device = torch::kCUDA;
  CHECK_THROWS_WITH(slow->prepare(), "device cuda: it is slow");
  CHECK_FALSE(fs::exists(out));
}

TEST_CASE("a run in two parts ends with the weights of one in one") {
  const TempDir dir;
  CHECK(train(dir / "whole", false, {}).step == 6);
  CHECK(train(dir / "parts", false, {"train.max_steps=3"}).step == 3);
  CHECK(train(dir / "parts", true, {"train.max_steps=6"}).step == 6);
  CHECK(weights(dir / "whole") == weights(dir / "parts"));
}

TEST_CASE("a resumed run keeps the earlier part's settings, and names the one that may not change") {
  const TempDir dir;
  const auto out = dir / "run";
  train(out, false, {"model.width=5", "train.max_steps=3"});
  {
    const auto run = toy_run();
    run->open(out, true);
    CHECK(run->config().value("model.width") == "5");
    run->prepare();
    CHECK(run->resumed());
    CHECK(run->trainer().step() == 3);
  }
  CHECK(fs::exists(out / "model.safetensors"));  // what was there stays
  CHECK_THROWS_WITH(train(out, true, {"model.width=6"}),
                    "cannot resume: model.width = 6 here, but model.width = 5 in " + (out / "run.json").string());
  // Another name of the data is accepted: the saved state tells whether the data is the same.
  CHECK(train(out, true, {"data.train=elsewhere", "train.max_steps=4"}).step == 4);
}

TEST_CASE("where no state was saved a resumed run begins, and says so") {
  const TempDir dir;
  const auto out = dir / "run";
  train(out, false, {});
  fs::remove_all(training_state_path(out));
  std::vector<std::string> messages;
  const auto run = toy_run();
  run->open(out, true);
  run->setting().message = [&](const std::string& text) { messages.push_back(text); };
  run->prepare();
  CHECK_FALSE(run->resumed());
  REQUIRE(messages.size() == 2);
  CHECK_THAT(messages[1], Catch::StartsWith("no training state was saved here"));
}

TEST_CASE("a folder that holds something else is refused") {
  const TempDir dir;
  const auto out = dir / "run";
  fs::create_directories(out);
  write_file(out / "notes.txt", "mine");
  CHECK_THROWS_WITH(toy_run()->open(out), Catch::Contains("is not empty, and nothing asks to resume"));
  CHECK_THROWS_WITH(toy_run()->open(out, true), Catch::Contains("holds no run to resume (no run.json)"));
  write_file(out / "run.json", "[1]");
  CHECK_THROWS_AS(toy_run()->open(out, true), FileError);
  write_file(out / "run.json", R"({"program": "other"})");
  CHECK_THROWS_WITH(toy_run()->open(out, true), Catch::Contains("is a run of the program \"other\", not of \"toy\""));
  CHECK_THROWS_AS(toy_run()->open(out, true), ConfigError);
  fs::remove_all(out);
  CHECK_THROWS_AS(toy_run()->prepare(), std::logic_error);
  CHECK_NOTHROW(toy_run()->open(out, true));  // --resume starts a run where there is none
}

TEST_CASE("a step accumulates micro-batches until they have train.batch_tokens tokens") {
  const TempDir dir;
  const auto run = toy_run();
  run->open(dir / "run");
  run->config().set("train.batch_tokens", "13", "test");  // of 2 sequences of 3 tokens each
  CHECK(run->train().step == 6);
  CHECK(load_training_state(dir / "run")->options.accumulation == 3);
  CHECK(load_training_state(dir / "run")->progress.position.batch == 6 * 3 % 12);
  CHECK_THROWS_WITH(train(dir / "both", false, {"train.batch_tokens=13", "train.accumulation=2"}),
                    "train.accumulation = 2: train.batch_tokens = 13 (0 lets it count) makes no use of it");
}

TEST_CASE("options that the optimizer does not read are refused") {
  const TempDir dir;
  for (const auto* option : {"train.weight_decay=0.2", "train.beta1=0.8", "train.beta2=0.9", "train.epsilon=0.001"}) {
    CHECK_THROWS_WITH(train(dir / "run", false, {"train.optimizer=sgd", option}),
                      Catch::Contains(std::string(option).substr(0, 11)) &&
                          Catch::Contains("train.optimizer = sgd makes no use of it"));
  }
  CHECK_NOTHROW(train(dir / "run", false, {"train.optimizer=sgd", "train.clip_norm=0.5"}));
  CHECK_NOTHROW(train(dir / "adamw", false, {"train.weight_decay=0.2"}));
}

TEST_CASE("how many checkpoints stay may change when a run goes on; which of them is read only where some do") {
  const TempDir dir;
  CHECK_THROWS_WITH(train(dir / "run", false, {"train.keep_which=best"}),
                    Catch::Contains("train.keep_checkpoints = 0"));
  train(dir / "run", false, {"train.keep_checkpoints=1", "train.max_steps=4"});
  CHECK(fs::exists(dir / "run/checkpoint-4"));
  train(dir / "run", true, {"train.keep_checkpoints=2", "train.max_steps=6"});
  CHECK(fs::exists(dir / "run/checkpoint-4"));
  CHECK(fs::exists(dir / "run/checkpoint-6"));
}

TEST_CASE("a run that replaces another does not read from its folder") {
  const TempDir dir;
  const auto out = dir / "run";
  train(out, false, {});
  fs::create_directories(dir / "run2");
  write_file(dir / "run2/text", "x");
  write_file(out / "data/text", "x");
  const auto overwrite = [&](const std::string& data) {
    const auto run = toy_run();
    run->overwrite(out);
    run->config().set("data.train", data, "test");
    run->prepare();
  };
  for (const auto& data : {(out / "data/text").string(), out.string() + "/", (dir / "run2/../run/data").string()}) {
    CHECK_THROWS_WITH(overwrite(data),
                      "data.train = " + data + ": is in " + out.string() + ", whose run this one replaces");
  }
  CHECK(fs::exists(out / "data/text"));
  CHECK_NOTHROW(overwrite((dir / "run2/text").string()));
}

}  // namespace langzoo::test
