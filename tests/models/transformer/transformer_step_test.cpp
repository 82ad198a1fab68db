#include "tests/support/test.h"

#include "models/transformer/transformer_step.h"

namespace langzoo::test::transformer_step_test {
namespace {

using torch::Tensor;

TransformerMtModel small(bool pre_norm) {
  auto config = TransformerConfig::preset("tiny");
  config.vocab_size = 13;
  config.d_model = 8;
  config.encoder_attention_heads = config.decoder_attention_heads = 2;
  config.max_position_embeddings = 12;
  config.initializer = "normal";
  config.init_std = 0.5;
  config.pad_token_id = 0;
  config.decoder_start_token_id = 1;
  config.normalize_before = pre_norm;
  if (pre_norm) config.position_embedding_type = "learned";
  torch::manual_seed(1);
  TransformerMtModel model(config);
  model->eval();
  return model;
}

const Tensor kSource = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
const Tensor kLengths = torch::tensor({5, 2, 3});

}  // namespace

TEST_CASE("steps are the teacher-forced forward, attention included, however the tokens are divided into calls") {
  const auto input = torch::tensor({{1, 5, 6, 7, 2}, {1, 8, 4, 10, 3}, {1, 3, 3, 9, 9}});
  for (const bool pre_norm : {false, true}) {
    auto model = small(pre_norm);
    const torch::NoGradGuard no_grad;
    const auto expected = model->forward(kSource, kLengths, input),
               attention = model->attention(kSource, kLengths, input);
    for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{1, 1, 1, 1, 1}, {2, 1, 2}, {5}}) {
      TransformerStepFunction decoder(model, kSource, kLengths, 5), all(model, kSource, kLengths, 5);
      CHECK(decoder.capacity() == 5);
      std::int64_t seen = 0;
      for (const auto size : sizes) {
        const auto part = input.narrow(1, seen, size);
        CHECK(max_difference(all.all_logits(part), expected.narrow(1, seen, size)) < 1e-5);
        seen += size;
        CHECK(max_difference(decoder.step(part), expected.select(1, seen - 1)) < 1e-5);
        CHECK(max_difference(decoder.attention(), attention.select(1, seen - 1)) < 1e-5);
      }
      CHECK_THROWS_WITH(decoder.step(input.narrow(1, 0, 1)), Catch::Contains("capacity of 5"));
    }
  }
}

TEST_CASE("a Transformer's reordered rows go on from the rows they name, beams and dropped sources alike") {
  torch::manual_seed(2);
  const std::vector<Tensor> reorderings = {torch::tensor({0, 0, 1, 1, 2, 2}), torch::tensor({1, 0, 3, 3, 4, 5}),
                                           torch::tensor({0, 1, 4, 4}),       torch::tensor({0, 2, 1}),
                                           torch::tensor({2, 0, 1}),          torch::tensor({2, 2, 0, 0}),
                                           torch::tensor({3, 0, 1}),          torch::tensor({2, 2, 2})};
  for (const bool pre_norm : {false, true}) {
    auto model = small(pre_norm);
    const torch::NoGradGuard no_grad;
    TransformerStepFunction decoder(model, kSource, kLengths, 10);
    auto history = torch::ones({3, 1}, torch::kInt64), sources = torch::arange(3);
    decoder.step(history);
    for (const auto& rows : reorderings) {
      decoder.reorder(rows);
      history = history.index_select(0, rows);
      sources = sources.index_select(0, rows);
      const auto of = kSource.index_select(0, sources), lengths = kLengths.index_select(0, sources);
      CHECK(max_difference(decoder.attention(), model->attention(of, lengths, history).select(1, -1)) < 1e-5);
      const auto next = torch::randint(3, 13, {rows.size(0), 1});
      history = torch::cat({history, next}, 1);
      CHECK(max_difference(decoder.step(next), model->forward(of, lengths, history).select(1, -1)) < 1e-5);
    }
  }
}

TEST_CASE("a Transformer's step function refuses what does not fit") {
  auto model = small(false);
  CHECK_THROWS_WITH(TransformerStepFunction(model, kSource, kLengths, 0), Catch::Contains("a target of 0 tokens"));
  CHECK_THROWS_WITH(TransformerStepFunction(model, kSource, kLengths, 13),
                    Catch::Contains("13") && Catch::Contains("max_position_embeddings = 12"));
  TransformerStepFunction decoder(model, kSource, kLengths, 4);
  CHECK(!decoder.attention().defined());
  CHECK_THROWS_WITH(decoder.step(torch::ones({2, 1}, torch::kInt64)), Catch::Contains("[2, 1]"));
  model->train();
  CHECK_THROWS_WITH(TransformerStepFunction(model, kSource, kLengths, 4), Catch::Contains("eval()"));
}

}  // namespace langzoo::test::transformer_step_test
