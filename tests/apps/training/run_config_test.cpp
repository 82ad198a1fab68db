#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "apps/training/run_config.h"
#include "apps/training/trainer.h"

using namespace langzoo;
using test::TempDir;
using Json = nlohmann::ordered_json;

namespace {

struct Encoder {
  std::int64_t width = 8;
  void for_each_field(FieldVisitor& visit) { visit("width", width, {.least = 1}); }
};

struct Model {
  std::int64_t vocab_size = kFromTokenizer;
  std::int64_t n_layer = 12;
  std::optional<std::int64_t> n_inner, eos_token_id;
  double dropout = 0.1;
  std::string act = "gelu";
  std::map<std::int64_t, std::string> id2label = {{0, "no"}, {1, "yes"}};
  Encoder encoder;

  void for_each_field(FieldVisitor& visit) {
    visit("vocab_size", vocab_size, {.least = 1, .from_tokenizer = true, .help = "tokens"});
    visit("n_layer", n_layer, {.least = 1});
    visit("n_inner", n_inner);
    visit("eos_token_id", eos_token_id);
    visit("dropout", dropout, {.least = 0, .below = 1});
    visit("act", act);
    visit("id2label", id2label);
    visit.object("encoder", encoder);
  }
};

struct Run {
  Run() {
    config.bind("train", options);
    config.bind("train", batch);
    config.bind("model", model, {"eos_token_id"});
  }
  TrainerOptions options;
  BatchOptions batch;
  Model model;
  RunConfig config;
};

std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("files and assignments are read as the key's type") {
  TempDir dir;
  test::write_file(dir / "run.json", R"({"train": {"max_steps": 7, "beta2": 0.95}, "model.n_layer": 3})");
  Run run;
  run.config.load_file(dir / "run.json");
  run.config.set_text("train.schedule=linear", "--set");
  run.config.set_text("train.learning_rate=5e-4", "--set");
  run.config.set_text("train.max_steps=9", "--set");
  run.config.set_text("model.n_inner=64", "--set");
  run.config.set_text("model.act=relu", "--set");
  CHECK(run.options.max_steps == 9);
  CHECK(run.options.beta2 == 0.95);
  CHECK(run.options.schedule == "linear");
  CHECK(run.options.learning_rate == 5e-4);
  CHECK(run.model.n_layer == 3);
  CHECK(run.model.n_inner == 64);
  CHECK(run.model.act == "relu");
  run.config.set_text("model.n_inner=null", "--set");
  run.config.set("model.act", "null", "--act");
  run.config.set_text("model.id2label={\"0\": \"a\"}", "--set");
  CHECK_FALSE(run.model.n_inner.has_value());
  CHECK(run.model.act == "null");
  CHECK(run.model.id2label == std::map<std::int64_t, std::string>{{0, "a"}});
}

TEST_CASE("an unknown key names the nearest known one") {
  Run run;
  CHECK(error_of([&] { run.config.set_text("train.max_step=1", "--set"); }) ==
        "--set: unknown key train.max_step; the nearest is train.max_steps");
  CHECK(error_of([&] { run.config.set_text("n_layers=1", "--set"); }) ==
        "--set: unknown key n_layers; the nearest is model.n_layer");
  for (const std::string key : {"model.eos_token_id", "model.foo", "x", "train"}) {  // nobody meant another one
    CHECK(error_of([&] { run.config.set_text(key + "=1", "--set"); }) == "--set: unknown key " + key);
  }
  CHECK_THROWS_AS(run.config.set_text("n=1", "--set"), std::invalid_argument);
  TempDir dir;
  test::write_file(dir / "c.json", R"({"trian": {"max_steps": 1}})");
  CHECK_THAT(error_of([&] { run.config.load_file(dir / "c.json"); }),
             Catch::Contains("c.json: unknown key trian.max_steps; the nearest is train.max_steps"));
}

TEST_CASE("an impossible value names key, value and what is allowed") {
  Run run;
  const auto error = [&](const std::string& assignment) {
    return error_of([&] { run.config.set_text(assignment, "--set"); });
  };
  CHECK(error("train.batch_size=0") == "--set: train.batch_size = 0 must be a whole number from 1 to 1048576");
  CHECK(error("train.max_steps=ten") == "--set: train.max_steps = ten must be a whole number of at least 1");
  CHECK(error("train.max_steps=99999999999999999999") != "no error");
  CHECK(error("train.max_steps=1.5") != "no error");
  CHECK(error("train.max_steps=") != "no error");
  CHECK(error("train.learning_rate=nan") != "no error");
  CHECK(error("train.learning_rate=1e999") != "no error");
  CHECK(error("train.learning_rate=-1") == "--set: train.learning_rate = -1 must be a number above 0");
  CHECK(error("train.schedule=cosin") ==
        "--set: train.schedule = cosin must be one of constant, linear, cosine, inverse_sqrt, wsd, "
        "plateau, linear_from_start");
  CHECK(error("train.seed=-1") != "no error");
  CHECK(error("train.seed=18446744073709551615") == "no error");
  CHECK(run.options.seed == 18446744073709551615u);
  CHECK(error("model.n_layer=2.5") == "--set: model.n_layer = 2.5 must be a whole number of at least 1");
  CHECK(error("model.n_layer={}") != "no error");
  CHECK(error("model.n_layer=null") == "--set: model.n_layer = null must be a whole number of at least 1");
  CHECK(error("model.vocab_size=0") == "--set: model.vocab_size = 0 must be null or a whole number of at least 1");
  CHECK(error("model.n_inner=\"4\"") == "--set: model.n_inner = \"4\" must be null or a whole number");
  CHECK(error("model.encoder.width=0") == "--set: model.encoder.width = 0 must be a whole number of at least 1");
  CHECK(error("train.max_steps") == "--set: train.max_steps is not key=value");
}

TEST_CASE("files that are no configuration are refused by name") {
  TempDir dir;
  Run run;
  for (const auto& text :
       {std::string("{"), std::string("[1]"), std::string("\xfe"), std::string(100000, '['),
        std::string(R"({"train": 3})"), std::string(R"({"train": {"seed": {}}})"),
        R"({"train": {"seed": )" + std::string(100000, '[') + std::string(100000, ']') + "}}",
        std::string(R"({"model": {"act": {"a": {"b": 1}}}})"), std::string(R"({"a.b": {"c": 1}})")}) {
    test::write_file(dir / "bad.json", text);
    CHECK_THAT(error_of([&] { run.config.load_file(dir / "bad.json"); }), Catch::Contains("bad.json"));
  }
  CHECK_THROWS_WITH(run.config.load_file(dir / "none.json"), Catch::Contains("none.json"));
  test::write_file(dir / "bad.json", "\xff\xfe");
  CHECK_THROWS_WITH(run.config.load_file(dir / "bad.json"), Catch::Contains("bad.json: is UTF-16"));
  test::write_file(dir / "bad.json", "version https://git-lfs.github.com/spec/v1\n");
  CHECK_THROWS_WITH(run.config.load_file(dir / "bad.json"), Catch::Contains("bad.json: is a Git LFS pointer"));
}

TEST_CASE("the resolved copy reads back to the same run, and differences are found") {
  Run run, again;
  run.config.set_text("train.beta2=0.9876", "--set");
  run.config.set_text("model.dropout=0", "--set");
  run.config.set_text("model.encoder.width=3", "--set");
  run.config.set_text("train.seed=18446744073709551615", "--set");
  const auto resolved = run.config.resolved({{"program", "gpt"}, {"version", "1"}});
  const auto document = Json::parse(resolved);
  CHECK(document.items().begin().key() == "program");
  CHECK(document["model"]["vocab_size"].is_null());
  CHECK(document["model"]["dropout"] == 0);
  CHECK(document["model"]["id2label"]["1"] == "yes");
  CHECK(document["model"]["encoder"]["width"] == 3);
  CHECK(document["train"]["seed"] == 18446744073709551615u);
  CHECK(document["train"]["schedule"] == "cosine");
  std::vector<std::string> keys;
  for (const auto& [key, here, there] : again.config.differing(resolved)) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"train.beta2", "train.seed", "model.dropout", "model.encoder.width"});
  CHECK(again.config.differing(resolved)[0].here == "0.99");
  CHECK(again.config.differing(resolved)[0].there == "0.9876");
  again.config.set_all(resolved, "run.json");
  CHECK(again.config.resolved({{"program", "gpt"}, {"version", "1"}}) == resolved);
  CHECK(again.config.differing(resolved).empty());
  CHECK(again.config.differing(R"({"train": 3})").empty());
}

TEST_CASE("a run.json of earlier versions is read") {
  Run run;
  run.config.set_all(R"({"program": "gpt", "version": "0.1.0",
    "train": {"max_steps": 7, "max_epochs": 0, "batch_size": 4, "batch_tokens": 0, "optimizer": "adamw",
              "learning_rate": 0.001, "schedule": "cosine", "dtype": "float32", "best_metric": "loss", "seed": 1},
    "model": {"vocab_size": 65, "n_layer": 2, "n_inner": null, "dropout": 0.0, "act": "gelu_new"}})",
                     "run.json");
  CHECK(run.options.max_steps == 7);
  CHECK(run.batch.batch_size == 4);
  CHECK(run.model.vocab_size == 65);
  CHECK(run.model.n_layer == 2);
  CHECK_FALSE(run.model.n_inner.has_value());
}

TEST_CASE("null leaves a field to the tokenizers, whose word it takes then") {
  Run run;
  CHECK(run.config.value("model.vocab_size") == "null");
  run.config.set_text("model.vocab_size=9", "--set");
  CHECK(run.model.vocab_size == 9);
  run.config.set_text("model.vocab_size=null", "--set");
  CHECK(run.model.vocab_size == kFromTokenizer);
  fill_field(fields_in(run.model), "vocab_size", 65);
  CHECK(run.config.value("model.vocab_size") == "65");
}

TEST_CASE("a default that depends on others gives way to what the user says") {
  Run run;
  run.config.set_default("train.learning_rate", "0.5");
  CHECK(run.options.learning_rate == 0.5);
  run.config.set_default("train.learning_rate", "0.25");
  CHECK(run.options.learning_rate == 0.25);
  run.config.set("train.learning_rate", "0.125", "--learning-rate");
  run.config.set_default("train.learning_rate", "0.5");
  CHECK(run.options.learning_rate == 0.125);
  run.config.set_default("train.schedule", "linear");
  CHECK(run.config.value("train.schedule") == "linear");
}

TEST_CASE("help lists every key with its default and meaning") {
  Run run;
  run.config.hide("train.batch_tokens");
  run.config.describe("train.batch_size", "pictures a step");
  const auto help = run.config.help();
  CHECK_THAT(help, Catch::Contains("  train.max_steps = 1000               optimizer steps\n"));
  CHECK_THAT(help, Catch::Contains("  train.batch_size = 12                pictures a step\n"));
  CHECK_THAT(help, Catch::Contains("  train.schedule = \"cosine\" "));
  CHECK_THAT(help, Catch::Contains("  model.vocab_size = null              tokens\n"));
  CHECK_THAT(help, Catch::Contains("  model.encoder.width = 8\n"));
  CHECK_THAT(help, !Catch::Contains("batch_tokens"));
  CHECK(run.config.help_of("train.max_steps") == "optimizer steps");
  CHECK_FALSE(run.config.is_flag("train.max_steps"));
  CHECK_THROWS_AS(run.config.bind("train", run.batch), std::logic_error);
}

TEST_CASE("presets are listed by program, and an unknown one lists them") {
  Run run;
  std::vector<std::string> names;
  for (const auto& preset : presets_of("gpt")) {
    names.push_back(preset.name);
    CHECK(!preset.about.empty());
  }
  CHECK(names == std::vector<std::string>{"gpt2", "gpt2-large", "gpt2-medium", "gpt2-xl", "gpt3-1.3b", "gpt3-125m",
                                          "gpt3-13b", "gpt3-175b", "gpt3-2.7b", "gpt3-350m", "gpt3-6.7b", "gpt3-760m",
                                          "microworld", "openai-gpt", "patterns", "shakespeare-char",
                                          "warandpeace-bpe"});
  CHECK(presets_of("no such program").empty());
  CHECK_THAT(error_of([&] { run.config.load_preset("gpt", "gpt5"); }),
             Catch::StartsWith("preset gpt5: unknown; there are gpt2, gpt2-large"));
}

TEST_CASE("a file or preset of another program is refused by name") {
  Run run;
  TempDir dir;
  run.config.set_program("gpt");
  test::write_file(dir / "run.json", R"({"program": "seq2seq", "train": {"max_steps": 7}})");
  CHECK(error_of([&] { run.config.load_file(dir / "run.json"); }) ==
        (dir / "run.json").string() + ": is a run of the program \"seq2seq\", not of \"gpt\"");
  test::write_file(dir / "run.json", R"({"program": "gpt", "train": {"max_steps": 7}})");
  run.config.load_file(dir / "run.json");
  test::write_file(dir / "old.json", R"({"train": {"max_steps": 8}})");  // says nothing
  run.config.load_file(dir / "old.json");
  CHECK(run.options.max_steps == 8);
  CHECK(run.config.given("train.max_steps"));
  CHECK_FALSE(run.config.given("train.warmup_steps"));
}

TEST_CASE("a preset of another model says so, not what key it has") {
  Run run;
  CHECK_THAT(error_of([&] { run.config.load_preset("gpt", "patterns"); }),
             Catch::StartsWith("preset patterns: is for another model or task, this one has no "));
}

TEST_CASE("edit distance") {
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("same", "same") == 0);
  CHECK(is_near("max_step", "max_steps"));
  CHECK_FALSE(is_near("foo", "dim"));
}
