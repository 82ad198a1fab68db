#include "apps/training/tasks/noisy_channel.h"

#include <fmt/format.h>

#include "apps/training/families.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "tests/support/test.h"

namespace langzoo::test::noisy_channel_task_test {

namespace {

namespace fs = std::filesystem;

/// "the red house", "la maison rouge".
std::string colored_things() {
  std::string text;
  for (const auto& [color, couleur] : {std::pair{"red", "rouge"}, {"green", "verte"}, {"white", "blanche"}}) {
    for (const auto& [thing, chose] : {std::pair{"house", "maison"}, {"car", "voiture"}, {"door", "porte"}}) {
      for (const auto& [start, debut] : {std::pair{"I see", "Je vois"}, {"we want", "nous voulons"}}) {
        text += fmt::format("{} the {} {}.\t{} la {} {}.\n", start, color, thing, debut, chose, couleur);
      }
    }
  }
  return text;
}

using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<TrainingRun> small_run(const TempDir& dir, const Settings& settings = {}, bool resume = false) {
  write_file(dir / "pairs.tsv", colored_things());
  auto run = std::make_unique<TrainingRun>("noisy-channel", noisy_channel_setup());
  run->open(dir / "run", resume);
  const auto pairs = (dir / "pairs.tsv").string();
  auto& config = run->config();
  if (!resume) {
    for (const auto& [key, value] : Settings{{"data.train", pairs},
                                             {"data.valid", pairs},
                                             {"model.beam", "10"},
                                             {"train.tuning_pairs", "6"},
                                             {"train.model1_iterations", "20"}}) {
      config.set(key, value, "test");
    }
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

}  // namespace

TEST_CASE("a noisy channel is trained in one step, whose evaluation tells its tuning") {
  const TempDir dir;
  const auto run = small_run(dir);
  std::vector<std::string> said;
  run->setting().message = [&](const std::string& text) { said.push_back(text); };
  const auto summary = run->train();
  CHECK(summary.step == 1);
  CHECK(summary.train_loss > 0);
  CHECK(summary.valid.at("bleu").direction == Direction::kHigherIsBetter);
  CHECK(summary.valid.at("bleu").value > 50);
  CHECK(summary.valid.at("language_perplexity").value > 1);
  CHECK(std::count_if(said.begin(), said.end(), [](const auto& text) { return text.starts_with("Model "); }) == 25);
  CHECK(fs::exists(dir / "run/run.json"));
  const auto metrics = evaluate(dir / "run", (dir / "pairs.tsv").string());
  CHECK(metrics.at("language_perplexity").value == Approx(summary.valid.at("language_perplexity").value));
  CHECK(metrics.at("exact_match").value > 50);
}

TEST_CASE("a run that is done has nothing left to do, and one that differs is refused") {
  const TempDir dir;
  small_run(dir)->train();
  const auto model = read_file(dir / "run/model.safetensors");
  const auto again = small_run(dir, {}, /*resume=*/true);
  std::string said;
  again->setting().message = [&](const std::string& text) { said += text; };
  CHECK(again->train().step == 1);
  CHECK(again->resumed());
  CHECK_THAT(said, Catch::Contains("nothing is left to do: 1 steps are done"));
  CHECK(read_file(dir / "run/model.safetensors") == model);
  CHECK(dynamic_cast<NoisyChannelModuleImpl&>(again->task().model()).model.language.vocabulary() > 10);
  CHECK_THROWS_WITH(small_run(dir, {{"model.order", "2"}}, true)->complete(),
                    Catch::Contains("cannot resume: model.order = 2 here, but model.order = 3"));
}

TEST_CASE("settings that a noisy channel cannot have are refused before anything is prepared") {
  const TempDir dir;
  const auto refused = [&](const Settings& settings, const std::string& message) {
    CAPTURE(message);
    CHECK_THROWS_WITH(small_run(dir, settings)->complete(), Catch::Contains(message));
    CHECK_THROWS_AS(small_run(dir, settings)->complete(), ConfigError);
    CHECK_FALSE(fs::exists(dir / "run"));
  };
  refused({{"train.optimizer", "adamw"}}, "train.optimizer = adamw: a noisy channel, which is counted at once,");
  refused({{"train.init", dir.path().string()}}, "this family begins with no other model's weights");
  refused({{"train.best_metric", "loss"}}, "train.best_metric is 'loss', which the evaluation does not give");
  CHECK_THROWS_WITH(small_run(dir, {{"train.model1_iterations", "0"}}), Catch::Contains("train.model1_iterations"));
  const auto on_gpu = small_run(dir);
  on_gpu->setting().device = torch::Device("cuda");
  CHECK_THROWS_WITH(on_gpu->prepare(), Catch::Contains("a noisy channel is counted on the CPU"));
}

TEST_CASE("weights are tuned only where there are pairs to tune them with") {
  const TempDir dir;
  const auto untuned = small_run(dir, {{"train.tuning_pairs", "0"}, {"model.word_bonus", "0.5"}})->train();
  CHECK(untuned.valid.count("bleu") == 0);
  CHECK(untuned.valid.at("language_perplexity").value > 1);
  CHECK(NoisyChannelModel::load(dir / "run").options.word_bonus == 0.5);
  const TempDir other;
  CHECK(small_run(other, {{"data.valid", ""}, {"data.valid_fraction", "0"}})->train().valid.empty());
}

TEST_CASE("a folder translates: words that the model does not know are copied") {
  const TempDir dir;
  small_run(dir)->train();
  const auto translator = load_noisy_channel(dir / "run");
  const std::string source = "I see the purple door.";
  std::vector<std::vector<TokenId>> sources(2);
  translator->tokenizers().source().encode(source, sources[0]);
  const auto found = translator->translate(sources, 3);
  REQUIRE(found.size() == 2);
  CHECK(found[0].size() == 3);
  CHECK(found[0][0].score >= found[0][1].score);
  CHECK(found[1].front().ids.empty());
  const auto text = translator->text(found[0].front(), source);
  CHECK_THAT(text, Catch::Contains("purple") && Catch::Contains("porte"));
  CHECK(translator->unknown_tokens(sources).copied == 1);
  CHECK(translator->unknown_tokens(sources).left_out == 0);
  auto search = translator->model().options;
  search.beam = 1;
  translator->set_options(search);
  CHECK(translator->model().options.beam == 1);
  CHECK(translator->translate(sources, 1)[0].size() == 1);
  fs::remove(dir / "run/target_tokenizer/tokenizer.json");
  CHECK_THROWS_AS(load_noisy_channel(dir / "run"), FileError);
}

}  // namespace langzoo::test::noisy_channel_task_test
