#include "models/io/config_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/json_text.h"

namespace langzoo {

namespace {

/// What is read; and what is written, in the order of the fields.
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

std::string shown(const std::string& json) {
  return json.size() > 40 ? json.substr(0, 37) + "..." : json;
}
template <class AnyJson>
std::string shown(const AnyJson& value) {
  return shown(value.dump(-1, ' ', true, AnyJson::error_handler_t::replace));
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

template <class T>
constexpr bool kIsList = false;
template <class T>
constexpr bool kIsList<std::vector<T>> = true;

/// The same under the rules, which may allow other spellings. False also where they forbid the value.
template <class T>
bool read(const Json& json, T& value, const FieldRules& rules) {
  const bool alone = kIsList<T> && rules.one_or_more && !json.is_array() && !json.is_null();
  const bool bare = json.is_boolean() && !rules.choices.empty();
  return read(alone ? Json::array({json}) : bare ? Json(json.dump()) : json, value) && fits(value, rules);
}

template <class T>
OrderedJson write(const T& value) {
  return value;
}
OrderedJson write(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
template <class T>
OrderedJson write(const std::optional<T>& value) {
  return value ? write(*value) : OrderedJson(nullptr);
}
// push_back(), because an ordered object otherwise looks through all keys for each.
OrderedJson write(const std::map<std::int64_t, std::string>& values) {
  OrderedJson::object_t object;
  for (const auto& [id, text] : values) object.push_back({std::to_string(id), text});
  return object;
}
OrderedJson write(const std::map<std::string, std::int64_t>& values) {
  OrderedJson::object_t object;
  for (const auto& [text, id] : values) object.push_back({text, id});
  return object;
}

template <class T>
OrderedJson write(const T& value, const FieldRules& rules) {
  auto json = write(value);
  if (kIsList<T> && rules.one_or_more && json.size() < 2) return json.empty() ? OrderedJson(nullptr) : json[0];
  if (!rules.choices.empty() && (json == "true" || json == "false")) return json == "true";
  return json;
}

/// Whether `value` stands for null in a run's configuration.
template <class T>
bool is_open(const T& /*value*/, const FieldRules& /*rules*/) {
  return false;
}
bool is_open(std::int64_t value, const FieldRules& rules) {
  return rules.from_tokenizer && value == kFromTokenizer;
}

/// A FieldVisitor that hands fields of whatever type to Derived's template field(name, value, rules).
template <class Derived>
class AnyField : public FieldVisitor {
 public:
  void operator()(const char* n, std::int64_t& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::uint64_t& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, double& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, bool& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::string& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::optional<std::int64_t>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::optional<double>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::optional<bool>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::optional<std::string>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::vector<std::int64_t>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::vector<std::string>& v, const FieldRules& r) final { self().field(n, v, r); }
  void operator()(const char* n, std::vector<std::vector<std::int64_t>>& v, const FieldRules& r) final {
    self().field(n, v, r);
  }
  void operator()(const char* n, std::map<std::int64_t, std::string>& v, const FieldRules& r) final {
    self().field(n, v, r);
  }
  void operator()(const char* n, std::map<std::string, std::int64_t>& v, const FieldRules& r) final {
    self().field(n, v, r);
  }
  void constant(const char* /*name*/, const char* /*json*/, const char* /*reason*/) override {}

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

class Reader final : public AnyField<Reader> {
 public:
  Reader(const Json& object, std::string prefix, const std::string& origin)
      : object_(object), prefix_(std::move(prefix)), origin_(origin) {}

  template <class T>
  void field(const char* name, T& value, const FieldRules& rules) {
    const Json* found = find(name);
    if (!rules.alias.empty()) {
      const Json* alias = find(rules.alias);
      if (alias != nullptr && found != nullptr && *alias != *found) {
        fail(name, fmt::format("is {}, but {}, its other name, is {}", shown(*found), rules.alias, shown(*alias)));
      }
      if (found == nullptr) found = alias;
    }
    if (found == nullptr) return;
    auto given = value;
    if (!read(*found, given, rules)) {
      fail(name, fmt::format("is {}, expected {}", shown(*found), in_words(type_of(value), rules)));
    }
    value = std::move(given);
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
    throw std::runtime_error(fmt::format("{}: {}{}: {}", origin_, prefix_, name, what));
  }

  const Json& object_;
  std::string prefix_;
  const std::string& origin_;
  std::set<std::string, std::less<>> known_;
  std::vector<std::string> others_;
};

class Writer final : public AnyField<Writer> {
 public:
  template <class T>
  void field(const char* name, const T& value, const FieldRules& rules) {
    object_[name] = is_open(value, rules) ? OrderedJson(nullptr) : write(value, rules);
  }
  OrderedJson object() && { return std::move(object_); }

 private:
  void nested(const char* name, const ObjectField& part) override {
    if (part.present && !part.present()) {
      object_[name] = nullptr;
      return;
    }
    Writer writer;
    part.fields(writer);
    object_[name] = std::move(writer).object();
  }

  OrderedJson object_ = OrderedJson::object();
};

OrderedJson written(const Fields& fields) {
  Writer writer;
  fields(writer);
  return std::move(writer).object();
}

class Checker final : public AnyField<Checker> {
 public:
  Checker(const std::string& what, std::string prefix) : what_(what), prefix_(std::move(prefix)) {}

  template <class T>
  void field(const char* name, const T& value, const FieldRules& rules) {
    if (fits(value, rules)) return;
    const auto said = is_open(value, rules) ? "null" : shown(write(value, rules));
    throw std::invalid_argument(
        fmt::format("{}: {}{} = {} must be {}", what_, prefix_, name, said, in_words(type_of(value), rules)));
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

class Lister final : public AnyField<Lister> {
 public:
  explicit Lister(std::string prefix) : prefix_(std::move(prefix)) {}

  template <class T>
  void field(const char* name, T& value, const FieldRules& rules) {
    Field field;
    field.name = prefix_ + name;
    if (std::is_same_v<T, std::string>) field.kind = Field::Kind::kText;
    if (std::is_same_v<T, bool>) field.kind = Field::Kind::kFlag;
    field.from_tokenizer = rules.from_tokenizer;
    field.help = rules.help;
    field.allowed = in_words(type_of(value), rules);
    if (rules.from_tokenizer && std::is_same_v<T, std::int64_t>) field.allowed = "null or " + field.allowed;
    field.json = [&value, rules] {
      if (is_open(value, rules)) return std::string("null");
      return write(value, rules).dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
    };
    field.set = [&value, rules](std::string_view text) {
      const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
      if constexpr (std::is_same_v<T, std::int64_t>) {
        if (rules.from_tokenizer && json.is_null()) {
          value = kFromTokenizer;
          return true;
        }
      }
      auto given = value;
      if (!read(json, given, rules)) return false;
      value = std::move(given);
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
    field.json = [part] {
      return part.present() ? written(part.fields).dump(-1, ' ', false, OrderedJson::error_handler_t::replace) : "null";
    };
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
  const OrderedJson json = written(fields);
  try {
    return json.dump(2) + "\n";
  } catch (const OrderedJson::exception&) {
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
