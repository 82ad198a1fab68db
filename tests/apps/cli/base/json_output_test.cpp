#include "tests/support/plain_test.h"

#include <iostream>
#include <limits>
#include <sstream>

#include <nlohmann/json.hpp>

#include "apps/cli/base/json_output.h"

using namespace langzoo;

TEST_CASE("values are written as JSON") {
  CHECK(JsonValue().text() == "null");
  CHECK(JsonValue(true).text() == "true");
  CHECK(JsonValue(-3).text() == "-3");
  CHECK(JsonValue(std::numeric_limits<std::uint64_t>::max()).text() == "18446744073709551615");
  CHECK(JsonValue(0.1).text() == "0.1");
  CHECK(JsonValue(2.0).text() == "2.0");
  CHECK(JsonValue(1.0 / 3).text() == "0.3333333333333333");
  CHECK(JsonValue(std::numeric_limits<double>::quiet_NaN()).text() == "null");
  CHECK(JsonValue(-std::numeric_limits<double>::infinity()).text() == "null");
  CHECK(JsonValue("a\"b\\\n\x01é").text() == R"("a\"b\\\n\u0001é")");
  CHECK(JsonValue(std::string("a\0b", 3)).text() == R"("a\u0000b")");
  CHECK(JsonValue("a\xff").text() == "\"a\uFFFD\"");
  CHECK(JsonValue(std::optional<int>()).text() == "null");
  CHECK(JsonValue(std::optional<int>(3)).text() == "3");
  CHECK(JsonValue(std::vector<int>()).text() == "[]");
  CHECK(JsonValue(std::vector<std::vector<std::string>>{{"a", "b"}, {}}).text() == R"([["a","b"],[]])");
  CHECK(JsonValue(JsonMembers()).text() == "{}");
  CHECK(JsonValue(std::optional<JsonMembers>()).text() == "null");
  CHECK(JsonValue::from_text("[1]").text() == "[1]");
}

TEST_CASE("objects keep the order of their members, however deep") {
  const std::vector<JsonValue> list = {1, "two", {{"three", 3.5}}};
  const JsonValue object = {{"z", "a"}, {"a\"", {{"y", nullptr}, {"x", {{"w", false}}}}}, {"list", list}};
  CHECK(object.text() == R"({"z":"a","a\"":{"y":null,"x":{"w":false}},"list":[1,"two",{"three":3.5}]})");

  JsonMembers members = {{"first", 1}};
  members.emplace_back("second", "2");
  CHECK(JsonValue(members).text() == R"({"first":1,"second":"2"})");
}

TEST_CASE("numbers come back as they were") {
  for (const double value : {1e-7, 1e300, 123456789.125, 5e-324, -0.0, 1e15, 1e16}) {
    CHECK(nlohmann::json::parse(JsonValue(value).text()).get<double>() == value);
  }
}

TEST_CASE("a result is one line") {
  std::ostringstream out;
  auto* const old = std::cout.rdbuf(out.rdbuf());
  print_json({{"text", "two\nlines"}});
  std::cout.rdbuf(old);
  CHECK(out.str() == "{\"text\":\"two\\nlines\"}\n");
}

TEST_CASE("text is made valid UTF-8") {
  CHECK(valid_utf8("né") == "né");
  CHECK(valid_utf8("n\xe9 ok") == "n\uFFFD ok");
}
