#include "tokenizers/json_field.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/json_text.h"
#include "tokenizers/added_tokens.h"

namespace langzoo {

using nlohmann::json;

namespace {

constexpr int kMaxDepth = 32;

/// The text with finite numbers for NaN and Infinity.
std::string with_finite_numbers(std::string_view text) {
  static const std::string largest = fmt::format("{}", std::numeric_limits<double>::max());
  std::string finite;
  std::size_t from = 0;
  for_each_outside_strings(text, [&](std::size_t at, char c) {
    if (c != 'N' && c != 'I') return;
    for (const std::string_view name : {"NaN", "Infinity"}) {
      if (text.substr(at, name.size()) != name) continue;
      finite.append(text, from, at - from).append(largest);
      from = at + name.size();
    }
  });
  return finite.append(text, from);
}

}  // namespace

void JsonField::fail(const std::string& reason) const {
  throw FileError(*path_, sanitize_utf8(name_.empty() ? reason : name_ + ": " + reason));
}

void JsonField::expect(bool as_expected, std::string_view what) const {
  if (!as_expected) fail(fmt::format("is {}, expected {}", shown(*value_), what));
}

bool JsonField::is_null() const {
  return value_->is_null();
}

bool JsonField::has(const char* key) const {
  return value_->contains(key);
}

JsonField JsonField::at(const char* key) const {
  expect(value_->is_object(), "an object");
  const auto found = value_->find(key);
  const std::string name = name_.empty() ? key : name_ + "." + key;
  if (found == value_->end()) JsonField(*value_, name, *path_).fail("is missing");
  return {*found, name, *path_};
}

JsonField JsonField::at_or_null(const char* key) const {
  static const json null;
  expect(value_->is_object(), "an object");
  return has(key) ? at(key) : JsonField(null, name_.empty() ? key : name_ + "." + key, *path_);
}

JsonField JsonField::item(const json& value, std::size_t index) const {
  return {value, fmt::format("{}[{}]", name_, index), *path_};
}

std::string JsonField::string() const {
  expect(value_->is_string(), "a string");
  return value_->get<std::string>();
}

bool JsonField::boolean() const {
  expect(value_->is_boolean(), "true or false");
  return value_->get<bool>();
}

std::uint64_t JsonField::integer(std::uint64_t least, std::uint64_t most) const {
  const bool fits =
      value_->is_number_unsigned() && value_->get<std::uint64_t>() >= least && value_->get<std::uint64_t>() <= most;
  expect(fits, fmt::format("an integer from {} to {}", least, most));
  return value_->get<std::uint64_t>();
}

double JsonField::number() const {
  expect(value_->is_number(), "a number");
  return value_->get<double>();
}

TokenId JsonField::id() const {
  const auto id = id_of(*value_);
  if (!id) fail(no_id(*value_));
  return *id;
}

std::optional<TokenId> JsonField::id_of(const json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMaxVocabularySize) return {};
  return static_cast<TokenId>(value.get<std::uint64_t>());
}

std::string JsonField::no_id(const json& value) {
  return fmt::format("{} is not an id from 0 to {}", shown(value), kMaxVocabularySize - 1);
}

char32_t JsonField::character() const {
  const std::string text = string();
  const Utf8Char c = text.empty() ? Utf8Char{} : decode_utf8(text, 0);
  expect(c.valid && c.length == text.size(), "one character");
  return c.code_point;
}

const json& JsonField::array() const {
  expect(value_->is_array(), "an array");
  return *value_;
}

const json& JsonField::object() const {
  expect(value_->is_object(), "an object");
  return *value_;
}

void JsonField::only(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, ignored] : object().items()) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) fail("the key '" + key + "' is not supported");
  }
}

std::string JsonField::shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > 60) text.replace(57, std::string::npos, "...");
  return text;
}

json parse_json(std::string_view text, const std::filesystem::path& path, JsonNumbers numbers) {
  if (nested_too_deeply(text, kMaxDepth)) throw FileError(path, fmt::format("is nested more than {} deep", kMaxDepth));
  try {
    if (numbers == JsonNumbers::Python) return json::parse(with_finite_numbers(text));
    return json::parse(text.begin(), text.end());
  } catch (const json::exception& error) {
    throw FileError(path, sanitize_utf8(fmt::format("is not valid JSON: {}", error.what())));
  }
}

std::string json_string(std::string_view text) {
  return json(text).dump();
}

}  // namespace langzoo
