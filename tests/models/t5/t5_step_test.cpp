#include "tests/support/test.h"

#include "models/t5/t5_step.h"

namespace langzoo::test::t5_step_test {
namespace {

using torch::Tensor;

T5ForConditionalGeneration small(bool gated) {
  T5Config config;
  config.vocab_size = 13;
  config.d_model = 8;
  config.d_kv = 5;
  config.d_ff = 12;
  config.num_layers = config.num_heads = 2;
  config.relative_attention_num_buckets = 4;
  config.relative_attention_max_distance = 5;
  if (gated) config.feed_forward_proj = "gated-gelu", config.tie_word_embeddings = false;
  torch::manual_seed(1);
  T5ForConditionalGeneration model(config);
  model->eval();
  return model;
}

const Tensor kSource = torch::tensor({{5, 3, 7, 9, 2}, {4, 4, 0, 0, 0}, {12, 1, 6, 0, 0}});
const Tensor kLengths = torch::tensor({5, 2, 3});

}  // namespace

TEST_CASE("a T5's steps are the teacher-forced forward, however the tokens are divided into calls") {
  const auto input = torch::tensor({{0, 5, 6, 7, 2, 9, 3, 3}, {0, 8, 4, 10, 3, 1, 7, 4}, {0, 3, 3, 9, 9, 5, 2, 12}});
  for (const bool gated : {false, true}) {
    auto model = small(gated);
    const torch::NoGradGuard no_grad;
    const auto expected = model->forward(kSource, kLengths, input),
               attention = model->attention(kSource, kLengths, input);
    for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{1, 1, 1, 1, 1, 1, 1, 1}, {2, 1, 3, 2}, {8}}) {
      T5StepFunction decoder(model, kSource, kLengths, 8), all(model, kSource, kLengths, 8);
      CHECK(decoder.capacity() == 8);
      std::int64_t seen = 0;
      for (const auto size : sizes) {
        const auto part = input.narrow(1, seen, size);
        CHECK(max_difference(all.all_logits(part), expected.narrow(1, seen, size)) < 1e-5);
        seen += size;
        CHECK(max_difference(decoder.step(part), expected.select(1, seen - 1)) < 1e-5);
        CHECK(max_difference(decoder.attention(), attention.select(1, seen - 1)) < 1e-5);
      }
      CHECK_THROWS_WITH(decoder.step(input.narrow(1, 0, 1)), Catch::Contains("capacity of 8"));
    }
  }
}

TEST_CASE("a T5's reordered rows go on from the rows they name, beams and dropped sources alike") {
  torch::manual_seed(2);
  const std::vector<Tensor> reorderings = {torch::tensor({0, 0, 1, 1, 2, 2}), torch::tensor({1, 0, 3, 3, 4, 5}),
                                           torch::tensor({0, 1, 4, 4}),       torch::tensor({0, 2, 1}),
                                           torch::tensor({2, 0, 1}),          torch::tensor({2, 2, 0, 0}),
                                           torch::tensor({3, 0, 1}),          torch::tensor({2, 2, 2})};
  auto model = small(true);
  const torch::NoGradGuard no_grad;
  T5StepFunction decoder(model, kSource, kLengths, 10);
  auto history = torch::zeros({3, 1}, torch::kInt64), sources = torch::arange(3);
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

TEST_CASE("a T5's step function refuses what does not fit") {
  auto model = small(false);
  CHECK_THROWS_WITH(T5StepFunction(model, kSource, kLengths, 0), Catch::Contains("a target of 0 tokens"));
  T5StepFunction decoder(model, kSource, kLengths, 4);
  CHECK(!decoder.attention().defined());
  CHECK_THROWS_WITH(decoder.step(torch::ones({2, 1}, torch::kInt64)), Catch::Contains("[2, 1]"));
  model->train();
  CHECK_THROWS_WITH(T5StepFunction(model, kSource, kLengths, 4), Catch::Contains("eval()"));
}

TEST_CASE("a T5 in bfloat16 decodes what it decodes in float32") {
  auto model = small(true);
  const auto input = torch::tensor({{0, 5, 6}, {0, 8, 4}, {0, 3, 3}});
  const torch::NoGradGuard no_grad;
  const auto expected = model->forward(kSource, kLengths, input);
  model->to(torch::kBFloat16);
  T5StepFunction decoder(model, kSource, kLengths, 3);
  for (std::int64_t t = 0; t < 3; ++t) {
    const auto logits = decoder.step(input.narrow(1, t, 1));
    CHECK(logits.scalar_type() == torch::kFloat32);
    CHECK(max_difference(logits, expected.select(1, t)) < 0.05 * expected.abs().max().item<double>());
  }
}

}  // namespace langzoo::test::t5_step_test
