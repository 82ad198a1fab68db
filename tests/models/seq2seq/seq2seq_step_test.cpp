#include "tests/support/test.h"

#include "models/seq2seq/seq2seq_step.h"

namespace langzoo::test::seq2seq_step_test {
namespace {

using torch::Tensor;

const char* const kPresets[] = {"plain", "peeky", "dot", "bahdanau", "additive", "luong", "local-p", "gnmt"};

Seq2Seq small(const std::string& preset) {
  auto config = Seq2SeqConfig::preset(preset);
  config.source_vocab_size = 13;
  config.target_vocab_size = 11;
  config.embedding_size = 6;
  config.hidden_size = 8;
  config.attention_size = config.maxout_size = 7;
  if (config.attention_window > 0) config.attention_window = 2;
  config.initializer_range = 0.5;
  config.reverse_source = true;
  Seq2Seq model(config);
  model->eval();
  return model;
}

const Tensor kSource = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
const Tensor kLengths = torch::tensor({5, 2, 3});

}  // namespace

TEST_CASE("steps are the teacher-forced forward, attention included") {
  torch::manual_seed(1);
  const auto input = torch::tensor({{1, 5, 6, 7}, {1, 8, 4, 10}, {1, 3, 3, 9}});
  for (const std::string preset : kPresets) {
    INFO(preset);
    auto model = small(preset);
    const auto expected = model->forward(kSource, kLengths, input);
    for (const std::int64_t first : {1, 2}) {
      Seq2SeqStepFunction decoder(model, kSource, kLengths, 4);
      CHECK(decoder.capacity() == 4);
      for (std::int64_t t = first; t <= 4; ++t) {
        const auto logits = decoder.step(t == first ? input.narrow(1, 0, first) : input.narrow(1, t - 1, 1));
        CHECK(max_difference(logits, expected.logits.select(1, t - 1)) < 1e-5);
        REQUIRE(decoder.attention().defined() == expected.attention.defined());
        if (expected.attention.defined()) {
          CHECK(max_difference(decoder.attention(), expected.attention.select(1, t - 1)) < 1e-5);
        }
      }
      CHECK_THROWS_WITH(decoder.step(input.narrow(1, 0, 1)), Catch::Contains("capacity of 4"));
    }
  }
}

TEST_CASE("all logits are the forward pass's, of beams and however the tokens are divided into calls") {
  torch::manual_seed(3);
  const auto input = torch::randint(3, 11, {3, 6});
  for (const std::string preset : kPresets) {
    INFO(preset);
    auto model = small(preset);
    // One row a source; two that lie together, of which the first two tokens are the same; and mixed rows.
    for (const auto& rows :
         {torch::tensor({0, 1, 2}), torch::tensor({0, 0, 1, 1, 2, 2}), torch::tensor({0, 1, 0, 2})}) {
      auto tokens = torch::randint(3, 11, {rows.numel(), 6});
      tokens.narrow(1, 0, 2).copy_(input.narrow(1, 0, 2).index_select(0, rows));
      const auto expected = model->forward(kSource.index_select(0, rows), kLengths.index_select(0, rows), tokens);
      Seq2SeqStepFunction decoder(model, kSource, kLengths, 6);
      CHECK(max_difference(decoder.all_logits(input.narrow(1, 0, 2)).index_select(0, rows),
                           expected.logits.narrow(1, 0, 2)) < 1e-5);
      decoder.reorder(rows);
      CHECK(max_difference(decoder.all_logits(tokens.narrow(1, 2, 3)), expected.logits.narrow(1, 2, 3)) < 1e-5);
      if (expected.attention.defined()) {
        CHECK(max_difference(decoder.attention(), expected.attention.select(1, 4)) < 1e-5);
      }
      CHECK(max_difference(decoder.step(tokens.narrow(1, 5, 1)), expected.logits.select(1, 5)) < 1e-5);
    }
  }
}

TEST_CASE("reordered rows go on from the rows they name, beams and dropped sources alike") {
  torch::manual_seed(2);
  // The source of each row and the tokens it has seen, through a history of reorderings.
  const std::vector<Tensor> reorderings = {torch::tensor({0, 0, 1, 1, 2, 2}), torch::tensor({1, 0, 3, 3, 4, 5}),
                                           torch::tensor({0, 1, 4, 4}),       torch::tensor({0, 2, 1}),
                                           torch::tensor({2, 0, 1}),          torch::tensor({2, 2, 0, 0}),
                                           torch::tensor({3, 0, 1}),          torch::tensor({2, 2, 2})};
  for (const std::string preset : kPresets) {
    INFO(preset);
    auto model = small(preset);
    Seq2SeqStepFunction decoder(model, kSource, kLengths, 10);
    auto history = torch::ones({3, 1}, torch::kInt64), sources = torch::arange(3);
    decoder.step(history);
    for (const auto& rows : reorderings) {
      decoder.reorder(rows);
      history = history.index_select(0, rows);
      sources = sources.index_select(0, rows);
      const auto next = torch::randint(3, 11, {rows.size(0), 1});
      history = torch::cat({history, next}, 1);
      const auto logits = decoder.step(next);
      const auto expected =
          model->forward(kSource.index_select(0, sources), kLengths.index_select(0, sources), history);
      CHECK(max_difference(logits, expected.logits.select(1, -1)) < 1e-5);
      if (expected.attention.defined()) {
        CHECK(max_difference(decoder.attention(), expected.attention.select(1, -1)) < 1e-5);
      }
    }
  }
}

TEST_CASE("a step function refuses what does not fit") {
  auto model = small("luong");
  CHECK_THROWS_WITH(Seq2SeqStepFunction(model, kSource, kLengths, 0), Catch::Contains("capacity = 0"));
  Seq2SeqStepFunction decoder(model, kSource, kLengths, 4);
  CHECK_THROWS_WITH(decoder.step(torch::ones({2, 1}, torch::kInt64)), Catch::Contains("[2, 1]"));
  model->train();
  CHECK_THROWS_WITH(Seq2SeqStepFunction(model, kSource, kLengths, 4), Catch::Contains("eval()"));
}

}  // namespace langzoo::test::seq2seq_step_test
