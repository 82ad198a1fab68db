#include "tests/support/test.h"

#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/classification.h"
#include "models/bert/bert.h"
#include "models/fasttext/fasttext.h"
#include "tests/apps/training/tasks/small_bert.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace {

/// The logit of label c is how often the text has token c; takes four tokens at once.
class TokenCounter : public torch::nn::Module, public SequenceClassifier {
 public:
  explicit TokenCounter(const std::vector<std::string>& labels = {"a", "b", "c"},
                        ProblemType type = ProblemType::kSingleLabel)
      : labels_(ClassLabels::of(labels)), type_(type) {}

  ProblemType problem_type() const override { return type_; }
  torch::nn::Module& module() override { return *this; }
  const ClassLabels& labels() const override { return labels_; }
  std::int64_t vocab_size() const override { return 3; }
  std::int64_t n_positions() const override { return 4; }
  torch::Tensor logits(const TokenInputs& inputs) override {
    largest = std::max(largest, inputs.ids.size(1));
    return (torch::one_hot(inputs.ids, 3) * inputs.attention_mask.unsqueeze(-1)).sum(1).to(torch::kFloat32) -
           (type_ == ProblemType::kMultiLabel ? 0.5 : 0);
  }
  void save_pretrained(const std::filesystem::path& /*dir*/) const override {}

  std::int64_t largest = 0;

 private:
  ClassLabels labels_;
  ProblemType type_;
};

struct Opened {
  TempDir dir;
  ExampleData data;
  std::unique_ptr<ModelConfig> config = ModelConfig::of(FastTextConfig());
  std::string told;
};

std::unique_ptr<Opened> open(const std::string& train, const std::string& valid = {}, double fraction = 0.1) {
  auto opened = std::make_unique<Opened>();
  ExampleOptions options(classification().format());
  options.train = (opened->dir / "train.tsv").string();
  options.tokenizer = "char";
  options.valid_fraction = fraction;
  test::write_file(options.train, "text\tlabel\n" + train);
  if (!valid.empty()) {
    options.valid = (opened->dir / "valid.tsv").string();
    test::write_file(options.valid, "text\tlabel\n" + valid);
  }
  const auto tell = [&](const std::string& text) { opened->told = text; };
  opened->data = open_examples(classification(), options, *opened->config, opened->dir / "run", tell);
  return opened;
}

}  // namespace

TEST_CASE("the labels are the training file's in the order of their bytes, a share is set aside evenly") {
  const auto opened = open("x\tb\ny\ta\nz\tB\nx\ta\nx\ta\n", {}, 0.4);
  CHECK(opened->config->as<FastTextConfig>().labels.id2label ==
        std::map<std::int64_t, std::string>{{0, "B"}, {1, "a"}, {2, "b"}});
  const auto& valid = dynamic_cast<const RawExamplesOf<LabelledText>&>(*opened->data.valid).items;
  REQUIRE(valid.size() == 2);
  CHECK(valid[0].line == 4);
  CHECK(valid[1].line == 6);
  CHECK(opened->data.train->size() == 3);
  CHECK(opened->told == "3 texts, 2 to validate, 3 labels");
  CHECK(find_tokenizer(opened->dir / "run") != nullptr);
  CHECK(open("x\ta\n", "y\ta\n")->data.train->size() == 1);
}

TEST_CASE("texts are cut to what the model takes; log-probabilities stay in the order of the texts") {
  const auto opened = open("abc\ta\n", "a\ta\nbbbbcc\tb\nc\tc\ncac\ta\n");
  const auto& tokenizer = *opened->data.tokenizer;
  for (const std::string name : {"a", "b", "c"}) REQUIRE(tokenizer.token_to_id(name) == name[0] - 'a');
  TokenCounter model;
  const auto& raw = *opened->data.valid;
  const auto texts = encode_examples(classification(), "valid.tsv", raw, {tokenizer, model});
  std::vector<std::int64_t> lengths;
  for (std::int64_t i = 0; i < raw.size(); ++i) lengths.push_back(texts.examples.length(i));
  CHECK(lengths == std::vector<std::int64_t>{1, 4, 1, 3});
  const auto all = logits_of_all(classification(), model, texts, torch::kCPU);
  const auto counts = torch::tensor({{1.F, 0.F, 0.F}, {0.F, 4.F, 0.F}, {0.F, 0.F, 1.F}, {1.F, 0.F, 2.F}});
  CHECK(test::max_difference(torch::stack(all.logits), counts) < 1e-6);
  CHECK(model.largest == 4);
  const auto metrics = evaluate(classification(), model, raw, texts, torch::kCPU);
  // Predicted: a, b, c, c.
  CHECK(metrics.at("accuracy").value == 0.75);
  CHECK(metrics.at("accuracy").direction == Direction::kHigherIsBetter);
  CHECK(metrics.at("f1").value == Approx((2.0 / 3 + 1 + 2.0 / 3) / 3));
  CHECK(metrics.at("loss").direction == Direction::kLowerIsBetter);
  const auto log_probs = counts.log_softmax(-1);
  const auto nats = -(log_probs[0][0] + log_probs[1][1] + log_probs[2][2] + log_probs[3][0]).item<double>() / 4;
  CHECK(metrics.at("loss").value == Approx(nats));
}

TEST_CASE("of texts with several labels each label is judged by itself, and a text is right where all are") {
  TokenCounter model({"a", "b", "c"}, ProblemType::kMultiLabel);
  const auto opened = open("abc\t[\"a\", \"b\"]\n", "ab\ta, b\ncb\tc\n");
  auto config = ModelConfig::of(BertConfig());
  classification().complete_config(*config, *opened->data.train);
  CHECK(config->as<BertConfig>().problem_type == "multi_label_classification");
  CHECK(config->as<BertConfig>().labels.size() == 2);
  test::write_file(opened->dir / "several.tsv", "text\tlabel\nab\ta,b\ncb\tc\n");
  const auto raw = classification().read(opened->dir / "several.tsv");
  const auto texts = encode_examples(classification(), "several.tsv", *raw, {*opened->data.tokenizer, model});
  CHECK(texts.examples.values(0)[1] == 1);
  CHECK(texts.examples.labels(0).empty());
  const auto metrics = evaluate(classification(), model, *raw, texts, torch::kCPU);
  CHECK(metrics.at("accuracy").value == 0.5);  // of the second b is predicted, too
  CHECK(metrics.at("f1").value == Approx((1 + 2.0 / 3 + 1) / 3));
  CHECK(chosen_labels(model, torch::tensor({0.6, 0.2, 0.9})) == std::vector<std::string>{"a", "c"});
}

TEST_CASE("a second column makes pairs, whose segments have types of their own") {
  const auto opened = open("abc\ta\n");
  const TokenCounter model;
  test::write_file(opened->dir / "pairs.tsv", "text\tpair\tlabel\na\tbc\tb\n");
  const auto raw = classification().read(opened->dir / "pairs.tsv");
  const auto pairs = encode_examples(classification(), "pairs.tsv", *raw, {*opened->data.tokenizer, model});
  CHECK(pairs.examples.length(0) == 3);
  CHECK(std::vector<std::int32_t>(pairs.examples.type_ids(0, 0).begin(), pairs.examples.type_ids(0, 0).end()) ==
        std::vector<std::int32_t>{0, 1, 1});
  CHECK_THROWS_AS(classification().read(opened->dir / "pairs.tsv", {.columns = "a,b,c,d"}), std::invalid_argument);
}

TEST_CASE("two readings of texts have both cross-entropies and the divergence of their logits") {
  FastTextConfig config;
  config.vocab_size = 5;
  config.dim = 6;
  config.dropout = 0.5;
  config.labels = ClassLabels::of({"a", "b"});
  torch::manual_seed(1);
  FastTextForSequenceClassification model(config);
  {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.normal_();
  }
  model->train();
  TokenBatch batch;
  batch.ids = torch::tensor({{1, 2, 3}, {4, 0, 0}});
  batch.mask = batch.ids > 0;
  batch.labels = torch::tensor({{1}, {0}});
  torch::manual_seed(2);
  const auto sums = r_drop_sums(classification(), *model, batch);
  torch::manual_seed(2);
  const auto inputs = inputs_of(batch);
  const auto p = model->logits(inputs).softmax(1), q = model->logits(inputs).softmax(1);
  const auto picked = [&](const torch::Tensor& x) { return -x.gather(1, batch.labels).log().sum().item<double>(); };
  CHECK(sums.cross_entropy.item<double>() == Approx(picked(p) + picked(q)).epsilon(1e-5));
  const double divergence = ((p - q) * (p / q).log()).sum().item<double>() / 2;
  CHECK(divergence > 0);
  CHECK(sums.divergence.item<double>() == Approx(divergence).epsilon(1e-4));
}

TEST_CASE("labels may be smoothed, those of texts that have several not") {
  TokenCounter model;
  const auto opened = open("abc\ta\n", "abca\ta\nb\tb\n");
  const auto texts = encode_examples(classification(), "v", *opened->data.valid, {*opened->data.tokenizer, model});
  const auto batch = token_batch(texts.examples, {0, 1}, 0);
  const auto logits = torch::tensor({{2.F, 1.F, 1.F}, {0.F, 1.F, 0.F}});
  const auto log_probs = logits.log_softmax(-1);
  const double smoothed =
      -0.7 * (log_probs[0][0] + log_probs[1][1]).item<double>() - 0.1 * log_probs.sum().item<double>();
  CHECK(classification().loss_sum(model, logits, batch, {.epsilon = 0.3}).item<double>() == Approx(smoothed));
  CHECK(classification().has_classes(model));
  CHECK_FALSE(classification().has_classes(TokenCounter({"a", "b", "c"}, ProblemType::kMultiLabel)));
}

TEST_CASE("texts that are cut are counted, and an empty one is named with its line") {
  const TokenCounter model;
  const auto opened = open("abc\ta\n", "abcab\ta\nb\tb\ncccccc\tc\n");
  std::vector<std::string> told;
  const auto texts = encode_examples(classification(), "valid.tsv", *opened->data.valid,
                                     {*opened->data.tokenizer, model}, [&](const auto& text) { told.push_back(text); });
  CHECK(texts.cut == 2);
  CHECK(told == std::vector<std::string>{"valid.tsv: 2 of 3 texts were cut to 4 tokens"});
  const auto wrong = [&](const std::string& content, const std::string& what) {
    test::write_file(opened->dir / "wrong.csv", content);
    CHECK_THROWS_WITH(classification().read(opened->dir / "wrong.csv"), Contains("wrong.csv: line ") && Contains(what));
  };
  wrong("text,label\na,a\n,b\n", "line 3: has an empty text");
  wrong("text,label\n\" \",b\n", "line 2: has an empty text");
  wrong("text,pair,label\na,,b\n", "line 2: has an empty pair");
  wrong("text,label\na,\n", "line 2: has an empty label");
  test::write_file(opened->dir / "one.jsonl",
                   "{\"text\": \"a\", \"label\": \"a\"}\n{\"text\": \"a\", \"pair\": \"b\", \"label\": \"a\"}\n");
  CHECK(classification().read(opened->dir / "one.jsonl")->size() == 2);
}

TEST_CASE("segments that a model does not know are none, or are refused") {
  const test::SmallExamples small(classification(), "train.csv", "text,pair,label\nanna,the park,a\njohn,a door,b\n");
  auto config = small.config();
  config.type_vocab_size = 1;
  BertForSequenceClassification one(config);
  const auto encoded = encode_examples(classification(), "t", *small.data.train, {*small.data.tokenizer, *one});
  CHECK(encoded.examples.type_ids(0, 0).empty());
  const BertForSequenceClassification two(small.config());
  const ExampleEncoding encoding{*small.data.tokenizer, *two};
  CHECK_THROWS_WITH(encoding.fitted({{1, 2}, {0, 2}}), Contains("segment 2, the model knows 2 (type_vocab_size)"));
}

TEST_CASE("a label that the model does not have is named with its line") {
  const auto opened = open("abc\ta\n", "a\ta\nb\td\n");
  const TokenCounter model;
  const auto& data = opened->data;
  CHECK_THROWS_WITH(encode_examples(classification(), "valid.tsv", *data.valid, {*data.tokenizer, model}),
                    Contains("valid.tsv: line 3: ") && Contains("\"d\""));
}
