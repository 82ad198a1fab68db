#include "tests/support/test.h"

#include <cmath>

#include "models/electra/electra_pretraining.h"

namespace langzoo::test::electra_pretraining_test {
namespace {

using Catch::Matchers::Contains;
using torch::Tensor;

ElectraConfig tiny() {
  ElectraConfig config;
  config.vocab_size = 23;
  config.embedding_size = 6;
  config.hidden_size = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.intermediate_size = 20;
  config.max_position_embeddings = 12;
  config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
  config.initializer_range = 0.3;
  return config;
}

struct Batch {
  TokenInputs inputs;
  Tensor text, labels;
};

/// Rows of 8 and 5 tokens, two hidden in each.
Batch batch() {
  torch::manual_seed(6);
  const auto mask = torch::arange(8) < torch::tensor({{8}, {5}});
  const auto text = torch::randint(3, 23, {2, 8}) * mask;
  auto labels = torch::full_like(text, -100), read = text.clone();
  for (const auto& [b, t] : std::vector<std::pair<int, int>>{{0, 1}, {0, 6}, {1, 2}, {1, 3}}) {
    labels[b][t] = text[b][t];
    read[b][t] = 2;
  }
  return {{.ids = read, .attention_mask = mask}, text, labels};
}

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}

}  // namespace

TEST_CASE("the two losses of ELECTRA are the sums of their definitions, its total their means with weight 50") {
  torch::manual_seed(1);
  const auto config = tiny();
  ElectraPretraining model(config, config.generator(0.5));
  const auto [inputs, text, labels] = batch();
  const auto loss = model->loss(inputs, text, labels);
  CHECK(loss.chosen == 4);
  CHECK(loss.tokens == 13);

  const auto written = model->generator->logits(inputs);
  auto read = inputs;
  read.ids = loss.given;
  const auto judged = model->discriminator->logits(read);
  double masked_lm = 0, replaced = 0;
  for (int b = 0; b < 2; ++b)
    for (int t = 0; t < (b == 0 ? 8 : 5); ++t) {
      const bool chosen = labels[b][t].item<int>() != -100;
      const auto truth = text[b][t].item<int>();
      if (chosen) masked_lm -= written[b][t].log_softmax(-1)[truth].item<double>();
      if (!chosen) CHECK(loss.given[b][t].item<int>() == truth);
      const bool other = loss.given[b][t].item<int>() != truth;
      CHECK(loss.is_replaced[b][t].item<int>() == (other ? 1 : 0));
      const double p = sigmoid(judged[b][t].item<double>());
      replaced -= std::log(other ? p : 1 - p);
    }
  CHECK(loss.masked_lm.item<double>() == Approx(masked_lm).epsilon(1e-5));
  CHECK(loss.replaced.item<double>() == Approx(replaced).epsilon(1e-5));
  CHECK(loss.total().item<double>() == Approx(masked_lm / 4 + 50 * replaced / 13).epsilon(1e-5));
}

TEST_CASE("the discriminator's gradient reaches the generator through the shared embeddings alone") {
  torch::manual_seed(2);
  const auto config = tiny();
  ElectraPretraining model(config, config.generator(0.5));
  const auto [inputs, text, labels] = batch();
  model->loss(inputs, text, labels).replaced.backward();
  int shared = 0;
  for (const auto& parameter : model->generator->named_parameters()) {
    const auto& gradient = parameter.value().grad();
    const bool embedding = parameter.key().starts_with("electra.embeddings.");
    INFO(parameter.key());
    CHECK(gradient.defined() == embedding);
    if (embedding) CHECK(gradient.is_same(model->discriminator->named_parameters()[parameter.key()].grad()));
    shared += embedding ? 1 : 0;
  }
  CHECK(shared == 5);
}

TEST_CASE("tokens are drawn from the generator's distribution") {
  torch::manual_seed(3);
  const int count = 4000;
  const auto logits = torch::tensor({0.0, 1.0, -1.0, 0.5}).expand({count, 4});
  const auto ids = torch::ones({count, 1}, torch::kInt64);
  const auto [given, replaced] = replace_tokens(ids, torch::arange(count), logits);
  const auto p = logits[0].softmax(-1);
  for (int v = 0; v < 4; ++v) {
    const double share = (given == v).to(torch::kFloat64).mean().item<double>(), mean = p[v].item<double>();
    CHECK(std::abs(share - mean) < 4 * std::sqrt(mean * (1 - mean) / count));
  }
  CHECK(torch::equal(replaced, (given != 1).to(torch::kInt64)));
}

TEST_CASE("a pretrained pair comes back from its two folders, its embeddings one") {
  const TempDir dir;
  torch::manual_seed(4);
  const auto config = tiny();
  ElectraPretraining model(config, config.generator(0.25));
  model->save_pretrained(dir.path());
  const auto loaded = ElectraPretrainingImpl::from_pretrained(dir.path());
  CHECK_FALSE(loaded->is_training());
  CHECK(loaded->generator->base->word_embeddings().is_same(loaded->discriminator->base->word_embeddings()));
  model->eval();
  const auto [inputs, text, labels] = batch();
  CHECK(torch::equal(loaded->generator->logits(inputs), model->generator->logits(inputs)));
  CHECK(torch::equal(loaded->discriminator->logits(inputs), model->discriminator->logits(inputs)));
  CHECK(loaded->vocab_size() == 23);
}

TEST_CASE("a generator whose embeddings cannot be the discriminator's is refused") {
  auto other = tiny();
  other.vocab_size = 24;
  CHECK_THROWS_WITH(ElectraPretraining(tiny(), other), Contains("same sizes"));
  other = tiny();
  other.tie_word_embeddings = false;
  CHECK_THROWS_WITH(ElectraPretraining(tiny(), other), Contains("tie_word_embeddings"));
  ElectraPretraining model(tiny(), tiny());
  CHECK_THROWS_WITH(model->loss(batch().inputs, batch().text[0], batch().labels), Contains("shape of the inputs"));
}

}  // namespace langzoo::test::electra_pretraining_test
