#include "tests/support/test.h"

#include <cmath>
#include <random>

#include "apps/training/families.h"
#include "apps/training/tasks/elmo.h"
#include "apps/training/tasks/lm.h"
#include "apps/training/training_run.h"

namespace langzoo::test::elmo_task_test {

namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using Settings = std::vector<std::pair<std::string, std::string>>;

/// Sentences whose last word says again what the first was: each direction can know one of both.
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

std::unique_ptr<TrainingRun> run_in(const fs::path& out, const fs::path& data, const Settings& settings,
                                    bool resume = false) {
  auto run = std::make_unique<TrainingRun>("lm", lm_setup("elmo"));
  run->open(out, resume);
  auto& config = run->config();
  config.set("data.train", data.string(), "test");
  for (const auto& [key, value] : Settings{{"model.filters", "[[1, 8], [2, 8]]"},
                                           {"model.highway_layers", "1"},
                                           {"model.projection_size", "12"},
                                           {"model.hidden_size", "16"},
                                           {"model.dropout", "0"},
                                           {"data.bptt", "8"},
                                           {"train.batch_size", "4"},
                                           {"train.warmup_steps", "0"},
                                           {"train.log_every", "5"}})
    config.set(key, value, "test");
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

}  // namespace

TEST_CASE("both directions learn a text") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(60));
  run_in(dir / "run", dir / "text.txt", {{"train.max_steps", "120"}, {"train.learning_rate", "0.02"}})->train();
  const auto metrics = evaluate(dir / "run", (dir / "text.txt").string());
  CHECK(metrics.at("forward_perplexity").value < 2);  // of 12 words at random: 12; with one name in nine unknown: 1.17
  CHECK(metrics.at("backward_perplexity").value < 2);
  CHECK(metrics.at("perplexity").value ==
        Approx(std::sqrt(metrics.at("forward_perplexity").value * metrics.at("backward_perplexity").value)));
  CHECK(metrics.at("loss").value == Approx(std::log(metrics.at("perplexity").value)));
  CHECK(family_in(dir / "run").task == "language-model");
  CHECK(lm_kind_of_run(dir / "run") == "elmo");
}

TEST_CASE(
    "log-probabilities are those of the whole text in one pass, however it is divided, unknown words by letters") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(40));
  run_in(dir / "run", dir / "text.txt", {{"train.max_steps", "3"}, {"data.tokenizer", "words:6"}})->train();
  const auto lm = load_elmo(dir / "run");
  const auto text = open_stream_text((dir / "text.txt").string(), *lm.tokenizer, true, 1, /*with_forms=*/true);
  CHECK(text.unknown > 0);
  CHECK(text.forms->words.size() == 10);
  const auto few = elmo_log_probabilities(*lm.model, text, 1, lm.device);
  const auto many = elmo_log_probabilities(*lm.model, text, 7, lm.device);
  const auto N = text.ids->size() - 1;
  REQUIRE(few.forward.size() == N);
  REQUIRE(few.backward.size() == N);

  // The definition: characters of each word as it is written, <s> before forward sentences, </s> before backward ones.
  const auto ids = torch::tensor(std::vector<std::int64_t>(text.ids->begin(), text.ids->end()));
  const auto places = torch::tensor(std::vector<std::int64_t>(text.forms->places.begin(), text.forms->places.end()));
  const auto forward = torch::where(places.eq(0), kElmoBeginRow, places + 1).unsqueeze(0);
  const auto backward = torch::where(places.eq(0), kElmoEndRow, places + 1).flip(0).unsqueeze(0);
  const auto T = static_cast<std::int64_t>(N);
  const torch::NoGradGuard no_grad;
  auto memory = lm.model->memory(1);
  const auto states = lm.model->read(
      {elmo_characters(text.forms->words, 50), forward.narrow(1, 0, T), backward.narrow(1, 0, T)}, memory);
  const auto logs = [&](const torch::Tensor& hidden, const torch::Tensor& targets) {
    return lm.model->output_logits(hidden.squeeze(1)).log_softmax(-1).gather(1, targets.unsqueeze(1)).squeeze(1);
  };
  const auto ahead = logs(states.forward, ids.narrow(0, 1, T));
  const auto behind = logs(states.backward, ids.narrow(0, 0, T).flip(0)).flip(0);
  for (std::size_t i = 0; i < N; ++i) {
    REQUIRE(few.forward[i] == Approx(many.forward[i]).epsilon(1e-4));
    REQUIRE(few.backward[i] == Approx(many.backward[i]).epsilon(1e-4));
    REQUIRE(few.forward[i] == Approx(ahead[static_cast<std::int64_t>(i)].item<double>()).epsilon(1e-4));
    REQUIRE(few.backward[i] == Approx(behind[static_cast<std::int64_t>(i)].item<double>()).epsilon(1e-4));
  }
}

TEST_CASE("stopped in the middle of an epoch and resumed, an ELMo ends in the same bytes") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(40));
  const Settings settings = {{"train.max_steps", "24"}, {"train.save_every", "0"},      {"train.schedule", "constant"},
                             {"model.dropout", "0.2"},  {"model.sampled_softmax", "5"}, {"data.random_bptt", "true"}};
  run_in(dir / "whole", dir / "text.txt", settings)->train();
  auto first = settings;
  first[0].second = "7";
  run_in(dir / "stopped", dir / "text.txt", first)->train();
  const auto rest = run_in(dir / "stopped", dir / "text.txt", settings, true);
  rest->prepare();
  CHECK(rest->resumed());
  CHECK(rest->task().state().size() == 8);
  StateDict other;
  other.insert("memory.0", torch::zeros({1, 2, 3}));
  CHECK_THROWS_AS(rest->task().load_state(other), std::invalid_argument);
  rest->train();
  CHECK(read_file(dir / "stopped" / "model.safetensors") == read_file(dir / "whole" / "model.safetensors"));
}

TEST_CASE("a batch's loss is the sum over both directions, whose states go on") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(20));
  const auto run = run_in(dir / "run", dir / "text.txt", {{"train.max_steps", "2"}});
  run->prepare();
  auto& task = run->task();
  const auto batch = task.next();
  CHECK(batch.counts == std::vector<std::int64_t>{2 * 4 * 8});
  CHECK(batch.num_tokens == 4 * 8);
  CHECK(task.state().is_empty());
  const double loss = batch.loss_sums().front().item<double>();
  CHECK(loss / 64 == Approx(std::log(12)).epsilon(0.3));
  REQUIRE(task.state().size() == 8);
  for (const auto& item : task.state()) CHECK_FALSE(item.value().requires_grad());
}

TEST_CASE("an ELMo reads words, and no other tokens") {
  const TempDir dir;
  write_file(dir / "text.txt", echoes(10));
  const auto refused = [&](const Settings& settings, const std::string& message) {
    const auto run = run_in(dir / "out", dir / "text.txt", settings);
    CHECK_THROWS_WITH(run->prepare(), Contains(message));
  };
  refused({{"data.tokenizer", "char"}}, "data.tokenizer = char: an elmo reads the letters of words");
  refused({{"data.tokenizer", "train:bpe:50"}}, "an elmo reads the letters of words");
  refused({{"train.batch_size", "500"}}, "fewer than train.batch_size = 500");
  refused({{"model.projection_size", "17"}}, "projection_size");
}

}  // namespace langzoo::test::elmo_task_test
