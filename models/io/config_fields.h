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
///     };
///     Gpt2Config config;
///     read_fields(config, text, "DIR/config.json");
///     check_fields(config, "gpt2 config");
///     const std::string json = write_fields(config);
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace langzoo {

/// What a value may be beyond its type, and what it means. A number lies in [least, most] and is above `above` and
/// below `below`; a text is one of `choices` where there are any.
struct FieldRules {
  double least = -std::numeric_limits<double>::infinity(), most = std::numeric_limits<double>::infinity();
  double above = -std::numeric_limits<double>::infinity(), below = std::numeric_limits<double>::infinity();
  std::vector<std::string_view> choices = {};
  std::string_view help = {};
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
  virtual void operator()(const char* name, std::vector<std::int64_t>& value, const FieldRules& rules = {}) = 0;
  virtual void operator()(const char* name, std::vector<std::string>& value, const FieldRules& rules = {}) = 0;
  /// An object whose keys are ids: id2label.
  virtual void operator()(const char* name, std::map<std::int64_t, std::string>& value,
                          const FieldRules& rules = {}) = 0;
};

/// A struct's for_each_field(), whatever the struct.
using Fields = std::function<void(FieldVisitor&)>;

/// The fields of the JSON object `text`: what it lacks stays as it is. Returns its keys that are no fields. Throws
/// std::runtime_error "ORIGIN: KEY: is VALUE, expected ...", and for text that is no JSON object.
std::vector<std::string> read_fields(const Fields& fields, std::string_view text, const std::string& origin);
/// A JSON object, two spaces of indentation, a line end. Numbers that JSON lacks (infinity, NaN) become text, which
/// read_fields() understands.
std::string write_fields(const Fields& fields);
/// Throws std::invalid_argument "WHAT: KEY = VALUE must be ..." for the first field that breaks its rules.
void check_fields(const Fields& fields, const std::string& what);

template <class Struct>
std::vector<std::string> read_fields(Struct& fields, std::string_view text, const std::string& origin) {
  return read_fields(Fields([&](FieldVisitor& visit) { fields.for_each_field(visit); }), text, origin);
}
template <class Struct>
requires requires(Struct s, FieldVisitor& visit) {
  s.for_each_field(visit);
}
std::string write_fields(Struct fields) {
  return write_fields(Fields([&](FieldVisitor& visit) { fields.for_each_field(visit); }));
}
template <class Struct>
requires requires(Struct s, FieldVisitor& visit) {
  s.for_each_field(visit);
}
void check_fields(Struct fields, const std::string& what) {
  check_fields(Fields([&](FieldVisitor& visit) { fields.for_each_field(visit); }), what);
}

}  // namespace langzoo
