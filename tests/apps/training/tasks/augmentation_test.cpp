#include "tests/support/test.h"

#include "apps/training/tasks/augmentation.h"
#include "data/files/config_error.h"
#include "models/word_vectors/formats.h"
#include "tests/apps/training/tasks/encoders_run.h"

namespace langzoo::test::augmentation_task_test {

namespace {

/// A masked LM, and vectors in which garden and house, lake and pond are neighbours.
struct Sources {
  Sources() {
    small_run(dir, pretraining_setup("bert", "mlm"), "lm", {{"data.tokenizer", "train:wordpiece:200"}})->train();
    const std::vector<std::string> words = {"garden", "house", "lake", "pond", "sun-rise"};
    const auto rows = torch::tensor({{1.F, 0.F}, {0.9F, 0.1F}, {0.F, 1.F}, {0.1F, 0.9F}, {1.F, 0.05F}});
    write_word_vectors(dir / "vectors.txt", WordVectors(words, rows), VectorFormat::kText);
    keys.masked_lm = (dir / "lm").string();
    keys.vectors = (dir / "vectors.txt").string();
    keys.candidates = 3;
  }

  TempDir dir;
  AugmentationKeys keys;
};

}  // namespace

TEST_CASE("words of one token come from the masked LM, others from neighbours among vectors") {
  Sources sources;
  const std::string text = "anna went to the garden.";
  const auto spans = word_spans(text);
  WordReplacements both(sources.keys, torch::kCPU);
  const auto words = both(text, spans);
  REQUIRE(words.size() == 5);
  CHECK(words[4] == std::vector<std::string>{"house", "pond", "lake"});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(words[i].size() == 3);
    for (const auto& word : words[i]) {
      CHECK((word_spans(word) == std::vector<Offset>{{0, word.size()}}));
      CHECK(word != text.substr(spans[i].begin, spans[i].end - spans[i].begin));
    }
  }
  CHECK(words == both(text, spans));

  auto alone = sources.keys;
  alone.masked_lm.clear();
  const auto near = WordReplacements(alone, torch::kCPU)(text, spans);
  CHECK(near[0].empty());
  CHECK(near[4] == words[4]);
  alone = sources.keys;
  alone.vectors.clear();
  const auto said = WordReplacements(alone, torch::kCPU)(text, spans);
  CHECK(said[0] == words[0]);
  CHECK(said[4].empty());
}

TEST_CASE("a file of augmented texts keeps each text, its pair and its label") {
  Sources sources;
  sources.keys.copies = 30;
  sources.keys.masked_lm.clear();
  const std::vector<LabelledText> texts = {{"the garden", "a lake", "x", 1}, {"nothing", "", "[\"a\", \"b\"]", 2}};
  write_augmented(sources.dir / "data/augmented.jsonl", texts, sources.keys, torch::kCPU, 1);
  const auto made = read_labelled_texts(sources.dir / "data/augmented.jsonl", {});
  REQUIRE(made.size() > 2);
  CHECK(made.front().text == "the garden");
  CHECK(made.back().text == "nothing");
  CHECK(made.back().label == "[\"a\", \"b\"]");
  bool text = false, pair = false;
  for (std::size_t i = 1; i + 1 < made.size(); ++i) {
    CHECK(made[i].label == "x");
    CHECK((made[i].text == "the garden") != (made[i].pair == "a lake"));
    text = text || made[i].text == "the house", pair = pair || made[i].pair == "a pond";
  }
  CHECK((text || pair));
  AugmentationKeys none;
  none.copies = 1;
  CHECK_THROWS_WITH(none.complete(), Catch::Contains("data.augment_model") && Catch::Contains("data.augment_vectors"));
}

}  // namespace langzoo::test::augmentation_task_test
