#include "tests/support/test.h"

#include "apps/training/run_tokenizer.h"
#include "apps/training/tasks/classification.h"
#include "models/fasttext/fasttext.h"

using namespace langzoo;
using Catch::Contains;
using test::TempDir;

namespace {

/// The logit of label c is how often the text has token c; takes four tokens at once.
class TokenCounter : public torch::nn::Module, public SequenceClassifier {
 public:
  torch::nn::Module& module() override { return *this; }
  const ClassLabels& labels() const override { return labels_; }
  std::int64_t vocab_size() const override { return 3; }
  std::int64_t n_positions() const override { return 4; }
  torch::Tensor logits(const torch::Tensor& ids, const torch::Tensor& mask) override {
    largest = std::max(largest, ids.size(1));
    return (torch::one_hot(ids, 3) * mask.unsqueeze(-1)).sum(1).to(torch::kFloat32);
  }
  void save_pretrained(const std::filesystem::path& /*dir*/) const override {}

  std::int64_t largest = 0;

 private:
  ClassLabels labels_ = ClassLabels::of({"a", "b", "c"});
};

struct Opened {
  TempDir dir;
  ExampleRows data;
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
  REQUIRE(opened->data.valid.size() == 2);
  CHECK(opened->data.valid[0].line == 4);
  CHECK(opened->data.valid[1].line == 6);
  CHECK(opened->data.train.size() == 3);
  CHECK(opened->told == "3 texts, 2 to validate, 3 labels");
  CHECK(find_tokenizer(opened->dir / "run") != nullptr);
  CHECK(open("x\ta\n", "y\ta\n")->data.train.size() == 1);
}

TEST_CASE("texts are cut to what the model takes; log-probabilities stay in the order of the texts") {
  const auto opened = open("abc\ta\n", "a\ta\nbbbbcc\tb\n\tc\ncac\ta\n");
  const auto& tokenizer = *opened->data.tokenizer;
  for (const std::string name : {"a", "b", "c"}) REQUIRE(tokenizer.token_to_id(name) == name[0] - 'a');
  TokenCounter model;
  const auto texts = encode_examples(classification(), "valid.tsv", opened->data.valid, tokenizer, model);
  CHECK(texts.source_tokens() == 1 + 4 + 0 + 3);
  const auto log_probs = class_log_probs(model, texts, torch::kCPU);
  const auto counts = torch::tensor({{1.F, 0.F, 0.F}, {0.F, 4.F, 0.F}, {0.F, 0.F, 0.F}, {1.F, 0.F, 2.F}});
  CHECK(test::max_difference(log_probs, counts.log_softmax(-1)) < 1e-6);
  CHECK(model.largest == 4);
  const auto metrics = evaluate_classifier(model, texts, torch::kCPU);
  // Predicted: a, b, a (of equals the first), c.
  CHECK(metrics.at("accuracy").value == 0.5);
  CHECK(metrics.at("accuracy").direction == Direction::kHigherIsBetter);
  CHECK(metrics.at("f1").value == Approx((0.5 + 1 + 0) / 3));
  CHECK(metrics.at("loss").direction == Direction::kLowerIsBetter);
  const auto nats = -(log_probs[0][0] + log_probs[1][1] + log_probs[2][2] + log_probs[3][0]).item<double>() / 4;
  CHECK(metrics.at("loss").value == Approx(nats));
}

TEST_CASE("a label that the model does not have is named with its line") {
  const auto opened = open("abc\ta\n", "a\ta\nb\td\n");
  const TokenCounter model;
  const auto& data = opened->data;
  CHECK_THROWS_WITH(encode_examples(classification(), "valid.tsv", data.valid, *data.tokenizer, model),
                    Contains("valid.tsv: line 3: ") && Contains("\"d\""));
}
