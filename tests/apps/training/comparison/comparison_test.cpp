#include "tests/support/test.h"

#include <cmath>
#include <set>

#include <torch/nn/modules/embedding.h>
#include <torch/nn/modules/linear.h>
#include <nlohmann/json.hpp>

#include "apps/training/comparison/comparison.h"
#include "apps/training/comparison/own_lm.h"
#include "data/files/config_error.h"

namespace langzoo::test::comparison_test {

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Json = nlohmann::json;

std::string sentences(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog\n";
  return text;
}

/// Models small enough for a second, on characters: a step is 4 rows of 16 tokens.
ComparisonSpec tiny(const fs::path& text, const std::string& budget, std::vector<std::string> names) {
  ComparisonSpec spec;
  spec.task = "lm";
  spec.data = {{"train", text.string()}, {"tokenizer", "char"}};
  spec.budget = ComparisonBudget::parse(budget);
  spec.batch_size = 4, spec.context = 16;
  spec.keys = {{"train.optimizer", "adamw"}, {"train.schedule", "cosine"}, {"train.learning_rate", "0.02"}};
  const std::vector<ModelSpec> known = {
      {.name = "ngram", .family = "ngram", .keys = {{"model.order", "3"}, {"model.discount_fallback", "true"}}},
      {.name = "lstm",
       .family = "lstm",
       .keys = {{"model.embedding_size", "8"}, {"model.hidden_size", "12"}, {"model.layers", "1"}}},
      {.name = "gpt2",
       .family = "gpt2",
       .keys = {{"model.n_embd", "16"}, {"model.n_layer", "1"}, {"model.n_head", "2"}, {"model.embd_pdrop", "0"}}}};
  for (const auto& name : names) {
    for (const auto& model : known) {
      if (model.name == name) spec.models.push_back(model);
    }
  }
  return spec;
}

Json results_of(const ComparisonResults& results) {
  return Json::parse(results.json);
}

void check_finite(const Json& json) {
  if (json.is_number_float()) CHECK(std::isfinite(json.get<double>()));
  if (json.is_structured()) {
    for (const auto& part : json) check_finite(part);
  }
}

/// The means of what stands before a token so far.
struct BagImpl : torch::nn::Module {
  explicit BagImpl(std::int64_t vocab_size)
      : embedding(register_module("embedding", torch::nn::Embedding(vocab_size, 12))),
        out(register_module("out", torch::nn::Linear(24, vocab_size))) {}
  torch::Tensor forward(const torch::Tensor& ids) {
    const auto x = embedding(ids);
    const auto count = at::arange(1, ids.size(1) + 1).unsqueeze(1);
    return out(at::cat({x, x.cumsum(1) / count}, 2));
  }
  torch::nn::Embedding embedding;
  torch::nn::Linear out;
};

OwnLm bag() {
  return own_lm(
      "bag", [](std::int64_t vocab_size, std::int64_t) { return std::make_shared<BagImpl>(vocab_size); },
      3.0 * 2 * 24 * 30);
}

}  // namespace

TEST_CASE("all models learn from the same tokens and are measured alike", "[comparison]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(300));
  Comparison comparison;
  comparison.add(bag());
  auto spec = tiny(dir / "text.txt", "tokens=4000", {"ngram", "lstm", "gpt2"});
  spec.models.push_back({.name = "bag"});
  const auto out = dir / "out";
  const auto results = comparison.run(spec, out);
  CHECK(results.failed == 0);
  CHECK(read_file(out / "results.json") == results.json);
  const auto json = results_of(results);
  CHECK(json["budget"]["tokens"] == 4000);
  REQUIRE(json["models"].size() == 4);
  check_finite(json);
  for (const auto& model : json["models"]) {
    INFO(model.dump(1));
    for (const auto* const key :
         {"name", "family", "parameters", "flops_per_token", "train_tokens", "train_seconds", "train_tokens_per_second",
          "eval_tokens_per_second", "peak_memory_bytes", "disk_bytes", "seeds", "metrics", "curve", "samples", "error"})
      CHECK(model.contains(key));
    CHECK(model["error"].is_null());
    CHECK(model["train_tokens"] == 62 * 64);  // whole steps of 64 tokens
    CHECK(model["seeds"] == 1);
    CHECK(model["disk_bytes"] > 0);
    CHECK(model["peak_memory_bytes"] > 1'000'000);
    for (const auto* const name : {"nats_per_token", "bits_per_byte", "word_perplexity"}) {
      const auto& metric = model["metrics"][name];
      CHECK(metric["low"] == metric["mean"]);
      CHECK(metric["high"] == metric["mean"]);
      CHECK(metric["values"].size() == 1);
    }
    CHECK(!model["metrics"].contains("nats_above_source"));
    CHECK(model["samples"].size() == 1);
    CHECK(fs::exists(out / "models" / model["name"].get<std::string>() / "seed-1" / "config.json"));
  }
  const auto &ngram = json["models"][0], &lstm = json["models"][1], &gpt2 = json["models"][2], &own = json["models"][3];
  CHECK(ngram["flops_per_token"] == 0);
  CHECK(ngram["curve"].size() == 1);
  CHECK(ngram["curve"][0]["flops"] == 0);
  CHECK(own["flops_per_token"] == 3 * 2 * 24 * 30);
  CHECK(own["family"] == "own");
  CHECK(gpt2["pictures"].size() == 1);
  // Twenty kinds of characters have ln 20 = 3.0 nats.
  for (const auto* const model : {&ngram, &lstm, &gpt2}) CHECK((*model)["metrics"]["nats_per_token"]["mean"] < 2.5);
  for (const auto* const model : {&lstm, &gpt2, &own}) {
    const auto& curve = (*model)["curve"];
    REQUIRE(curve.size() > 10);
    CHECK(curve.back()["step"] == 62);
    CHECK(curve.back()["tokens"] == 62 * 64);
    CHECK(curve.back()["flops"].get<double>() == Approx(62 * 64 * (*model)["flops_per_token"].get<double>()));
    CHECK(curve.back()["valid_loss"].get<double>() < curve.front()["train_loss"].get<double>());
  }
  // One of them is the best: the others are compared with it.
  int compared = 0;
  for (const auto& model : json["models"]) compared += model["significance"].is_object() ? 1 : 0;
  CHECK(compared == 3);

  SECTION("twice the same, and kept what is there") {
    CHECK_THROWS_WITH(comparison.run(spec, out), Contains("--resume goes on"));
    struct Kept : ComparisonObserver {
      void on_end(const std::string&, std::uint64_t, const std::string&, bool kept) override { count += kept ? 1 : 0; }
      int count = 0;
    } kept;
    CHECK(results_of(comparison.run(spec, out, {.worker = {}, .resume = true}, kept)) == json);
    CHECK(kept.count == 4);
    spec.models = {spec.models[1]};
    const auto again = results_of(comparison.run(spec, dir / "again"));
    CHECK(again["models"][0]["metrics"] == lstm["metrics"]);
  }
  SECTION("a trained model is measured as it was, by another's tokenizer per byte only") {
    auto other = spec;
    other.models = {{.name = "old", .folder = (out / "models/lstm/seed-1").string()}};
    const auto same = results_of(comparison.run(other, dir / "same"));
    CHECK(same["models"][0]["metrics"] == lstm["metrics"]);
    CHECK(same["models"][0]["curve"].empty());
    CHECK(same["models"][0]["train_tokens"].is_null());
    other.data["tokenizer"] = "train:bytebpe:300";
    const auto per_byte = results_of(comparison.run(other, dir / "per_byte"));
    CHECK(per_byte["models"][0]["metrics"].size() == 1);
    CHECK(per_byte["models"][0]["metrics"]["bits_per_byte"]["mean"].get<double>() ==
          Approx(lstm["metrics"]["bits_per_byte"]["mean"].get<double>()));
  }
}

TEST_CASE("a run that is stopped goes on to the same scores", "[comparison]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(200));
  const Comparison comparison;
  auto spec = tiny(dir / "text.txt", "tokens=3200", {"gpt2"});
  const auto whole = results_of(comparison.run(spec, dir / "whole"));
  auto nothing = spec;
  nothing.models[0].keys["train.learning_rate"] = "1e30";  // it fails, and the folder is there
  const auto out = dir / "parts";
  CHECK(comparison.run(nothing, out).failed == 1);
  write_file(out / "spec.json", spec.to_json());
  WorkerHooks hooks;
  hooks.train = [](TrainingRun& run) {
    struct StopEarly : TrainerObserver {
      explicit StopEarly(Trainer& trainer) : trainer(trainer) {}
      void on_step(const StepReport& report) override {
        if (report.step >= 20) trainer.request_stop();
      }
      Trainer& trainer;
    } early(run.trainer());
    run.add_observer(early);
    return run.train();
  };
  CHECK_FALSE(comparison.work(out, "gpt2", 1, hooks));
  const auto parts = results_of(comparison.run(spec, out, {.worker = {}, .resume = true}));
  CHECK(parts["models"][0]["metrics"] == whole["models"][0]["metrics"]);
  const auto losses = [](const Json& results) {
    Json losses;
    for (const auto& point : results["models"][0]["curve"])
      losses.push_back({point["step"], point["tokens"], point["train_loss"], point["valid_loss"]});
    return losses;
  };
  CHECK(losses(parts) == losses(whole));
}

TEST_CASE("several seeds have an interval, budgets of FLOPs and time whole steps", "[comparison]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(200));
  const Comparison comparison;
  auto spec = tiny(dir / "text.txt", "tokens=1300", {"lstm"});
  spec.seeds = 2;
  const auto json = results_of(comparison.run(spec, dir / "seeds"));
  const auto& metric = json["models"][0]["metrics"]["nats_per_token"];
  CHECK(json["models"][0]["seeds"] == 2);
  REQUIRE(metric["values"].size() == 2);
  const auto a = metric["values"][0].get<double>(), b = metric["values"][1].get<double>();
  CHECK(a != b);
  CHECK(metric["mean"].get<double>() == Approx((a + b) / 2));
  // Student's t of one degree of freedom.
  CHECK(metric["high"].get<double>() - metric["mean"].get<double>() == Approx(12.706 * std::abs(a - b) / 2));

  auto flops = tiny(dir / "text.txt", "flops=30M", {"lstm", "gpt2", "ngram"});
  const auto by_flops = results_of(comparison.run(flops, dir / "flops"));
  for (int i = 0; i < 2; ++i) {
    const auto& model = by_flops["models"][i];
    const auto step = 64 * model["flops_per_token"].get<double>(), spent = model["curve"].back()["flops"].get<double>();
    CHECK(spent <= 30e6);
    CHECK(spent + step > 30e6);
  }
  CHECK(by_flops["models"][2]["error"].is_null());  // counted
  auto time = tiny(dir / "text.txt", "time=0.3", {"lstm"});
  const auto by_time = results_of(comparison.run(time, dir / "time"));
  CHECK(by_time["models"][0]["train_seconds"] > 0.03);
  CHECK(by_time["models"][0]["train_seconds"] < 3);
}

TEST_CASE("on microworld scores stand beside the source's entropy", "[comparison]") {
  TempDir dir;
  auto spec = tiny("microworld", "tokens=2000", {"ngram"});
  spec.data["microworld_bytes"] = "60000";
  const auto json = results_of(Comparison().run(spec, dir / "out"));
  const auto& metrics = json["models"][0]["metrics"];
  CHECK(metrics["nats_above_source"]["mean"] > 0);
  CHECK(metrics["nats_above_source"]["mean"] < metrics["nats_per_token"]["mean"]);
}

TEST_CASE("what cannot be compared is refused, and leaves no folder behind", "[comparison]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(200));
  write_file(dir / "short.txt", sentences(3));
  write_file(dir / "latin.txt", "caf\xe9\n");
  const Comparison comparison;
  const auto spec = tiny(dir / "text.txt", "tokens=3000", {"lstm"});
  using Change = std::function<void(ComparisonSpec&)>;
  const auto data = [&](const char* key, const std::string& value) -> Change {
    return [=](ComparisonSpec& s) { s.data[key] = value; };
  };
  const auto file = [&](const char* key, const char* name) { return data(key, (dir / name).string()); };
  const auto key = [](const char* name, const char* value) -> Change {
    return [=](ComparisonSpec& s) { s.keys[name] = value; };
  };
  const auto model_key = [](const char* name, const char* value) -> Change {
    return [=](ComparisonSpec& s) { s.models[0].keys[name] = value; };
  };
  const std::vector<std::pair<Change, const char*>> refused = {
      {[](auto& s) { s.budget.amount = 63; }, "less than one step of 4 rows of 16 tokens, which takes 64"},
      {[](auto& s) { s.models[0].family = "lsmt"; }, "family lsmt: unknown"},
      {[](auto& s) { s.models[0].family = ""; }, "has neither a family nor a folder"},
      {[](auto& s) { s.models[0].pretraining = "mlm"; }, "pretraining mlm"},
      {[](auto& s) { s.pretraining_keys["train.optimizer"] = "muon"; },
       "pretraining key train.optimizer: no model of the comparison pretrains"},
      {model_key("model.hiden_size", "3"), "model lstm: unknown key model.hiden_size"},
      {model_key("train.max_steps", "2"), "model lstm: key train.max_steps: the budget decides"},
      {key("model.n_embd", "3"), "key model.n_embd: no model of the comparison has it"},
      {key("train.batch_size", "2"), "key train.batch_size: the comparison decides (--batch-size)"},
      {[](auto& s) { s.data.erase("train"); }, "data.train is missing"},
      {file("train", "none.txt"), "none.txt"},
      {file("train", "short.txt"), "has 3 lines"},
      {file("test", "latin.txt"), "latin.txt: line 1: is not UTF-8"},
      {data("tokeniser", "char"), "data.tokeniser: unknown, did you mean tokenizer?"}};
  for (const auto& [change, message] : refused) {
    auto other = spec;
    change(other);
    CHECK_THROWS_WITH(comparison.run(other, dir / "out"), Contains(message));
    CHECK(!fs::exists(dir / "out"));
  }

  // Of several models one fails.
  auto failing = tiny(dir / "text.txt", "tokens=640", {"lstm", "gpt2"});
  failing.models[0].keys["train.learning_rate"] = "1e30";
  failing.models[0].keys["train.clip_norm"] = "0";
  const auto results = comparison.run(failing, dir / "failing");
  CHECK(results.failed == 1);
  const auto json = results_of(results);
  CHECK_THAT(json["models"][0]["error"].get<std::string>(), Contains("not finite"));
  CHECK(json["models"][1]["error"].is_null());
  CHECK(!json["models"][1]["metrics"].empty());
}

TEST_CASE("what is kept is what the same settings, the same data and the model's folder say", "[comparison]") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(200));
  write_file(dir / "test.txt", sentences(20));
  auto spec = tiny(dir / "text.txt", "tokens=640", {"lstm"});
  spec.data["valid"] = spec.data["test"] = (dir / "test.txt").string();
  spec.keys["train.learning_rate"] = "2e-2";  // as people write it
  const ComparisonOptions resume{.resume = true};
  struct Kept : ComparisonObserver {
    void on_end(const std::string& /*model*/, std::uint64_t /*seed*/, const std::string& error, bool kept) override {
      CHECK(error.empty());
      last = kept;
    }
    bool last = false;
  } observer;
  const auto run = [&] {
    const auto json = results_of(Comparison().run(spec, dir / "out", resume, observer))["models"][0];
    const auto config = Json::parse(read_file(dir / "out" / "models" / "lstm" / "seed-1" / "config.json"));
    CHECK(config["hidden_size"] == std::stoi(spec.models[0].keys["model.hidden_size"]));
    return json["metrics"]["nats_per_token"]["mean"].get<double>();
  };
  const auto first = run();
  CHECK(!observer.last);
  spec.keys["train.learning_rate"] = "0.02";
  CHECK(run() == first);
  CHECK(observer.last);
  // Another one takes the folder: the first is trained again.
  spec.models[0].keys["model.hidden_size"] = "16";
  CHECK(run() != first);
  spec.models[0].keys["model.hidden_size"] = "12";
  CHECK(run() == first);
  CHECK(!observer.last);
  // The same name for another text.
  write_file(dir / "test.txt", "Anna has a dog\n" + sentences(20));
  CHECK(run() != first);
  CHECK(!observer.last);
}

TEST_CASE("models that do the same differ by chance", "[comparison]") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(200));
  auto spec = tiny(dir / "text.txt", "tokens=640", {"lstm"});
  spec.models.push_back(spec.models[0]);
  spec.models[1].name = "twin";
  const auto json = results_of(Comparison().run(spec, dir / "out"));
  CHECK(json["models"][1]["significance"]["p_value"] == 1);
  CHECK(std::filesystem::exists(dir / "out" / "models" / "twin" / "seed-1" / "config.json"));
}

TEST_CASE("all models of the built-in specs that pretrain are trained and measured", "[comparison]") {
  const TempDir dir;
  for (const auto* const name : {"encoders", "objectives"}) {
    auto spec = built_in_spec(name);
    spec.data["microworld_examples"] = "40";
    spec.data["microworld_bytes"] = "20000";
    spec.data["tokenizer"] = "train:wordpiece:200";
    spec.budget = ComparisonBudget::parse("tokens=1K");
    spec.pretraining_tokens = 2000;
    spec.batch_size = 8;
    spec.threads = 1;
    spec.keys["model.hidden_size"] = "32";
    spec.keys["model.num_hidden_layers"] = "1";
    const auto results = Comparison().run(spec, dir / name);
    for (const auto& model : results_of(results)["models"]) {
      INFO(model.dump());
      CHECK(model["error"].is_null());
      CHECK(model["metrics"].contains("f1"));
    }
    const auto json_in = [&](const std::string& file) {
      return Json::parse(read_file(dir / name / "pretraining" / file));
    };
    const auto run = json_in(std::string(name) == "encoders" ? "bert/seed-1/run.json" : "mlm/seed-1/run.json");
    CHECK(run["model"]["hidden_size"] == 32);
    CHECK(run["train"]["optimizer"] == "muon");
  }
  // Both sides' tokens count: some 15 % of the text are targets.
  const auto steps_of = [&](const std::string& model) {
    const auto run = Json::parse(read_file(dir / "objectives" / "pretraining" / model / "seed-1" / "run.json"));
    return run["train"]["max_steps"].get<int>();
  };
  CHECK(steps_of("spans") < 2 * steps_of("mlm"));
}

TEST_CASE("tags that are no entities' have no F1", "[comparison]") {
  const TempDir dir;
  std::string tags;
  for (int i = 0; i < 40; ++i) tags += "Anna\tNOUN\nsleeps\tVERB\n\n";
  write_file(dir / "tags.conll", tags);
  ComparisonSpec spec;
  spec.task = "tagging";
  spec.data = {
      {"train", (dir / "tags.conll").string()}, {"test", (dir / "tags.conll").string()}, {"tokenizer", "char"}};
  spec.budget = ComparisonBudget::parse("tokens=200");
  spec.batch_size = 4;
  spec.models = {{.name = "bilstm", .family = "tagger", .keys = {{"model.hidden_size", "8"}}}};
  const auto metrics = results_of(Comparison().run(spec, dir / "out"))["models"][0]["metrics"];
  CHECK(metrics.contains("accuracy"));
  CHECK(!metrics.contains("f1"));
}

}  // namespace langzoo::test::comparison_test
