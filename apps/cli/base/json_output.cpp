#include "apps/cli/base/json_output.h"

#include <iostream>

#include <nlohmann/json.hpp>

namespace langzoo {

namespace {

std::string dumped(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

JsonValue::JsonValue(double value) : text_(dumped(value)) {}

JsonValue::JsonValue(std::string_view value) : text_(dumped(value)) {}

JsonValue::JsonValue(std::initializer_list<JsonMember> members) {
  write(members);
}

JsonValue::JsonValue(const JsonMembers& members) {
  write(members);
}

template <class Members>
void JsonValue::write(const Members& members) {
  text_ = "{";
  for (const auto& [key, value] : members) append(dumped(key) + ":" + value.text_);
  text_ += '}';
}

void print_json(const JsonValue& object) {
  std::cout << object.text() << '\n' << std::flush;
}

std::string valid_utf8(const std::string& text) {
  using nlohmann::json;
  return json::parse(dumped(text)).get<std::string>();
}

}  // namespace langzoo
