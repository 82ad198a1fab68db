/// A small pretraining run of an encoder, prepared.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/test.h"

#include "apps/training/tasks/encoders.h"
#include "apps/training/training_run.h"

namespace langzoo::test {

using RunSettings = std::vector<std::pair<std::string, std::string>>;

inline std::string few_documents() {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "anna went to the park .\nthe park was full .\njohn was at home .\n\n";
  return text;
}

inline std::unique_ptr<TrainingRun> small_run(const TempDir& dir, std::unique_ptr<TaskSetup> setup,
                                              const std::string& out, const RunSettings& settings = {}) {
  write_file(dir / "text.txt", few_documents());
  auto run = std::make_unique<TrainingRun>("bert", std::move(setup));
  run->open(dir / out);
  auto& config = run->config();
  const RunSettings small = {{"data.train", (dir / "text.txt").string()},
                             {"data.max_length", "20"},
                             {"train.max_steps", "2"},
                             {"train.batch_size", "4"},
                             {"model.hidden_size", "8"},
                             {"model.embedding_size", "8"},
                             {"model.num_hidden_layers", "2"},
                             {"model.num_attention_heads", "2"},
                             {"model.intermediate_size", "8"},
                             {"model.hidden_dropout_prob", "0"},
                             {"model.attention_probs_dropout_prob", "0"}};
  for (const auto& [key, value] : small) {
    if (config.has(key)) config.set(key, value, "test");
  }
  for (const auto& [key, value] : settings) config.set(key, value, "test");
  return run;
}

}  // namespace langzoo::test
