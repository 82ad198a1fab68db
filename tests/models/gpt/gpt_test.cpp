#include "tests/support/test.h"

#include <cmath>

#include "models/gpt/gpt.h"
#include "models/layers/init.h"

namespace langzoo::test {
namespace {

/// 2 layers, width 32, 4 heads, 97 tokens, 32 positions; no dropout unless asked for.
Gpt2Config tiny(double dropout = 0.0) {
  Gpt2Config config;
  config.vocab_size = 97;
  config.n_positions = 32;
  config.n_embd = 32;
  config.n_layer = 2;
  config.n_head = 4;
  config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = dropout;
  config.bos_token_id = config.eos_token_id = 96;
  return config;
}

/// A model whose logits differ enough for greedy choices to be clear.
Gpt2LmHeadModel tiny_model(Gpt2Config config = tiny()) {
  torch::manual_seed(1);
  config.initializer_range = 0.2;
  return Gpt2LmHeadModel(config);
}

torch::Tensor some_ids(std::int64_t rows, std::int64_t tokens) {
  torch::manual_seed(2);
  return torch::randint(97, {rows, tokens}, torch::kInt64);
}

std::int64_t parameter_count(torch::nn::Module& module) {
  std::int64_t count = 0;
  for (const auto& parameter : module.parameters()) count += parameter.numel();
  return count;
}

}  // namespace

TEST_CASE("the presets have the published parameter counts") {
  const SkipInit untouched_memory;
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2"))) == 124'439'808);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-medium"))) == 354'823'168);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-large"))) == 774'030'080);
  CHECK(parameter_count(*Gpt2LmHeadModel(Gpt2Config::preset("gpt2-xl"))) == 1'557'611'200);
}

TEST_CASE("the loss at initialisation is about ln V") {
  torch::manual_seed(3);
  auto model = Gpt2LmHeadModel(tiny());
  const auto ids = some_ids(8, 32);
  const auto loss = model->loss_sum(ids.narrow(1, 0, 31), ids.narrow(1, 1, 31)).item<double>() / (8 * 31);
  CHECK(loss == Approx(std::log(97.0)).margin(0.05));
}

TEST_CASE("changing a token leaves the logits before it as they were") {
  auto model = tiny_model();
  const auto ids = some_ids(2, 16);
  auto changed = ids.clone();
  changed.select(1, 9).fill_(5);
  const auto a = model->forward(ids).logits, b = model->forward(changed).logits;
  CHECK(torch::equal(a.narrow(1, 0, 9), b.narrow(1, 0, 9)));
  CHECK(max_difference(a.narrow(1, 9, 7), b.narrow(1, 9, 7)) > 1e-3);
}

}  // namespace langzoo::test
