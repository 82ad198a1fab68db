#include "models/io/config_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/escaped.h"
#include "data/files/json_text.h"

namespace langzoo {

namespace {

using Json = nlohmann::json;

std::string shown(const std::string& json) {
  return json.size() > 40 ? json.substr(0, 37) + "..." : json;
}
std::string shown(const Json& value) {
  return shown(value.dump(-1, ' ', true, Json::error_handler_t::replace));
}

std::string plain(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

/// "a whole number of at least 1"; the type comes first.
std::string in_words(std::string type, const FieldRules& rules) {
  if (!rules.choices.empty()) return fmt::format("one of {}", fmt::join(rules.choices, ", "));
  if (rules.one_or_more) type = "null, one or " + type;
  const auto finite = [](double bound) { return std::isfinite(bound); };
  if (finite(rules.least) && finite(rules.most))
    return fmt::format("{} from {} to {}", type, plain(rules.least), plain(rules.most));
  std::vector<std::string> bounds;
  if (finite(rules.least)) bounds.push_back("of at least " + plain(rules.least));
  if (finite(rules.above)) bounds.push_back("above " + plain(rules.above));
  if (finite(rules.most)) bounds.push_back("of at most " + plain(rules.most));
  if (finite(rules.below)) bounds.push_back("below " + plain(rules.below));
  if (!bounds.empty()) type += " " + fmt::format("{}", fmt::join(bounds, " and "));
  return type;
}

bool in_range(double value, const FieldRules& rules) {
  return value >= rules.least && value <= rules.most && value > rules.above && value < rules.below;
}

bool fits(double value, const FieldRules& rules) {
  // What JSON cannot say is allowed only where nothing bounds it.
  const bool bounded = std::isfinite(rules.least) || std::isfinite(rules.most) || std::isfinite(rules.above) ||
                       std::isfinite(rules.below);
  return std::isfinite(value) ? in_range(value, rules) : !bounded;
}
bool fits(std::int64_t value, const FieldRules& rules) {
  return in_range(static_cast<double>(value), rules);
}
bool fits(std::uint64_t value, const FieldRules& rules) {
  return in_range(static_cast<double>(value), rules);
}
bool fits(bool /*value*/, const FieldRules& /*rules*/) {
  return true;
}
bool fits(const std::string& value, const FieldRules& rules) {
  return rules.choices.empty() || std::find(rules.choices.begin(), rules.choices.end(), value) != rules.choices.end();
}
bool fits(const RepeatedNames& value, const FieldRules& rules) {
  return value.times >= 1 && value.times <= 4096 &&
         std::all_of(value.names.begin(), value.names.end(), [&](const auto& name) { return fits(name, rules); });
}
template <class T>
bool fits(const std::optional<T>& value, const FieldRules& rules) {
  return !value || fits(*value, rules);
}
template <class T>
bool fits(const std::vector<T>& values, const FieldRules& rules) {
  return std::all_of(values.begin(), values.end(), [&](const T& value) { return fits(value, rules); });
}
bool fits(const std::map<std::int64_t, std::string>& values, const FieldRules& rules) {
  return std::all_of(values.begin(), values.end(),
                     [&](const auto& item) { return item.first >= 0 && fits(item.second, rules); });
}
bool fits(const std::map<std::string, std::int64_t>& values, const FieldRules& rules) {
  return std::all_of(values.begin(), values.end(),
                     [&](const auto& item) { return item.second >= 0 && fits(item.second, rules); });
}

std::string type_of(std::int64_t) {
  return "a whole number";
}
std::string type_of(std::uint64_t) {
  return "a whole number of at least 0";
}
std::string type_of(double) {
  return "a number";
}
std::string type_of(bool) {
  return "true or false";
}
std::string type_of(const std::string&) {
  return "a text";
}
std::string type_of(const RepeatedNames&) {
  return "[[names], times]";
}
std::string type_of(const std::optional<bool>&) {
  return "null, true or false";
}
template <class T>
std::string type_of(const std::optional<T>&) {
  return "null or " + type_of(T());
}
template <class T>
std::string type_of(const std::vector<T>&) {
  return "a list, each " + type_of(T());
}
std::string type_of(const std::map<std::int64_t, std::string>&) {
  return "an object of texts by id";
}
std::string type_of(const std::map<std::string, std::int64_t>&) {
  return "an object of ids by text";
}

// read() returns false where the JSON has another type.
bool read(const Json& json, std::int64_t& value) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned() && json.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) return false;
  value = json.get<std::int64_t>();
  return true;
}
bool read(const Json& json, std::uint64_t& value) {
  if (!json.is_number_unsigned() && !(json.is_number_integer() && json.get<std::int64_t>() >= 0)) return false;
  value = json.get<std::uint64_t>();
  return true;
}
bool read(const Json& json, double& value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json == "inf") {
    value = kInfinity;
  } else if (json == "-inf") {
    value = -kInfinity;
  } else if (json == "nan" || json == "-nan") {  // std::to_string knows both
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (json.is_number()) {
    value = json.get<double>();
  } else {
    return false;
  }
  return true;
}
bool read(const Json& json, bool& value) {
  if (!json.is_boolean()) return false;
  value = json.get<bool>();
  return true;
}
bool read(const Json& json, std::string& value) {
  if (!json.is_string()) return false;
  value = json.get<std::string>();
  return true;
}
bool read(const Json& json, RepeatedNames& value) {
  if (!json.is_array() || json.size() != 2 || !json[0].is_array() || !read(json[1], value.times)) return false;
  value.names.clear();
  return std::all_of(json[0].begin(), json[0].end(),
                     [&](const Json& name) { return read(name, value.names.emplace_back()); });
}
template <class T>
bool read(const Json& json, std::optional<T>& value) {
  if (json.is_null()) {
    value.reset();
    return true;
  }
  return read(json, value.emplace());
}
template <class T>
bool read(const Json& json, std::vector<T>& values) {
  values.clear();
  if (json.is_null()) return true;
  if (!json.is_array()) return false;
  return std::all_of(json.begin(), json.end(), [&](const Json& item) { return read(item, values.emplace_back()); });
}
bool read(const Json& json, std::map<std::int64_t, std::string>& values) {
  if (!json.is_object()) return false;
  values.clear();
  for (const auto& [key, item] : json.items()) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || !read(item, values[id])) return false;
  }
  return true;
}
bool read(const Json& json, std::map<std::string, std::int64_t>& values) {
  if (!json.is_object()) return false;
  values.clear();
  for (const auto& [key, item] : json.items()) {
    if (!read(item, values[key])) return false;
  }
  return true;
}

/// How a value is written: as a file has it, on one line, or on one line of ASCII.
enum class Style { kFile, kLine, kAscii };

/// "[1,2]" of its items; in a file each has a line.
std::string bracketed(char open, const std::vector<std::string>& items, char close, Style style) {
  const bool lines = style == Style::kFile && !items.empty();
  std::string text(1, open);
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    if (lines) text += "\n  ";
    for (const char c : item) {
      text += c;
      if (c == '\n') text += "  ";  // none stands within a text
    }
  }
  if (lines) text += '\n';
  return text + close;
}

std::string write(std::int64_t value, Style /*style*/) {
  return std::to_string(value);
}
std::string write(std::uint64_t value, Style /*style*/) {
  return std::to_string(value);
}
std::string write(double value, Style /*style*/) {
  if (std::isfinite(value)) return Json(value).dump();
  return std::isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"";
}
std::string write(bool value, Style /*style*/) {
  return value ? "true" : "false";
}
std::string write(const std::string& value, Style style) {
  const auto errors = style == Style::kFile ? Json::error_handler_t::strict : Json::error_handler_t::replace;
  return Json(value).dump(-1, ' ', style == Style::kAscii, errors);
}
std::string member(const std::string& key, const std::string& json, Style style) {
  return write(key, style) + (style == Style::kFile ? ": " : ":") + json;
}
template <class T>
std::string write(const std::optional<T>& value, Style style) {
  return value ? write(*value, style) : "null";
}
template <class T>
std::string write(const std::vector<T>& values, Style style) {
  std::vector<std::string> items;
  for (const auto& value : values) items.push_back(write(value, style));
  return bracketed('[', items, ']', style);
}
std::string write(const RepeatedNames& value, Style style) {
  std::vector<std::string> names;
  for (const auto& name : value.names) names.push_back(write(name, style));
  return bracketed('[', {bracketed('[', names, ']', style), std::to_string(value.times)}, ']', style);
}
std::string write(const std::map<std::int64_t, std::string>& values, Style style) {
  std::vector<std::string> items;
  for (const auto& [id, text] : values) items.push_back(member(std::to_string(id), write(text, style), style));
  return bracketed('{', items, '}', style);
}
std::string write(const std::map<std::string, std::int64_t>& values, Style style) {
  std::vector<std::string> items;
  for (const auto& [text, id] : values) items.push_back(member(text, write(id, style), style));
  return bracketed('{', items, '}', style);
}

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

/// A field of a struct, whatever its type: what is done with fields is compiled once, not once for each type.
class Value {
 public:
  template <class T>
  static Value of(T& value) {
    return {&value, kType<T>};
  }

  Field::Kind kind() const { return type_->kind; }
  /// Whether it stands for null in a run's configuration, and whether it may.
  bool is_open(const FieldRules& rules) const { return may_be_open(rules) && whole() == kFromTokenizer; }
  bool may_be_open(const FieldRules& rules) const { return rules.from_tokenizer && type_->is_whole; }
  void open() const { whole() = kFromTokenizer; }

  bool fits(const FieldRules& rules) const { return type_->fits(value_, rules); }
  std::string allowed(const FieldRules& rules) const { return in_words(type_->name(), rules); }
  /// Unchanged, and false, for JSON of another type or against the rules, which may allow other spellings.
  bool read(const Json& json, const FieldRules& rules) const {
    const bool alone = type_->is_list && rules.one_or_more && !json.is_array() && !json.is_null();
    const bool bare = json.is_boolean() && !rules.choices.empty();
    return type_->read(alone ? Json::array({json}) : bare ? Json(json.dump()) : json, value_, rules);
  }
  std::string json(const FieldRules& rules, Style style) const {
    if (is_open(rules)) return "null";
    auto text = type_->write(value_, rules, style);
    const bool bare = !rules.choices.empty() && (text == "\"true\"" || text == "\"false\"");
    return bare ? text.substr(1, text.size() - 2) : text;
  }

 private:
  struct Type {
    Field::Kind kind;
    bool is_list, is_whole;
    std::string (*name)();
    bool (*fits)(const void* value, const FieldRules& rules);
    bool (*read)(const Json& json, void* value, const FieldRules& rules);
    std::string (*write)(const void* value, const FieldRules& rules, Style style);
  };

  template <class T>
  static bool read_as(const Json& json, void* value, const FieldRules& rules) {
    auto given = *static_cast<T*>(value);
    if (!langzoo::read(json, given) || !langzoo::fits(given, rules)) return false;
    *static_cast<T*>(value) = std::move(given);
    return true;
  }
  template <class T>
  static std::string write_as(const void* value, const FieldRules& rules, Style style) {
    const auto& written = *static_cast<const T*>(value);
    if constexpr (kIsList<T>) {
      if (rules.one_or_more && written.size() < 2) return written.empty() ? "null" : write(written[0], style);
    }
    return langzoo::write(written, style);
  }
  template <class T>
  static constexpr Type kType = {
      std::is_same_v<T, std::string> ? Field::Kind::kText
      : std::is_same_v<T, bool>      ? Field::Kind::kFlag
                                     : Field::Kind::kOther,
      kIsList<T>,
      std::is_same_v<T, std::int64_t>,
      [] { return type_of(T()); },
      [](const void* value, const FieldRules& rules) { return langzoo::fits(*static_cast<const T*>(value), rules); },
      read_as<T>,
      write_as<T>};

  Value(void* value, const Type& type) : value_(value), type_(&type) {}
  std::int64_t& whole() const { return *static_cast<std::int64_t*>(value_); }

  void* value_;
  const Type* type_;
};

/// A FieldVisitor whose field() does the same with fields of all types.
class AnyField : public FieldVisitor {
 public:
  void operator()(const char* n, std::int64_t& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::uint64_t& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, double& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, bool& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::string& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::optional<std::int64_t>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void operator()(const char* n, std::optional<double>& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::optional<bool>& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::optional<std::string>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void operator()(const char* n, std::vector<std::int64_t>& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::vector<std::string>& v, const FieldRules& r) final { field(n, Value::of(v), r); }
  void operator()(const char* n, std::vector<std::vector<std::int64_t>>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void operator()(const char* n, std::vector<RepeatedNames>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void operator()(const char* n, std::map<std::int64_t, std::string>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void operator()(const char* n, std::map<std::string, std::int64_t>& v, const FieldRules& r) final {
    field(n, Value::of(v), r);
  }
  void constant(const char* /*name*/, const char* /*json*/, const char* /*reason*/) override {}

 protected:
  virtual void field(const char* name, Value value, const FieldRules& rules) = 0;
};

class Reader final : public AnyField {
 public:
  Reader(const Json& object, std::string prefix, const std::string& origin)
      : object_(object), prefix_(std::move(prefix)), origin_(origin) {}

  void field(const char* name, Value value, const FieldRules& rules) override {
    const Json* found = find(name);
    if (!rules.alias.empty()) {
      const Json* alias = find(rules.alias);
      if (alias != nullptr && found != nullptr && *alias != *found) {
        fail(name, fmt::format("is {}, but {}, its other name, is {}", shown(*found), rules.alias, shown(*alias)));
      }
      if (found == nullptr) found = alias;
    }
    if (found == nullptr) return;
    if (!value.read(*found, rules)) {
      fail(name, fmt::format("is {}, expected {}", shown(*found), value.allowed(rules)));
    }
  }

  void constant(const char* name, const char* json, const char* reason) override {
    const Json* found = find(name);
    if (found == nullptr || *found == Json::parse(json)) return;
    fail(name, fmt::format("is {}, only {} is supported: {}", shown(*found), json, reason));
  }

  /// The keys that were no fields.
  std::vector<std::string> others() && {
    for (const auto& item : object_.items()) {
      if (!known_.contains(item.key())) others_.push_back(prefix_ + item.key());
    }
    return std::move(others_);
  }

 private:
  void nested(const char* name, const ObjectField& part) override {
    const Json* found = find(name);
    if (found == nullptr) return;
    if (part.set_present && found->is_null()) return part.set_present(false);
    if (!found->is_object()) {
      fail(name, fmt::format("is {}, expected {}an object", shown(*found), part.set_present ? "null or " : ""));
    }
    if (part.set_present) part.set_present(true);
    Reader reader(*found, prefix_ + name + ".", origin_);
    part.fields(reader);
    for (auto& other : std::move(reader).others()) others_.push_back(std::move(other));
  }

  const Json* find(std::string_view name) {
    known_.emplace(name);
    const auto found = object_.find(std::string(name));
    return found == object_.end() ? nullptr : &*found;
  }
  [[noreturn]] void fail(const char* name, const std::string& what) const {
    throw std::runtime_error(fmt::format("{}: {}{}: {}", origin_, escaped(prefix_), escaped(name), escaped(what)));
  }

  const Json& object_;
  std::string prefix_;
  const std::string& origin_;
  std::set<std::string, std::less<>> known_;
  std::vector<std::string> others_;
};

class Writer final : public AnyField {
 public:
  explicit Writer(Style style) : style_(style) {}

  void field(const char* name, Value value, const FieldRules& rules) override {
    if (!rules.derived) add(name, value.json(rules, style_));
  }
  std::string object() const { return bracketed('{', members_, '}', style_); }

 private:
  void nested(const char* name, const ObjectField& part) override {
    if (part.present && !part.present()) return add(name, "null");
    Writer writer(style_);
    part.fields(writer);
    add(name, writer.object());
  }
  void add(const char* name, const std::string& json) { members_.push_back(member(name, json, style_)); }

  Style style_;
  std::vector<std::string> members_;
};

std::string written(const Fields& fields, Style style) {
  Writer writer(style);
  fields(writer);
  return writer.object();
}

class Checker final : public AnyField {
 public:
  Checker(const std::string& what, std::string prefix) : what_(what), prefix_(std::move(prefix)) {}

  void field(const char* name, Value value, const FieldRules& rules) override {
    if (value.fits(rules)) return;
    throw std::invalid_argument(fmt::format("{}: {}{} = {} must be {}", what_, prefix_, name,
                                            shown(value.json(rules, Style::kAscii)), value.allowed(rules)));
  }

 private:
  void nested(const char* name, const ObjectField& part) override {
    if (part.present && !part.present()) return;
    Checker checker(what_, prefix_ + name + ".");
    part.fields(checker);
  }

  const std::string& what_;
  std::string prefix_;
};

class Lister final : public AnyField {
 public:
  explicit Lister(std::string prefix) : prefix_(std::move(prefix)) {}

  void field(const char* name, Value value, const FieldRules& rules) override {
    if (rules.derived) return;
    Field field;
    field.name = prefix_ + name;
    field.kind = value.kind();
    field.from_tokenizer = rules.from_tokenizer;
    field.help = rules.help;
    field.allowed = (value.may_be_open(rules) ? "null or " : "") + value.allowed(rules);
    field.json = [value, rules] { return value.json(rules, Style::kLine); };
    field.set = [value, rules](std::string_view text) {
      const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
      if (!value.may_be_open(rules) || !json.is_null()) return value.read(json, rules);
      value.open();
      return true;
    };
    fields_.push_back(std::move(field));
  }
  std::vector<Field> fields() && { return std::move(fields_); }

 private:
  void nested(const char* name, const ObjectField& part) override {
    if (part.set_present) return fields_.push_back(optional_part(name, part));
    Lister lister(prefix_ + name + ".");
    part.fields(lister);
    for (auto& field : std::move(lister).fields()) fields_.push_back(std::move(field));
  }

  Field optional_part(const char* name, const ObjectField& part) const {
    Field field;
    field.name = prefix_ + name;
    field.allowed = "null or an object of its keys";
    field.json = [part] { return part.present() ? written(part.fields, Style::kLine) : "null"; };
    field.set = [part, json = field.json](std::string_view text) {
      const auto assign = [&](std::string_view value) {
        part.set_present(value != "null");
        return value == "null" || read_fields(part.fields, value, "").empty();
      };
      const auto before = json();
      try {
        if (assign(text)) return true;
      } catch (const std::runtime_error&) {
      }
      assign(before);
      return false;
    };
    return field;
  }

  std::string prefix_;
  std::vector<Field> fields_;
};

Json parse_object(std::string_view text, const std::string& origin) {
  if (nested_too_deeply(text)) throw std::runtime_error(origin + ": nested too deeply");
  Json json;
  try {
    json = Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    throw std::runtime_error(fmt::format("{}: not valid JSON at byte {}", origin, error.byte));
  } catch (const Json::exception&) {
    throw std::runtime_error(origin + ": a number is out of range");
  }
  if (!json.is_object()) throw std::runtime_error(origin + ": not a JSON object");
  return json;
}

}  // namespace

std::vector<std::string> read_fields(const Fields& fields, std::string_view text, const std::string& origin) {
  const Json json = parse_object(text, origin);
  Reader reader(json, "", origin);
  fields(reader);
  return std::move(reader).others();
}

std::string write_fields(const Fields& fields) {
  try {
    return written(fields, Style::kFile) + "\n";
  } catch (const Json::exception&) {
    throw std::invalid_argument("a config value is not valid UTF-8");
  }
}

void check_fields(const Fields& fields, const std::string& what) {
  Checker checker(what, "");
  fields(checker);
}

std::vector<Field> fields_of(const Fields& fields) {
  Lister lister("");
  fields(lister);
  return std::move(lister).fields();
}

std::optional<Field> find_field(const Fields& fields, std::string_view name) {
  for (auto& field : fields_of(fields)) {
    if (field.name == name) return std::move(field);
  }
  return std::nullopt;
}

void fill_field(const Fields& fields, std::string_view name, std::int64_t value) {
  const auto field = find_field(fields, name);
  if (!field || field->json() != "null" || field->set(std::to_string(value))) return;
  throw std::invalid_argument(fmt::format("{} = {} must be {}", name, value, field->allowed));
}

}  // namespace langzoo
