#include "tests/support/test.h"

#include <algorithm>
#include <cmath>

#include "apps/training/tasks/pictures/captioning.h"
#include "apps/training/tasks/pictures/image_tokens.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "data/microworld/pictures.h"
#include "models/io/weights.h"

namespace langzoo::test::picture_tasks_test {

namespace {

namespace fs = std::filesystem;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// A small run of model_type `type`, which draws few pictures.
std::unique_ptr<TrainingRun> small_run(const fs::path& out, const std::string& type, const Settings& settings,
                                       bool resume = false) {
  const auto found = std::find_if(families().begin(), families().end(),
                                  [&](const Family& family) { return family.model_type == type; });
  auto run = std::make_unique<TrainingRun>("caption", found->setup());
  run->open(out, resume);
  auto& config = run->config();
  const Settings small = {{"data.pictures", "60"},        {"data.valid_pictures", "8"}, {"data.drawn", "4"},
                          {"train.schedule", "constant"}, {"train.batch_size", "8"},    {"train.eval_every", "0"},
                          {"train.save_every", "0"},      {"model.hidden_size", "16"},  {"model.codes", "12"},
                          {"model.code_size", "8"},       {"model.n_embd", "16"},       {"model.n_layer", "1"},
                          {"model.n_head", "2"},          {"train.vae_steps", "4"}};
  if (!resume) {
    const bool files =
        std::any_of(settings.begin(), settings.end(), [](const auto& s) { return s.first == "data.train"; });
    for (const auto& [key, value] : small) {
      if (config.has(key) && !(files && key == "data.pictures")) config.set(key, value, "test");
    }
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

bool same_weights(const fs::path& a, const fs::path& b) {
  const auto x = load_weights(a), y = load_weights(b);
  return x.keys() == y.keys() &&
         std::all_of(x.begin(), x.end(), [&](const auto& item) { return torch::equal(item.value(), y[item.key()]); });
}

PictureSet few(std::int64_t count) {
  return drawn_pictures(9, 0, count);
}

}  // namespace

TEST_CASE("interrupted and resumed, captioners and image tokens end in the same bytes") {
  const TempDir dir;
  for (const std::string type : {"captioner", "image-tokens"}) {
    INFO(type);
    const auto whole = dir / (type + "-whole"), parts = dir / (type + "-parts");
    small_run(whole, type, {{"train.max_steps", "9"}})->train();
    // Once while the autoencoder learns, once at the border, once in the middle of an epoch.
    Settings steps = {{"train.max_steps", "5"}};
    if (type == "image-tokens") steps.push_back({"train.seed", "1"});
    small_run(parts, type, steps)->train();
    const auto rest = small_run(parts, type, {{"train.max_steps", "9"}}, /*resume=*/true);
    rest->prepare();
    CHECK(rest->resumed());
    rest->train();
    CHECK(same_weights(whole, parts));
  }
}

TEST_CASE("a captioner learns what things are called") {
  const TempDir dir;
  const auto out = dir / "run";
  const auto run = small_run(out, "captioner",
                             {{"data.pictures", "200"},
                              {"model.hidden_size", "24"},
                              {"train.learning_rate", "0.01"},
                              {"train.max_steps", "60"}});
  const auto summary = run->train();
  // Of captions alone, without their pictures, some 1.1 nats a token.
  CHECK(summary.valid.at("loss").value < 1.6);
  CHECK(summary.valid.at("source_loss").value < 0.1);
  CHECK(summary.valid.at("exact_match").direction == Direction::kHigherIsBetter);
  CHECK(run->setup().samples().size() == 8);

  const auto captioner = load_captioner(out);
  const auto pictures = few(5);
  const auto captions = write_captions(captioner, pictures.pixels);
  REQUIRE(captions.size() == 5);
  CHECK(write_captions(captioner, pictures.pixels.narrow(0, 3, 1)).front() == captions[3]);
  const auto beams = write_captions(captioner, pictures.pixels, 4);
  const auto of_greedy = caption_nats(captioner, pictures.pixels, captions),
             of_beams = caption_nats(captioner, pictures.pixels, beams);
  for (std::size_t i = 0; i < 5; ++i) CHECK(of_beams[i] <= of_greedy[i] + 1e-4);
  const auto metrics = evaluate(out, "microworld", {});
  CHECK(metrics.at("loss").value == Approx(summary.valid.at("loss").value).margin(0.4));
  CHECK(metrics.contains("cider_d"));
  CHECK(metrics.contains("holds"));
}

TEST_CASE("captions are scored beside the best there are") {
  const auto pictures = few(40);
  std::vector<std::string> captions;
  for (const auto& texts : pictures.captions) captions.push_back(texts.front());
  const auto own = score_captions(captions, pictures);
  CHECK(own.exact_match == 100);
  CHECK(own.bleu == Approx(100));
  CHECK(own.cider_d == Approx(10).margin(0.5));
  CHECK(own.holds == 100);
  const auto best = likeliest_scores(pictures);
  REQUIRE(best.has_value());
  CHECK(best->holds == 100);
  CHECK(best->exact_match < 100);
  CHECK(best->exact_match > 50);
  captions[0] = "a large red circle is left of a small red circle";
  captions[1] = "three blue moons";
  const auto wrong = score_captions(captions, pictures);
  CHECK(*wrong.holds <= 97.5);
  // Of other pictures nobody knows what is true.
  auto others = pictures;
  others.pixels = others.pixels.clone();
  others.pixels[3].fill_(0);
  CHECK_FALSE(score_captions(captions, others).holds.has_value());
  CHECK_FALSE(likeliest_scores(others).has_value());
  CHECK(share_that_holds(pictures.pixels, captions) == Approx(95));
}

TEST_CASE("image tokens learn in two parts, and draw the same from a seed") {
  const TempDir dir;
  const auto out = dir / "drawer";
  const auto run = small_run(out, "image-tokens",
                             {{"train.max_steps", "40"}, {"train.vae_steps", "20"}, {"train.learning_rate", "0.01"}});
  run->prepare();
  auto& task = run->task();
  CHECK(task.unit() == "pictures");
  const auto first = task.next();
  CHECK(first.counts == std::vector<std::int64_t>{8 * 3072, 0, 0});
  CHECK(first.learning_rate_scale == 1);
  task.seek({2, 6});  // 7 batches an epoch: the 21st step
  const auto later = task.next();
  CHECK(later.counts[0] == 0);
  CHECK(later.counts[2] == 8 * 64);
  CHECK(later.learning_rate_scale == 0.01);
  task.seek({0, 0});
  const auto summary = run->train();
  CHECK(summary.valid.at("loss").value < 3.3);  // 3.7 at first, of 25 words and 12 codes
  CHECK(summary.valid.contains("holds"));

  const auto drawer = load_drawer(out);
  const std::vector<std::string> captions = {"a small red circle", "two large blue squares", "a small green circle"};
  const auto drawn = draw_pictures(drawer, captions, {.seed = 5});
  CHECK(drawn.sizes() == torch::IntArrayRef({3, 3072}));
  CHECK(torch::equal(drawn, draw_pictures(drawer, captions, {.seed = 5})));
  CHECK(torch::equal(drawn.narrow(0, 0, 1), draw_pictures(drawer, {captions[0]}, {.seed = 5})));
  CHECK_FALSE(torch::equal(drawn, draw_pictures(drawer, captions, {.seed = 6})));
  const std::string long_caption = "a a a a a a a a a a a a a a a a a a";
  CHECK_THROWS_WITH(draw_pictures(drawer, {long_caption}, {}), Catch::Contains("18 tokens; the model takes 1 to 15"));

  // Of several candidates the one from which a captioner finds the caption likeliest.
  small_run(dir / "captioner", "captioner", {{"train.max_steps", "5"}})->train();
  const auto captioner = load_captioner(dir / "captioner");
  const auto best = draw_pictures(drawer, captions, {.seed = 5, .candidates = 4, .captioner = &captioner});
  const auto nats = caption_nats(captioner, best, captions), of_first = caption_nats(captioner, drawn, captions);
  for (std::size_t i = 0; i < 3; ++i) CHECK(nats[i] <= of_first[i] + 1e-5);
  const auto metrics = evaluate(out, "microworld", {});
  CHECK(metrics.at("perplexity").value == Approx(std::exp(metrics.at("loss").value)));
  CHECK_THROWS_WITH(load_captioner(out), Catch::Contains("ImageTokensModel"));
  CHECK_THROWS_WITH(load_drawer(dir / "captioner"), Catch::Contains("ImageCaptioner"));
}

TEST_CASE("a run learns from a folder of pictures; what cannot be is refused by key") {
  const TempDir dir;
  write_drawn_pictures(dir / "pictures", 3, 20);
  const auto folder = (dir / "pictures").string();
  const auto run = small_run(dir / "run", "captioner", {{"data.train", folder}, {"train.max_steps", "3"}});
  const auto summary = run->train();
  CHECK(summary.step == 3);
  CHECK_FALSE(summary.valid.contains("source_loss"));
  CHECK(evaluate(dir / "run", folder).contains("holds"));
  const auto refused = [&](const std::string& type, const Settings& settings, const std::string& message) {
    INFO(message);
    const auto run = small_run(dir / "none", type, settings);
    CHECK_THROWS_WITH(run->prepare(), Catch::Contains(message));
  };
  refused("captioner", {{"model.image_size", "16"}}, "model.image_size = 16: microworld draws pictures of 32 x 32");
  refused("captioner", {{"model.encoder_layers", "3"}}, "model.encoder = cnn makes no use of it");
  refused("captioner", {{"model.decoder", "transformer"}, {"model.attention", "dot"}},
          "model.decoder = transformer makes no use of it");
  refused("captioner", {{"train.batch_tokens", "100"}}, "train.batch_tokens");
  refused("captioner", {{"model.max_position_embeddings", "4"}}, "tokens: from 1 to 3 are taken");
  refused("image-tokens", {{"train.vae_steps", "9"}, {"train.max_steps", "9"}}, "train.vae_steps = 9");
  refused("image-tokens", {{"model.max_text", "5"}}, "tokens: from 1 to 4 are taken");
  refused("captioner", {{"data.train", folder}, {"data.valid_pictures", "20"}}, "has 20 pictures");
  refused("captioner", {{"data.train", folder}, {"data.picture_seed", "2"}}, "data.picture_seed");
  refused("captioner", {{"data.train", (dir / "nowhere").string()}}, "nowhere");
}

}  // namespace langzoo::test::picture_tasks_test
