#include "tests/support/test.h"

#include "apps/training/comparison/comparison.h"
#include "apps/training/comparison/comparison_spec.h"
#include "apps/training/comparison/comparison_task.h"
#include "data/files/config_error.h"

namespace langzoo::test::comparison_spec_test {

using Catch::Matchers::Contains;

TEST_CASE("budgets are numbers with a unit", "[comparison]") {
  using Kind = ComparisonBudget::Kind;
  CHECK(ComparisonBudget::parse("tokens=2M") == ComparisonBudget{Kind::kTokens, 2e6});
  CHECK(ComparisonBudget::parse("tokens=500K") == ComparisonBudget{Kind::kTokens, 5e5});
  CHECK(ComparisonBudget::parse("time=1.5m") == ComparisonBudget{Kind::kSeconds, 90});
  CHECK(ComparisonBudget::parse("time=90") == ComparisonBudget{Kind::kSeconds, 90});
  CHECK(ComparisonBudget::parse("flops=1e13") == ComparisonBudget{Kind::kFlops, 1e13});
  CHECK(ComparisonBudget::parse("flops=3T") == ComparisonBudget{Kind::kFlops, 3e12});
  for (const auto* const wrong : {"", "tokens", "tokens=", "tokens=x", "tokens=0", "tokens=-1", "tokens=nan",
                                  "tokens=inf", "tokens=1Q", "time=3M", "steps=3", "tokens=1 M"}) {
    INFO(wrong);
    CHECK_THROWS_AS(ComparisonBudget::parse(wrong), ConfigError);
  }
}

TEST_CASE("every built-in spec is whole, and is what it is written as", "[comparison]") {
  std::vector<std::string> names;
  for (const auto& known : built_in_specs()) {
    INFO(known.name);
    names.push_back(known.name);
    CHECK(!known.about.empty());
    const auto spec = built_in_spec(known.name);
    CHECK(spec.task == known.task);
    CHECK_NOTHROW(spec.validate());
    CHECK_NOTHROW(comparison_task(spec.task));
    const auto again = ComparisonSpec::from_json(spec.to_json(), "again");
    CHECK(again.to_json() == spec.to_json());
    CHECK(again.models.size() == spec.models.size());
    CHECK(again.budget == spec.budget);
  }
  for (const auto* const name : {"lineage", "translation", "vectors", "encoders", "objectives"})
    CHECK(std::find(names.begin(), names.end(), name) != names.end());
  std::vector<std::string> models;
  for (const auto& model : known_models("lm")) models.push_back(model.name);
  for (const auto* const name : {"ngram", "ar", "rnn", "lstm", "gru", "transformer", "gpt2", "gpt-neo"})
    CHECK(std::find(models.begin(), models.end(), name) != models.end());
}

TEST_CASE("an error names what is wrong and the nearest that is there", "[comparison]") {
  CHECK_THROWS_WITH(model_spec_of("lsmt", "lm"),
                    Contains("model lsmt: unknown, did you mean lstm?; there are ngram, ar"));
  CHECK_THROWS_WITH(built_in_spec("lineag"), Contains("did you mean lineage?"));
  CHECK_THROWS_WITH(comparison_task("translaton"), Contains("did you mean translation?"));
  CHECK_THROWS_WITH(model_spec_of("mine=/no/such/folder", "lm"), Contains("is no folder"));
  const auto refused = [](const std::string& json, const std::string& what) {
    INFO(json);
    CHECK_THROWS_WITH(ComparisonSpec::from_json(json, "mine.json"), Contains(what));
  };
  refused("{", "mine.json: is no JSON");
  refused("[]", "is no object");
  refused(R"({"taks": "lm"})", "taks: unknown, did you mean task?");
  refused(R"({"seeds": 0})", "seeds: is 0");
  refused(R"({"seeds": 1.5})", "seeds: is 1.5");
  refused(R"({"task": 3})", "task: is 3");
  refused(R"({"budget": {"tokens": "many"}})", "budget: is");
  refused(R"({"budget": {"steps": 4}})", "budget steps=4");
  refused(R"({"models": [{"nam": "x"}]})", "models[0]: nam: unknown");
  refused(R"({"models": {}})", "models: expected a list");
  ComparisonSpec spec;
  CHECK_THROWS_WITH(spec.validate(), Contains("task is missing"));
  spec.task = "lm";
  CHECK_THROWS_WITH(spec.validate(), Contains("no models"));
  spec.models = {{.name = "a", .family = "lstm"}};
  CHECK_THROWS_WITH(spec.validate(), Contains("no budget"));
  spec.budget = ComparisonBudget::parse("tokens=1M");
  CHECK_NOTHROW(spec.validate());
  spec.models.push_back(spec.models[0]);
  CHECK_THROWS_WITH(spec.validate(), Contains("there twice"));
  spec.models[1].name = "../a";
  CHECK_THROWS_WITH(spec.validate(), Contains("a name is letters"));
}

TEST_CASE("a model has a name, and either learns or is there", "[comparison]") {
  ComparisonSpec spec;
  spec.task = "lm";
  spec.budget = ComparisonBudget::parse("tokens=1M");
  const auto refused = [&](const ModelSpec& model, const std::string& what) {
    spec.models = {model};
    CHECK_THROWS_WITH(spec.validate(), Contains(what));
  };
  refused({.family = "lstm"}, "models[0]: name is missing");
  refused({.name = "a", .family = "lstm", .folder = "there"}, "model a: is trained");
  refused({.name = "a", .folder = "there", .keys = {{"model.layers", "1"}}}, "model a: is trained");
  refused({.name = "a", .family = "bert", .pretraining_keys = {{"train.learning_rate", "1"}}},
          "model a: has pretraining_keys without pretraining");
  refused({.name = "a", .family = "bert", .pretraining_family = "elmo"}, "pretraining_family without pretraining");
}

TEST_CASE("what a spec says of all its models goes with those that are chosen", "[comparison]") {
  auto encoders = built_in_spec("encoders");
  CHECK(encoders.keys.contains("model.num_hidden_layers"));
  SECTION("keys that only others have are left out") {
    select_models(encoders, {"bilstm-crf", "bilstm"});
    REQUIRE(encoders.models.size() == 2);
    CHECK(encoders.models[0].name == "bilstm-crf");
    CHECK(encoders.keys.contains("train.learning_rate"));
    CHECK(!encoders.keys.contains("model.num_hidden_layers"));
    CHECK(encoders.pretraining_keys.empty());
  }
  SECTION("those that nobody has stay, to be refused") {
    encoders.keys["model.num_hiden_layers"] = "3";
    select_models(encoders, {"bilstm"});
    CHECK(encoders.keys.contains("model.num_hiden_layers"));
  }
  SECTION("a model of another spec brings them") {
    ComparisonSpec mine;
    mine.task = "tagging";
    mine.keys = {{"train.learning_rate", "0.01"}};
    select_models(mine, {"bert", "bilstm"});
    const auto& bert = mine.models[0];
    CHECK(bert.keys.at("model.hidden_size") == "128");
    CHECK(!bert.keys.contains("train.learning_rate"));
    CHECK(bert.pretraining_keys.at("train.optimizer") == "muon");
    CHECK(mine.pretraining_tokens == encoders.pretraining_tokens);
    CHECK(!mine.models[1].keys.contains("model.num_hidden_layers"));
    CHECK_THROWS_WITH(select_models(mine, {"bret"}), Contains("did you mean bert?"));
  }
}

}  // namespace langzoo::test::comparison_spec_test
