#include "tests/support/test.h"

#include "models/fasttext/fasttext.h"
#include "models/losses/cross_entropy.h"
#include "models/registry.h"

using namespace langzoo;
using Catch::Contains;
using test::max_difference;
using test::TempDir;

namespace {

FastTextConfig small(std::int64_t word_ngrams = 1) {
  FastTextConfig config;
  config.vocab_size = 6;
  config.dim = 4;
  config.word_ngrams = word_ngrams;
  config.bucket = 5;
  config.labels = ClassLabels::of({"bad", "fair", "good"});
  return config;
}

FastTextForSequenceClassification model_of(const FastTextConfig& config) {
  torch::manual_seed(3);
  FastTextForSequenceClassification model(config);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.normal_();
  model->eval();
  return model;
}

/// The rows of the embedding that a text's mean is of, as fastText's Dictionary::addWordNgrams has them.
std::vector<std::int64_t> features_of(const std::vector<std::int64_t>& ids, const FastTextConfig& config) {
  auto features = ids;
  for (std::size_t first = 0; first < ids.size(); ++first) {
    auto hash = static_cast<std::uint64_t>(ids[first]);
    for (std::size_t n = 1; n < static_cast<std::size_t>(config.word_ngrams) && first + n < ids.size(); ++n) {
      hash = hash * 116049371 + static_cast<std::uint64_t>(ids[first + n]);
      features.push_back(config.vocab_size + static_cast<std::int64_t>(hash % 5));
    }
  }
  return features;
}

}  // namespace

TEST_CASE("fastText's parameters, their shapes and first values") {
  auto model = FastTextForSequenceClassification(small());
  const auto parameters = model->named_parameters();
  REQUIRE(parameters.size() == 2);
  CHECK(parameters["embeddings.weight"].sizes() == std::vector<std::int64_t>{6, 4});
  CHECK(parameters["classifier.weight"].sizes() == std::vector<std::int64_t>{3, 4});
  CHECK(parameters["embeddings.weight"].abs().max().item<double>() <= 0.25);
  CHECK(parameters["embeddings.weight"].abs().max().item<double>() > 0.1);
  CHECK(parameters["classifier.weight"].abs().max().item<double>() == 0);
  CHECK(FastTextForSequenceClassification(small(2))->embeddings->weight.size(0) == 11);
  const auto ids = torch::ones({2, 5}, torch::kInt64);
  CHECK(model->logits(ids, torch::ones_like(ids, torch::kBool)).sizes() == std::vector<std::int64_t>{2, 3});
}

TEST_CASE("fastText's logits by hand") {
  FastTextConfig config = small();
  config.dim = 2;
  FastTextForSequenceClassification model(config);
  const torch::NoGradGuard no_grad;
  model->embeddings->weight.copy_(torch::tensor({{9, 9}, {1, 2}, {3, 6}, {0, 0}, {0, 0}, {0, 0}}));
  model->classifier->weight.copy_(torch::tensor({{1, 0}, {0, 1}, {1, -1}}));
  const auto ids = torch::tensor({{1, 2, 0}}, torch::kInt64);
  const auto mask = torch::tensor({{true, true, false}});
  CHECK(max_difference(model->logits(ids, mask), torch::tensor({{2.F, 4.F, -2.F}})) == 0);  // the mean is (2,4)
}

TEST_CASE("fastText's logits and gradients are those of the sum written out, words and n-grams") {
  for (const std::int64_t word_ngrams : {1, 2, 3}) {
    const auto config = small(word_ngrams);
    auto model = model_of(config);
    const std::vector<std::int64_t> ids = {4, 1, 1, 5, 2};
    const std::int64_t label = 2;
    const auto input = torch::tensor(ids).unsqueeze(0);
    const auto logits = model->logits(input, torch::ones_like(input, torch::kBool));
    cross_entropy(logits, torch::tensor({label})).backward();

    const auto features = features_of(ids, config);
    CHECK(features.size() == std::vector<std::size_t>{5, 9, 12}[static_cast<std::size_t>(word_ngrams - 1)]);
    const auto table = model->embeddings->weight.detach(), head = model->classifier->weight.detach();
    auto mean = torch::zeros({4});
    for (const auto row : features) mean += table[row] / static_cast<double>(features.size());
    CHECK(max_difference(logits[0].detach(), head.mv(mean)) < 1e-6);
    // d loss / d logits = softmax - one-hot.
    auto error = head.mv(mean).softmax(0);
    error[label] -= 1;
    CHECK(max_difference(model->classifier->weight.grad(), error.outer(mean)) < 1e-6);
    auto expected = torch::zeros_like(table);
    for (const auto row : features) expected[row] += head.t().mv(error) / static_cast<double>(features.size());
    CHECK(max_difference(model->embeddings->weight.grad(), expected) < 1e-6);
  }
}

TEST_CASE("fastText's logits do not depend on padding nor on what else is in the batch") {
  auto model = model_of(small(3));
  const torch::NoGradGuard no_grad;
  const auto alone = [&](std::vector<std::int64_t> ids) {
    const auto input = torch::tensor(ids).unsqueeze(0);
    return model->logits(input, torch::ones_like(input, torch::kBool))[0];
  };
  const auto ids = torch::tensor({{1, 2, 3, 5, 5}, {4, 5, 5, 5, 5}, {5, 5, 2, 1, 4}, {1, 1, 1, 1, 1}}, torch::kInt64);
  const auto mask =
      torch::tensor({{1, 1, 1, 0, 0}, {1, 0, 0, 0, 0}, {0, 0, 1, 1, 1}, {0, 0, 0, 0, 0}}).to(torch::kBool);
  const auto logits = model->logits(ids, mask);
  CHECK(max_difference(logits[0], alone({1, 2, 3})) < 1e-6);
  CHECK(max_difference(logits[1], alone({4})) < 1e-6);
  CHECK(max_difference(logits[2], alone({2, 1, 4})) < 1e-6);  // padding on the left as well
  CHECK(logits[3].abs().max().item<double>() == 0);           // a text without tokens
}

TEST_CASE("fastText drops out in training alone") {
  auto config = small();
  config.dropout = 0.9;
  auto model = model_of(config);
  const auto ids = torch::ones({1, 3}, torch::kInt64), mask = torch::ones({1, 3}, torch::kBool);
  CHECK(torch::equal(model->logits(ids, mask), model->logits(ids, mask)));
  model->train();
  bool differs = false;
  const auto once = model->logits(ids, mask);
  for (int i = 0; i < 20; ++i) differs |= !torch::equal(once, model->logits(ids, mask));
  CHECK(differs);
}

TEST_CASE("a saved fastText is the same when it is opened, whoever opens it") {
  const TempDir dir;
  auto model = model_of(small(2));
  model->save_pretrained(dir.path());
  const auto ids = torch::tensor({{1, 2, 3}}, torch::kInt64);
  const auto mask = torch::ones_like(ids, torch::kBool);
  LoadReport report;
  auto opened = from_pretrained<FastTextForSequenceClassification>(dir.path(), &report);
  CHECK(report.summary().empty());
  CHECK(torch::equal(opened->logits(ids, mask), model->logits(ids, mask)));
  CHECK(opened->labels().id2label == model->labels().id2label);
  const auto& registered = registered_model(dir.path());
  CHECK(registered.program == "langzoo-fasttext");
  const auto module = registered.load(dir.path(), nullptr, {});
  const auto classifier = std::dynamic_pointer_cast<SequenceClassifier>(module);
  REQUIRE(classifier);
  CHECK(classifier->vocab_size() == 6);
  CHECK(torch::equal(classifier->logits({.ids = ids, .attention_mask = mask}), model->logits(ids, mask)));
}

TEST_CASE("fastText's config names what is impossible") {
  auto config = small();
  config.dim = 0;
  CHECK_THROWS_WITH(config.validate(), Contains("fasttext config: dim = 0"));
  config = small();
  config.vocab_size = kFromTokenizer;
  CHECK_THROWS_WITH(config.validate(), Contains("vocab_size"));
  config = small();
  config.labels.label2id["good"] = 0;
  CHECK_THROWS_WITH(config.validate(), Contains("label2id"));
}
