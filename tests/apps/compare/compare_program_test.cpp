// Runs langzoo-compare as a user does.
#include "tests/support/test.h"

#include <csignal>

#include "tests/support/process.h"

namespace langzoo::test::compare_program_test {

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

std::string sentences(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog\n";
  return text;
}

std::vector<std::string> command(const fs::path& dir, const std::string& models, const std::string& out,
                                 const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"lm",
                                        "--data",
                                        (dir / "text.txt").string(),
                                        "--models",
                                        models,
                                        "--out",
                                        (dir / out).string(),
                                        "--tokenizer",
                                        "char",
                                        "--batch-size",
                                        "4",
                                        "--context",
                                        "16",
                                        "--threads",
                                        "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  if (std::find(more.begin(), more.end(), "--budget") == more.end())
    arguments.insert(arguments.end(), {"--budget", "tokens=3200"});
  arguments.emplace_back("--set");
  if (models.find("lstm") != std::string::npos)
    arguments.insert(arguments.end(), {"lstm:model.embedding_size=8", "lstm:model.hidden_size=8", "lstm:model.layers=1",
                                       "lstm:model.tie_word_embeddings=false"});
  if (models.find("gpt2") != std::string::npos)
    arguments.insert(arguments.end(), {"gpt2:model.n_embd=16", "gpt2:model.n_layer=1", "gpt2:model.n_head=2"});
  if (arguments.back() == "--set") arguments.pop_back();
  return arguments;
}

Result compare(const std::vector<std::string>& arguments) {
  return Process("langzoo-compare", arguments).wait();
}

}  // namespace

TEST_CASE("langzoo-compare trains, measures and writes results, a table and a page", "[programs]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(300));
  const auto result = compare(command(dir.path(), "ngram,lstm", "out", {"--json"}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto json = result.objects().back();
  CHECK(json == Json::parse(read_file(dir / "out/results.json")));
  CHECK(json["models"][0]["name"] == "ngram");
  CHECK(json["models"][1]["train_tokens"] == 3200);
  // Each is a process of its own, whose memory is not the program's.
  CHECK(json["models"][0]["peak_memory_bytes"] != json["models"][1]["peak_memory_bytes"]);
  const auto page = read_file(dir / "out/report.html");
  for (const auto* const part :
       {"<!DOCTYPE html>", "Scores and costs", "by tokens", "ngram", "lstm", "prefers-color-scheme"})
    CHECK_THAT(page, Contains(part));
  for (const auto* const outside : {"http://", "https://", "src=", "@import", "url("})
    CHECK(page.find(outside) == std::string::npos);

  CHECK_THAT(compare(command(dir.path(), "ngram", "out")).err, Contains("--resume goes on"));
  // A model more, and one that is no more asked for.
  const auto more =
      compare(command(dir.path(), "lstm,gpt2,old=" + (dir / "out/models/ngram/seed-1").string(), "out", {"--resume"}));
  INFO(more.err);
  REQUIRE(more.code == 0);
  CHECK_THAT(more.err, Contains("lstm, seed 1 (1 of 3): kept") && Contains("gpt2, seed 1 (2 of 3): done"));
  CHECK_THAT(more.out, Contains("nats a token") && Contains("gpt2") && Contains("old"));
  const auto page_verb = compare({"page", "--out", (dir / "out").string()});
  CHECK(page_verb.code == 0);
  CHECK(page_verb.out == more.out);
}

TEST_CASE("a killed comparison goes on to the same scores", "[programs]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(300));
  const std::vector<std::string> budget = {"--budget", "tokens=64000"};
  auto resumed = budget;
  resumed.emplace_back("--resume");
  {
    Process process("langzoo-compare", command(dir.path(), "lstm", "parts", budget));
    process.wait_until([&] { return fs::exists(dir / "parts/models/lstm/seed-1/training_state"); });
    process.signal(SIGTERM);
    const auto stopped = process.wait();
    CHECK(stopped.code == 1);
    CHECK_THAT(stopped.err, Contains("stopped; --resume goes on"));
    CHECK(!fs::exists(dir / "parts/results.json"));
  }
  const auto parts = compare(command(dir.path(), "lstm", "parts", resumed));
  INFO(parts.err);
  REQUIRE(parts.code == 0);
  const auto whole = compare(command(dir.path(), "lstm", "whole", budget));
  REQUIRE(whole.code == 0);
  const auto metrics = [&](const char* name) {
    return Json::parse(read_file(dir / name / "results.json"))["models"][0]["metrics"];
  };
  CHECK(metrics("parts") == metrics("whole"));
}

TEST_CASE("errors of langzoo-compare name what is wrong", "[programs]") {
  TempDir dir;
  write_file(dir / "text.txt", sentences(300));
  check_error(compare(command(dir.path(), "lsmt", "out")), 2, "lsmt: unknown, did you mean lstm?");
  check_error(compare(command(dir.path(), "ngram", "out", {"--budget", "tokens=10"})), 2, "less than one step");
  check_error(compare(command(dir.path(), "ngram", "out", {"--budget", "steps=10"})), 2, "steps=10");
  check_error(compare(command(dir.path(), "ngram", "out", {"--metric", "bleu"})), 2,
              "no such score; it has nats_per_token");
  check_error(compare(command(dir.path(), "ngram", "out", {"--spec", "vectors"})), 2, "the spec is one of vectors");
  check_error(compare(command(dir.path(), "ngram,ngram", "out")), 2, "is there twice");
  check_error(compare({"translaton"}), 2, "translaton");
  CHECK(!fs::exists(dir / "out"));
  const auto failed = compare(command(dir.path(), "lstm,ngram", "failed",
                                      {"--budget", "tokens=640", "--set", "lstm:train.learning_rate=1e30"}));
  CHECK(failed.code == 1);
  CHECK_THAT(failed.err, Contains("lstm, seed 1 (1 of 2): failed: ") && Contains("1 model failed"));
  CHECK_THAT(failed.out, Contains("ngram"));
  const auto json = Json::parse(read_file(dir / "failed/results.json"));
  CHECK(json["models"][0]["error"].is_string());
  CHECK(json["models"][0]["curve"].empty());
  CHECK(json["models"][1]["error"].is_null());
  check_error(compare({"page", "--out", dir.path().string()}), 1, "results.json");
}

}  // namespace langzoo::test::compare_program_test
