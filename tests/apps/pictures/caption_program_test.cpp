// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include "tests/support/process.h"

namespace langzoo::test::caption_program_test {

using Catch::Contains;
namespace fs = std::filesystem;

namespace {

Result caption(std::vector<std::string> arguments) {
  return Process("langzoo-caption", std::move(arguments)).wait();
}
Result succeed(std::vector<std::string> arguments) {
  auto result = caption(std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

Result train(const std::string& out, const std::string& model, int steps) {
  std::vector<std::string> arguments = {"train",
                                        "--model",
                                        model,
                                        "--out",
                                        out,
                                        "--threads",
                                        "1",
                                        "--json",
                                        "--set",
                                        "data.pictures=40",
                                        "data.valid_pictures=6",
                                        "train.batch_size=8",
                                        "train.eval_every=0",
                                        "model.hidden_size=16",
                                        "train.max_steps=" + std::to_string(steps)};
  if (model == "tokens")
    for (const char* more : {"train.vae_steps=2", "data.drawn=2", "model.codes=12", "model.n_embd=16",
                             "model.n_layer=1", "model.n_head=2"})
      arguments.emplace_back(more);
  return succeed(arguments);
}

}  // namespace

TEST_CASE("langzoo-caption draws, learns, captions and measures") {
  const TempDir dir;
  const auto path = [&](const char* name) { return (dir / name).string(); };
  const auto drawn = succeed({"draw", "--microworld", "5", "--seed", "3", "--out", path("pictures")});
  CHECK_THAT(drawn.err, Contains("5 pictures and captions.tsv"));
  CHECK(drawn.out.empty());
  CHECK_THAT(read_file(dir / "pictures/captions.tsv"), Catch::StartsWith("file\tcaption\n0.png\t"));
  succeed({"draw", "--microworld", "5", "--seed", "3", "--out", path("again")});
  CHECK(read_file(dir / "again/4.png") == read_file(dir / "pictures/4.png"));
  check_error(caption({"draw", "--microworld", "5", "--out", path("pictures")}), 2, "is not empty");

  const auto summary = train(path("run"), "captioner", 4).object();
  CHECK(summary["step"] == 4);
  CHECK(summary["valid"].contains("cider_d"));
  const auto said = succeed({"caption", "--model", path("run"), "--image", path("pictures") + "/0.png",
                             path("pictures") + "/1.png", "--json"});
  const auto objects = said.objects();
  REQUIRE(objects.size() == 2);
  CHECK(objects[1]["file"] == path("pictures") + "/1.png");
  CHECK(objects[0]["text"].is_string());
  const auto measured =
      succeed({"eval", "--model", path("run"), "--data", path("pictures"), "--json", "--out", path("captions.tsv")})
          .object();
  for (const char* key : {"exact_match", "bleu", "cider_d", "holds", "loss", "likeliest_exact_match"})
    CHECK(measured[key].is_number());
  CHECK(measured["source_loss"].is_null());
  CHECK(measured["pictures"] == 5);
  CHECK_THAT(read_file(dir / "captions.tsv"), Catch::StartsWith("0.png\t"));

  const auto looked = succeed({"attention", "--model", path("run"), "--image", path("pictures") + "/0.png", "--out",
                               path("look.html"), "--json"})
                          .object();
  CHECK(looked["weights"].size() == looked["tokens"].size());
  CHECK(looked["weights"][0].size() == 64);
  CHECK_THAT(read_file(dir / "look.html"), Contains("data:image/png;base64,") && Contains("(end)"));

  train(path("drawer"), "tokens", 4);
  const auto picture = succeed({"draw", "--model", path("drawer"), "--caption", "a small red circle", "--out",
                                path("circle.png"), "--captioner", path("run"), "--candidates", "2", "--json"})
                           .object();
  CHECK(picture["holds"].is_boolean());
  CHECK(picture["seen"].is_string());
  CHECK(read_file(dir / "circle.png").starts_with("\x89PNG"));
  const auto of_drawer =
      succeed({"eval", "--model", path("drawer"), "--data", "microworld", "--pictures", "4", "--json"}).object();
  CHECK(of_drawer["holds"].is_number());
  CHECK(of_drawer["exact_match"].is_null());
  const auto seen = succeed({"eval", "--model", path("drawer"), "--data", "microworld", "--pictures", "4",
                             "--captioner", path("run"), "--json"})
                        .object();
  CHECK(seen["exact_match"].is_number());

  // A run goes on as what it is.
  const auto more = succeed({"train", "--out", path("drawer"), "--resume", "--json", "--set", "train.max_steps=5"});
  CHECK(more.object()["step"] == 5);
  CHECK_THAT(read_file(dir / "drawer/config.json"), Contains("image-tokens"));
  check_error(caption({"train", "--model", "captioner", "--out", path("drawer"), "--resume"}), 2,
              "--model captioner: the run in " + path("drawer") + " is for tokens");

  const auto image = path("pictures") + "/0.png";
  check_error(caption({"caption", "--model", path("drawer"), "--image", image}), 1, "ImageTokensModel");
  check_error(caption({"caption", "--model", path("run"), "--image", path("none.png")}), 1, "none.png");
  write_file(dir / "bad.png", read_file(image).substr(0, 60));
  check_error(caption({"caption", "--model", path("run"), "--image", path("bad.png")}), 1, "bad.png: is no PNG");
  fs::copy(fixture("images/rgb.png"), dir / "small.png");
  check_error(caption({"caption", "--model", path("run"), "--image", path("small.png")}), 1, "has 6 x 6 pixels");
  check_error(caption({"draw", "--model", path("run"), "--caption", "a", "--out", path("x.png")}), 1, "ImageCaptioner");
  check_error(caption({"draw", "--model", path("drawer"), "--caption", "", "--out", path("x.png")}), 2, "--caption");
  check_error(
      caption({"draw", "--model", path("drawer"), "--caption", "a", "--candidates", "3", "--out", path("x.png")}), 2,
      "--candidates");
  check_error(caption({"draw", "--out", path("x")}), 2, "--microworld");
  check_idle(caption({"eval", "--model", path("run"), "--data", path("pictures"), "--top-k", "3"}), "--top-k");
  check_idle(caption({"eval", "--model", path("run"), "--data", path("pictures"), "--pictures", "3"}), "--pictures");
  check_error(caption({"train", "--model", "tokens", "--preset", "captioner", "--out", path("new")}), 2,
              "--preset captioner is for captioner");
}

}  // namespace langzoo::test::caption_program_test
