/// Reading JSON files whose faults have to be named: internal to the loaders (it includes nlohmann/json, which public
/// headers do not).
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/encoding.h"
#include "tokenizers/utf8.h"

namespace langzoo {

/// A value of a JSON file with its place in it; what is not as expected throws FileError naming both.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string name, const std::filesystem::path& path)
      : value_(&value), name_(std::move(name)), path_(&path) {}

  const nlohmann::json& value() const { return *value_; }
  [[noreturn]] void fail(const std::string& reason) const {
    throw FileError(*path_, sanitize_utf8(name_.empty() ? reason : name_ + ": " + reason));
  }

  bool is_null() const { return value_->is_null(); }
  bool has(const char* key) const { return value_->contains(key); }
  JsonField at(const char* key) const {
    expect(value_->is_object(), "an object");
    const auto found = value_->find(key);
    const std::string name = name_.empty() ? key : name_ + "." + key;
    if (found == value_->end()) JsonField(*value_, name, *path_).fail("is missing");
    return {*found, name, *path_};
  }
  /// The field, or null where it is absent.
  JsonField at_or_null(const char* key) const {
    static const nlohmann::json null;
    expect(value_->is_object(), "an object");
    return has(key) ? at(key) : JsonField(null, name_.empty() ? key : name_ + "." + key, *path_);
  }
  JsonField item(const nlohmann::json& value, std::size_t index) const {
    return {value, fmt::format("{}[{}]", name_, index), *path_};
  }

  std::string string() const {
    expect(value_->is_string(), "a string");
    return value_->get<std::string>();
  }
  bool boolean() const {
    expect(value_->is_boolean(), "true or false");
    return value_->get<bool>();
  }
  std::uint64_t integer(std::uint64_t least, std::uint64_t most) const {
    const bool fits =
        value_->is_number_unsigned() && value_->get<std::uint64_t>() >= least && value_->get<std::uint64_t>() <= most;
    expect(fits, fmt::format("an integer from {} to {}", least, most));
    return value_->get<std::uint64_t>();
  }
  double number() const {
    expect(value_->is_number(), "a number");
    return value_->get<double>();
  }
  TokenId id() const {
    const auto id = id_of(*value_);
    if (!id) fail(no_id(*value_));
    return *id;
  }
  static std::optional<TokenId> id_of(const nlohmann::json& value) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= kMaxVocabularySize) return {};
    return static_cast<TokenId>(value.get<std::uint64_t>());
  }
  static std::string no_id(const nlohmann::json& value) {
    return fmt::format("{} is not an id from 0 to {}", shown(value), kMaxVocabularySize - 1);
  }
  /// A string of exactly one character.
  char32_t character() const {
    const std::string text = string();
    const Utf8Char c = text.empty() ? Utf8Char{} : decode_utf8(text, 0);
    expect(c.valid && c.length == text.size(), "one character");
    return c.code_point;
  }
  const nlohmann::json& array() const {
    expect(value_->is_array(), "an array");
    return *value_;
  }
  const nlohmann::json& object() const {
    expect(value_->is_object(), "an object");
    return *value_;
  }

  /// Fails on the first key that is not listed.
  void only(std::initializer_list<std::string_view> keys) const {
    for (const auto& [key, ignored] : object().items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) fail("the key '" + key + "' is not supported");
    }
  }
  /// Fails unless the key is absent, null, false or "" (which all mean: not asked for).
  void not_asked_for(const char* key) const {
    if (!has(key)) return;
    const JsonField field = at(key);
    const nlohmann::json& v = field.value();
    if (!v.is_null() && v != nlohmann::json(false) && v != nlohmann::json(""))
      field.fail(shown(v) + " is not supported");
  }
  bool flag(const char* key, bool absent) const { return has(key) ? at(key).boolean() : absent; }
  std::string type() const { return at("type").string(); }

  static std::string shown(const nlohmann::json& value) {
    std::string text = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    if (text.size() > 60) text.replace(57, std::string::npos, "...");
    return text;
  }

 private:
  void expect(bool as_expected, std::string_view what) const {
    if (!as_expected) fail(fmt::format("is {}, expected {}", shown(*value_), what));
  }

  const nlohmann::json* value_;
  std::string name_;
  const std::filesystem::path* path_;
};

/// The parsed text. Throws FileError where it is not JSON or nested more than 32 deep.
nlohmann::json parse_json(std::string_view text, const std::filesystem::path& path);

/// What `make` makes; what it objects to is the file's fault.
template <class Make>
auto naming_file(const std::filesystem::path& path, Make&& make) {
  try {
    return make();
  } catch (const std::invalid_argument& error) {
    throw FileError(path, sanitize_utf8(error.what()));
  } catch (const std::out_of_range& error) {
    throw FileError(path, sanitize_utf8(error.what()));
  }
}

/// `text` as a JSON string, quotes included. It must be UTF-8.
inline std::string json_string(std::string_view text) {
  return nlohmann::json(text).dump();
}

}  // namespace langzoo
