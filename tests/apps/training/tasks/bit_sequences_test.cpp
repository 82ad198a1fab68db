#include "tests/support/test.h"

#include <cmath>

#include "apps/training/families.h"
#include "apps/training/tasks/bit_sequences.h"
#include "apps/training/training_run.h"
#include "data/files/config_error.h"
#include "models/ntm/ntm.h"

namespace langzoo::test::bit_sequence_task_test {

namespace {

namespace fs = std::filesystem;
using Catch::Contains;
using Settings = std::vector<std::pair<std::string, std::string>>;

std::unique_ptr<TrainingRun> run_in(const fs::path& out, std::string_view kind, const Settings& settings,
                                    bool resume = false) {
  auto run = std::make_unique<TrainingRun>("ntm", bit_sequence_setup(kind));
  run->open(out, resume);
  auto& config = run->config();
  for (const auto& [key, value] : Settings{{"data.bits", "2"},
                                           {"data.length", "2"},
                                           {"model.controller_size", "20"},
                                           {"model.memory_rows", "8"},
                                           {"model.memory_width", "6"},
                                           {"model.hidden_size", "12"},
                                           {"train.optimizer", "adamw"},
                                           {"train.learning_rate", "0.01"},
                                           {"train.eval_every", "0"},
                                           {"train.save_every", "0"}}) {
    if (config.has(key)) config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

/// Says the same of every bit.
struct Constant : BitSequenceModel {
  torch::nn::Module none;
  torch::nn::Module& module() override { return none; }
  void save_pretrained(const fs::path& /*dir*/) const override {}
  std::int64_t input_size() const override { return 9; }
  std::int64_t output_size() const override { return 8; }
  torch::Tensor logits(const torch::Tensor& inputs) override {
    return torch::full({inputs.size(0), inputs.size(1), 8}, std::log(3.0f));
  }
};

}  // namespace

TEST_CASE("a Neural Turing Machine learns to copy") {
  const TempDir dir;
  const auto run = run_in(dir / "run", "ntm", {{"data.sequences", "4000"}, {"train.batch_size", "8"}});
  const auto summary = run->train();
  CHECK(summary.step == 500);
  CHECK(summary.valid.at("bits_per_sequence").value < 0.5);  // of 4
  CHECK(summary.valid.at("errors").value < 0.05);
  const auto loaded = load_bit_sequence_model(dir / "run");
  const auto task = bit_sequence_task_of_run(dir / "run");
  CHECK(task.name == "copy");
  CHECK(task.bits == 2);
  CHECK(bit_sequence_kind_of_run(dir / "run") == "ntm");
  const auto score = measure_bits(*loaded.model, {.format = task.format(), .lengths = {2, 2, 1, 1}}, loaded.device);
  CHECK(score.bits_per_sequence < 0.5);
  CHECK(score.answer_bits == 400);
  CHECK(evaluate(dir / "run", "copy").at("bits_per_sequence").value < 0.5);
  CHECK_THROWS_WITH(evaluate(dir / "run", "recall"), Contains("the model reads 3 channels and writes 2"));
}

TEST_CASE("interrupted and resumed, a run of either kind ends in the same bytes") {
  for (const auto* const kind : {"ntm", "lstm"}) {
    INFO(kind);
    const TempDir dir;
    const Settings settings = {{"data.train", "repeat-copy"},  {"data.repeats", "3"},
                               {"train.optimizer", "rmsprop"}, {"train.learning_rate", "0.001"},
                               {"data.sequences", "60"},       {"train.batch_size", "2"}};
    run_in(dir / "whole", kind, settings)->train();
    for (const char* const stop : {"8", "42"}) {
      const auto out = dir / ("stopped" + std::string(stop));
      auto first = settings;
      first[4].second = stop;
      run_in(out, kind, first)->train();
      const auto rest = run_in(out, kind, settings, true);
      rest->prepare();
      CHECK(rest->resumed());
      rest->train();
      CHECK(read_file(out / "model.safetensors") == read_file(dir / "whole" / "model.safetensors"));
    }
    auto other = settings;
    other.emplace_back("data.length", "4");
    CHECK_THROWS_WITH(run_in(dir / "whole", kind, other, true)->prepare(), Contains("data.length = 4"));
    other = settings;
    other[0].second = "copy", other[1].first = "data.length", other[1].second = "2";
    CHECK_THROWS_WITH(run_in(dir / "whole", kind, other, true)->prepare(), Contains("data.train = copy"));
  }
}

TEST_CASE("figures are means over sequences, and no batch changes them") {
  Constant model;
  const BitMeasurement what{.format = BitTaskFormat::of(BitTask::kCopy), .lengths = {5, 5, 1, 1}, .sequences = 30};
  const auto score = measure_bits(model, what, torch::kCPU);
  CHECK(score.answer_bits == 30 * 40);
  // P(1) = 3/4: what is 0 is wrong and costs 2 bits, what is 1 costs log2(4/3).
  const auto zeros = score.errors;
  CHECK(zeros == Approx(20).margin(3));
  CHECK(score.bits_per_sequence == Approx(2 * zeros + (40 - zeros) * std::log2(4.0 / 3)));
  auto few = what;
  few.batch_size = 7;
  CHECK(measure_bits(model, few, torch::kCPU).errors == Approx(zeros));
  CHECK(score.metrics().at("bits_per_sequence").direction == Direction::kLowerIsBetter);
  CHECK_FALSE(score.optimal_bits_per_sequence.has_value());
}

TEST_CASE("no sequence of an evaluation is one of a training") {
  const auto format = BitTaskFormat::of(BitTask::kCopy);
  const BitLengths lengths{20, 20, 1, 1};
  const auto trained = bit_batch(format, lengths, 200, 1, 0).inputs,
             measured = evaluation_batch(format, lengths, 200, 1, 0).inputs;
  const auto pairs = trained.flatten(2).permute({1, 0, 2}).flatten(1), others = measured.permute({1, 0, 2}).flatten(1);
  CHECK(at::cdist(pairs, others).min().item<double>() > 1);
}

TEST_CASE("settings of a task are checked before anything is trained") {
  const TempDir dir;
  int n = 0;
  const auto refused = [&](const Settings& settings, const std::string& says) {
    CHECK_THROWS_WITH(run_in(dir / std::to_string(++n), "ntm", settings)->prepare(), Contains(says));
  };
  refused({{"data.train", "ngrams"}}, "data.bits = 2: 2 bits a vector: ngrams have 1");
  refused({{"data.train", "recall"}, {"data.length", "1"}}, "data.length = 1: recall needs at least 2");
  refused({{"data.repeats", "4"}}, "data.repeats = 4: the task copy makes no use of it");
  refused({{"model.input_size", "7"}}, "model.input_size = 7: copy with vectors of 2 bits has 3");
  refused({{"train.best_metric", "loss"}}, "train.best_metric is 'loss'");
  CHECK_THROWS_WITH(run_in(dir / "none", "ntm", {{"data.train", "cpoy"}}), Contains("data.train") && Contains("copy"));
  CHECK_THROWS_AS(bit_sequence_setup("gru"), ConfigError);
  BitSequenceTask task;
  CHECK(task.greatest_length() == 20);
  task.name = "ngrams";
  CHECK(task.training_lengths().least == 200);
  task.name = "recall";
  CHECK(task.training_lengths().least == 2);
  CHECK(task.training_lengths().most == 6);
  task.name = "repeat-copy";
  CHECK(task.training_lengths().most_repeats == 10);
  CHECK(task.exact_lengths().least_repeats == 10);
}

}  // namespace langzoo::test::bit_sequence_task_test
