#include "tests/support/test.h"

#include "models/io/config_json.h"

namespace langzoo::test {

TEST_CASE("values are read with their type, absent keys keep the default") {
  const ConfigReader reader(
      R"({"i": 3, "d": 1e-5, "whole": 2, "b": true, "s": "x", "l": ["a", "b"], "n": null, "big": 9223372036854775808})",
      "c.json");
  std::int64_t i = 0, absent = 7;
  double d = 0, whole = 0;
  bool b = false;
  std::string s;
  std::vector<std::string> l;
  std::optional<std::int64_t> n = 1, o;
  reader.get("i", i);
  reader.get("absent", absent);
  reader.get("d", d);
  reader.get("whole", whole);
  reader.get("b", b);
  reader.get("s", s);
  reader.get("l", l);
  reader.get("n", n);
  reader.get("i", o);
  CHECK(i == 3);
  CHECK(absent == 7);
  CHECK(d == 1e-5);
  CHECK(whole == 2.0);
  CHECK(b);
  CHECK(s == "x");
  CHECK(l == std::vector<std::string>{"a", "b"});
  CHECK_FALSE(n.has_value());
  CHECK(o == 3);
  CHECK(reader.has("i"));
  CHECK_FALSE(reader.has("n"));
  CHECK_FALSE(reader.has("absent"));
  CHECK(reader.keys() == std::vector<std::string>{"b", "big", "d", "i", "l", "n", "s", "whole"});

  CHECK_THROWS_WITH(reader.get("i", i, 4), "c.json: i: is 3, must be at least 4");
  CHECK_THROWS_WITH(reader.get("i", i, 0, 2), "c.json: i: is 3, must be at most 2");
  CHECK_THROWS_WITH(reader.get("d", i), "c.json: d: is 1e-05, expected a whole number");
  CHECK_THROWS_WITH(reader.get("big", i), "c.json: big: is 9223372036854775808, expected a whole number");
  CHECK_THROWS_WITH(reader.get("d", d, 0.1), "c.json: d: is 1e-05, must be at least 0.1");
  CHECK_THROWS_WITH(reader.get("s", d), "c.json: s: is \"x\", expected a number");
  CHECK_THROWS_WITH(reader.get("i", b), "c.json: i: is 3, expected true or false");
  CHECK_THROWS_WITH(reader.get("l", s), "c.json: l: is [\"a\",\"b\"], expected a string");
  CHECK_THROWS_WITH(reader.get("n", i), "c.json: n: is null, expected a whole number");
  CHECK_THROWS_WITH(reader.get("i", l), "c.json: i: is 3, expected a list of strings");
}

TEST_CASE("texts that are no config are refused") {
  CHECK_THROWS_WITH(ConfigReader("", "c"), Catch::Matchers::StartsWith("c: not valid JSON"));
  CHECK_THROWS_WITH(ConfigReader("{\"a\": }", "c"), "c: not valid JSON at byte 7");
  CHECK_THROWS_WITH(ConfigReader("[1]", "c"), "c: not a JSON object");
  CHECK_THROWS_WITH(ConfigReader("{\"a\": 1e999}", "c"), "c: a number is out of range");
  CHECK_THROWS_WITH(ConfigReader("{\"a\":" + std::string(1'000'000, '['), "c"), "c: nested too deeply");
}

TEST_CASE("what the writer writes, in the order given, the reader reads") {
  ConfigWriter writer;
  writer.set("z", std::int64_t{1}).set("a", 1e-5).set("t", true).set("s", "x\"y").set("n", std::nullopt);
  CHECK(writer.text() == "{\n  \"z\": 1,\n  \"a\": 1e-05,\n  \"t\": true,\n  \"s\": \"x\\\"y\",\n  \"n\": null\n}\n");
  CHECK(ConfigWriter(writer.text()).set("z", std::int64_t{2}).text().find("\"z\": 2") != std::string::npos);
  CHECK_THROWS_AS(ConfigWriter("[]"), std::invalid_argument);
  CHECK_THROWS_AS(ConfigWriter().set("s", "\xff").text(), std::invalid_argument);
}

}  // namespace langzoo::test
