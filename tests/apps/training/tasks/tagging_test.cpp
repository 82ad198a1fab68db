#include "tests/support/test.h"

#include "apps/training/tasks/tagging.h"
#include "data/text/causal_lm.h"
#include "tests/apps/training/tasks/small_bert.h"

namespace langzoo::test::tagging_test {

TEST_CASE("the first piece of a word is labelled and decides its tag; words without a piece are O") {
  const SmallExamples small(tagging(), "train.conll", "anna B-PER\nsleeps O\n\nthe O\npark I-LOC\n");
  BertForTokenClassification model(small.config());
  CHECK(model->labels().id2label == std::map<std::int64_t, std::string>{{0, "O"}, {1, "B-LOC"}, {2, "B-PER"}});
  const auto& raw = *small.data.train;
  const auto whole = encode_examples(tagging(), "train", raw, {*small.data.tokenizer, *model});
  const auto places = whole.examples.places(0);
  REQUIRE(places.size() == 2);
  CHECK(places[0] == 1);  // behind [CLS]
  const auto labels = whole.examples.labels(0);
  REQUIRE(std::ssize(labels) == whole.examples.length(0));
  CHECK(labels[0] == kIgnoredTarget);
  CHECK(labels[1] == 2);
  CHECK(labels[static_cast<std::size_t>(places[1])] == 0);

  std::vector<torch::Tensor> logits;
  for (std::int64_t i = 0; i < raw.size(); ++i) {
    logits.push_back(torch::zeros({whole.examples.length(i), 3}));
    for (const auto place : whole.examples.places(i)) {
      logits.back()[place][whole.examples.labels(i)[static_cast<std::size_t>(place)]] = 1;
    }
  }
  auto scores = tagging().scores(*model, raw, whole, logits);
  CHECK(scores.at("f1").value == 1);
  CHECK(scores.at("accuracy").value == 1);
  logits[1].zero_();  // "park" is O
  scores = tagging().scores(*model, raw, whole, logits);
  CHECK(scores.at("accuracy").value == 0.75);
  CHECK(scores.at("recall").value == 0.5);
  CHECK(scores.at("precision").value == 1);

  const auto cut = encode_examples(tagging(), "train", raw, {*small.data.tokenizer, *model, 3});
  CHECK(cut.examples.places(0)[1] == -1);
  CHECK(tags_of(*model, cut, 0, torch::eye(3)).back() == "O");
}

TEST_CASE("the loss is a mean over words, and a tag that the model lacks is named with its line") {
  const SmallExamples small(tagging(), "train.conll", "anna B-PER\nsleeps O\n\nthe O\npark O\n");
  BertForTokenClassification model(small.config());
  model->eval();
  const auto& raw = *small.data.train;
  const auto encoded = encode_examples(tagging(), "train", raw, {*small.data.tokenizer, *model});
  const auto [logits, loss] = logits_of_all(tagging(), *model, encoded, torch::kCPU);
  double nats = 0;
  for (std::int64_t i = 0; i < raw.size(); ++i) {
    for (const auto place : encoded.examples.places(i)) {
      const auto label = encoded.examples.labels(i)[static_cast<std::size_t>(place)];
      nats -= logits[static_cast<std::size_t>(i)][place].log_softmax(0)[label].item<double>();
    }
  }
  CHECK(loss == Approx(nats / 4).epsilon(1e-5));
  write_file(small.dir / "other.conll", "anna B-ORG\n");
  const auto other = tagging().read(small.dir / "other.conll");
  CHECK_THROWS_WITH(encode_examples(tagging(), "other.conll", *other, {*small.data.tokenizer, *model}),
                    Catch::Contains("other.conll: line 1") && Catch::Contains("B-ORG"));
}

TEST_CASE("tags become BIO, but for a model that has learnt another scheme") {
  const SmallExamples small(tagging(), "train.conll", "anna B-PER\nsleeps O\n");
  auto config = small.config();
  config.labels = ClassLabels::of({"O", "B-PER", "E-PER", "S-PER"});
  const BertForTokenClassification iobes(config), bio(small.config());
  const TempDir dir;
  write_file(dir / "names.conll", "anna S-PER\n\nmary B-PER\nann E-PER\n");
  const auto tags = [&](const TokenModel* model) {
    const auto raw = tagging().read(dir / "names.conll", {.model = model});
    return dynamic_cast<const RawExamplesOf<TaggedSentence>&>(*raw).items.at(1).tags;
  };
  const std::vector<std::string> in_bio = {"B-PER", "I-PER"}, as_written = {"B-PER", "E-PER"};
  CHECK(tags(nullptr) == in_bio);
  CHECK(tags(&*bio) == in_bio);
  CHECK(tags(&*iobes) == as_written);
  const auto spelled = [&](TagSpelling spelling) {
    const auto raw = tagging().read(dir / "names.conll", {.spelling = spelling});
    return dynamic_cast<const RawExamplesOf<TaggedSentence>&>(*raw).items;
  };
  CHECK(spelled(TagSpelling::kIobes).at(1).tags == as_written);
  CHECK(spelled(TagSpelling::kBio).at(0).tags == std::vector<std::string>{"B-PER"});
}

}  // namespace langzoo::test::tagging_test
