/// What a comparison is to do: a task, its data, a budget, and models. A JSON file says so, one of those that the
/// library carries (apps/configs/compare), or a program:
///
///     {"about": "...", "task": "lm",
///      "data": {"train": "microworld", "tokenizer": "train:bytebpe:1024"},
///      "budget": {"tokens": 4000000}, "batch_size": 16, "context": 128, "seeds": 1,
///      "keys": {"train.learning_rate": 2e-3},
///      "models": [{"name": "gpt2", "family": "gpt2", "keys": {"model.n_layer": 4}}, {"name": "mine", "folder":
///      "run"}]}
///
/// `keys` are those of a run's configuration (run_config.h), `pretraining_keys` those of the run before it: the outer
/// ones hold for every model that has them, a model's own for it alone. Every value is text here, as RunConfig::set()
/// takes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// What each model may spend on its training. It is rounded down to whole optimizer steps.
struct ComparisonBudget {
  enum class Kind { kTokens, kSeconds, kFlops };
  Kind kind = Kind::kTokens;
  double amount = 0;

  /// "tokens", "time" or "flops"
  std::string name() const;
  /// "tokens=2M", "time=90s", "flops=1e13": numbers with K, M, G or T; times in s, m or h, or seconds. Throws
  /// ConfigError.
  static ComparisonBudget parse(std::string_view text);
  bool operator==(const ComparisonBudget&) const = default;
};

using ComparisonKeys = std::map<std::string, std::string>;

struct ModelSpec {
  std::string name;  ///< of its folder and in results
  std::string family =
      {};  ///< what the task's table of families calls it; empty: a model's folder, or the program's own
  std::string folder = {};  ///< of a trained model, which is only measured; empty: it is trained
  ComparisonKeys keys = {};
  /// An objective by which its encoder learns from plain text before the task: "mlm", "electra". Empty: none.
  std::string pretraining = {};
  ComparisonKeys pretraining_keys = {};
  /// What is pretrained where it is no model of `family` but one whose states it reads, and what key gets its folder,
  /// with what stands before it: "model.features=elmo:".
  std::string pretraining_family = {}, pretraining_into = "train.init=";
};

struct ComparisonSpec {
  std::string name;                         ///< of the built-in one or the file it is from; empty: made by flags
  std::string task;                         ///< "lm", "translation", "classification", "tagging", "vectors"
  std::map<std::string, std::string> data;  ///< "train", "valid", "test", "tokenizer", and what else the task reads
  ComparisonBudget budget;
  /// Tokens of plain text for those that pretrain: of an encoder-decoder those of both sides.
  double pretraining_tokens = 0;
  std::int64_t batch_size = 16;  ///< rows of a step
  std::int64_t context = 128;    ///< tokens of a row, of language models
  std::uint64_t seeds = 1, first_seed = 1;
  /// That processes of their own compute with, 0: as many as there are. Sums depend on it, and so in their last digits
  /// do scores: a comparison that goes on keeps it.
  std::uint64_t threads = 0;
  ComparisonKeys keys, pretraining_keys;
  std::vector<ModelSpec> models;

  /// Throws ConfigError "SOURCE: KEY: ..." for JSON that is none, keys that there are not, and values that cannot be.
  static ComparisonSpec from_json(std::string_view json, const std::string& source);
  std::string to_json() const;
  /// Throws ConfigError for a spec without models, two of a name, names that cannot be a folder's, and no budget where
  /// something is trained.
  void validate() const;
  const ModelSpec& model(std::string_view name) const;
};

struct BuiltInSpec {
  std::string name, task, about;
};
std::vector<BuiltInSpec> built_in_specs();
/// The built-in one of that name. Throws ConfigError that names the nearest, and those there are.
ComparisonSpec built_in_spec(std::string_view name);
/// That of a name, or of a JSON file.
ComparisonSpec open_comparison_spec(const std::string& name_or_file);

/// All models that the built-in specs of a task name, the first of a name.
std::vector<ModelSpec> known_models(std::string_view task);
/// "NAME", one of known_models() or of `also`, or "NAME=DIR", a trained one. Throws ConfigError that names the nearest.
ModelSpec model_spec_of(const std::string& text, std::string_view task, const std::vector<ModelSpec>& also = {});

/// "unknown, did you mean lstm?; there are rnn, lstm": what an error says of a name that is none of `names`.
std::string unknown_name(const std::string& text, const std::vector<std::string>& names);
/// The name of `names` that `text` most likely means; empty: none is near.
std::string nearest_name(const std::string& text, const std::vector<std::string>& names);

}  // namespace langzoo
