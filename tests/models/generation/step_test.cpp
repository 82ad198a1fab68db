#include "models/generation/step.h"

#include "models/generation/sampler.h"
#include "models/gpt/gpt.h"
#include "models/t5/t5.h"
#include "tests/models/generation/hashed_step.h"
#include "tests/support/test.h"

namespace langzoo {
namespace {

TEST_CASE("without a way of its own a step function gives all logits one step a token") {
  const auto ids = torch::tensor({{1, 2, 3}, {0, 0, 4}, {5, 6, 7}}), next = torch::tensor({{8, 9}, {1, 1}, {2, 0}});
  const auto mask = torch::tensor({{1, 1, 1}, {0, 0, 1}, {1, 1, 1}}) != 0;
  test::HashedStep step(mask, 11);
  step.step(ids);
  const auto logits = step.all_logits(next);
  REQUIRE(logits.sizes() == torch::IntArrayRef({3, 2, 11}));
  const std::vector<test::Ids> rows = {{1, 2, 3, 8, 9}, {4, 1, 1}, {5, 6, 7, 2, 0}};
  CHECK(step.rows == rows);
  for (std::int64_t b = 0; b < 3; ++b) {
    for (std::int64_t t = 0; t < 2; ++t) {
      const test::Ids held(rows[b].begin(), rows[b].end() - (1 - t));
      CHECK(torch::equal(logits[b][t], torch::tensor(test::hashed_logits(held, 11))));
    }
  }
}

constexpr std::int64_t kWords = 70'000, kWidth = 64;  // a head that LinearImpl::argmax is for

/// Two of one kind hold the same: one is asked for the likeliest tokens, the other for all logits, while rows come and
/// go.
void check_likeliest(StepFunction& greedy, StepFunction& other) {
  const c10::InferenceMode guard;
  auto next = torch::tensor({{5}, {0}, {77}, {5}});
  for (const auto& rows : std::vector<std::vector<std::int64_t>>{{0, 1, 2, 3}, {2}, {0}, {0}, {0, 0, 0}, {1}, {0}}) {
    const auto index = torch::tensor(rows);
    if (next.size(0) != index.size(0) || rows[0] != 0) {
      greedy.reorder(index), other.reorder(index);
      next = next.index_select(0, index);
    }
    for (int i = 0; i < 3; ++i) {
      const auto token = greedy.likeliest(next);
      CHECK(torch::equal(token, likeliest(other.step(next))));
      next = token.unsqueeze(1);
    }
  }
}

TEST_CASE("the likeliest token is that of all logits: GPT-2") {
  torch::manual_seed(2);
  Gpt2Config config;
  config.vocab_size = kWords;
  config.n_embd = kWidth;
  config.n_layer = 1;
  config.n_head = 4;
  config.n_positions = 32;
  config.tie_word_embeddings = GENERATE(false, true);
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  Gpt2LmHeadModel model(config);
  model->to(dtype);
  model->eval();
  const auto first = model->start({}, 32), second = model->start({}, 32);
  check_likeliest(*first, *second);
}

TEST_CASE("the likeliest token is that of all logits: T5") {
  torch::manual_seed(3);
  T5Config config;
  config.vocab_size = kWords;
  config.d_model = kWidth;
  config.d_kv = 16;
  config.d_ff = 32;
  config.num_layers = config.num_heads = 1;
  const auto dtype = GENERATE(torch::kFloat32, torch::kBFloat16);
  T5ForConditionalGeneration model(config);
  model->lm_head->weight = torch::randn({kWords, kWidth});  // or it would repeat what it reads
  model->to(dtype);
  model->lm_head->weight = model->lm_head->weight.to(dtype);
  model->eval();
  const auto source = torch::tensor({{5, 9, 77, 3}, {1, 2, 0, 0}, {8, 8, 8, 8}, {4, 0, 0, 0}});
  const auto lengths = torch::tensor({4, 2, 4, 1});
  const auto first = model->start(source, lengths, 32), second = model->start(source, lengths, 32);
  check_likeliest(*first, *second);
}

}  // namespace
}  // namespace langzoo
