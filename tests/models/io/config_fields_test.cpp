#include "tests/support/test.h"

#include <fmt/format.h>

#include "models/io/config_fields.h"

namespace langzoo::test::config_fields_test {

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

struct Part {
  std::int64_t width = 4;
  bool wide = false;

  void for_each_field(FieldVisitor& visit) {
    visit("width", width, {.least = 1, .help = "of the part"});
    visit("wide", wide);
  }
};

struct Config {
  std::int64_t count = 7, tokens = 5;
  std::uint64_t seed = 1;
  double rate = 0.5, free = 0;
  bool on = true;
  std::string name = "x", kind = "a";
  std::optional<std::int64_t> maybe;
  std::optional<double> maybe_rate;
  std::optional<std::string> maybe_name;
  std::vector<std::int64_t> ids = {3};
  std::vector<std::string> names;
  std::map<std::int64_t, std::string> id2label = {{0, "no"}, {1, "yes"}};
  std::map<std::string, std::int64_t> label2id = {{"no", 0}, {"yes", 1}};
  Part part;
  std::optional<Part> other;

  void for_each_field(FieldVisitor& visit) {
    visit("count", count, {.least = 1, .most = 9, .alias = "num_things", .help = "how many"});
    visit("tokens", tokens, {.least = 2, .from_tokenizer = true});
    visit("seed", seed);
    visit("rate", rate, {.most = 1, .above = 0});
    visit("free", free);
    visit("on", on);
    visit("name", name);
    visit("kind", kind, {.choices = {"a", "b"}});
    visit("maybe", maybe, {.least = 0});
    visit("maybe_rate", maybe_rate);
    visit("maybe_name", maybe_name);
    visit("ids", ids, {.least = 0});
    visit("names", names);
    visit("id2label", id2label);
    visit("label2id", label2id);
    visit.object("part", part);
    visit.object("other", other);
    visit.constant("is_decoder", "false", "it only reads");
  }
  void validate() const {
    check_fields(*this, "test config");
    if (count == 8) throw std::invalid_argument("count = 8 is not liked");
  }
};

Config read(const std::string& text, std::vector<std::string>* unmodelled = nullptr) {
  return config_from_json<Config>(text, "c.json", unmodelled);
}

}  // namespace

TEST_CASE("what is written reads back, in the order of the fields") {
  Config config;
  config.seed = 18446744073709551615u;
  config.free = std::numeric_limits<double>::infinity();
  config.maybe = 3;
  config.names = {"a\"b", "c"};
  config.other = Part{9, true};
  const auto text = write_fields(config);
  CHECK_THAT(text, StartsWith("{\n  \"count\": 7,\n  \"tokens\": 5,\n  \"seed\": 18446744073709551615,\n"));
  CHECK_THAT(text, Contains("\"free\": \"inf\"") && Contains("\"maybe_rate\": null") && Contains("\"a\\\"b\""));
  CHECK_THAT(text, Contains("\"id2label\": {\n    \"0\": \"no\",\n    \"1\": \"yes\"\n  }"));
  CHECK_THAT(text, Contains("\"other\": {\n    \"width\": 9,\n    \"wide\": true\n  }\n}\n"));
  CHECK_THAT(text, !Contains("is_decoder"));
  std::vector<std::string> unmodelled;
  CHECK(write_fields(read(text, &unmodelled)) == text);
  CHECK(unmodelled.empty());
}

TEST_CASE("what a file lacks stays, null is no value, no list and no part") {
  const auto config = read(R"({"maybe": null, "ids": null, "other": null, "rate": 1, "maybe_name": "n"})");
  CHECK(config.count == 7);
  CHECK_FALSE(config.maybe.has_value());
  CHECK(config.ids.empty());
  CHECK_FALSE(config.other.has_value());
  CHECK(config.rate == 1.0);
  CHECK(config.maybe_name == "n");
  CHECK(read(R"({"other": {"wide": true}})").other->wide);
  CHECK(read(R"({"other": {"wide": true}})").other->width == 4);
}

TEST_CASE("keys that are no fields are told, those of nested objects with their path") {
  std::vector<std::string> unmodelled;
  const auto config = read(R"({"z": {"deep": 1}, "count": 2, "part": {"width": 3, "depth": 1}, "other": {"x": []},
                               "is_decoder": false})",
                           &unmodelled);
  CHECK(config.part.width == 3);
  CHECK(unmodelled == std::vector<std::string>{"part.depth", "other.x", "z"});
}

TEST_CASE("a value of another type or out of range is named with what is expected") {
  const auto fails = [](const std::string& text, const std::string& message) {
    CHECK_THROWS_WITH(read(text), "c.json: " + message);
    CHECK_THROWS_AS(read(text), std::runtime_error);
  };
  fails(R"({"count": 10})", "count: is 10, expected a whole number from 1 to 9");
  fails(R"({"count": 2.0})", "count: is 2.0, expected a whole number from 1 to 9");
  fails(R"({"count": 9223372036854775808})", "count: is 9223372036854775808, expected a whole number from 1 to 9");
  fails(R"({"seed": -1})", "seed: is -1, expected a whole number of at least 0");
  fails(R"({"rate": 0})", "rate: is 0, expected a number above 0 and of at most 1");
  fails(R"({"rate": "inf"})", "rate: is \"inf\", expected a number above 0 and of at most 1");
  fails(R"({"on": 1})", "on: is 1, expected true or false");
  fails(R"({"name": ["a"]})", "name: is [\"a\"], expected a text");
  fails(R"({"name": null})", "name: is null, expected a text");
  fails(R"({"kind": "c"})", "kind: is \"c\", expected one of a, b");
  fails(R"({"maybe": -1})", "maybe: is -1, expected null or a whole number of at least 0");
  fails(R"({"ids": [1, -1]})", "ids: is [1,-1], expected a list, each a whole number of at least 0");
  fails(R"({"names": "a"})", "names: is \"a\", expected a list, each a text");
  fails(R"({"id2label": {"one": "x"}})", "id2label: is {\"one\":\"x\"}, expected an object of texts by id");
  fails(R"({"id2label": {"-1": "x"}})", "id2label: is {\"-1\":\"x\"}, expected an object of texts by id");
  fails(R"({"label2id": {"x": "1"}})", "label2id: is {\"x\":\"1\"}, expected an object of ids by text");
  fails(R"({"tokens": null})", "tokens: is null, expected a whole number of at least 2");
  fails(R"({"part": 3})", "part: is 3, expected an object");
  fails(R"({"part": null})", "part: is null, expected an object");
  fails(R"({"other": 3})", "other: is 3, expected null or an object");
  fails(R"({"part": {"width": 0}})", "part.width: is 0, expected a whole number of at least 1");
  fails(R"({"is_decoder": true})", "is_decoder: is true, only false is supported: it only reads");
  fails(R"({"count": 8})", "count = 8 is not liked");
}

TEST_CASE("a field may have two names, which must agree") {
  CHECK(read(R"({"num_things": 3})").count == 3);
  CHECK(read(R"({"num_things": 3, "count": 3})").count == 3);
  std::vector<std::string> unmodelled;
  read(R"({"num_things": 3})", &unmodelled);
  CHECK(unmodelled.empty());
  CHECK_THROWS_WITH(read(R"({"num_things": 3, "count": 4})"),
                    "c.json: count: is 4, but num_things, its other name, is 3");
}

TEST_CASE("texts that are no config are refused") {
  CHECK_THROWS_WITH(read(""), StartsWith("c.json: not valid JSON"));
  CHECK_THROWS_WITH(read("{\"a\": }"), "c.json: not valid JSON at byte 7");
  CHECK_THROWS_WITH(read("[1]"), "c.json: not a JSON object");
  CHECK_THROWS_WITH(read("{\"a\": 1e999}"), "c.json: a number is out of range");
  CHECK_THROWS_WITH(read("{\"a\":" + std::string(1'000'000, '[')), "c.json: nested too deeply");
  CHECK_THROWS_WITH(read("{\"a\":" + std::string(200, '[') + std::string(200, ']') + "}"), "c.json: nested too deeply");
  CHECK(read("{\"a\": \"" + std::string(200, '[') + "\\\"" + std::string(200, '{') + "\"}").count == 7);
  CHECK_THROWS_AS(write_fields([] {
                    Config config;
                    config.name = "\xff";
                    return config;
                  }()),
                  std::invalid_argument);
}

TEST_CASE("reading takes time in proportion to a file, whatever it holds") {
  // Quadratic, a million keys would take hours.
  std::string keys, objects, labels;
  for (int i = 0; i < 200'000; ++i) {
    keys += fmt::format(R"("k{}": 1,)", i);
    objects += "{},";
    labels += fmt::format(R"("{}": "label {}",)", i, i);
  }
  std::vector<std::string> unmodelled;
  const auto config =
      read("{" + keys + R"("o": [)" + objects + R"({}], "id2label": {)" + labels + R"("200000": "x"}})", &unmodelled);
  CHECK(unmodelled.size() == 200'001);
  CHECK(config.id2label.size() == 200'001);
  CHECK(read(write_fields(config)).id2label == config.id2label);
}

TEST_CASE("a struct's values are checked by the rules of its fields") {
  const auto fails = [](const auto& change, const std::string& message) {
    Config config;
    change(config);
    CHECK_THROWS_WITH(config.validate(), "test config: " + message);
    CHECK_THROWS_AS(config.validate(), std::invalid_argument);
  };
  CHECK_NOTHROW(Config().validate());
  fails([](Config& c) { c.count = 0; }, "count = 0 must be a whole number from 1 to 9");
  fails([](Config& c) { c.rate = std::nan(""); }, "rate = \"nan\" must be a number above 0 and of at most 1");
  fails([](Config& c) { c.kind = "d"; }, "kind = \"d\" must be one of a, b");
  fails([](Config& c) { c.part.width = -2; }, "part.width = -2 must be a whole number of at least 1");
  fails([](Config& c) { c.other = Part{0, true}; }, "other.width = 0 must be a whole number of at least 1");
  fails([](Config& c) { c.tokens = kFromTokenizer; }, "tokens = null must be a whole number of at least 2");
}

TEST_CASE("fields are found by name, read and set as JSON") {
  Config config;
  const auto fields = fields_in(config);
  const auto set = [&](const char* name, const char* json) { return find_field(fields, name).value().set(json); };
  const auto json = [&](const char* name) { return find_field(fields, name).value().json(); };
  CHECK(fields_of(fields).size() == 18);
  CHECK_FALSE(find_field(fields, "is_decoder").has_value());
  CHECK(find_field(fields, "count")->help == "how many");
  CHECK(find_field(fields, "count")->allowed == "a whole number from 1 to 9");
  CHECK(find_field(fields, "name")->kind == Field::Kind::kText);
  CHECK(find_field(fields, "part.wide")->kind == Field::Kind::kFlag);
  CHECK((set("count", "3") && config.count == 3));
  CHECK_FALSE(set("count", "10"));
  CHECK_FALSE(set("count", "three"));
  CHECK(config.count == 3);
  CHECK((set("part.width", "8") && config.part.width == 8));
  CHECK((set("name", R"("y\"z")") && config.name == "y\"z"));
  CHECK(json("name") == R"("y\"z")");
  CHECK((set("ids", "[1, 2]") && json("ids") == "[1,2]"));
  CHECK((set("id2label", R"({"10": "ten", "9": "nine"})") && json("id2label") == R"({"9":"nine","10":"ten"})"));
  CHECK((set("other", R"({"width": 2})") && config.other->width == 2));
  CHECK(json("other") == R"({"width":2,"wide":false})");
  CHECK_FALSE(set("other", R"({"width": 0})"));
  CHECK_FALSE(set("other", R"({"height": 1})"));
  CHECK(config.other->width == 2);
  CHECK((set("other", "null") && !config.other));
}

TEST_CASE("what a tokenizer decides is null until it has, and then stays") {
  Config config;
  const auto fields = fields_in(config);
  const auto tokens = find_field(fields, "tokens").value();
  CHECK(tokens.allowed == "null or a whole number of at least 2");
  fill_field(fields, "tokens", 9);
  CHECK(config.tokens == 5);
  CHECK(tokens.set("null"));
  CHECK(config.tokens == kFromTokenizer);
  CHECK(tokens.json() == "null");
  CHECK_FALSE(tokens.set("-1"));
  CHECK_THROWS_WITH(fill_field(fields, "tokens", 1), "tokens = 1 must be null or a whole number of at least 2");
  fill_field(fields, "tokens", 9);
  fill_field(fields, "maybe", 4);
  fill_field(fields, "maybe", 5);
  fill_field(fields, "no such field", 5);
  CHECK(config.tokens == 9);
  CHECK(config.maybe == 4);
  CHECK_FALSE(find_field(fields, "count")->set("null"));
}

TEST_CASE("one element of a list may stand without brackets, where the rules say so") {
  struct Ends {
    std::vector<std::int64_t> ids = {3};
    std::vector<std::string> texts;
    void for_each_field(FieldVisitor& visit) {
      visit("ids", ids, {.least = -1, .one_or_more = true});
      visit("texts", texts, {.one_or_more = true});
    }
  };
  const auto read = [](const std::string& text) {
    Ends ends;
    read_fields(ends, text, "here");
    return ends;
  };
  CHECK(read(R"({"ids": 5, "texts": "a"})").ids == std::vector<std::int64_t>{5});
  CHECK(read(R"({"ids": 5, "texts": "a"})").texts == std::vector<std::string>{"a"});
  CHECK(read(R"({"ids": [5, -1]})").ids == std::vector<std::int64_t>{5, -1});
  CHECK(read(R"({"ids": null})").ids.empty());
  CHECK_THROWS_WITH(read(R"({"ids": -2})"),
                    "here: ids: is -2, expected null, one or a list, each a whole number of at least -1");
  CHECK_THROWS_WITH(read(R"({"ids": "a"})"), Contains("here: ids: is \"a\""));
  Ends ends;
  CHECK(write_fields(ends) == "{\n  \"ids\": 3,\n  \"texts\": null\n}\n");
  ends.ids = {1, 2}, ends.texts = {"x"};
  CHECK(write_fields(ends) == "{\n  \"ids\": [\n    1,\n    2\n  ],\n  \"texts\": \"x\"\n}\n");
  ends.ids = {};
  fill_field(fields_in(ends), "ids", 4);
  CHECK(ends.ids == std::vector<std::int64_t>{4});
  ends.ids = {-2};
  CHECK_THROWS_WITH(check_fields(ends, "config"), Contains("config: ids = -2 must be null, one or a list"));
}

TEST_CASE("flags that may be null, lists of lists, and choices that are spelt true and false") {
  struct Other {
    std::optional<bool> flag;
    std::vector<std::vector<std::int64_t>> words;
    std::optional<std::string> when;
    void for_each_field(FieldVisitor& visit) {
      visit("flag", flag);
      visit("words", words, {.least = 0});
      visit("when", when, {.choices = {"false", "true", "never"}});
    }
  };
  Other other;
  read_fields(other, R"({"flag": false, "words": [[1, 2], [3]], "when": true})", "here");
  CHECK(other.flag == false);
  CHECK(other.words == std::vector<std::vector<std::int64_t>>{{1, 2}, {3}});
  CHECK(other.when == "true");
  const auto text = write_fields(other);
  CHECK_THAT(text, Contains("\"flag\": false") && Contains("\"when\": true"));
  Other same;
  read_fields(same, text, "here");
  CHECK(write_fields(same) == text);
  read_fields(other, R"({"flag": null, "words": null, "when": "never"})", "here");
  CHECK_FALSE(other.flag);
  CHECK(other.words.empty());
  CHECK(other.when == "never");
  CHECK_THROWS_WITH(read_fields(other, R"({"words": [[1], 2]})", "here"),
                    Contains("here: words: is [[1],2], expected"));
  CHECK_THROWS_WITH(read_fields(other, R"({"words": [[-1]]})", "here"), Contains("here: words: is [[-1]], expected"));
  CHECK_THROWS_WITH(read_fields(other, R"({"when": "sometimes"})", "here"),
                    Contains("expected one of false, true, never"));
}

}  // namespace langzoo::test::config_fields_test
