#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "data/files/file_error.h"
#include "tests/apps/training/toy_task.h"

namespace langzoo {
namespace {

using Json = nlohmann::ordered_json;
using test::Recorder;
using test::small_options;
using test::TempDir;
using test::ToyTask;
using test::weights;

constexpr const char* kHeader = "trainer.json";

Json header_of(const std::filesystem::path& out) {
  const auto bytes = load_safetensors(training_state_path(out))[kHeader].clone();
  const auto* text = static_cast<const char*>(bytes.const_data_ptr());
  return Json::parse(text, text + bytes.numel());
}

/// Puts a header of somebody else's into the state in `out`.
void write_header(const std::filesystem::path& out, const Json& header) {
  StateDict tensors;
  for (const auto& item : load_safetensors(training_state_path(out)))
    if (item.key() != kHeader) tensors.insert(item.key(), item.value().clone());
  const std::string text = header.dump();
  auto bytes = torch::empty({static_cast<std::int64_t>(text.size())}, torch::kUInt8);
  std::copy(text.begin(), text.end(), bytes.data_ptr<std::uint8_t>());
  tensors.insert(kHeader, bytes);
  save_safetensors(training_state_path(out), tensors);
}

/// The header that the first version of the program wrote: no world, no loss terms, metrics that are plain numbers, and
/// fewer options than there are now.
Json older(const Json& header) {
  const auto& now = header.at("progress");
  Json progress;
  for (const char* key : {"step", "tokens", "position", "interval_loss", "interval_steps", "train_loss",
                          "evaluated_step", "best", "evaluations_without_best"})
    progress[key] = now.at(key);
  progress["valid"] = Json::object();
  for (const auto& [name, metric] : now.at("valid").items()) progress["valid"][name] = metric.at("value");
  if (progress["best"].is_null()) progress["best"] = "inf";
  Json options;
  for (const char* key :
       {"max_steps",    "max_epochs", "accumulation",       "optimizer",    "learning_rate", "min_learning_rate",
        "warmup_steps", "schedule",   "wsd_decay_fraction", "weight_decay", "beta1",         "beta2",
        "epsilon",      "clip_norm",  "ema_decay",          "dtype",        "eval_every",    "save_every",
        "log_every",    "patience",   "best_metric",        "seed"})
    options[key] = header.at("options").at(key);
  return {{"version", 1}, {"progress", progress}, {"options", options}, {"fingerprint", header.at("fingerprint")}};
}

/// A run of the toy task in `out`, stopped after 11 of its 20 steps.
void train_partly(const std::filesystem::path& out, const TrainerOptions& options) {
  ToyTask task(0.3);
  Trainer trainer(task, options, out, torch::kCPU);
  task.on_next = [&](int n) {
    if (n == 11 * 3) trainer.request_stop();
  };
  trainer.run();
}

}  // namespace

TEST_CASE("states written before options and counters were added resume as if they had them") {
  const auto options = small_options();
  TempDir whole, parts;
  ToyTask task(0.3);
  Trainer(task, options, whole.path(), torch::kCPU).run();
  train_partly(parts.path(), options);
  auto header = older(header_of(parts.path()));
  SECTION("the first version's") {}
  SECTION("even older ones") {
    // As if these had come later: their defaults are what the run had.
    for (const char* key : {"patience", "dtype", "clip_norm", "wsd_decay_fraction"}) header["options"].erase(key);
    for (const char* key : {"train_loss"}) header["progress"].erase(key);
  }
  SECTION("with what std::to_string made of numbers that JSON lacks") {
    header["progress"]["train_loss"] = "-nan";
  }
  write_header(parts.path(), header);
  Recorder recorder;
  ToyTask rest(0.3);
  Trainer trainer(rest, options, parts.path(), torch::kCPU);
  trainer.add_observer(recorder);
  REQUIRE(trainer.resume());
  CHECK(trainer.run().step == 20);
  CHECK(recorder.messages.empty());
  CHECK(weights(parts.path()) == weights(whole.path()));
  CHECK(weights(parts / "best") == weights(whole / "best"));
}

TEST_CASE("an option that a state lacks counts as its default, which is told where it is another now") {
  auto options = small_options();
  TempDir out;
  train_partly(out.path(), options);
  auto header = header_of(out.path());
  header["options"].erase("clip_norm");
  write_header(out.path(), header);
  options.clip_norm = 3;
  ToyTask task(0.3);
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  REQUIRE(trainer.resume());
  CHECK(recorder.messages == std::vector<std::string>{"resumed with train.clip_norm = 3.0, was 1.0"});
}

TEST_CASE("a best that an older program chose the wrong way round is chosen anew, and that is told") {
  auto options = small_options();
  options.max_steps = 16;
  options.best_metric = "bleu";
  options.eval_every = 4;
  options.patience = 2;
  const auto bleu = [](double value) { return EvalMetrics{{"bleu", {value, Direction::kHigherIsBetter}}}; };
  TempDir out;
  {
    ToyTask task(0.3);
    task.given = {bleu(5), bleu(20)};
    Trainer trainer(task, options, out.path(), torch::kCPU);
    task.on_next = [&](int n) {
      if (n == 9 * 3) trainer.request_stop();
    };
    trainer.run();
  }
  auto header = older(header_of(out.path()));
  header["progress"]["best"] = 5.0;  // the lowest
  header["progress"]["evaluations_without_best"] = 1;
  write_header(out.path(), header);
  ToyTask task(0.3);
  task.given = {bleu(10), bleu(9)};
  Recorder recorder;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.add_observer(recorder);
  REQUIRE(trainer.resume());
  CHECK(trainer.run().step == 16);
  REQUIRE(recorder.evals.size() == 2);
  CHECK(recorder.evals[0].best);
  CHECK_FALSE(recorder.evals[1].best);
  CHECK(recorder.messages ==
        std::vector<std::string>{"the best checkpoint so far is that of the lowest bleu: it is chosen anew"});
}

TEST_CASE("what a newer program saved, and what is damaged, is refused by name") {
  const auto options = small_options();
  TempDir out;
  train_partly(out.path(), options);
  const auto good = header_of(out.path());
  const auto fails = [&](const std::function<void(Json&)>& change, const std::string& names) {
    auto header = good;
    change(header);
    write_header(out.path(), header);
    ToyTask task(0.3);
    Trainer trainer(task, options, out.path(), torch::kCPU);
    CHECK_THROWS_AS(trainer.resume(), FileError);
    CHECK_THROWS_WITH(trainer.resume(), Catch::Contains("state.safetensors") && Catch::Contains(names));
  };
  fails([](Json& h) { h["options"]["lookahead"] = 3; }, "train.lookahead");
  fails([](Json& h) { h["options"]["optimizer"] = "lion"; }, "lion");
  fails([](Json& h) { h["options"]["beta1"] = 2; }, "beta1");
  fails([](Json& h) { h["version"] = 2; }, "version 2");
  fails([](Json& h) { h["world"] = 0; }, "damaged");
  fails([](Json& h) { h["progress"].erase("step"); }, "step");
  fails([](Json& h) { h["progress"]["step"] = -1; }, "step");
  fails([](Json& h) { h["progress"]["valid"] = 3; }, "damaged");
  fails([](Json& h) { h["progress"]["valid"]["loss"]["better"] = "sideways"; }, "sideways");
  fails([](Json& h) { h.erase("options"); }, "options");
  fails([](Json& h) { h = Json::array(); }, "damaged");
  fails(
      [](Json& h) {
        for (int i = 0; i < 200; ++i) h["options"] = Json::array({h["options"]});
      },
      "nested too deeply");
}

TEST_CASE("metrics come back from a state with their labels and directions") {
  TempDir out;
  TrainingState state;
  state.progress.valid["f1"] = {0.5, Direction::kHigherIsBetter, "F1 of entities", MetricChart::kLoss};
  state.progress.valid["loss"] = {std::nan("")};
  state.progress.interval_losses["mlm"] = {1.5, 3};
  state.progress.best = 0.5;
  state.progress.kept = {{10, 0.25}, {1000, 0.5}};
  state.world = 4;
  save_training_state(out.path(), state);
  const auto loaded = load_training_state(out.path());
  REQUIRE(loaded);
  CHECK(loaded->world == 4);
  CHECK(loaded->progress.best == 0.5);
  CHECK(loaded->progress.kept == state.progress.kept);
  CHECK(loaded->progress.interval_losses.at("mlm").mean() == 0.5);
  const auto& f1 = loaded->progress.valid.at("f1");
  CHECK(f1.value == 0.5);
  CHECK(f1.direction == Direction::kHigherIsBetter);
  CHECK(f1.label == "F1 of entities");
  CHECK(f1.chart == MetricChart::kLoss);
  CHECK(std::isnan(loaded->progress.valid.at("loss").value));
}

}  // namespace langzoo
