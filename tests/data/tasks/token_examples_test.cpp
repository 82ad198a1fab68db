#include "tests/support/test.h"

#include "data/tasks/token_examples.h"

using namespace langzoo;

namespace {

TokenExamples examples_of(const std::vector<TokenExample>& all) {
  TokenExamples examples;
  for (const auto& example : all) examples.add(example);
  return examples;
}

}  // namespace

TEST_CASE("batches pad tokens, segments, labels and numbers each with its own") {
  const auto examples = examples_of({{.rows = {{{5, 6, 7}, {0, 0, 1}}}, .labels = {2}},
                                     {.rows = {{{8}}}, .labels = {1, 0}, .values = {0.5F}},
                                     {.rows = {{{9, 9}}}, .places = {4, -1}}});
  CHECK(examples.size() == 3);
  CHECK(examples.length(0) == 3);
  CHECK(examples.places(2)[1] == -1);
  const auto batch = token_batch(examples, {1, 0}, 99);
  CHECK(torch::equal(batch.ids, torch::tensor({{8, 99, 99}, {5, 6, 7}})));
  CHECK(torch::equal(batch.mask, torch::tensor({{true, false, false}, {true, true, true}})));
  CHECK(torch::equal(batch.type_ids, torch::tensor({{0, 0, 0}, {0, 0, 1}})));
  CHECK(torch::equal(batch.labels, torch::tensor({{1, 0}, {2, -100}})));
  CHECK(torch::equal(batch.values, torch::tensor({{0.5F}, {0.F}})));
  CHECK(batch.examples == std::vector<std::int64_t>{1, 0});
  const auto bare = token_batch(examples, {2}, 0);
  CHECK(!bare.type_ids.defined());
  CHECK(!bare.labels.defined());
  CHECK(!bare.values.defined());
  CHECK_THROWS_AS(token_batch(examples, {3}, 0), std::out_of_range);
}

TEST_CASE("examples of several rows have a dimension for them, and all the same number") {
  auto examples = examples_of({{.rows = {{{1, 2}}, {{3}}}, .labels = {1}}, {.rows = {{{4}}, {{5}}}}});
  const auto batch = token_batch(examples, {0, 1}, 0);
  CHECK(torch::equal(batch.ids, torch::tensor({{{1, 2}, {3, 0}}, {{4, 0}, {5, 0}}})));
  CHECK(batch.mask.sizes() == torch::IntArrayRef({2, 2, 2}));
  CHECK(token_lengths(examples)[0].source == 4);
  CHECK_THROWS_AS(examples.add({.rows = {{{1}}}}), std::invalid_argument);
  CHECK_THROWS_AS(examples.add({.rows = {{{1}, {0, 1}}, {{1}}}}), std::invalid_argument);
  CHECK_THROWS_AS(TokenExamples().add({}), std::invalid_argument);
  CHECK(examples.size() == 2);
}

TEST_CASE("every epoch has each example once, in another order; fingerprints tell examples apart") {
  std::vector<TokenExample> all;
  for (TokenId i = 0; i < 20; ++i) all.push_back({.rows = {{std::vector<TokenId>(1 + i % 4, i)}}, .labels = {i}});
  const auto examples = examples_of(all);
  const auto batches = token_batches(examples, 0, {.sentences = 4}, 1);
  std::vector<std::vector<std::int64_t>> orders(2);
  for (auto& order : orders) {
    for (std::int64_t i = 0; i < batches->batches_per_epoch(); ++i) {
      const auto batch = batches->next();
      for (const auto example : batch.examples) order.push_back(example);
    }
  }
  CHECK(orders[0] != orders[1]);
  for (auto& order : orders) {
    std::sort(order.begin(), order.end());
    CHECK(order.size() == 20);
    CHECK(std::unique(order.begin(), order.end()) == order.end());
  }
  CHECK(examples.fingerprint() == examples_of(all).fingerprint());
  all[3].labels = {4};
  CHECK(examples.fingerprint() != examples_of(all).fingerprint());
}

TEST_CASE("batches pad characters and features, which a fingerprint tells") {
  auto examples = examples_of({{.rows = {{.ids = {5, 6}, .characters = {{1, 2, 3}, {}}}}},
                               {.rows = {{.ids = {}}}},
                               {.rows = {{.ids = {7}, .characters = {{4}}}}}});
  CHECK(examples.has_characters());
  auto batch = token_batch(examples, {2, 0, 1}, 0);
  CHECK(torch::equal(batch.characters, torch::tensor({{{4, 0, 0}, {0, 0, 0}},  //
                                                      {{1, 2, 3}, {0, 0, 0}},
                                                      {{0, 0, 0}, {0, 0, 0}}})));
  CHECK_FALSE(batch.features.defined());
  const auto before = examples.fingerprint();
  examples.set_features(0, torch::ones({2, 2, 1}));
  examples.set_features(1, torch::ones({2, 0, 1}));
  examples.set_features(2, torch::full({2, 1, 1}, 3.F));
  CHECK(examples.fingerprint() != before);
  batch = to_device(token_batch(examples, {2, 0, 1}, 0), torch::kCPU);
  CHECK(torch::equal(batch.features.select(3, 0)[1], torch::tensor({{3.F, 0.F}, {1.F, 1.F}, {0.F, 0.F}})));
  CHECK_THROWS_WITH(examples.set_features(0, torch::ones({2, 3, 1})), Catch::Contains("2"));
  CHECK_THROWS_WITH(examples.add({.rows = {{.ids = {1}}}}), Catch::Contains("characters"));
  auto plain = examples_of({{.rows = {{.ids = {1}}}}});
  CHECK_THROWS_WITH(plain.add({.rows = {{.ids = {1}, .characters = {{1}}}}}), Catch::Contains("others have none"));
}
