#include "tests/support/test.h"

#include "models/gpt/gpt_step.h"

namespace langzoo::test {
namespace {

Gpt2LmHeadModel fixture_model() {
  return from_pretrained<Gpt2LmHeadModel>(fixture("gpt/tiny"));
}

}  // namespace

TEST_CASE("steps after a left-padded prompt give each row the logits it has alone") {
  auto model = fixture_model();
  const auto ids = torch::arange(24).view({3, 8}) * 7 % 97, mask = torch::ones_like(ids);
  mask[0].narrow(0, 0, 6).zero_();
  mask[2].narrow(0, 0, 3).zero_();
  GptStepFunction decoder(model.ptr(), mask, 12);
  CHECK(decoder.capacity() == 12);
  const auto tokens = torch::tensor({{5, 6, 7}, {8, 9, 10}, {11, 12, 13}});
  auto logits = decoder.step(ids);
  for (int step = 0;; ++step) {
    CHECK(logits.sizes() == torch::IntArrayRef({3, 97}));
    CHECK(logits.scalar_type() == torch::kFloat32);
    for (int row = 0; row < 3; ++row) {
      const auto alone = torch::cat({ids[row].index({mask[row] == 1}), tokens[row].narrow(0, 0, step)}).unsqueeze(0);
      CHECK(max_difference(logits[row], model->forward(alone).logits[0][-1]) < 1e-4);
    }
    if (step == 3) break;
    logits = decoder.step(tokens.narrow(1, step, 1));
  }
}

TEST_CASE("however the tokens are divided into calls, all logits are the forward pass's") {
  auto model = fixture_model();
  const auto ids = torch::arange(36).view({3, 12}) * 7 % 97, mask = torch::ones_like(ids);
  mask[0].narrow(0, 0, 6).zero_();
  mask[2].narrow(0, 0, 3).zero_();
  for (const bool padded : {false, true}) {
    const auto expected = model->forward(ids, {.attention_mask = padded ? mask : torch::Tensor()}).logits;  // (B,T,V)
    for (const auto& sizes : std::vector<std::vector<std::int64_t>>{{12}, {5, 7}, {8, 1, 3}, {1, 1, 2, 4, 4}}) {
      GptStepFunction decoder(model.ptr(), padded ? mask.narrow(1, 0, 8) : torch::Tensor(), 12);
      std::int64_t begin = 0;
      for (const auto size : sizes) {
        const auto part = ids.narrow(1, begin, size);
        const bool last_only = (begin + size) % 2 == 0;
        const auto logits = last_only ? decoder.step(part).unsqueeze(1) : decoder.all_logits(part);
        begin += size;
        CHECK(logits.scalar_type() == torch::kFloat32);
        const auto count = last_only ? 1 : size;
        REQUIRE(logits.sizes() == torch::IntArrayRef({3, count, 97}));
        for (int row = 0; row < 3; ++row) {
          const auto padding = padded ? std::array<std::int64_t, 3>{6, 0, 3}[row] : 0;
          for (std::int64_t t = std::max(begin - count, padding); t < begin; ++t) {
            CHECK(max_difference(logits[row][t - begin + count], expected[row][t]) < 1e-4);
          }
        }
      }
    }
  }
}

TEST_CASE("reordered rows go on from the rows they name") {
  auto model = fixture_model();
  const auto ids = torch::arange(16).view({2, 8}) * 5 % 97, mask = torch::ones_like(ids);
  mask[1].narrow(0, 0, 4).zero_();
  const auto rows = torch::tensor({1, 0, 1}), next = torch::tensor({{3}, {4}, {5}});
  GptStepFunction decoder(model.ptr(), mask, 9);
  decoder.step(ids);
  decoder.reorder(rows);
  const auto logits = decoder.step(next);
  GptStepFunction expected(model.ptr(), mask.index_select(0, rows), 9);
  expected.step(ids.index_select(0, rows));
  CHECK(max_difference(logits, expected.step(next)) < 1e-5);
}

TEST_CASE("what does not fit is refused") {
  auto model = fixture_model();
  CHECK_THROWS_WITH(GptStepFunction(model.ptr(), {}, 33), Catch::Contains("33") && Catch::Contains("n_positions = 32"));
  GptStepFunction decoder(model.ptr(), {}, 4);
  decoder.step(torch::zeros({1, 4}, torch::kInt64));
  CHECK_THROWS_WITH(decoder.step(torch::zeros({1, 1}, torch::kInt64)), Catch::Contains("capacity of 4"));
  CHECK_THROWS_WITH(decoder.all_logits(torch::zeros({1, 1}, torch::kInt64)), Catch::Contains("capacity of 4"));
  GptStepFunction three(model.ptr(), {}, 4);
  three.step(torch::zeros({3, 1}, torch::kInt64));
  CHECK_THROWS_AS(three.step(torch::zeros({1, 1}, torch::kInt64)), std::invalid_argument);
  model->train();
  CHECK_THROWS_WITH(GptStepFunction(model.ptr(), {}, 4), Catch::Contains("eval()"));
}

}  // namespace langzoo::test
