/// langzoo-seq2seq, and sentence pairs for it to learn.
#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "data/random/random.h"
#include "tests/support/process.h"

namespace langzoo::test {

inline Result seq2seq(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-seq2seq", std::move(arguments), input).wait();
}

/// What a run that must succeed prints.
inline Result succeed(std::vector<std::string> arguments, const std::string& input = {}) {
  auto result = seq2seq(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

/// "314" and "dbe": digits to letters, `count` pairs of two to five. TSV.
inline std::string letters_of_digits(int count, std::uint64_t seed) {
  Random random(seed);
  std::string text;
  for (int i = 0; i < count; ++i) {
    std::string source, target;
    for (auto length = 2 + random.below(4); length > 0; --length) {
      const auto digit = static_cast<char>(random.below(10));
      source += static_cast<char>('0' + digit);
      target += static_cast<char>('a' + digit);
    }
    text += source + '\t' + target + '\n';
  }
  return text;
}

/// A small attention model of letters_of_digits, trained for `steps` steps into `dir`/run. More settings may follow.
inline std::vector<std::string> train_letters(const TempDir& dir, int steps, std::vector<std::string> settings = {}) {
  write_file(dir / "train.tsv", letters_of_digits(2000, 1));
  write_file(dir / "valid.tsv", letters_of_digits(50, 2));
  std::vector<std::string> arguments = {"train",
                                        "--data",
                                        (dir / "train.tsv").string(),
                                        "--valid",
                                        (dir / "valid.tsv").string(),
                                        "--out",
                                        (dir / "run").string(),
                                        "--seed",
                                        "1",
                                        "--threads",
                                        "1",
                                        "--json",
                                        "--tokenizer",
                                        "char",
                                        "--set",
                                        "train.max_steps=" + std::to_string(steps),
                                        "train.learning_rate=1e-2",
                                        "train.schedule=constant",
                                        "model.embedding_size=16",
                                        "model.hidden_size=64",
                                        "model.attention=dot",
                                        "model.cell=gru",
                                        "model.initializer=fan_in"};
  const bool by_tokens = std::any_of(settings.begin(), settings.end(),
                                     [](const auto& setting) { return setting.starts_with("train.batch_tokens="); });
  if (!by_tokens) arguments.emplace_back("train.batch_size=32");
  arguments.insert(arguments.end(), settings.begin(), settings.end());
  return arguments;
}

}  // namespace langzoo::test
