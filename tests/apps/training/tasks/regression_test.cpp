#include "tests/support/test.h"

#include "apps/training/tasks/regression.h"
#include "tests/apps/training/tasks/small_bert.h"

namespace langzoo::test::regression_test {

TEST_CASE("a config becomes one of a single number; the loss is the mean squared error") {
  const SmallExamples small(regression(), "train.csv",
                            "text,pair,label\na park,a park,1\na park,a door,-1\na door,a park,0\n");
  CHECK(small.config().labels.size() == 1);
  CHECK(small.config().problem_type == "regression");
  BertForSequenceClassification model(small.config());
  model->eval();
  CHECK(regression().accepts(*model));
  const auto& raw = *small.data.train;
  const auto encoded = encode_examples(regression(), "train", raw, {*small.data.tokenizer, *model});
  CHECK(encoded.examples.values(1)[0] == -1);
  const auto [logits, loss] = logits_of_all(regression(), *model, encoded, torch::kCPU);
  double squares = 0;
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto difference = logits[static_cast<std::size_t>(i)].item<double>() - encoded.examples.values(i)[0];
    squares += difference * difference;
  }
  CHECK(loss == Approx(squares / 3).epsilon(1e-5));
  const std::vector<torch::Tensor> said = {torch::tensor({6.F}), torch::tensor({2.F}), torch::tensor({4.F})};
  const auto scores = regression().scores(*model, raw, encoded, said);
  CHECK(scores.at("pearson").value == Approx(1));
  CHECK(scores.at("spearman").value == Approx(1));
  write_file(small.dir / "bad.csv", "text,label\na,much\n");
  const auto bad = regression().read(small.dir / "bad.csv");
  CHECK_THROWS_WITH(encode_examples(regression(), "bad.csv", *bad, {*small.data.tokenizer, *model}),
                    Catch::Contains("bad.csv: line 2") && Catch::Contains("much"));
}

}  // namespace langzoo::test::regression_test
