/// Reading JSON files whose faults have to be named: internal to the loaders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json_fwd.hpp>

#include "data/files/file_error.h"
#include "tokenizers/encoding.h"
#include "tokenizers/utf8.h"

namespace langzoo {

/// A value of a JSON file with its place in it; what is not as expected throws FileError naming both.
class JsonField {
 public:
  JsonField(const nlohmann::json& value, std::string name, const std::filesystem::path& path)
      : value_(&value), name_(std::move(name)), path_(&path) {}

  const nlohmann::json& value() const { return *value_; }
  [[noreturn]] void fail(const std::string& reason) const;

  bool is_null() const;
  bool has(const char* key) const;
  JsonField at(const char* key) const;
  /// The field, or null where it is absent.
  JsonField at_or_null(const char* key) const;
  JsonField item(const nlohmann::json& value, std::size_t index) const;

  std::string string() const;
  bool boolean() const;
  std::uint64_t integer(std::uint64_t least, std::uint64_t most) const;
  double number() const;
  TokenId id() const;
  static std::optional<TokenId> id_of(const nlohmann::json& value);
  static std::string no_id(const nlohmann::json& value);
  /// A string of exactly one character.
  char32_t character() const;
  const nlohmann::json& array() const;
  const nlohmann::json& object() const;

  /// Fails on the first key that is not listed.
  void only(std::initializer_list<std::string_view> keys) const;
  bool flag(const char* key, bool absent) const { return has(key) ? at(key).boolean() : absent; }
  std::string type() const { return at("type").string(); }

  static std::string shown(const nlohmann::json& value);

 private:
  void expect(bool as_expected, std::string_view what) const;

  const nlohmann::json* value_;
  std::string name_;
  const std::filesystem::path* path_;
};

/// Which numbers a file may hold: JSON's, or those that Python's json module writes too (NaN, Infinity, -Infinity).
enum class JsonNumbers { Strict, Python };

/// The parsed text. Throws FileError where it is not JSON or nested more than 32 deep. Numbers that are not finite are
/// read as the largest that there is, with its sign: no field of a tokenizer may be one.
nlohmann::json parse_json(std::string_view text, const std::filesystem::path& path,
                          JsonNumbers numbers = JsonNumbers::Strict);

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
std::string json_string(std::string_view text);

}  // namespace langzoo
