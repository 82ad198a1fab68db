#include "tests/support/test.h"

#include <map>

#include <torch/nn/functional/normalization.h>

#include "data/random/random.h"
#include "models/word2vec/hogwild_trainer.h"

namespace langzoo {
namespace {

using test::max_difference;
using torch::Tensor;

const std::vector<std::string> kWords = {"the", "cat", "dog", "sat", "ran", "on", "mat", "under", "tree", "hill"};
const std::vector<std::int64_t> kCounts = {90, 40, 40, 30, 25, 20, 10, 8, 5, 2};

Word2VecConfig small_config(const std::string& architecture, const std::string& objective, bool subwords = false) {
  Word2VecConfig config;
  config.vocab_size = static_cast<std::int64_t>(kWords.size());
  config.architecture = architecture;
  config.objective = objective;
  config.dim = 20;
  config.window = 3;
  config.negative = objective == "ns" ? 4 : 0;
  config.sample = 0;
  config.subwords = subwords;
  config.buckets = 30;
  return config;
}

Word2Vec small_model(const Word2VecConfig& config) {
  torch::manual_seed(8);
  Word2Vec model(config);
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.normal_(0, 0.4);
  return model;
}

/// Blocks of made-up sentences; block 0 is short.
void read_block(std::int64_t block, std::vector<std::int32_t>& ids) {
  Random random(17, static_cast<std::uint64_t>(block));
  ids.clear();
  for (int sentence = 0; sentence < (block == 0 ? 3 : 30); ++sentence) {
    const auto length = 1 + random.below(12);
    for (std::uint64_t i = 0; i < length; ++i) ids.push_back(static_cast<std::int32_t>(random.below(kWords.size())));
    ids.push_back(-1);
  }
}

/// One step of plain SGD on the module.
double sgd_step(Word2Vec& model, const Word2VecBatch& batch, double learning_rate) {
  model->zero_grad();
  const auto loss = model->loss_sum(batch);
  loss.backward();
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.sub_(parameter.grad(), learning_rate);
  return loss.item<double>();
}

void check_equal(const Word2Vec& a, const Word2Vec& b, double margin) {
  CHECK(max_difference(a->embeddings(), b->embeddings()) < margin);
  CHECK(max_difference(a->output(), b->output()) < margin);
}

TEST_CASE("one step of the kernel is one step of SGD by autograd, at any width and number of rows") {
  for (const std::int64_t dim : {1, 3, 15, 16, 17, 100, 128, 131, 300}) {
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 7, 10}) {
      for (const std::int64_t targets : {1, 2, 3, 5, 6, 13}) {
        for (const bool composed : {false, true}) {
          for (const bool full : {true, false}) {
            if (!composed && !full) continue;
            INFO(dim << " wide, " << rows << " rows, " << targets << " targets, composed " << composed << ", full "
                     << full);
            auto config = small_config(composed ? "cbow" : "skipgram", "ns");
            config.dim = dim;
            config.full_input_gradient = full;
            auto fast = small_model(config), slow = small_model(config);
            Random random(static_cast<std::uint64_t>(dim * 1000 + rows * 100 + targets));
            std::vector<std::int32_t> input_rows, target_rows;
            std::vector<float> labels;
            // Rows occur twice at times, as words of a window do.
            for (std::int64_t i = 0; i < rows; ++i)
              input_rows.push_back(static_cast<std::int32_t>(random.below(kWords.size())));
            for (std::int64_t j = 0; j < targets; ++j) {
              target_rows.push_back(static_cast<std::int32_t>(random.below(kWords.size())));
              labels.push_back(static_cast<float>(random.below(2)));
            }
            LogisticStep step;
            const auto rows_of = [&](const Tensor& table, const std::vector<std::int32_t>& ids) {
              std::vector<float*> pointers;
              for (const auto id : ids) pointers.push_back(table.data_ptr<float>() + id * dim);
              return pointers;
            };
            const auto inputs = rows_of(fast->embeddings(), input_rows);
            const auto targets_at = rows_of(fast->output(), target_rows);
            step.inputs = inputs;
            step.targets = targets_at;
            step.labels = labels;
            step.dim = dim;
            step.composed = composed;
            step.full_gradient = full;
            step.learning_rate = 0.3f;
            LogisticScratch scratch;
            const double loss = apply(step, scratch);

            const auto to_tensor = [](std::vector<std::int32_t>& ids) {
              return torch::from_blob(ids.data(), {static_cast<std::int64_t>(ids.size())}, torch::kInt32)
                  .to(torch::kInt64);
            };
            const auto n = composed ? 1 : rows;
            Word2VecBatch batch;
            batch.inputs = composed ? to_tensor(input_rows).unsqueeze(0) : to_tensor(input_rows).unsqueeze(1);
            batch.targets = to_tensor(target_rows).unsqueeze(0).expand({n, targets});
            batch.labels = torch::tensor(labels).unsqueeze(0).expand({n, targets});
            CHECK(loss == Approx(sgd_step(slow, batch, 0.3)).epsilon(2e-5));
            check_equal(fast, slow, 1e-5);
          }
        }
      }
    }
  }
}

TEST_CASE("the kernel stands extreme scores") {
  auto config = small_config("skipgram", "ns");
  config.dim = 2;
  auto model = small_model(config);
  {
    const torch::NoGradGuard no_grad;
    model->embeddings().fill_(1e4);
    model->output().fill_(1e4);
    model->output()[1].fill_(-1e4);
  }
  float* v = model->output().data_ptr<float>();
  float* const inputs[] = {model->embeddings().data_ptr<float>()};
  float* const targets[] = {v, v + 2, v + 4};
  const float labels[] = {1, 1, 0};
  LogisticStep step;
  step.inputs = inputs;
  step.targets = targets;
  step.labels = labels;
  step.dim = 2;
  step.learning_rate = 1e-3f;
  LogisticScratch scratch;
  CHECK(apply(step, scratch) == Approx(4e8));  // the first is right, the others wrong by 2e8 each
  CHECK(torch::isfinite(model->embeddings()).all().item<bool>());
  CHECK(torch::isfinite(model->output()).all().item<bool>());
}

TEST_CASE("a block by the lock-free trainer is the same block example by example through autograd") {
  for (const auto* objective : {"ns", "hs"}) {
    for (const auto* architecture : {"skipgram", "cbow"}) {
      for (const bool subwords : {false, true}) {
        auto config = small_config(architecture, objective, subwords);
        // A skip-gram window updates all its pairs at once; one neighbour makes that one pair.
        if (config.skip_gram()) config.window = 1;
        INFO(architecture << " " << objective << " subwords " << subwords);
        auto fast = small_model(config), slow = small_model(config);
        HogwildTrainer trainer(fast, kCounts, kWords, 5);
        const auto one_pair_each = [&](std::int64_t block, std::vector<std::int32_t>& ids) {
          read_block(block, ids);
          if (!config.skip_gram()) return;
          std::vector<std::int32_t> pairs;
          for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
            if (ids[i] >= 0 && ids[i + 1] >= 0) pairs.insert(pairs.end(), {ids[i], ids[i + 1], -1});
          }
          ids = pairs;
        };
        const auto batches = trainer.examples(2, 1, one_pair_each, 1);
        const auto done = trainer.train(2, 1, 2, 0.1, one_pair_each, 1);
        double loss = 0;
        for (const auto& batch : batches) loss += sgd_step(slow, batch, 0.1);
        REQUIRE(batches.size() > 50);
        CHECK(done.examples == static_cast<std::int64_t>(batches.size()));
        CHECK(done.loss_sum == Approx(loss).epsilon(1e-4));
        check_equal(fast, slow, 5e-5);
      }
    }
  }
}

TEST_CASE("examples are the pairs of a window, with the negatives of the center shared") {
  const auto config = small_config("skipgram", "ns");
  const HogwildTrainer trainer(small_model(config), kCounts, kWords, 5);
  const auto block = [](std::int64_t, std::vector<std::int32_t>& ids) { ids = {1, 2, 3, 4, 5, -1, 6, -1, 7, 8, -1}; };
  const auto batches = trainer.examples(0, 0, block, 1000);
  REQUIRE(batches.size() == 1);
  std::map<std::int64_t, std::vector<std::int64_t>> neighbors;  // of each center
  const auto& batch = batches[0];
  for (std::int64_t i = 0; i < batch.inputs.size(0); ++i) {
    const auto center = batch.targets[i][0].item<std::int64_t>();
    neighbors[center].push_back(batch.inputs[i][0].item<std::int64_t>());
    CHECK(batch.labels[i][0].item<double>() == 1);
    CHECK(batch.labels[i].sum().item<double>() == 1);
    for (std::int64_t n = 1; n < batch.targets.size(1); ++n) CHECK(batch.targets[i][n].item<std::int64_t>() != center);
  }
  CHECK(neighbors.count(6) == 0);  // alone in its sentence
  CHECK(neighbors[7] == std::vector<std::int64_t>{8});
  CHECK(neighbors[8] == std::vector<std::int64_t>{7});
  for (std::int64_t center = 1; center <= 5; ++center) {
    // A window of drawn radius r, cut at the sentence's ends: the neighbours are those at distance 1..r.
    std::int64_t radius = 0;
    for (const auto word : neighbors[center]) radius = std::max(radius, std::abs(word - center));
    CHECK(radius >= 1);
    CHECK(radius <= config.window);
    std::vector<std::int64_t> expected;
    for (std::int64_t word = 1; word <= 5; ++word) {
      if (word != center && std::abs(word - center) <= radius) expected.push_back(word);
    }
    CHECK(neighbors[center] == expected);
  }
}

TEST_CASE("radii are uniform from one to the window") {
  auto config = small_config("cbow", "ns");
  config.window = 4;
  const HogwildTrainer trainer(small_model(config), kCounts, kWords, 5);
  const auto block = [](std::int64_t, std::vector<std::int32_t>& ids) {
    ids.assign(20000, 3);
    ids.push_back(-1);
  };
  const auto batch = trainer.examples(0, 0, block, 100000).at(0);
  const auto sizes = batch.inputs.ge(0).sum(1);
  for (const std::int64_t radius : {1, 2, 3, 4}) {
    CHECK(sizes.eq(2 * radius).sum().item<double>() / 20000 == Approx(0.25).margin(0.02));
  }
}

TEST_CASE("one thread gives the same bits every time; epochs, blocks and seeds draw anew") {
  const auto config = small_config("skipgram", "ns");
  const auto train = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t first, std::int64_t last) {
    auto model = small_model(config);
    HogwildTrainer trainer(model, kCounts, kWords, seed);
    trainer.train(epoch, first, last, 0.05, read_block, 1);
    return model->embeddings().detach().clone();
  };
  const auto once = train(1, 0, 0, 6);
  CHECK(torch::equal(once, train(1, 0, 0, 6)));
  CHECK(!torch::equal(once, train(2, 0, 0, 6)));
  CHECK(!torch::equal(once, train(1, 1, 0, 6)));

  auto model = small_model(config);
  HogwildTrainer trainer(model, kCounts, kWords, 1);
  trainer.train(0, 0, 2, 0.05, read_block, 1);
  HogwildTrainer(model, kCounts, kWords, 1).train(0, 2, 6, 0.05, read_block, 1);
  CHECK(torch::equal(once, model->embeddings()));  // in parts, by another object
}

TEST_CASE("two threads learn what one does") {
  const auto config = small_config("skipgram", "ns");
  const auto last_loss = [&](int threads) {
    auto model = small_model(config);
    HogwildTrainer trainer(model, kCounts, kWords, 1);
    Word2VecProgress done;
    for (std::int64_t epoch = 0; epoch < 4; ++epoch) done = trainer.train(epoch, 0, 40, 0.05, read_block, threads);
    return done.loss_sum / static_cast<double>(done.examples);
  };
  CHECK(last_loss(2) == Approx(last_loss(1)).epsilon(0.02));
}

TEST_CASE("words that stand in the same places come to lie near each other") {
  // "the cat sat", "the dog sat", "a tree on hill": cat and dog have the same neighbours, tree and hill others.
  const auto block = [](std::int64_t index, std::vector<std::int32_t>& ids) {
    Random random(9, static_cast<std::uint64_t>(index));
    ids.clear();
    for (int i = 0; i < 200; ++i) {
      if (random.below(2) == 0) {
        ids.insert(ids.end(), {0, static_cast<std::int32_t>(1 + random.below(2)), 3, -1});
      } else {
        ids.insert(ids.end(), {7, static_cast<std::int32_t>(8 + random.below(2)), 6, -1});
      }
    }
  };
  for (const auto* architecture : {"skipgram", "cbow"}) {
    for (const auto* objective : {"ns", "hs"}) {
      INFO(architecture << " " << objective);
      const auto config = small_config(architecture, objective);
      torch::manual_seed(2);
      Word2Vec model(config);
      HogwildTrainer trainer(model, kCounts, kWords, 1);
      for (std::int64_t epoch = 0; epoch < 20; ++epoch) trainer.train(epoch, 0, 5, 0.05, block, 1);
      const auto unit = torch::nn::functional::normalize(model->embeddings().detach());
      const auto cosine = [&](std::int64_t a, std::int64_t b) { return unit[a].dot(unit[b]).item<double>(); };
      CHECK(cosine(1, 2) > 0.9);
      CHECK(cosine(8, 9) > 0.9);
      CHECK(cosine(1, 8) < 0.5);
      CHECK(cosine(2, 9) < 0.5);
    }
  }
}

TEST_CASE("examples need no parameters: the model may be of another type, or on another device") {
  const auto config = small_config("skipgram", "ns");
  auto elsewhere = small_model(config);
  elsewhere->to(torch::kFloat64);
  const auto of = [](const Word2Vec& model) {
    return HogwildTrainer(model, kCounts, kWords, 1).examples(0, 0, read_block, 1000);
  };
  const auto expected = of(small_model(config)), examples = of(elsewhere);
  REQUIRE(examples.size() == expected.size());
  for (std::size_t i = 0; i < examples.size(); ++i) {
    CHECK(examples[i].inputs.equal(expected[i].inputs));
    CHECK(examples[i].targets.equal(expected[i].targets));
  }
}

TEST_CASE("an objective without negatives does not look at their number") {
  for (const auto* objective : {"hs", "softmax"}) {
    for (const bool subwords : {false, true}) {
      INFO(objective << ' ' << subwords);
      auto config = small_config("skipgram", objective);
      config.subwords = subwords;
      const auto of = [&](std::int64_t negative) {
        config.negative = negative;
        return HogwildTrainer(small_model(config), kCounts, kWords, 1).examples(0, 0, read_block, 1000);
      };
      const auto none = of(0), many = of(1000);
      REQUIRE(many.size() == none.size());
      for (std::size_t i = 0; i < many.size(); ++i) CHECK(many[i].targets.equal(none[i].targets));
    }
  }
}

TEST_CASE("what the trainer cannot do is said") {
  const auto config = small_config("skipgram", "ns");
  CHECK_THROWS_WITH(HogwildTrainer(small_model(config), std::vector<std::int64_t>{1, 2}, kWords, 1),
                    Catch::Contains("the model has 10 words, the vocabulary 2"));
  auto half = small_model(config);
  half->to(torch::kFloat64);
  HogwildTrainer elsewhere(half, kCounts, kWords, 1);
  CHECK_THROWS_WITH(elsewhere.train(0, 0, 1, 0.1, read_block, 1), Catch::Contains("float32"));
  HogwildTrainer softmax(small_model(small_config("cbow", "softmax")), kCounts, kWords, 1);
  CHECK_THROWS_WITH(softmax.train(0, 0, 1, 0.1, read_block, 1), Catch::Contains("softmax"));
  HogwildTrainer trainer(small_model(config), kCounts, kWords, 1);
  const auto broken = [](std::int64_t block, std::vector<std::int32_t>&) {
    if (block == 3) throw std::runtime_error("block 3 cannot be read");
  };
  CHECK_THROWS_WITH(trainer.train(0, 0, 9, 0.1, broken, 2), "block 3 cannot be read");
}

}  // namespace
}  // namespace langzoo
