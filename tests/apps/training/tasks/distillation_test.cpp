#include "tests/support/test.h"

#include "apps/training/tasks/distillation.h"
#include "data/files/config_error.h"
#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::distillation_test {

TEST_CASE("a student with all layers of its teacher has nothing to learn from it yet") {
  const TempDir dir;
  small_run(dir, pretraining_setup("bert", "mlm"), "teacher",
            {{"data.tokenizer", "train:wordpiece:60"}, {"model.initializer_range", "0.5"}})
      ->train();
  const auto teacher = (dir / "teacher").string();
  const auto student = [&](const std::string& out, const RunSettings& settings) {
    auto run = std::make_unique<TrainingRun>("bert", distillation_setup("bert", kDistillation));
    run->open(dir / out);
    for (const auto& [key, value] : RunSettings{{"data.train", (dir / "text.txt").string()},
                                                {"data.max_length", "20"},
                                                {"train.batch_size", "4"},
                                                {"train.teacher", teacher},
                                                {"model.hidden_dropout_prob", "0"},
                                                {"model.attention_probs_dropout_prob", "0"}}) {
      run->config().set(key, value, "test");
    }
    for (const auto& [key, value] : settings) run->config().set(key, value, "test");
    return run;
  };
  const auto same = student("same", {{"model.num_hidden_layers", "2"}});
  same->prepare();
  const auto batch = same->task().next();
  REQUIRE(batch.counts.size() == 3);
  CHECK(batch.counts[0] == batch.counts[1]);
  CHECK(batch.counts[2] == batch.num_tokens);
  const auto sums = batch.loss_sums();
  CHECK(sums[0].item<double>() == Approx(0).margin(1e-4));
  CHECK(sums[1].item<double>() > 1);
  CHECK(sums[2].item<double>() == Approx(0).margin(1e-3));
  const auto terms = same->task().loss_terms();
  CHECK(terms[0].weight == 5);
  CHECK(terms[1].weight == 2);

  const auto half = student("half", {});
  half->prepare();
  CHECK(half->config().value("model.num_hidden_layers") == "1");
  CHECK(half->config().value("model.hidden_size") == "8");
  CHECK(half->task().next().loss_sums()[0].item<double>() > 1e-4);

  const auto narrow = student("narrow", {{"model.hidden_size", "4"}});
  CHECK_THROWS_WITH(narrow->prepare(), Catch::Contains("train.cosine_weight=0"));
  const auto other = student("other", {{"model.hidden_size", "4"}, {"train.cosine_weight", "0"}});
  CHECK_THROWS_WITH(other->prepare(), Catch::Contains("train.begin_as_teacher=false"));
  const auto random = student(
      "random", {{"model.hidden_size", "4"}, {"train.cosine_weight", "0"}, {"train.begin_as_teacher", "false"}});
  random->prepare();
  CHECK(random->task().next().counts.size() == 2);
}

TEST_CASE("a run goes on with the teacher that it began with, wherever that lies") {
  const TempDir dir;
  const auto teach = [&](const std::string& out, const std::string& seed) {
    small_run(dir, pretraining_setup("bert", "mlm"), out,
              {{"data.tokenizer", "train:wordpiece:60"}, {"train.seed", seed}})
        ->train();
  };
  teach("teacher", "1");
  teach("other", "2");
  const auto student = [&](const std::string& teacher, const std::string& steps, bool resume) {
    auto run = std::make_unique<TrainingRun>("bert", distillation_setup("bert", kDistillation));
    run->open(dir / "student", resume);
    for (const auto& [key, value] : RunSettings{{"data.train", (dir / "text.txt").string()},
                                                {"data.max_length", "20"},
                                                {"train.batch_size", "4"},
                                                {"train.max_steps", steps},
                                                {"train.teacher", (dir / teacher).string()}}) {
      run->config().set(key, value, "test");
    }
    run->train();
  };
  student("teacher", "1", false);
  CHECK_THROWS_WITH(student("other", "2", true), Catch::Contains("teacher"));
  std::filesystem::rename(dir / "teacher", dir / "moved");
  student("moved", "2", true);
}

}  // namespace langzoo::test::distillation_test
