/// The configuration of a run: defaults < preset < file < flags and key=value.
///
/// A key is `section.field` (`train.learning_rate`): structs are bound section by section through their lists of fields
/// (models/io/config_fields.h), which parse files and flags, check them, give the help and write the resolved copy that
/// stands beside a checkpoint, run.json.
///
///     RunConfig config;
///     config.bind("train", trainer_options);
///     config.bind("model", gpt2_config);
///     config.load_preset("gpt", "microworld");
///     config.set("train.max_steps", "100", "--steps");
///
/// Every error is a ConfigError naming where the value came from, the key and what would be allowed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/files/config_error.h"
#include "models/io/config_fields.h"

namespace langzoo {

class RunConfig {
 public:
  using Names = std::vector<std::string>;

  /// Every field becomes the key `section.field`, but for those named in `except`; present values are the defaults. The
  /// fields must outlive the table. A section may be bound in several parts.
  void bind(const std::string& section, const Fields& fields, const Names& except = {});
  template <HasFields Struct>
  void bind(const std::string& section, Struct& fields, const Names& except = {}) {
    bind(section, fields_in(fields), except);
  }

  /// Files and presets say which program they are of: another's are refused from now on. Those that say nothing are
  /// taken, as older ones are.
  void set_program(const std::string& program) { program_ = program; }

  /// Leaves `key` out of the help: it means nothing to this program.
  void hide(const std::string& key);
  /// Says what `key` means to this program.
  void describe(const std::string& key, const std::string& help);

  // Values are text: that of a text field as it is, JSON of any other. null leaves a field to the tokenizers, or an
  // optional one without a value. `source` stands in front of error messages: a file, "--set", a flag.

  void set(const std::string& key, const std::string& value, const std::string& source);
  /// A default that depends on other settings: sets `key` unless something has set it.
  void set_default(const std::string& key, const std::string& value);
  /// Likewise where it is a preset that has set it.
  void set_over_preset(const std::string& key, const std::string& value);
  /// `key=value`.
  void set_text(const std::string& assignment, const std::string& source);
  /// A JSON object of sections, {"train": {"max_steps": 10}}; a dotted key may stand at the top as well.
  void set_all(std::string_view json, const std::string& source);
  void load_file(const std::filesystem::path& path);
  /// A preset of `program` ("gpt"): apps/configs/<program>/<name>.json, which the library carries inside. Throws
  /// ConfigError that names those there are.
  void load_preset(const std::string& program, const std::string& name);

  bool has(const std::string& key) const;
  /// Whether anything but defaults has set it.
  bool given(const std::string& key) const { return bound(key).given; }
  /// Whether a preset did, and nothing after it.
  bool from_preset(const std::string& key) const { return of_preset_.contains(key); }
  std::string value(const std::string& key) const;
  const std::string& help_of(const std::string& key) const;
  /// Whether `key` is true or false.
  bool is_flag(const std::string& key) const;

  /// Every key with its value, as the JSON that set_all() reads. `head` goes before the sections: {"program", "gpt"}.
  std::string resolved(const std::vector<std::pair<std::string, std::string>>& head = {}) const;
  struct Difference {
    std::string key, here, there;  ///< values as set() takes them
  };
  /// The keys whose values differ from those in `json`, a resolved() copy, in table order. What it lacks does not.
  std::vector<Difference> differing(std::string_view json) const;
  /// One line a key: its name, default and meaning.
  std::string help() const;

 private:
  struct Key {
    Field field;  ///< its name is the key
    bool given = false, hidden = false;
  };
  const Key* find(const std::string& key) const;
  Key& known(const std::string& key, const std::string& source);
  const Key& bound(const std::string& key) const;
  void assign(const std::string& key, const std::string& json, const std::string& shown, const std::string& source);

  std::vector<Key> keys_;
  std::set<std::string> of_preset_;
  std::string program_;  ///< empty: any
};

struct Preset {
  std::string name, about;
};
/// The presets of a program, by name.
std::vector<Preset> presets_of(const std::string& program);

/// How many sequences a step takes; beside the trainer's own options in the section `train`.
struct BatchOptions {
  std::int64_t batch_size = 12;  ///< sequences a micro-batch; of several processes each has so many
  /// Tokens that an optimizer step predicts, padding left out. A causal language model's step has so many micro-batches
  /// of batch_size sequences that they are at least as many; an encoder-decoder's has train.accumulation micro-batches
  /// of as many pairs as have about so many target tokens together, never more, end tokens included. 0: a step has
  /// train.accumulation micro-batches of batch_size sequences.
  std::int64_t batch_tokens = 0;

  void for_each_field(FieldVisitor& visit);
};

/// The least number of single-character edits that turn `a` into `b`.
std::size_t edit_distance(const std::string& a, const std::string& b);
/// Whether whoever wrote `a` may have meant `b`: few edits for their length.
bool is_near(const std::string& a, const std::string& b);

}  // namespace langzoo
