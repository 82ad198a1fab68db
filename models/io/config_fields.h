/// The fields of a configuration struct, listed once: reading, writing, checking, help and command-line keys all come
/// from that list.
///
///     struct Gpt2Config {
///       std::int64_t vocab_size = 50257;
///       double resid_pdrop = 0.1;
///       void for_each_field(FieldVisitor& visit) {
///         visit("vocab_size", vocab_size, {.least = 1, .help = "tokens of the vocabulary"});
///         visit("resid_pdrop", resid_pdrop, {.least = 0, .below = 1, .help = "dropout of the residual stream"});
///       }
///       void validate() const { check_fields(*this, "gpt2 config"); }
///     };
///     const auto config = config_from_json<Gpt2Config>(text, "DIR/config.json");
///     const std::string json = write_fields(config);
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// What a value may be beyond its type, and what it means. A number lies in [least, most] and is above `above` and
/// below `below`, each of a list; a text is one of `choices` where there are any, of which "true" and "false" stand
/// without quotes in a file.
struct FieldRules {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  double above = -std::numeric_limits<double>::infinity(), below = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};
  /// A run's configuration may leave this whole number to its tokenizers: null there, kFromTokenizer here.
  bool from_tokenizer = false;
  /// Another name that files may have for it: what GPT-2 calls n_head, transformers also reads as num_attention_heads.
  std::string_view alias = {};
  /// A list of one element may stand in the file without brackets, and is written so; an empty one is null.
  bool one_or_more = false;
  /// Follows from other fields: read, for validate() to compare, but neither written nor a setting.
  bool derived = false;
  std::string_view help = {};
};

/// Names, all of them so many times in turn: [["global", "local"], 6] in a file, as GPT-Neo lists its layers.
struct RepeatedNames {
  std::vector<std::string> names;
  std::int64_t times = 1;
};

/// The value of a field of FieldRules::from_tokenizer that no tokenizer has decided yet.
inline constexpr std::int64_t kFromTokenizer = -1;

class FieldVisitor;

/// A struct's for_each_field(), whatever the struct.
using Fields = std::function<void(FieldVisitor&)>;

template <class Struct>
concept HasFields = requires(Struct& fields, FieldVisitor& visit) {
  fields.for_each_field(visit);
};

/// The struct's list of fields. It must outlive the result.
template <HasFields Struct>
Fields fields_in(Struct& fields) {
  return [&fields](FieldVisitor& visit) { fields.for_each_field(visit); };
}

/// An object within an object.
struct ObjectField {
  Fields fields;
  /// Of a part that may be null: whether it is there, and how it is made or removed. Empty for others.
  std::function<bool()> present = {};
  std::function<void(bool)> set_present = {};
};

/// Told of every field of a struct, in order. Names are the keys of config.json.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void operator()(const char* name, std::int64_t& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::uint64_t& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, double& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, bool& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::string& value, const FieldRules& rules = {}) = 0;
  /// null is nullopt.
  virtual void operator()(const char* name, std::optional<std::int64_t>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::optional<double>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::optional<bool>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::optional<std::string>& value, const FieldRules& rules = {}) = 0;
  /// null is an empty list.
  virtual void operator()(const char* name, std::vector<std::int64_t>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::vector<std::string>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::vector<std::vector<std::int64_t>>& value,
                          const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::vector<RepeatedNames>& value, const FieldRules& rules = {}) = 0;
  /// Objects whose keys, or values, are ids: id2label and label2id (models/io/class_labels.h).
  virtual void operator()(const char* name, std::map<std::int64_t, std::string>& value,
                          const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::map<std::string, std::int64_t>& value,
                          const FieldRules& rules = {}) = 0;

  /// A struct of its own, an object in the file; an optional one may be null.
  template <HasFields Struct>
  void object(const char* name, Struct& part) {
    nested(name, {fields_in(part)});
  }
  template <HasFields Struct>
  void object(const char* name, std::optional<Struct>& part) {
    nested(name, {[&part](FieldVisitor& visit) { part->for_each_field(visit); }, [&part] { return part.has_value(); },
                  [&part](bool present) {
                    part.reset();
                    if (present) part.emplace();
                  }});
  }
  /// A key that files may hold with this value only, written as in JSON: another is refused for `reason`. It is no
  /// setting and is not written.
  virtual void constant(const char* name, const char* json, const char* reason) = 0;

 protected:
  virtual void nested(const char* name, const ObjectField& part) = 0;
};

/// The fields of the JSON object `text`: what it lacks stays as it is. Returns its keys that are no fields, those of
/// nested objects as "part.key". Throws std::runtime_error "ORIGIN: KEY: is VALUE, expected ...", and for text that is
/// no JSON object.
std::vector<std::string> read_fields(const Fields& fields, std::string_view text, const std::string& origin);
/// A JSON object, two spaces of indentation, a line end. Numbers that JSON lacks (infinity, NaN) become text, which
/// read_fields() understands. Throws std::invalid_argument for text that is not UTF-8.
std::string write_fields(const Fields& fields);
/// Throws std::invalid_argument "WHAT: KEY = VALUE must be ..." for the first field that breaks its rules.
void check_fields(const Fields& fields, const std::string& what);

/// One field, whatever its type. Reads and writes the struct, which must outlive it.
struct Field {
  enum class Kind { kText, kFlag, kOther };
  std::string name;  ///< "part.key" in a nested object
  Kind kind = Kind::kOther;
  bool from_tokenizer = false;  ///< FieldRules::from_tokenizer
  std::string help, allowed;    ///< `allowed`: what values it may have, in words
  /// Its value as JSON; "null" where it is to come from a tokenizer.
  std::function<std::string()> json;
  /// False, and nothing happens, for text that is no JSON, or of another type, or against the rules.
  std::function<bool(std::string_view json)> set;
};
/// Every field in order, constants left out. A part that may be null is one field.
std::vector<Field> fields_of(const Fields& fields);
std::optional<Field> find_field(const Fields& fields, std::string_view name);
/// Gives a field that is null, or kFromTokenizer, this value. Does nothing where there is no such field or where it has
/// a value. Throws std::invalid_argument for a value against its rules.
void fill_field(const Fields& fields, std::string_view name, std::int64_t value);

template <HasFields Struct>
std::vector<std::string> read_fields(Struct& fields, std::string_view text, const std::string& origin) {
  return read_fields(fields_in(fields), text, origin);
}
template <HasFields Struct>
std::string write_fields(Struct fields) {
  return write_fields(fields_in(fields));
}
template <HasFields Struct>
void check_fields(Struct fields, const std::string& what) {
  check_fields(fields_in(fields), what);
}

/// Of configs that have labels (models/io/class_labels.h): where `text` has no id2label, but num_labels, as files of
/// old have it, the names are transformers' LABEL_0, LABEL_1, ... Takes num_labels out of `others`.
void read_label_count(const Fields& config, std::string_view text, const std::string& origin,
                      std::vector<std::string>& others);

/// The Config in the JSON object `text`, validated; what the text lacks has its default. `unmodelled` gets the keys
/// that are no fields. Throws std::runtime_error naming `origin` and the key.
template <class Config>
Config config_from_json(std::string_view text, const std::string& origin,
                        std::vector<std::string>* unmodelled = nullptr) {
  Config config;
  auto others = read_fields(config, text, origin);
  read_label_count(fields_in(config), text, origin, others);
  if (unmodelled != nullptr) *unmodelled = std::move(others);
  try {
    config.validate();
  } catch (const std::invalid_argument& error) {
    throw std::runtime_error(origin + ": " + error.what());
  }
  return config;
}

}  // namespace langzoo
