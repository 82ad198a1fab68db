#include "tests/support/test.h"

#include <cmath>

#include <torch/optim/sgd.h>

#include "models/registry.h"
#include "models/transe/transe.h"

namespace langzoo::test::transe_test {

namespace {

using Catch::Matchers::Contains;

TranseConfig small(std::int64_t norm, std::int64_t entities = 7) {
  TranseConfig config;
  for (std::int64_t i = 0; i < entities; ++i) config.entities.push_back("e" + std::to_string(i));
  config.relations = {"r", "s"};
  config.dim = 5;
  config.norm = norm;
  config.margin = 2;
  return config;
}

std::vector<Triple> random_triples(std::size_t count, std::uint64_t seed, std::int32_t entities = 7) {
  Random random(seed);
  std::vector<Triple> triples;
  const auto id = [&](std::int32_t n) {
    return static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(n)));
  };
  for (std::size_t i = 0; i < count; ++i) triples.push_back({id(entities), id(2), id(entities)});
  return triples;
}

torch::Tensor table(const std::vector<Triple>& triples) {
  std::vector<std::int64_t> ids;
  for (const auto& [h, r, t] : triples) ids.insert(ids.end(), {h, r, t});
  return torch::tensor(ids, torch::kInt64).view({-1, 3});
}

double loop_distance(const TranseImpl& model, const Triple& triple) {
  const auto e = model.entity_embeddings->weight.accessor<float, 2>();
  const auto r = model.relation_embeddings->weight.accessor<float, 2>();
  double sum = 0;
  for (std::int64_t c = 0; c < e.size(1); ++c) {
    const double x = static_cast<double>(e[triple.head][c]) + r[triple.relation][c] - e[triple.tail][c];
    sum += model.config().norm == 1 ? std::abs(x) : x * x;
  }
  return model.config().norm == 1 ? sum : std::sqrt(sum);
}

}  // namespace

TEST_CASE("distances and loss are the paper's sums") {
  for (const std::int64_t norm : {1, 2}) {
    torch::manual_seed(1);
    Transe model(small(norm));
    const auto right = random_triples(9, 1), wrong = random_triples(9, 2);
    const auto distances = model->distances(table(right));
    double loss = 0;
    for (std::size_t i = 0; i < right.size(); ++i) {
      CHECK(distances[static_cast<std::int64_t>(i)].item<double>() == Approx(loop_distance(*model, right[i])));
      loss += std::max(0.0, 2 + loop_distance(*model, right[i]) - loop_distance(*model, wrong[i]));
    }
    CHECK(model->loss_sum(table(right), table(wrong)).item<double>() == Approx(loss));
    const auto lengths = model->entity_embeddings->weight.norm(2, 1);
    CHECK(max_difference(lengths, torch::ones_like(lengths)) < 1e-6);
  }
}

TEST_CASE("a step by loops is one of gradients, and then entities have length 1") {
  for (const std::int64_t norm : {1, 2}) {
    torch::manual_seed(2);
    Transe fast(small(norm)), slow(small(norm));
    {
      const torch::NoGradGuard no_grad;
      slow->entity_embeddings->weight.copy_(fast->entity_embeddings->weight);
      slow->relation_embeddings->weight.copy_(fast->relation_embeddings->weight);
    }
    for (std::uint64_t step = 0; step < 5; ++step) {
      const auto right = random_triples(6, step), wrong = random_triples(6, step + 100);
      torch::optim::SGD sgd(slow->parameters(), torch::optim::SGDOptions(0.1));
      sgd.zero_grad();
      const auto loss = slow->loss_sum(table(right), table(wrong));
      loss.backward();
      sgd.step();
      slow->normalize_entities();
      CHECK(fast->train_step(right, wrong, 0.1) == Approx(loss.item<double>()));
      CHECK(max_difference(fast->entity_embeddings->weight, slow->entity_embeddings->weight) < 1e-6);
      CHECK(max_difference(fast->relation_embeddings->weight, slow->relation_embeddings->weight) < 1e-6);
    }
    CHECK_THROWS_AS(fast->train_step(random_triples(2, 1), random_triples(1, 1), 0.1), std::invalid_argument);
  }
}

TEST_CASE("filtered ranks against a plain loop, equal distances in their middle") {
  torch::manual_seed(3);
  Transe model(small(1));
  {
    const torch::NoGradGuard no_grad;
    model->entity_embeddings->weight[3].copy_(model->entity_embeddings->weight[4]);
  }
  const auto known = random_triples(15, 4), asked = random_triples(12, 5);
  std::vector<Triple> all = known;
  all.insert(all.end(), asked.begin(), asked.end());
  const KnowledgeGraph graph(model->config().entities, model->config().relations, all);
  const auto [heads, tails] = link_ranks(*model, asked, graph);
  bool half = false;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    for (const bool tail : {false, true}) {
      double nearer = 0, equal = 0;
      const auto own = loop_distance(*model, asked[i]);
      for (std::int32_t e = 0; e < 7; ++e) {
        auto other = asked[i];
        (tail ? other.tail : other.head) = e;
        if (std::find(all.begin(), all.end(), other) != all.end()) continue;
        nearer += loop_distance(*model, other) < own;
        equal += loop_distance(*model, other) == own;
      }
      CHECK((tail ? tails : heads)[i] == 1 + nearer + equal / 2);
      half = half || equal > 0;
    }
  }
  CHECK(half);
}

TEST_CASE("a chain is learnt: what holds comes first") {
  // e0 -r-> e1 -r-> ... ; s leads two steps on.
  auto config = small(1, 8);
  config.dim = 20;
  std::vector<Triple> triples;
  for (std::int32_t i = 0; i + 1 < 8; ++i) triples.push_back({i, 0, i + 1});
  for (std::int32_t i = 0; i + 2 < 8; ++i) triples.push_back({i, 1, i + 2});
  config.num_triples = static_cast<std::int64_t>(triples.size());
  torch::manual_seed(1);
  Transe model(config);
  model->set_triples(triples);
  const auto mean_rank = [&] {
    const auto [heads, tails] = link_ranks(*model, triples, model->graph());
    double sum = 0;
    for (std::size_t i = 0; i < heads.size(); ++i) sum += heads[i] + tails[i];
    return sum / static_cast<double>(2 * heads.size());
  };
  const auto before = mean_rank();
  Random random(1);
  for (int step = 0; step < 600; ++step) {
    std::vector<Triple> wrong;
    for (const auto& triple : triples) wrong.push_back(corrupted(triple, model->graph(), random));
    model->train_step(triples, wrong, 0.02);
  }
  CHECK(mean_rank() < 2);
  CHECK(before > 2.5);
}

TEST_CASE("a path's score is the product of its steps'") {
  Transe model(small(2));
  const torch::NoGradGuard no_grad;
  model->entity_embeddings->weight.zero_();
  model->relation_embeddings->weight.zero_();
  model->relation_embeddings->weight[0][0] = 1;
  model->relation_embeddings->weight[1][1] = 1;
  model->entity_embeddings->weight[1][0] = 2;  // e0 -r-> e1 points where r does
  model->entity_embeddings->weight[2][1] = 3;
  CHECK(path_score(*model, {{0, 1}, {0}}) == Approx(1));
  CHECK(path_score(*model, {{1, 0}, {0}}) == Approx(0).margin(1e-12));
  CHECK(path_score(*model, {{1, 0}, {2}}) == Approx(1));  // read backwards
  CHECK(path_score(*model, {{0, 1}, {1}}) == Approx(0.5));
  CHECK(path_score(*model, {{0, 1, 0}, {0, 1}}) == Approx(0.5));
  CHECK(path_score(*model, {{3, 4}, {0}}) == Approx(0.5));  // no direction
}

TEST_CASE("a folder holds the graph; what does not fit is refused") {
  const TempDir dir;
  auto config = small(1);
  config.num_triples = 4;
  Transe model(config);
  const auto triples = random_triples(4, 8);
  CHECK_THROWS_AS(model->set_triples(random_triples(3, 8)), std::invalid_argument);
  model->set_triples(triples);
  model->save_pretrained(dir.path());
  auto loaded = from_pretrained<Transe>(dir.path());
  CHECK(torch::equal(loaded->entity_embeddings->weight, model->entity_embeddings->weight));
  CHECK(loaded->graph().contains(triples[2]));
  CHECK(registered_model(dir.path()).architecture == "TransE");
  loaded->triples[0][2] = 99;
  auto broken = from_pretrained<Transe>(dir.path());
  broken->triples[0][2] = 99;
  CHECK_THROWS_AS(broken->graph(), std::invalid_argument);

  const auto refused = [](const std::string& json, const std::string& message) {
    CHECK_THROWS_WITH(find_registered_model("transe")->make(json, "here"), Contains(message));
  };
  refused(R"({"entities": ["a", "a"], "relations": ["r"]})", "entities: a name comes twice");
  refused(R"({"entities": ["a"], "relations": ["r"], "norm": 3})", "norm");
  refused(R"({"entities": ["a"], "relations": ["r"], "dim": 0})", "dim");
  refused(R"({"entities": "a"})", "entities");
  // An empty graph is a model too.
  CHECK(find_registered_model("transe")->make("{}", "here") != nullptr);
}

}  // namespace langzoo::test::transe_test
