#include "models/io/config_json.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace langzoo {

namespace {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;

/// Deep enough for every config.json there is; nlohmann's destructor of nested values recurses.
constexpr int kMaxDepth = 100;

std::string shown(const Json& value) {
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > 40) text = text.substr(0, 37) + "...";
  return text;
}

bool is_whole(const Json& value) {
  return value.is_number_integer() &&
         (!value.is_number_unsigned() ||
          value.get<std::uint64_t>() <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

struct ConfigReader::Object {
  Json json;

  const Json* find(const std::string& key) const {
    const auto found = json.find(key);
    return found == json.end() ? nullptr : &*found;
  }
};

ConfigReader::ConfigReader(std::string_view text, std::string origin)
    : object_(std::make_unique<Object>()), origin_(std::move(origin)) {
  try {
    object_->json = Json::parse(text.begin(), text.end(), [&](int depth, Json::parse_event_t, Json&) {
      if (depth > kMaxDepth) throw std::runtime_error(origin_ + ": nested too deeply");
      return true;
    });
  } catch (const Json::parse_error& error) {
    throw std::runtime_error(fmt::format("{}: not valid JSON at byte {}", origin_, error.byte));
  } catch (const Json::exception&) {
    throw std::runtime_error(origin_ + ": a number is out of range");
  }
  if (!object_->json.is_object()) throw std::runtime_error(origin_ + ": not a JSON object");
}

ConfigReader::~ConfigReader() = default;
ConfigReader::ConfigReader(ConfigReader&&) noexcept = default;
ConfigReader& ConfigReader::operator=(ConfigReader&&) noexcept = default;

void ConfigReader::fail(const std::string& key, const std::string& reason) const {
  throw std::runtime_error(origin_ + ": " + key + ": " + reason);
}

bool ConfigReader::has(const std::string& key) const {
  const Json* found = object_->find(key);
  return found != nullptr && !found->is_null();
}

void ConfigReader::get(const std::string& key, std::int64_t& value, std::int64_t min, std::int64_t max) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  if (!is_whole(*found)) fail(key, "is " + shown(*found) + ", expected a whole number");
  const auto number = found->get<std::int64_t>();
  if (number < min) fail(key, fmt::format("is {}, must be at least {}", number, min));
  if (number > max) fail(key, fmt::format("is {}, must be at most {}", number, max));
  value = number;
}

void ConfigReader::get(const std::string& key, double& value, double min, double max) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  if (!found->is_number()) fail(key, "is " + shown(*found) + ", expected a number");
  const auto number = found->get<double>();
  if (!std::isfinite(number) || number < min) fail(key, fmt::format("is {}, must be at least {}", number, min));
  if (number > max) fail(key, fmt::format("is {}, must be at most {}", number, max));
  value = number;
}

void ConfigReader::get(const std::string& key, bool& value) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  if (!found->is_boolean()) fail(key, "is " + shown(*found) + ", expected true or false");
  value = found->get<bool>();
}

void ConfigReader::get(const std::string& key, std::string& value) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  if (!found->is_string()) fail(key, "is " + shown(*found) + ", expected a string");
  value = found->get<std::string>();
}

void ConfigReader::get(const std::string& key, std::vector<std::string>& value) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  const auto wrong = [&] { fail(key, "is " + shown(*found) + ", expected a list of strings"); };
  if (!found->is_array()) wrong();
  std::vector<std::string> strings;
  for (const Json& item : *found) {
    if (!item.is_string()) wrong();
    strings.push_back(item.get<std::string>());
  }
  value = std::move(strings);
}

void ConfigReader::get(const std::string& key, std::optional<std::int64_t>& value, std::int64_t min,
                       std::int64_t max) const {
  const Json* found = object_->find(key);
  if (found == nullptr) return;
  if (found->is_null()) {
    value.reset();
    return;
  }
  std::int64_t number = 0;
  get(key, number, min, max);
  value = number;
}

std::vector<std::string> ConfigReader::keys() const {
  std::vector<std::string> result;
  for (const auto& item : object_->json.items()) result.push_back(item.key());
  return result;
}

struct ConfigWriter::Object {
  OrderedJson json = OrderedJson::object();
};

ConfigWriter::ConfigWriter() : object_(std::make_unique<Object>()) {}

ConfigWriter::ConfigWriter(std::string_view text) : ConfigWriter() {
  object_->json = OrderedJson::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!object_->json.is_object()) throw std::invalid_argument("a config must be a JSON object");
}

ConfigWriter::~ConfigWriter() = default;
ConfigWriter::ConfigWriter(ConfigWriter&&) noexcept = default;
ConfigWriter& ConfigWriter::operator=(ConfigWriter&&) noexcept = default;

ConfigWriter& ConfigWriter::set(const std::string& key, std::int64_t value) {
  object_->json[key] = value;
  return *this;
}

ConfigWriter& ConfigWriter::set(const std::string& key, double value) {
  object_->json[key] = value;
  return *this;
}

ConfigWriter& ConfigWriter::set(const std::string& key, bool value) {
  object_->json[key] = value;
  return *this;
}

ConfigWriter& ConfigWriter::set(const std::string& key, const std::string& value) {
  object_->json[key] = value;
  return *this;
}

ConfigWriter& ConfigWriter::set(const std::string& key, const char* value) {
  return set(key, std::string(value));
}

ConfigWriter& ConfigWriter::set(const std::string& key, const std::vector<std::string>& value) {
  object_->json[key] = value;
  return *this;
}

ConfigWriter& ConfigWriter::set(const std::string& key, std::optional<std::int64_t> value) {
  if (value) return set(key, *value);
  object_->json[key] = nullptr;
  return *this;
}

std::string ConfigWriter::text() const {
  try {
    return object_->json.dump(2) + "\n";
  } catch (const OrderedJson::exception&) {
    throw std::invalid_argument("a config value is not valid UTF-8");
  }
}

}  // namespace langzoo
