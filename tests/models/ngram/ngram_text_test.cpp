#include "models/ngram/ngram_text.h"

#include <cmath>

#include "tests/support/plain_test.h"

namespace langzoo::test::ngram_text_test {

namespace {

using Catch::Contains;

/// A model of counts alone: what it learned can be read off.
NGramModel counted(const TempDir& dir, const std::string& text, bool lines = true, const NGramWordOptions& words = {}) {
  write_file(dir / "text", text);
  train_ngrams({dir / "text", lines}, dir / "model", {.order = 2, .smoothing = NGramSmoothing::kNone}, words);
  return NGramModel::load(dir / "model");
}

double p(const NGramModel& model, NGramState state, const std::string& word) {
  return std::exp(model.log_probability(state, model.words().find(word)));
}

}  // namespace

TEST_CASE("words are what stands between blanks, and every line is a sentence, also an empty one") {
  const TempDir dir;
  for (const std::string text : {"a b\n\na c\n\nb", " a\tb \n\n\va \fc\r\n\n  b\n",
                                 "\xef\xbb\xbf"
                                 "a b\r\n\r\na c\n\nb"}) {
    const auto model = counted(dir, text);
    CHECK(model.vocabulary() == 5);
    CHECK(model.words().word(0) == "<unk>");
    CHECK(model.words().word(1) == "</s>");
    CHECK(model.words().word(2) == "a");
    CHECK(p(model, model.empty(), "a") == Approx(2.0 / 10));
    CHECK(p(model, model.empty(), "</s>") == Approx(5.0 / 10));
    CHECK(p(model, model.start(), "</s>") == Approx(2.0 / 5));
    CHECK(p(model, model.start(), "a") == Approx(2.0 / 5));
    CHECK(p(model, model.start(), "b") == Approx(1.0 / 5));
  }
}

TEST_CASE("without lines a text is one beginning and its words") {
  const TempDir dir;
  const auto model = counted(dir, "a b\n\na c\n", false);
  CHECK(model.vocabulary() == 5);
  CHECK(p(model, model.start(), "a") == 1);
  CHECK(p(model, model.empty(), "</s>") == 0);
  auto state = model.start();
  model.log_probability(state, model.words().find("a"));
  model.log_probability(state, model.words().find("b"));
  CHECK(p(model, state, "a") == 1);
  const auto result = evaluate_ngrams(model, {dir / "text", false});
  CHECK(result.tokens == 4);
  CHECK(result.nats == Approx(2 * std::log(2)));
}

TEST_CASE("<unk> in a text is that word, and rare words become it") {
  const TempDir dir;
  CHECK(p(counted(dir, "<unk> a\n"), {}, "<unk>") == Approx(1.0 / 3));
  const auto rare = counted(dir, "b a b a c b\nd\n", true, {.min_count = 2});
  CHECK(rare.vocabulary() == 4);
  CHECK(rare.words().word(2) == "b");
  CHECK(p(rare, {}, "<unk>") == Approx(2.0 / 9));
  const auto most = counted(dir, "b a b a c b\nd\n", true, {.max_words = 3});
  CHECK(most.vocabulary() == 3);
  CHECK(most.words().find("b") == 2);
  CHECK(counted(dir, "a b c d\n", true, {.max_words = 4}).words().find("b") == 3);
  CHECK(counted(dir, "a b c d\n", true, {.max_words = 40}).vocabulary() == 6);
}

TEST_CASE("an evaluation counts words and line ends, and unknown words by themselves") {
  const TempDir dir;
  write_file(dir / "train", "a b\na c\nb a\n");
  train_ngrams(dir / "train", dir / "model", {.order = 2, .smoothing = NGramSmoothing::kAddK, .k = 1});
  const auto model = NGramModel::load(dir / "model");
  write_file(dir / "text", "a x\n\n");
  const auto result = evaluate_ngrams(model, dir / "text");
  CHECK(result.tokens == 4);
  CHECK(result.oov == 1);
  // (c + 1) / (c(h) + 5): a after <s> 2 of 3, <unk> after a 0 of 3, </s> after <unk> unseen, </s> after <s> 0 of 3.
  const double known = -std::log(3.0 / 8) - std::log(1.0 / 5) - std::log(1.0 / 8);
  CHECK(result.nats == Approx(known - std::log(1.0 / 8)).epsilon(1e-6));
  CHECK(result.perplexity() == Approx(std::exp(result.nats / 4)));
  CHECK(result.perplexity_without_oov() == Approx(std::exp(known / 3)).epsilon(1e-6));
}

TEST_CASE("texts that cannot be are refused, by line where there is one") {
  const TempDir dir;
  CHECK_THROWS_WITH(counted(dir, "a\nb <s> c\n"), Contains("text: line 2: has \"<s>\""));
  CHECK_THROWS_WITH(counted(dir, "a\nb\n\n</s>"), Contains("text: line 4: has \"</s>\""));
  CHECK_THROWS_WITH(counted(dir, ""), Contains("text") && Contains("no words"));
  CHECK_THROWS_WITH(counted(dir, "\n\n", false), Contains("no words"));
  CHECK_THROWS_WITH(counted(dir, "a " + std::string(70000, 'x')), Contains("line 1") && Contains("65536"));
  CHECK_THROWS_WITH(train_ngrams(dir / "missing", dir / "model"), Contains("missing"));
  write_file(dir / "text", "a b\n");
  CHECK_THROWS_WITH(train_ngrams(dir / "text", dir / "model", {.order = 4}),
                    Contains("text: order 1: the counts of counts give no discount"));
  const auto model = counted(dir, "a\n");
  write_file(dir / "text", "a\n<s>\n");
  CHECK_THROWS_WITH(evaluate_ngrams(model, dir / "text"), Contains("text: line 2"));
  // Also a word that would be <unk>, and before the counts are.
  for (const std::int64_t most : {0, 3}) {
    write_file(dir / "text", "\xc3\xa9 \xc3\xa9\n\xe9\n");
    CHECK_THROWS_WITH(train_ngrams(dir / "text", dir / "model", {.order = 4}, {.max_words = most}),
                      Contains("text: line 2: is not UTF-8"));
  }
  write_file(dir / "text", "");
  CHECK_THROWS_WITH(evaluate_ngrams(model, dir / "text"), Contains("no word to predict"));
}

TEST_CASE("more words than there may be are an error, and more than memory holds") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 20000; ++i) text += "word" + std::to_string(i) + (i % 10 == 0 ? "\n" : " ");
  write_file(dir / "text", text);
  const auto train = [&](const NGramOptions& options, const NGramWordOptions& words) {
    train_ngrams(dir / "text", dir / "model", options, words);
  };
  const NGramOptions unigrams{.order = 1, .smoothing = NGramSmoothing::kAddK};
  CHECK_THROWS_WITH(train(unigrams, {.limit = 20001}), Contains("text: has more than 20001 different words"));
  CHECK_NOTHROW(train(unigrams, {.limit = 20002}));
  auto little = unigrams;
  little.memory = 600'000;
  for (const std::int64_t most : {0, 100}) {
    CHECK_THROWS_WITH(train(little, {.max_words = most}),
                      Contains("text: has more than ") && Contains("memory = 585K"));
  }
}

TEST_CASE("an order without discounts is named") {
  const TempDir dir;
  // Many kinds of words, and no pair that occurs twice.
  std::string text;
  for (int i = 0; i < 200; ++i) text += "a" + std::to_string(i) + (i % 9 == 0 ? "\n" : i % 3 == 0 ? " b " : " ");
  for (int i = 0; i < 200; i += 5) text += "a" + std::to_string(i) + " z" + std::to_string(i) + "\n";
  for (int i = 0; i < 200; i += 20) text += "a" + std::to_string(i) + " y" + std::to_string(i) + "\n";
  write_file(dir / "text", text);
  CHECK_THROWS_WITH(train_ngrams(dir / "text", dir / "model", {.order = 3}),
                    Contains("order ") && Contains("model.order"));
}

}  // namespace langzoo::test::ngram_text_test
