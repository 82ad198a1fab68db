/// Results as JSON: what a verb prints under --json, one object a line. Nothing here reads JSON, and nothing here is
/// nlohmann's, whose headers cost seconds a file.
///
///     print_json({{"file", path}, {"score", {{"mean", 0.5}, {"low", low}}}, {"ids", ids}});
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace langzoo {

class JsonValue;
using JsonMember = std::pair<std::string, JsonValue>;
using JsonMembers = std::vector<JsonMember>;

/// A value to print. Members of objects keep their order. A number that is not finite and an optional without a value
/// are null; bytes of a text that are not UTF-8 become U+FFFD.
class JsonValue {
 public:
  JsonValue(std::nullptr_t = nullptr) : text_("null") {}
  template <std::same_as<bool> T>
  JsonValue(T value) : text_(value ? "true" : "false") {}
  template <std::integral T>
  requires(!std::same_as<T, bool>) JsonValue(T value) : text_(std::to_string(value)) {}
  JsonValue(double value);
  JsonValue(std::string_view value);
  JsonValue(const std::string& value) : JsonValue(std::string_view(value)) {}
  JsonValue(const char* value) : JsonValue(std::string_view(value)) {}
  template <class T>
  JsonValue(const std::optional<T>& value) : JsonValue(value ? JsonValue(*value) : JsonValue()) {}
  /// A list.
  template <class T>
  JsonValue(const std::vector<T>& values) : text_("[") {
    for (const auto& value : values) append(JsonValue(value).text_);
    text_ += ']';
  }
  /// An object.
  JsonValue(std::initializer_list<JsonMember> members);
  JsonValue(const JsonMembers& members);
  /// What is JSON already.
  static JsonValue from_text(std::string json) {
    JsonValue value;
    value.text_ = std::move(json);
    return value;
  }

  const std::string& text() const { return text_; }

 private:
  void append(const std::string& item) { text_.append(text_.size() > 1 ? "," : "").append(item); }
  template <class Members>
  void write(const Members& members);

  std::string text_;
};

/// The object on its own line of stdout.
void print_json(const JsonValue& object);

/// `text` with every byte that is not UTF-8 replaced by U+FFFD.
std::string valid_utf8(const std::string& text);

}  // namespace langzoo
