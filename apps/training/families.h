/// Every model that can be trained, for programs that treat all alike: which kind of task it learns, how to train it,
/// and how a saved one is evaluated.
///
///     for (const auto& family : langzoo::families()) {
///       langzoo::TrainingRun run(std::string(family.program), family.setup());
///       ...
///     }
///     const auto metrics = langzoo::evaluate("run", "test.txt");
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "apps/training/message.h"
#include "apps/training/metric.h"
#include "apps/training/task_setup.h"
#include "models/model_config.h"
#include "models/registry.h"

namespace langzoo {

struct EvaluationOptions : DeviceOptions {
  std::string target;  ///< of pairs: the file of the targets, where they have one of their own
  /// Of data that is made up: microworld, addition. None: that of the model's run.
  std::optional<std::uint64_t> seed = {};
  std::int64_t batch_size = 32;  ///< examples, or texts of pretraining, computed together
  Message message = {};          ///< told of what is not read as it stands
};

struct Family {
  std::string_view model_type;    ///< "gpt2"
  std::string_view architecture;  ///< "GPT2LMHeadModel"; with model_type what models/registry.h knows
  std::string_view program;       ///< "gpt", for langzoo-gpt: whose presets there are, and what run.json says
  std::string_view task;  ///< "causal-lm", "language-model", "translation", "classification", "word-vectors", ...
  /// The config of a run that says nothing; what its tokenizers decide is kFromTokenizer or null.
  std::unique_ptr<ModelConfig> (*default_config)();
  /// For a TrainingRun.
  std::unique_ptr<TaskSetup> (*setup)();
  /// Of the model in `dir` on `data`, which its task reads.
  EvalMetrics (*evaluate)(const Family& family, const std::filesystem::path& dir, const std::string& data,
                          const EvaluationOptions& options);

  /// How to make and load one.
  const RegisteredModel& model() const;
};

/// Those of one model_type stand together, the usual one first.
std::span<const Family> families();

/// That of the model in `dir`. Throws FileError for one that is not in the table.
const Family& family_in(const std::filesystem::path& dir);
/// The first of a program, "gpt". Throws std::invalid_argument where there is none.
const Family& family_of_program(std::string_view program);

/// How well the model in `dir` does on `data`: a text for language models (loss, perplexity, bits_per_byte), pairs for
/// translation (loss, perplexity; translated greedily bleu, chrf, exact_match; a noisy channel has language_perplexity
/// in place of the first two), labelled texts (loss, accuracy, f1),
/// analogies or judged pairs for word vectors (3cosadd, 3cosmul; spearman, pearson). Throws FileError for a folder or a
/// file that is none, and as the task's functions do.
EvalMetrics evaluate(const std::filesystem::path& dir, const std::string& data, const EvaluationOptions& options = {});

}  // namespace langzoo
