#include "tests/support/test.h"

#include "apps/cli/base/program.h"
#include "apps/cli/run_config.h"

using namespace langzoo;
using test::TempDir;
using Json = RunConfig::Json;

namespace {

struct Run {
  Run() {
    bind_train(config, options, batch);
    config.bind_object("model", model, {"model_type"});
  }
  TrainerOptions options;
  BatchOptions batch;
  Json model = {{"model_type", "gpt2"}, {"n_layer", 12}, {"n_inner", nullptr}, {"dropout", 0.1}, {"act", "gelu"}};
  RunConfig config;
};

std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const UsageError& error) {
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
  CHECK(run.model == Json{{"model_type", "gpt2"}, {"n_layer", 3}, {"n_inner", 64}, {"dropout", 0.1}, {"act", "relu"}});
}

TEST_CASE("an unknown key names the nearest known one") {
  Run run;
  CHECK(error_of([&] { run.config.set_text("train.max_step=1", "--set"); }) ==
        "--set: unknown key train.max_step; the nearest is train.max_steps");
  CHECK(error_of([&] { run.config.set_text("n_layers=1", "--set"); }) ==
        "--set: unknown key n_layers; the nearest is model.n_layer");
  CHECK(error_of([&] { run.config.set_text("model.model_type=bert", "--set"); }) != "no error");
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
  CHECK(error("train.batch_size=0") == "--set: train.batch_size = 0 must be an integer from 1 to 1048576");
  CHECK(error("train.max_steps=ten") == "--set: train.max_steps = ten must be an integer of at least 1");
  CHECK(error("train.max_steps=99999999999999999999") != "no error");
  CHECK(error("train.max_steps=1.5") != "no error");
  CHECK(error("train.max_steps=") != "no error");
  CHECK(error("train.learning_rate=nan") != "no error");
  CHECK(error("train.learning_rate=1e999") != "no error");
  CHECK(error("train.learning_rate=-1") == "--set: train.learning_rate = -1 must be a number of at least 0");
  CHECK(error("train.schedule=cosin") ==
        "--set: train.schedule = cosin must be one of constant, linear, cosine, inverse_sqrt, wsd");
  CHECK(error("train.seed=-1") != "no error");
  CHECK(error("train.seed=18446744073709551615") == "no error");
  CHECK(run.options.seed == 18446744073709551615u);
  CHECK(error("model.n_layer=2.5") == "--set: model.n_layer = 2.5 must be an integer");
  CHECK(error("model.n_layer={}") != "no error");
  CHECK(error("train.max_steps") == "--set: train.max_steps is not key=value");
}

TEST_CASE("files that are no configuration are refused by name") {
  TempDir dir;
  Run run;
  for (const auto& text : {std::string("{"), std::string("[1]"), std::string("\xff\xfe"), std::string(100000, '['),
                           std::string(R"({"train": 3})"), std::string(R"({"train": {"seed": {}}})")}) {
    test::write_file(dir / "bad.json", text);
    CHECK_THAT(error_of([&] { run.config.load_file(dir / "bad.json"); }), Catch::Contains("bad.json"));
  }
  CHECK_THROWS_WITH(run.config.load_file(dir / "none.json"), Catch::Contains("none.json"));
}

TEST_CASE("the resolved copy reads back to the same run, and differences are found") {
  Run run, again;
  run.config.set_text("train.beta2=0.9876", "--set");
  run.config.set_text("model.dropout=0", "--set");
  const auto resolved = run.config.resolved();
  CHECK(again.config.differing(resolved) == std::vector<std::string>{"train.beta2", "model.dropout"});
  again.config.set_all(Json::parse(resolved.dump()), "run.json");
  CHECK(again.config.resolved() == resolved);
  CHECK(again.config.differing(resolved).empty());
}

TEST_CASE("presets are listed by program, and an unknown one lists them") {
  Run run;
  std::vector<std::string> names;
  for (const auto& preset : presets_of("gpt")) {
    names.push_back(preset.name);
    CHECK(!preset.about.empty());
  }
  CHECK(names == std::vector<std::string>{"gpt2", "gpt2-large", "gpt2-medium", "gpt2-xl", "microworld",
                                          "shakespeare-char", "warandpeace-bpe"});
  CHECK(presets_of("no such program").empty());
  CHECK_THAT(error_of([&] { run.config.load_preset("gpt", "gpt5"); }),
             Catch::StartsWith("--preset gpt5: unknown; there are gpt2, gpt2-large"));
}

TEST_CASE("edit distance") {
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("same", "same") == 0);
}
