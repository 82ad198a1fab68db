#include "tests/support/test.h"

#include "apps/training/tasks/multiple_choice.h"
#include "tests/apps/training/tasks/small_bert.h"

namespace langzoo::test::multiple_choice_test {

TEST_CASE("an example has a row for each choice; the highest logit chooses") {
  const SmallExamples small(multiple_choice(), "train.csv",
                            "premise,choice1,choice2,label\nanna eats,an apple,a door,0\njohn opens,an egg,a door,1\n");
  BertForMultipleChoice model(small.config());
  model->eval();
  const auto& raw = *small.data.train;
  const auto encoded = encode_examples(multiple_choice(), "train", raw, {*small.data.tokenizer, *model});
  CHECK(encoded.examples.rows() == 2);
  CHECK(encoded.examples.labels(1)[0] == 1);
  CHECK(encoded.examples.type_ids(0, 1).back() == 1);
  const std::vector<torch::Tensor> said = {torch::tensor({2.F, 1.F}), torch::tensor({2.F, 1.F})};
  CHECK(multiple_choice().scores(*model, raw, encoded, said).at("accuracy").value == 0.5);

  const auto [logits, loss] = logits_of_all(multiple_choice(), *model, encoded, torch::kCPU);
  const auto nats = -logits[0].log_softmax(0)[0].item<double>() - logits[1].log_softmax(0)[1].item<double>();
  CHECK(loss == Approx(nats / 2).epsilon(1e-5));
  write_file(small.dir / "bad.csv", "premise,choice1,choice2,label\na,b,c,2\n");
  CHECK_THROWS_WITH(multiple_choice().read(small.dir / "bad.csv"), Catch::Contains("bad.csv: line 2"));
}

TEST_CASE("as many choices are read as the first line names, of tables and of JSON lines") {
  const TempDir dir;
  write_file(dir / "a.csv", "premise,choice1,choice2,choice3,label\np,a,b,c,2\n");
  write_file(dir / "a.jsonl",
             R"({"premise":"p","choice1":"a","choice2":"b","choice3":"c","choice4":"d","choice5":"e","label":4})"
             "\n");
  CHECK(multiple_choice().texts(*multiple_choice().read(dir / "a.csv"), 0).size() == 4);
  CHECK(multiple_choice().texts(*multiple_choice().read(dir / "a.jsonl"), 0).size() == 6);
}

}  // namespace langzoo::test::multiple_choice_test
