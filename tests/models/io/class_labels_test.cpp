#include "tests/support/test.h"

#include "models/io/class_labels.h"

namespace langzoo::test::class_labels_test {

namespace {

/// As a classifier's config holds them.
struct Config {
  std::int64_t hidden_size = 8;
  ClassLabels labels;

  void for_each_field(FieldVisitor& visit) {
    visit("hidden_size", hidden_size);
    labels.for_each_field(visit);
  }
  void validate() const { labels.validate("config"); }
};

}  // namespace

TEST_CASE("labels are written as transformers writes them, and read back") {
  Config config;
  CHECK(config.labels.size() == 2);
  config.labels = ClassLabels::of({"no", "maybe", "yes"});
  const auto text = write_fields(config);
  CHECK(text ==
        "{\n  \"hidden_size\": 8,\n"
        "  \"id2label\": {\n    \"0\": \"no\",\n    \"1\": \"maybe\",\n    \"2\": \"yes\"\n  },\n"
        "  \"label2id\": {\n    \"maybe\": 1,\n    \"no\": 0,\n    \"yes\": 2\n  }\n}\n");
  const auto read = config_from_json<Config>(text, "c.json").labels;
  CHECK(read.id2label == config.labels.id2label);
  CHECK(read.label2id == config.labels.label2id);
  CHECK(config_from_json<Config>(R"({"id2label": {"0": "a"}})", "c.json").labels.size() == 1);
}

TEST_CASE("a file that only says how many labels there are has transformers' names") {
  std::vector<std::string> others;
  const auto old = config_from_json<Config>(R"({"num_labels": 3, "x": 1})", "c.json", &others);
  CHECK(old.labels.id2label == std::map<std::int64_t, std::string>{{0, "LABEL_0"}, {1, "LABEL_1"}, {2, "LABEL_2"}});
  CHECK(others == std::vector<std::string>{"x"});
  const auto named = config_from_json<Config>(R"({"num_labels": 3, "id2label": {"0": "a"}})", "c.json", &others);
  CHECK(named.labels.size() == 1);
  CHECK(others.empty());
  CHECK_THROWS_WITH(config_from_json<Config>(R"({"num_labels": 0})", "c.json"), Catch::Contains("c.json: num_labels"));
}

TEST_CASE("labels with a hole or that contradict each other are named") {
  const auto fails = [](const std::string& text, const std::string& message) {
    CHECK_THROWS_WITH(config_from_json<Config>(text, "c.json"), "c.json: config: " + message);
  };
  fails(R"({"id2label": {"0": "a", "2": "b"}})", "id2label: has no label 1");
  fails(R"({"id2label": {"0": "a"}, "label2id": {"b": 0}})", "label2id: \"b\" is 0, but in id2label that is \"a\"");
  fails(R"({"id2label": {"0": "a"}, "label2id": {"a": 1}})", "label2id: \"a\" is 1, but in id2label that is nothing");
}

}  // namespace langzoo::test::class_labels_test
