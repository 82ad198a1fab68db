#include "tests/support/test.h"

#include "models/gpt/gpt.h"

namespace langzoo::test::gpt_heads_test {

TEST_CASE("the auxiliary loss is each row's mean over its tokens but the first, wherever its padding is") {
  torch::manual_seed(1);
  const auto hidden = torch::randn({4, 5, 3}).requires_grad_(), words = torch::randn({7, 3}).requires_grad_();
  const auto ids = torch::randint(0, 7, {4, 5}, torch::kInt64);
  auto mask = torch::ones({4, 5}, torch::kBool);
  mask[1].slice(0, 3).fill_(false);
  mask[2].slice(0, 0, 2).fill_(false);
  mask[3].slice(0, 1).fill_(false);  // of one token there is nothing to tell
  auto expected = torch::zeros({});
  for (std::int64_t row = 0; row < 3; ++row) {
    std::vector<std::int64_t> places;
    for (std::int64_t at = 0; at < 5; ++at) {
      if (mask[row][at].item<bool>()) places.push_back(at);
    }
    auto sum = torch::zeros({});
    for (std::size_t i = 0; i + 1 < places.size(); ++i) {
      const auto logits = hidden[row][places[i]].matmul(words.t());
      sum = sum - logits.log_softmax(0)[ids[row][places[i + 1]].item<std::int64_t>()];
    }
    expected = expected + sum / static_cast<double>(places.size() - 1);
  }
  const auto found = lm_loss_of_rows(hidden, ids, mask, words);
  CHECK(found.item<double>() == Approx(expected.item<double>()).epsilon(1e-5));
  const auto of_found = torch::autograd::grad({found}, {hidden, words});
  const auto of_expected = torch::autograd::grad({expected}, {hidden, words});
  CHECK(max_difference(of_found[0], of_expected[0]) < 1e-6);
  CHECK(max_difference(of_found[1], of_expected[1]) < 1e-6);
  CHECK(lm_loss_of_rows(hidden, ids, {}, words).item<double>() ==
        Approx(lm_loss_of_rows(hidden, ids, torch::ones({4, 5}), words).item<double>()));
}

TEST_CASE("the logits of a pair in both orders are the rows' sum") {
  Gpt2Config config;
  config.vocab_size = 11, config.n_positions = 8, config.n_embd = 8, config.n_layer = 1, config.n_head = 2;
  torch::manual_seed(2);
  Gpt2ForSequenceClassification model(config);
  model->eval();
  const auto ids = torch::randint(0, 11, {2, 2, 6}, torch::kInt64);
  auto mask = torch::ones_like(ids);
  mask[0][1].slice(0, 4).fill_(0);
  const auto both = model->logits_with_lm({.ids = ids, .attention_mask = mask});
  const auto one = model->logits({.ids = ids.select(1, 0), .attention_mask = mask.select(1, 0)});
  const auto other = model->logits({.ids = ids.select(1, 1), .attention_mask = mask.select(1, 1)});
  CHECK(max_difference(both.logits, one + other) < 1e-6);
  CHECK(max_difference(model->logits({.ids = ids, .attention_mask = mask}), one + other) < 1e-6);
  CHECK(both.lm_loss.item<double>() == Approx(4 * std::log(11)).epsilon(0.1));
}

}  // namespace langzoo::test::gpt_heads_test
