// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "data/files/files.h"
#include "tests/support/process.h"

namespace langzoo::test::gpt_finetune_test {

namespace {

using Json = nlohmann::ordered_json;

Result gpt(std::vector<std::string> arguments) {
  return Process("langzoo-gpt", std::move(arguments)).wait();
}
Result succeed(std::vector<std::string> arguments) {
  auto result = gpt(std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

std::string films() {
  std::string text = "text\tlabel\n";
  for (int i = 0; i < 40; ++i)
    text += "film " + std::to_string(i) + (i % 2 == 0 ? " is fine\tgood\n" : " is dull\tbad\n");
  return text;
}

}  // namespace

TEST_CASE("langzoo-gpt fine-tunes a language model, predicts, is measured, and says what it cannot do") {
  const TempDir dir;
  const auto path = [&](const std::string& name) { return (dir / name).string(); };
  std::string text;
  for (int i = 0; i < 60; ++i) text += "the film was fine and the book was dull.\n";
  write_file(dir / "text.txt", text);
  write_file(dir / "films.tsv", films());
  write_file(dir / "new.txt", "film 1 is dull\nfilm 2 is fine\n");
  const std::vector<std::string> small = {"model.n_layer=1", "model.n_head=2", "model.n_embd=16",
                                          "model.n_positions=32"};
  const auto command = [&](std::vector<std::string> flags, std::vector<std::string> settings) {
    flags.insert(flags.end(), {"--threads", "1", "--json", "--set"});
    flags.insert(flags.end(), settings.begin(), settings.end());
    return flags;
  };
  auto settings = small;
  settings.emplace_back("train.max_steps=2");
  succeed(command({"train", "--data", path("text.txt"), "--tokenizer", "train:bytebpe:280", "--out", path("lm")},
                  settings));
  const auto summary = succeed(command({"finetune", "--task", "classification", "--data", path("films.tsv"), "--init",
                                        path("lm"), "--out", path("run"), "--batch-size", "8"},
                                       {"train.max_steps=40", "train.learning_rate=0.01", "train.schedule=constant"}))
                           .object();
  CHECK(summary["valid"]["accuracy"] == 1);
  CHECK(Json::parse(read_file(dir / "run/config.json"))["architectures"] == Json{"GPT2ForSequenceClassification"});

  const auto lines = succeed({"predict", "--model", path("run"), "--data", path("new.txt"), "--json"}).objects();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["label"] == "bad");
  CHECK(lines[1]["label"] == "good");
  CHECK(lines[0]["probabilities"].size() == 2);
  const auto logits =
      succeed({"predict", "--model", path("run"), "--text", "film 1 is dull", "--json", "--logits"}).object();
  const int vocabulary = Json::parse(read_file(dir / "run/config.json"))["vocab_size"];
  CHECK(logits["ids"].front() == vocabulary - 3);
  CHECK(logits["ids"].back() == vocabulary - 1);
  CHECK(logits["logits"].size() == 2);
  const auto measured = succeed({"eval", "--model", path("run"), "--data", path("films.tsv"), "--json"}).object();
  CHECK(measured["accuracy"] == 1);
  CHECK(measured["examples"] == 40);

  check_error(gpt({"eval", "--model", path("run"), "--data", path("films.tsv"), "--stride", "2"}), 2,
              "--stride: the model in " + path("run") + " is measured on examples");
  check_error(gpt({"eval", "--model", path("lm"), "--data", path("text.txt"), "--columns", "a,b"}), 2,
              "--columns: the model in " + path("lm") + " reads a text");
  check_error(gpt({"predict", "--model", path("lm"), "--text", "a"}), 1, "GPT2LMHeadModel does not classify texts");
  check_error(gpt({"finetune", "--task", "choice", "--model-type", "gpt_neo", "--data", path("films.tsv"), "--out",
                   path("no")}),
              2, "gpt_neo has no head for choice");
  check_error(gpt({"finetune", "--data", path("films.tsv"), "--out", path("no")}), 2, "--task is missing: choice");
  check_error(gpt({"train", "--out", path("run"), "--resume"}), 2,
              "train: the run in " + path("run") + " learns classification");
}

TEST_CASE("tasks that ship are asked for by name") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 60; ++i) text += "ben saw a park. TL;DR: a park\n\n";
  write_file(dir / "text.txt", text);
  write_file(dir / "articles.jsonl", "{\"text\": \"ben saw a park.\", \"answer\": \"a park\"}\n");
  const auto model = (dir / "lm").string();
  succeed({"train", "--data", (dir / "text.txt").string(), "--tokenizer", "char", "--out", model, "--threads", "1",
           "--set", "model.n_layer=1", "model.n_head=2", "model.n_embd=16", "model.n_positions=64",
           "train.max_steps=2"});
  const auto asked = succeed({"prompt", "--model", model, "--task", "tldr", "--examples",
                              (dir / "articles.jsonl").string(), "--items", "--json", "--max-new-tokens", "4"})
                         .objects();
  REQUIRE(asked.size() == 2);
  CHECK(asked[0]["prompt"] == "ben saw a park.\nTL;DR: ");
  CHECK(asked[1]["task"] == "tldr");
  check_error(gpt({"prompt", "--model", model, "--task", "tl", "--examples", (dir / "articles.jsonl").string()}), 1,
              "tl: does not exist; tasks that ship are tldr, translation");
}

}  // namespace langzoo::test::gpt_finetune_test
