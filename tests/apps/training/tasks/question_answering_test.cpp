#include "tests/support/test.h"

#include "apps/training/tasks/question_answering.h"
#include "tests/apps/training/tasks/small_bert.h"

namespace langzoo::test::question_answering_test {

namespace {

/// Logits under which each window says what it has learnt.
std::vector<torch::Tensor> sure_logits(const EncodedExamples& encoded) {
  std::vector<torch::Tensor> logits;
  for (std::int64_t i = 0; i < encoded.examples.size(); ++i) {
    logits.push_back(torch::zeros({2, encoded.examples.length(i)}));
    for (std::int64_t side = 0; side < 2; ++side) {
      logits.back()[side][encoded.examples.labels(i)[static_cast<std::size_t>(side)]] = 9;
    }
  }
  return logits;
}

const std::string kQuestions =
    R"({"question": "who ?", "context": "it was anna in the park and not john in the garden .",
"answers": [{"text": "john", "answer_start": 32}]})";

std::string on_a_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text + "\n";
}

}  // namespace

TEST_CASE("the window that holds the answer learns its place, others that there is none") {
  const SmallExamples small(question_answering(), "train.jsonl", on_a_line(kQuestions));
  BertForQuestionAnswering model(small.config());
  const auto& raw = *small.data.train;
  const auto one = encode_examples(question_answering(), "train", raw, {*small.data.tokenizer, *model});
  CHECK(one.examples.size() == 1);
  const auto windows = encode_examples(question_answering(), "train", raw, {*small.data.tokenizer, *model, 12});
  REQUIRE(windows.examples.size() > 1);
  CHECK(windows.examples.length(0) <= 12);
  CHECK(windows.examples.labels(0)[0] == 0);  // [CLS]
  for (const auto* const encoded : {&one, &windows}) {
    const auto scores = question_answering().scores(*model, raw, *encoded, sure_logits(*encoded));
    CHECK(scores.at("exact_match").value == 100);
    CHECK(scores.at("f1").value == 100);
  }
  // A model may be given longer windows than the usual 384, where it takes them.
  auto config = small.config();
  config.max_position_embeddings = 600;
  BertForQuestionAnswering longer(config);
  std::string context = "john";
  for (int i = 0; i < 450; ++i) context += " in";
  const auto long_raw = question_answering().of_texts({"who ?", context});
  const auto wide = encode_examples(question_answering(), "--text", *long_raw,
                                    {*small.data.tokenizer, *longer, 512, /*targets=*/false});
  CHECK(wide.examples.size() == 1);
}

TEST_CASE("a question without an answer is answered by none") {
  const auto lines = on_a_line(kQuestions) + R"({"question": "where ?", "context": "it was anna .", "answers": []})";
  const SmallExamples small(question_answering(), "train.jsonl", lines + "\n");
  BertForQuestionAnswering model(small.config());
  const auto& raw = *small.data.train;
  const auto encoded = encode_examples(question_answering(), "train", raw, {*small.data.tokenizer, *model});
  const auto logits = sure_logits(encoded);
  CHECK(question_answering().scores(*model, raw, encoded, logits).at("exact_match").value == 100);
  const auto& questions = dynamic_cast<const RawExamplesOf<Question>&>(raw).items;
  AnswerOptions options;
  CHECK(best_answers(questions, encoded, logits, options)[0].answer == "john");
  CHECK_FALSE(best_answers(questions, encoded, logits, options)[1].answer.empty());
  options.may_be_none = true;
  CHECK(best_answers(questions, encoded, logits, options)[1].answer.empty());
}

}  // namespace langzoo::test::question_answering_test
