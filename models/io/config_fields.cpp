#include "models/io/config_fields.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <stdexcept>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

namespace langzoo {

namespace {

using Json = nlohmann::ordered_json;

/// Deep enough for every config.json there is; nlohmann's destructor of nested values recurses.
constexpr int kMaxDepth = 100;

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

std::string plain(double value) {
  return std::abs(value) < 1e15 && value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{}", value);
}

/// "a whole number of at least 1"; the type comes first.
std::string in_words(std::string type, const FieldRules& rules) {
  if (!rules.choices.empty()) return fmt::format("one of {}", fmt::join(rules.choices, ", "));
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
  } else if (json == "nan") {
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
  if (!json.is_array()) return false;
  values.clear();
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

template <class T>
Json write(const T& value) {
  return value;
}
Json write(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}
template <class T>
Json write(const std::optional<T>& value) {
  return value ? write(*value) : Json(nullptr);
}
Json write(const std::map<std::int64_t, std::string>& values) {
  Json object = Json::object();
  for (const auto& [id, text] : values) object[std::to_string(id)] = text;
  return object;
}

/// A FieldVisitor that calls `visit(name, value, rules)` of whatever type the value has.
template <class Visit>
class AnyField final : public FieldVisitor {
 public:
  explicit AnyField(Visit visit) : visit_(std::move(visit)) {}
  void operator()(const char* n, std::int64_t& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::uint64_t& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, double& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, bool& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::string& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::optional<std::int64_t>& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::optional<double>& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::vector<std::int64_t>& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::vector<std::string>& v, const FieldRules& r) override { visit_(n, v, r); }
  void operator()(const char* n, std::map<std::int64_t, std::string>& v, const FieldRules& r) override {
    visit_(n, v, r);
  }

 private:
  Visit visit_;
};

template <class Visit>
void visit_fields(const Fields& fields, Visit visit) {
  AnyField<Visit> visitor(std::move(visit));
  fields(visitor);
}

Json parse_object(std::string_view text, const std::string& origin) {
  Json json;
  try {
    json = Json::parse(text.begin(), text.end(), [&](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw std::runtime_error(origin + ": nested too deeply");
      return true;
    });
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
  std::set<std::string> known;
  visit_fields(fields, [&](const char* name, auto& value, const FieldRules& rules) {
    known.insert(name);
    const auto found = json.find(name);
    if (found == json.end()) return;
    auto given = value;
    if (!read(*found, given) || !fits(given, rules)) {
      throw std::runtime_error(
          fmt::format("{}: {}: is {}, expected {}", origin, name, shown(*found), in_words(type_of(value), rules)));
    }
    value = std::move(given);
  });
  std::vector<std::string> others;
  for (const auto& item : json.items()) {
    if (!known.contains(item.key())) others.push_back(item.key());
  }
  return others;
}

std::string write_fields(const Fields& fields) {
  Json json = Json::object();
  visit_fields(fields,
               [&](const char* name, const auto& value, const FieldRules& /*rules*/) { json[name] = write(value); });
  try {
    return json.dump(2) + "\n";
  } catch (const Json::exception&) {
    throw std::invalid_argument("a config value is not valid UTF-8");
  }
}

void check_fields(const Fields& fields, const std::string& what) {
  visit_fields(fields, [&](const char* name, const auto& value, const FieldRules& rules) {
    if (fits(value, rules)) return;
    throw std::invalid_argument(
        fmt::format("{}: {} = {} must be {}", what, name, shown(write(value)), in_words(type_of(value), rules)));
  });
}

}  // namespace langzoo
