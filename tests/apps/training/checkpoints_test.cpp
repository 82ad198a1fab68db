#include "tests/support/test.h"

#include "apps/training/checkpoints.h"
#include "apps/training/output_dir.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "tests/apps/training/toy_task.h"

namespace langzoo::test::checkpoints_test {

namespace {

std::vector<std::int64_t> steps_in(const fs::path& run) {
  std::vector<std::int64_t> steps;
  for (const auto& checkpoint : kept_checkpoints(run)) {
    CHECK(fs::exists(checkpoint.dir / "model.safetensors"));
    steps.push_back(checkpoint.step);
  }
  return steps;
}

using Steps = std::vector<std::int64_t>;

/// A model folder in words.
fs::path folder(const TempDir& dir, const std::string& name, double value, const std::string& config,
                const std::string& tokenizer) {
  const auto made = dir / name;
  fs::create_directories(made / "target_tokenizer");
  StateDict state;
  state.insert("w", torch::full({2}, value));
  save_safetensors(made / "model.safetensors", state);
  write_file(made / "config.json", config);
  write_file(made / "tokenizer.json", tokenizer);
  write_file(made / "target_tokenizer/vocab.txt", "a\nb\n");
  return made;
}

}  // namespace

TEST_CASE("the last checkpoints stay, as model folders of their steps") {
  auto options = small_options();  // 20 steps, saved every 5
  options.keep_checkpoints = 3;
  TempDir out;
  ToyTask task(0.3);
  task.on_save = [&](const fs::path& dir) { CHECK(fs::is_directory(dir)); };
  Trainer trainer(task, options, out.path(), torch::kCPU);
  trainer.run();
  CHECK(steps_in(out.path()) == Steps{10, 15, 20});
  // The weights that the folder above had at that step: the moving average's.
  CHECK(weights(out / "checkpoint-20") == weights(out.path()));
  CHECK(weights(out / "checkpoint-15") != weights(out.path()));
  TempDir none;
  options.keep_checkpoints = 0;
  ToyTask again(0.3);
  Trainer(again, options, none.path(), torch::kCPU).run();
  CHECK(kept_checkpoints(none.path()).empty());
  CHECK(weights(none.path()) == weights(out.path()));
}

TEST_CASE("the best evaluations' checkpoints stay, whichever way the metric gets better") {
  const auto higher = GENERATE(false, true);
  auto options = small_options();
  options.max_steps = 14;
  options.eval_every = 2;
  options.keep_checkpoints = 3;
  options.keep_which = "best";
  options.best_metric = "score";
  ToyTask task;
  for (const double score : {3.0, 1.0, 2.0, 5.0, 1.0, std::nan(""), 0.5})
    task.given.push_back(
        {{"score", {higher ? -score : score, higher ? Direction::kHigherIsBetter : Direction::kLowerIsBetter}}});
  const auto given = task.given;
  TempDir out;
  Trainer(task, options, out.path(), torch::kCPU).run();
  CHECK(steps_in(out.path()) == Steps{4, 10, 14});  // 1.0, 1.0, 0.5
  CHECK(weights(out / "checkpoint-14") == weights(out / "best"));

  // Interrupted and gone on with, the same folders hold the same bytes.
  TempDir parts;
  {
    ToyTask first;
    first.given = given;
    Trainer part(first, options, parts.path(), torch::kCPU);
    first.on_next = [&](int n) {
      if (n == 7 * 3) part.request_stop();
    };
    CHECK(part.run().step == 7);
    CHECK(steps_in(parts.path()) == Steps{2, 4, 6});
  }
  ToyTask second;
  second.given = {given.begin() + 3, given.end()};
  Trainer rest(second, options, parts.path(), torch::kCPU);
  REQUIRE(rest.resume());
  rest.run();
  CHECK(steps_in(parts.path()) == Steps{4, 10, 14});
  for (const auto step : {4, 10, 14}) {
    const auto name = "checkpoint-" + std::to_string(step);
    CHECK(weights(parts / name) == weights(out / name));
  }
}

TEST_CASE("what a lost part of a run left goes, and so does what is unfinished") {
  auto options = small_options();
  options.keep_checkpoints = 9;
  options.max_steps = 10;
  TempDir out;
  {
    ToyTask task;
    Trainer(task, options, out.path(), torch::kCPU).run();
  }
  fs::create_directories(out / "checkpoint-15");
  fs::create_directories(out / "checkpoint-5.unfinished");
  fs::create_directories(out / "checkpoint-mine");
  options.max_steps = 12;
  ToyTask task;
  Trainer trainer(task, options, out.path(), torch::kCPU);
  REQUIRE(trainer.resume());
  trainer.run();
  CHECK(steps_in(out.path()) == Steps{5, 10, 12});
  CHECK_FALSE(fs::exists(out / "checkpoint-5.unfinished"));
  CHECK(fs::exists(out / "checkpoint-mine"));

  CHECK(is_checkpoint_name("checkpoint-7"));
  CHECK(is_checkpoint_name("checkpoint-7.unfinished"));
  for (const auto* other : {"checkpoint-", "checkpoint-7a", "checkpoint--7", "checkpoints", "checkpoint-7.tmp"})
    CHECK_FALSE(is_checkpoint_name(other));
  fs::remove_all(out / "checkpoint-mine");
  write_file(out / "run.json", "{}");
  CHECK_NOTHROW(replaceable_run(out.path()));  // a run's own folders
}

TEST_CASE("a checkpoint that cannot be written leaves the one before") {
  TempDir out;
  const auto write = [&](const std::string& text) {
    save_checkpoint(out.path(), 3, [&](const fs::path& dir) {
      write_file(dir / "model.safetensors", text);
      if (text == "bad") throw std::runtime_error("the disk is full");
    });
  };
  write("first");
  CHECK_THROWS_WITH(write("bad"), "the disk is full");
  CHECK(read_file(out / "checkpoint-3/model.safetensors") == "first");
  write("second");
  CHECK(read_file(out / "checkpoint-3/model.safetensors") == "second");
  CHECK_THROWS_AS(save_checkpoint(out / "checkpoint-3/model.safetensors", 1, [](const fs::path&) {}), FileError);
}

TEST_CASE("the generators of averaged discriminators are averaged too") {
  const TempDir dir;
  const std::string config = R"({"model_type": "toy"})";
  const std::vector<fs::path> dirs = {folder(dir, "a", 1, config, "tokens"), folder(dir, "b", 4, config, "tokens")};
  folder(dir, "a/generator", 3, config, "tokens"), folder(dir, "b/generator", 5, config, "tokens");
  average_models(dirs, dir / "mean");
  CHECK(torch::equal(load_safetensors(dir / "mean/model.safetensors")["w"], torch::full({2}, 2.5)));
  CHECK(torch::equal(load_safetensors(dir / "mean/generator/model.safetensors")["w"], torch::full({2}, 4.0)));
  CHECK(fs::exists(dir / "mean/generator/config.json"));
  folder(dir, "b/generator", 5, R"({"model_type": "other"})", "tokens");
  CHECK_THROWS_WITH(average_models(dirs, dir / "none"), Catch::Contains("model_type is not that of"));
  CHECK_FALSE(fs::exists(dir / "none"));
}

TEST_CASE("an averaged model has the mean of the weights, and what the checkpoints share") {
  const TempDir dir;
  const std::string config = R"({"model_type": "toy", "width": 2, "dropout": 0.1})";
  const std::vector<fs::path> dirs = {
      folder(dir, "a", 1, config, "tokens"),
      folder(dir, "b", 4, R"({"model_type": "toy", "width": 2, "dropout": 0.3})", "tokens")};
  write_file(dirs[1] / "run.json", "{}");
  write_file(dirs[1] / "report.html", "<html>");
  write_file(dirs[1] / "generation_config.json", R"({"num_beams": 4})");
  average_models(dirs, dir / "mean");
  CHECK(torch::equal(load_safetensors(dir / "mean/model.safetensors")["w"], torch::full({2}, 2.5)));
  CHECK(read_file(dir / "mean/config.json") == read_file(dirs[1] / "config.json"));
  CHECK(read_file(dir / "mean/generation_config.json") == R"({"num_beams": 4})");
  CHECK(read_file(dir / "mean/tokenizer.json") == "tokens");
  CHECK(read_file(dir / "mean/target_tokenizer/vocab.txt") == "a\nb\n");
  for (const auto* own : {"run.json", "report.html"}) CHECK_FALSE(fs::exists(dir / "mean" / own));
  CHECK_THROWS_AS(average_models(dirs, dir / "mean"), ConfigError);  // not empty any more
  CHECK_THROWS_AS(average_models({}, dir / "none"), ConfigError);

  const auto refused = [&](const fs::path& other, const std::string& names) {
    const std::vector<fs::path> both = {other, dirs[0]};
    CHECK_THROWS_WITH(average_models(both, dir / "none"), Catch::Contains(names));
    CHECK_FALSE(fs::exists(dir / "none"));
  };
  refused(folder(dir, "c", 1, config, "others"), "c/tokenizer.json: is not the same as in");
  const auto more = folder(dir, "more", 1, config, "tokens");
  write_file(more / "vocab.txt", "a\n");
  refused(more, "more/vocab.txt: is not in");
  refused(folder(dir, "d", 1, R"({"model_type": "toy", "width": 3})", "tokens"), "width is not that of");
  refused(folder(dir, "e", 1, R"({"model_type": "toy"})", "tokens"), "width is not that of");
  refused(folder(dir, "f", 1, "[]", "tokens"), "is no JSON object");
  const auto deep = "{\"a\": " + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  refused(folder(dir, "g", 1, deep, "tokens"), "is no JSON object");
  fs::remove(dirs[0] / "config.json");
  const std::vector<fs::path> bare = {dirs[0]};
  CHECK_THROWS_WITH(average_models(bare, dir / "none"), Catch::Contains("it has no config.json"));
}

}  // namespace langzoo::test::checkpoints_test
