#include "tests/support/test.h"

#include "apps/training/tasks/embedding.h"
#include "data/files/file_error.h"
#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::embedding_test {

TEST_CASE("pooling leaves padding out") {
  const auto hidden = torch::tensor({{{1.F, -2.F}, {3.F, -4.F}, {9.F, 9.F}}});
  const auto mask = torch::tensor({{true, true, false}});
  CHECK(max_difference(pool(hidden, mask, Pooling::kMean), torch::tensor({{2.F, -3.F}})) == 0);
  CHECK(max_difference(pool(hidden, mask, Pooling::kMax), torch::tensor({{3.F, -2.F}})) == 0);
  CHECK(max_difference(pool(hidden, mask, Pooling::kCls), torch::tensor({{1.F, -2.F}})) == 0);
}

TEST_CASE("texts of all lengths have their vectors at their places; a folder says how they are pooled") {
  const TempDir dir;
  small_run(dir, pretraining_setup("bert", "mlm"), "run", {{"data.tokenizer", "train:wordpiece:60"}})->train();
  const auto load = [&](const EmbeddingOptions& options) {
    return SentenceEmbedder::load(dir / "run", DeviceOptions(), options);
  };
  const std::vector<std::string> texts = {"anna went to the park .", "", "the park"};
  const auto embedder = load({});
  CHECK(embedder.pooling() == Pooling::kMean);
  const auto all = embedder.embed(texts);
  CHECK(all.sizes() == torch::IntArrayRef({3, 8}));
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto alone = embedder.embed(std::span(texts).subspan(i, 1));
    CHECK(max_difference(alone[0], all[static_cast<std::int64_t>(i)]) < 1e-5);
  }
  CHECK(embedder.embed({}).size(0) == 0);
  std::int64_t cut = 0;
  load({.max_length = 4}).embed(texts, &cut);
  CHECK(cut == 1);
  const auto unit = load({.normalize = true}).embed(texts);
  CHECK(max_difference(unit.norm(2, 1), torch::ones({3})) < 1e-5);
  CHECK_THROWS_WITH(load({.pooling = Pooling::kPooler}).embed(texts), Catch::Contains("no pooler"));

  write_file(dir / "run/modules.json",
             R"([{"type": "a.Transformer", "path": ""}, {"type": "a.Pooling", "path": "1_Pooling"}])");
  std::filesystem::create_directories(dir / "run/1_Pooling");
  write_file(dir / "run/1_Pooling/config.json", R"({"pooling_mode": "max"})");
  CHECK(load({}).pooling() == Pooling::kMax);
  CHECK(load({.pooling = Pooling::kCls}).pooling() == Pooling::kCls);
  write_file(dir / "run/1_Pooling/config.json", R"({"pooling_mode": "lasttoken"})");
  CHECK_THROWS_AS(load({}), FileError);
  write_file(dir / "run/modules.json", R"([{"type": "a.Transformer", "path": "../run2"}])");
  CHECK_THROWS_WITH(load({}), Catch::Contains("outside"));
}

}  // namespace langzoo::test::embedding_test
