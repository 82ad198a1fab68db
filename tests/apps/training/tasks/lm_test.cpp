#include "tests/support/test.h"

#include <cmath>
#include <random>

#include "apps/training/families.h"
#include "apps/training/tasks/lm.h"
#include "apps/training/tasks/lm_gradients.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "models/rnn_lm/rnn_lm.h"

namespace langzoo::test::lm_test {

namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Sentences in which the last word says again what the first was.
std::string echoes(int n) {
  const char* const names[] = {"anna", "ben", "carl", "dora"};
  std::minstd_rand random(3);
  std::string text;
  for (int i = 0; i < n; ++i) {
    const std::string name = names[random() % 4];
    text += name + " saw the dog and so did " + name + "\n";
  }
  return text;
}

std::unique_ptr<TrainingRun> run_in(const fs::path& out, const fs::path& data, std::string_view kind,
                                    const Settings& settings, bool resume = false) {
  auto run = std::make_unique<TrainingRun>("lm", lm_setup(kind));
  run->open(out, resume);
  auto& config = run->config();
  config.set("data.train", data.string(), "test");
  for (const auto& [key, value] : Settings{{"model.embedding_size", "16"},
                                           {"model.hidden_size", "16"},
                                           {"model.d_model", "16"},
                                           {"model.decoder_layers", "1"},
                                           {"model.decoder_ffn_dim", "32"},
                                           {"model.max_position_embeddings", "16"},
                                           {"data.bptt", "6"},
                                           {"train.batch_size", "4"},
                                           {"train.max_epochs", "0"},
                                           {"train.log_every", "5"}}) {
    if (config.has(key)) config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

LoadedLm trained(const TempDir& dir, std::string_view kind, const Settings& settings) {
  write_file(dir / "text.txt", echoes(60));
  const auto run = run_in(dir / std::string(kind), dir / "text.txt", kind, settings);
  run->train();
  return load_causal_lm(dir / std::string(kind));
}

}  // namespace

TEST_CASE("every kind learns a text, and evaluation reads it as one stream") {
  for (const auto kind : lm_kinds()) {
    if (kind == "ngram" || kind == "elmo") continue;  // is counted, not trained; has tests of its own
    INFO(kind);
    const TempDir dir;
    Settings settings = {{"train.max_steps", "150"}, {"train.learning_rate", kind == "transformer" ? "0.01" : "4"}};
    const auto lm = trained(dir, kind, settings);
    const auto data = (dir / "text.txt").string();
    CHECK(family_in(dir / std::string(kind)).task == "language-model");
    const auto metrics = evaluate(dir / std::string(kind), data);
    CHECK(metrics.at("loss").value < 0.7);  // of 12 words at random: 2.5
    CHECK(metrics.at("perplexity").value == Approx(std::exp(metrics.at("loss").value)));
    CHECK(lm_kind_of_run(dir / std::string(kind)) == kind);
  }
}

TEST_CASE("log-probabilities of a stream do not depend on how much is computed at once") {
  const TempDir dir;
  for (const std::string kind : {"gru", "ar", "transformer"}) {
    INFO(kind);
    const auto lm = trained(dir, kind, {{"train.max_steps", "3"}});
    const auto text = open_stream_text((dir / "text.txt").string(), *lm.tokenizer, true);
    const auto few = stream_log_probabilities(*lm.model, *text.ids, {.batch_size = 1}, lm.device);
    const auto many = stream_log_probabilities(*lm.model, *text.ids, {.batch_size = 7}, lm.device);
    REQUIRE(few.size() == text.ids->size() - 1);
    for (std::size_t i = 0; i < few.size(); ++i) REQUIRE(few[i] == Approx(many[i]).epsilon(1e-4));
    if (kind == "transformer") continue;
    // Equal to the whole text in one forward pass.
    const std::vector<std::int64_t> ids(text.ids->begin(), text.ids->end());
    const auto all = torch::tensor(ids).unsqueeze(0);
    const auto T = all.size(1) - 1;
    const torch::NoGradGuard no_grad;
    const auto logs = lm.model->logits(all.narrow(1, 0, T)).log_softmax(-1)[0];
    for (std::int64_t t = 0; t < T; t += 37)
      CHECK(few[static_cast<std::size_t>(t)] ==
            Approx(logs[t][ids[static_cast<std::size_t>(t + 1)]].item<double>()).epsilon(1e-4));
  }
  const auto lm = load_causal_lm(dir / "transformer");
  const auto text = open_stream_text((dir / "text.txt").string(), *lm.tokenizer, true);
  const auto windows = stream_log_probabilities(*lm.model, *text.ids, {}, lm.device);
  const auto strided = stream_log_probabilities(*lm.model, *text.ids, {.stride = 4}, lm.device);
  CHECK(windows[3] == Approx(strided[3]).epsilon(1e-4));
  CHECK(windows != strided);
  CHECK_THROWS_AS(stream_log_probabilities(*lm.model, *text.ids, {.cache = {.window = 5}}, lm.device),
                  std::invalid_argument);
}

TEST_CASE("interrupted in the middle of an epoch and resumed, a run ends in the same bytes") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(40));
  const Settings settings = {{"train.max_steps", "40"},
                             {"train.save_every", "0"},
                             {"model.dropout", "0.2"},
                             {"model.variational_dropout", "true"},
                             {"model.weight_drop", "0.3"},
                             {"model.embedding_dropout", "0.1"},
                             {"data.random_bptt", "true"},
                             {"train.activation_regularization", "1"},
                             {"train.temporal_regularization", "1"},
                             {"train.optimizer", "asgd"},
                             {"train.asgd.nonmono", "1"}};
  run_in(dir / "whole", dir / "text.txt", "lstm", settings)->train();
  for (const char* const stop : {"7", "23"}) {
    const auto out = dir / ("stopped" + std::string(stop));
    auto first = settings;
    first[0].second = stop;
    run_in(out, dir / "text.txt", "lstm", first)->train();
    const auto rest = run_in(out, dir / "text.txt", "lstm", settings, true);
    rest->prepare();
    CHECK(rest->resumed());
    CHECK_FALSE(rest->task().state().is_empty());
    rest->train();
    CHECK(read_file(out / "model.safetensors") == read_file(dir / "whole" / "model.safetensors"));
  }
}

TEST_CASE("the memory goes on from batch to batch and begins anew with each epoch") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(20));
  const auto run = run_in(dir / "out", dir / "text.txt", "lstm", {{"train.max_steps", "3"}});
  run->prepare();
  auto& task = run->task();
  auto& model = dynamic_cast<RnnLmImpl&>(task.model());
  const auto batches = task.batches_per_epoch();
  CHECK(task.state().is_empty());
  for (std::int64_t i = 0; i <= batches; ++i) {
    const auto before = task.state();
    const bool begins = task.position().batch == 0;
    const auto batch = task.next();
    const double loss = batch.loss_sums().front().item<double>();
    CHECK(task.state().size() == 4);
    if (i == 0) continue;
    // What was carried matters, but for an epoch's first batch.
    task.seek({i / batches, i % batches});
    task.load_state(StateDict());
    const double fresh = task.next().loss_sums().front().item<double>();
    CHECK((std::abs(loss - fresh) < 1e-5) == begins);
    task.seek({i / batches, i % batches});
    if (!before.is_empty()) task.load_state(before);
    CHECK(task.next().loss_sums().front().item<double>() == Approx(loss).epsilon(1e-5));
  }
  CHECK(model.is_training());
  StateDict other;
  other.insert("memory.0", torch::zeros({1, 2, 3}));
  CHECK_THROWS_AS(task.load_state(other), std::invalid_argument);
}

TEST_CASE("a row that begins anew reads on as in an empty memory, and the others go on") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(40));
  const auto kind = GENERATE(std::string("gru"), std::string("lstm"), std::string("ar"));
  const auto run = run_in(dir / kind, dir / "text.txt", kind, {{"data.reset_probability", "0.5"}});
  run->prepare();
  auto& task = run->task();
  task.next().loss_sums();
  int renewed = 0, carried = 0;
  for (int i = 0; i < 5; ++i) {
    const auto at = task.position();
    const auto memory = [&] {
      task.next().loss_sums();
      const auto name = std::string("memory.0");
      return task.state()[name].transpose(0, *task.state_dimension(name)).clone();  // rows first
    };
    const auto before = task.state();
    const auto with = memory();
    task.seek(at);
    task.load_state(StateDict());
    const auto fresh = memory();
    task.seek(at);
    task.load_state(before);
    CHECK(torch::equal(memory(), with));
    for (std::int64_t row = 0; row < with.size(0); ++row) ++(torch::equal(with[row], fresh[row]) ? renewed : carried);
  }
  CHECK(renewed > 0);
  // What the feed-forward model carries are the last words, which the next batch replaces.
  CHECK((kind == "ar" || carried > 0));
}

TEST_CASE("regularization is a term of its own, and random lengths scale the learning rate") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(40));
  const auto run = run_in(dir / "out", dir / "text.txt", "gru",
                          {{"train.activation_regularization", "2"},
                           {"train.temporal_regularization", "0.5"},
                           {"data.random_bptt", "true"},
                           {"data.bptt", "12"}});
  run->prepare();
  const auto terms = run->task().loss_terms();
  REQUIRE(terms.size() == 3);
  CHECK(terms[1].weight == 2);
  CHECK(terms[2].weight == 0.5);
  auto& model = dynamic_cast<RnnLmImpl&>(run->task().model());
  for (int i = 0; i < 3; ++i) {
    const auto batch = run->task().next();
    const double T = static_cast<double>(batch.counts[0]) / 4;
    CHECK(batch.learning_rate_scale == Approx(T / 12));
    CHECK(static_cast<double>(batch.counts[2]) == Approx(4 * (T - 1)));
    if (i > 0) continue;
    const auto sums = batch.loss_sums();
    run->task().seek({0, 0});
    // The definition, on the same batch, which began with an empty memory.
    const auto text = open_stream_text((dir / "text.txt").string(), *load_tokenizer(dir / "out"), true);
    CHECK(sums[1].item<double>() > 0);
    CHECK(sums[2].item<double>() > 0);
    CHECK(model.config().hidden_size == 16);
  }
}

TEST_CASE("the cache mixes in the words that followed states alike, by the paper's sums") {
  const TempDir dir;
  const auto lm = trained(dir, "lstm", {{"train.max_steps", "20"}});
  const auto text = open_stream_text((dir / "text.txt").string(), *lm.tokenizer, true);
  const std::span<const TokenId> ids(text.ids->data(), 60);
  const double theta = 0.7, lambda = 0.2;
  const std::int64_t window = 9;
  const auto ours = stream_log_probabilities(
      *lm.model, ids, {.batch_size = 1, .cache = {.window = window, .theta = theta, .lambda = lambda}}, lm.device);
  const auto plain = stream_log_probabilities(*lm.model, ids, {}, lm.device);
  auto& model = dynamic_cast<RnnLmImpl&>(*lm.model);
  const torch::NoGradGuard no_grad;
  auto memory = model.memory(1);
  const std::vector<std::int64_t> wide(ids.begin(), ids.end());
  const auto states = model.read(torch::tensor(wide).unsqueeze(0).narrow(1, 0, 59), memory).hidden.squeeze(1);
  for (std::int64_t t = 0; t < 59; ++t) {
    double all = 0, own = 0;
    for (std::int64_t i = std::max<std::int64_t>(0, t - window); i < t; ++i) {
      const double weight = std::exp(theta * states[t].dot(states[i]).item<double>());
      all += weight;
      if (wide[static_cast<std::size_t>(i + 1)] == wide[static_cast<std::size_t>(t + 1)]) own += weight;
    }
    const double p = std::exp(plain[static_cast<std::size_t>(t)]);
    const double expected = all > 0 ? (1 - lambda) * p + lambda * own / all : p;
    CHECK(std::exp(ours[static_cast<std::size_t>(t)]) == Approx(expected).epsilon(1e-3));
  }
}

TEST_CASE("dynamic evaluation learns what it has read, and only after it was measured") {
  const TempDir dir;
  const auto lm = trained(dir, "lstm", {{"train.max_steps", "10"}});
  write_file(dir / "other.txt", "dog dog saw saw\ndog dog saw saw\ndog dog saw saw\ndog dog saw saw\n");
  const auto text = open_stream_text((dir / "other.txt").string(), *lm.tokenizer, true);
  const auto plain = stream_log_probabilities(*lm.model, *text.ids, {}, lm.device);
  const auto learnt =
      stream_log_probabilities(*lm.model, *text.ids, {.dynamic = {.learning_rate = 1.0, .segment = 5}}, lm.device);
  for (std::size_t i = 0; i < 5; ++i) CHECK(learnt[i] == Approx(plain[i]).epsilon(1e-5));
  CHECK(stream_metrics(learnt).at("loss").value < stream_metrics(plain).at("loss").value - 0.1);
}

TEST_CASE("gradients through time vanish in an untrained RNN, and reach back in a Transformer") {
  torch::manual_seed(3);
  const LmSizes sizes{30, 16, 16, 1, 64};
  const auto ids = torch::randint(30, {4, 41});
  const auto rnn = gradients_through_time(*lm_of_size("rnn", sizes), ids);
  const auto transformer = gradients_through_time(*lm_of_size("transformer", sizes), ids);
  REQUIRE(rnn.size() == 40);
  CHECK(rnn[39] < 1e-4 * rnn[0]);
  CHECK(transformer[39] > 1e-3 * transformer[0]);
  CHECK(lm_sizes(*lm_of_size("gru", sizes)).hidden_size == 16);

  std::vector<TokenId> text;
  for (int i = 0; i < 400; ++i) text.push_back(i * 7 % 30);
  torch::manual_seed(1);
  const auto plain = lm_of_size("lstm", sizes);
  const auto norms =
      gradient_norms_in_training(*plain, text, {.steps = 10, .batch_size = 4, .bptt = 10, .learning_rate = 1});
  CHECK(norms.norms.size() == 10);
  CHECK(norms.losses.back() < norms.losses.front());
  CHECK_THROWS_AS(gradient_norms_in_training(*plain, text, {.steps = 1, .batch_size = 400, .bptt = 10}),
                  std::invalid_argument);
}

TEST_CASE("settings that contradict each other, and texts that are too short, are refused") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(3));
  const auto refused = [&](std::string_view kind, const Settings& settings, const std::string& message) {
    const auto run = run_in(dir / "out", dir / "text.txt", kind, settings);
    CHECK_THROWS_WITH(run->prepare(), Contains(message));
  };
  refused("lstm", {{"model.cell", "gru"}}, "model.cell = gru: the model is to be a lstm");
  refused("lstm", {{"model.eos_token_id", "5"}}, "model.eos_token_id = 5: texts begin and end");
  refused("transformer", {{"model.bos_token_id", "0"}}, "model.bos_token_id = 0: texts begin and end");
  refused("lstm", {{"train.eval_epochs", "0"}}, "train.schedule = plateau: falls by evaluations");
  refused("lstm", {{"train.batch_size", "500"}}, "fewer than train.batch_size = 500");
  refused("transformer", {{"data.context", "17"}}, "data.context = 17: the model takes 16 tokens");
  refused("transformer", {{"model.max_position_embeddings", "512"}}, "a context of 512 needs");
  refused("lstm", {{"train.plateau_factor", "0.5"}, {"train.schedule", "constant"}},
          "train.schedule = constant makes no use of it");
  CHECK_THROWS_AS(lm_setup("elman"), ConfigError);
}

}  // namespace langzoo::test::lm_test
