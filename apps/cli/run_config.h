/// The configuration of a run: defaults < preset < --config FILE < flags and --set key=value.
///
/// A key is `section.name` (`train.learning_rate`). It is bound once to the field it sets; the same table parses
/// files and flags, checks them, prints the help and writes the resolved copy that stands beside a checkpoint.
/// Every error is a UsageError naming the key (or the file) and what would be allowed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "apps/training/trainer.h"

namespace langzoo {

/// What a value may be, beyond its type. Numbers lie in [least, most]; a text is one of `choices` unless it is empty.
struct Allowed {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices = {};
};

inline Allowed at_least(double least) {
  return {.least = least};
}
inline Allowed between(double least, double most) {
  return {.least = least, .most = most};
}
inline Allowed one_of(std::vector<std::string> choices) {
  return {.choices = std::move(choices)};
}

class RunConfig {
 public:
  using Json = nlohmann::ordered_json;

  /// `key` sets `field`, whose present value is the default. The field must outlive the table.
  void bind(const std::string& key, std::int64_t& field, const std::string& help, const Allowed& allowed = {});
  void bind(const std::string& key, std::uint64_t& field, const std::string& help, const Allowed& allowed = {});
  void bind(const std::string& key, double& field, const std::string& help, const Allowed& allowed = {});
  void bind(const std::string& key, bool& field, const std::string& help);
  void bind(const std::string& key, std::string& field, const std::string& help, const Allowed& allowed = {});
  /// Every member of `object` becomes the key `section.member`, typed by its present value (null: any value): a
  /// model's config.json. Members named in `hidden` are fixed.
  void bind_object(const std::string& section, Json& object, const std::vector<std::string>& hidden = {});

  /// Leaves `key` out of the help: it means nothing to this program.
  void hide(const std::string& key);
  /// Says what `key` means to this program.
  void describe(const std::string& key, const std::string& help);

  /// `source` stands in front of error messages: a file, "--set", a flag.
  void set(const std::string& key, const Json& value, const std::string& source);
  /// A default that depends on other settings: sets `key` unless something has set it.
  void set_default(const std::string& key, const Json& value);
  /// `key=value`; the value is read as the key's type.
  void set_text(const std::string& assignment, const std::string& source);
  /// Sections as objects, {"train": {"max_steps": 10}}; a dotted key may stand at the top as well.
  void set_all(const Json& document, const std::string& source);
  void load_file(const std::filesystem::path& path);
  /// A preset of `program` ("gpt"): apps/configs/<program>/<name>.json, which the program carries inside.
  void load_preset(const std::string& program, const std::string& name);

  /// Every key with its value, in the form set_all() reads.
  Json resolved() const;
  Json value(const std::string& key) const;
  bool has(const std::string& key) const;
  const std::string& help_of(const std::string& key) const;
  /// The keys whose values differ from `other` (a resolved() copy), in table order.
  std::vector<std::string> differing(const Json& other) const;
  /// One line a key: its name, default and meaning.
  std::string help() const;

 private:
  struct Field {
    std::string key, help, type;
    std::function<Json()> get;
    std::function<bool(const Json&)> set;  ///< false: the value is of another type or not allowed
    std::string allowed;                   ///< in words, for the error
    bool given = false;                    ///< set by somebody
    bool hidden = false;                   ///< not in the help
  };
  Field& field(const std::string& key, const std::string& source);
  const Field& bound(const std::string& key) const;

  std::vector<Field> fields_;
};

struct Preset {
  std::string name, about;
};
/// The presets of a program, by name.
std::vector<Preset> presets_of(const std::string& program);

/// How many sequences a step takes; beside the trainer's own options in the section `train`.
struct BatchOptions {
  std::int64_t batch_size = 12;   ///< sequences a micro-batch
  std::int64_t batch_tokens = 0;  ///< tokens an optimizer step; 0: train.accumulation micro-batches
};

/// Binds the section `train`: every field of TrainerOptions, and the batch.
void bind_train(RunConfig& config, TrainerOptions& options, BatchOptions& batch);

/// The least number of single-character edits that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b);

}  // namespace langzoo
