// Runs langzoo-t5 itself, as a user does.
#include "tests/support/test.h"

#include <sstream>

#include <nlohmann/json.hpp>

#include "models/io/weights.h"
#include "tests/apps/translation/translation.h"

namespace langzoo::test::t5_program_test {
namespace {

using nlohmann::json;

Result t5(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-t5", std::move(arguments), input).wait();
}

std::string succeeds(std::vector<std::string> arguments, const std::string& input = {},
                     std::string* messages = nullptr) {
  const auto result = t5(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  if (messages != nullptr) *messages = result.err;
  return result.out;
}

void fails(std::vector<std::string> arguments, const std::string& what, int code = 1) {
  const auto result = t5(std::move(arguments));
  CAPTURE(result.err);
  CHECK(result.code == code);
  CHECK_THAT(result.err, Catch::Contains(what));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') <= 3);
}

std::vector<json> objects_in(const std::string& text) {
  std::vector<json> objects;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) objects.push_back(json::parse(line));
  return objects;
}

const std::vector<std::string> kSmall = {"train.max_steps=150",  "model.d_model=24",         "model.d_kv=8",
                                         "model.d_ff=48",        "model.num_layers=1",       "model.num_heads=3",
                                         "model.dropout_rate=0", "train.learning_rate=0.01", "train.schedule=constant",
                                         "train.eval_every=0"};

std::vector<std::string> with_settings(std::vector<std::string> arguments, const std::vector<std::string>& more = {}) {
  arguments.insert(arguments.end(), {"--threads", "1", "--seed", "1", "--json", "--set"});
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::string path(const TempDir& dir, const std::string& name) {
  return (dir / name).string();
}

}  // namespace

TEST_CASE("langzoo-t5: pretrain, fine-tune, generate, score, encode, attend, evaluate, average") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 200; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog.\n";
  write_file(dir / "text.txt", text);
  const auto pretrained = json::parse(succeeds(
      with_settings({"train", "--data", path(dir, "text.txt"), "--tokenizer", "char", "--out", path(dir, "pretrained")},
                    {"data.max_source=24", "train.max_steps=20", "data.sentinels=4"})));
  CHECK(pretrained["step"] == 20);
  CHECK(pretrained["tokens"].get<std::int64_t>() < 20 * 32 * 24);
  CHECK(pretrained["valid"].contains("perplexity"));
  fails({"finetune", "--model", path(dir, "pretrained"), "--data", path(dir, "text.txt"), "--out", path(dir, "no")},
        "TAB");

  fails({"train", "--data", path(dir, "text.txt"), "--out", path(dir, "no"), "--set", "data.max_source=0"},
        "data.max_source = 0: a text's examples have so many tokens", 2);

  const std::string generation = R"({"max_new_tokens": 20, "length_penalty": 2.0})";
  write_file(dir / "pretrained" / "generation_config.json", generation);
  write_file(dir / "pairs.tsv", "1 a\tAnna\n2 a\tdog\n3 a\tapples\n4 a\tAnna has\n");
  const auto tuned = json::parse(
      succeeds({"finetune", "--model", path(dir, "pretrained"), "--data", path(dir, "pairs.tsv"), "--valid",
                path(dir, "pairs.tsv"), "--out", path(dir, "tuned"), "--seed", "1", "--threads", "1", "--json", "--set",
                "train.max_steps=150", "train.learning_rate=0.01", "train.schedule=constant", "train.eval_every=0"}));
  CHECK(tuned["valid"]["exact_match"] == 100);
  const auto model = path(dir, "tuned");

  // Greedy by default; ids without the start token, with the end token.
  write_file(dir / "inputs.txt", "1 a\n\n3 a\n2 a\n");
  const auto greedy = objects_in(succeeds({"generate", "--model", model, "--data", path(dir, "inputs.txt"), "--json"}));
  REQUIRE(greedy.size() == 4);
  CHECK(greedy[0]["source"] == "1 a");
  CHECK(greedy[0]["text"] == "Anna");
  CHECK(greedy[0]["ids"].size() == 5);
  CHECK(greedy[0]["score"].get<double>() < 0);
  CHECK(greedy[1]["ids"].empty());
  CHECK(read_file(dir / "tuned" / "generation_config.json") == generation);
  succeeds({"finetune", "--model", path(dir, "pretrained"), "--data", path(dir, "pairs.tsv"), "--out",
            path(dir, "other"), "--set", "train.max_steps=1", "model.decoder_start_token_id=2"});
  CHECK_FALSE(std::filesystem::exists(dir / "other" / "generation_config.json"));  // it is of other tokens
  const auto mean = objects_in(succeeds({"score", "--model", model, "--data", path(dir, "pairs.tsv"), "--json"}))[0];
  double of_target = 0;
  for (const auto& value : mean["logprobs"]) of_target += value.get<double>();
  CHECK(greedy[0]["score"].get<double>() == Approx(of_target / 5));
  CHECK(greedy[2]["text"] == "apples");
  CHECK(succeeds({"generate", "--model", model}, "4 a\n") == "Anna has\n");
  CHECK(succeeds({"generate", "--model", model, "--text", "4 a", "--stop", " "}) == "Anna\n");
  const auto beams = objects_in(succeeds({"generate", "--model", model, "--data", path(dir, "inputs.txt"), "--json",
                                          "--num-beams", "3", "--num-return-sequences", "2"}));
  CHECK(beams.size() == 7);
  CHECK(beams[0]["text"] == "Anna");
  CHECK(beams[0]["score"].get<double>() >= beams[1]["score"].get<double>());
  const auto draw = [&](const char* batch) {
    return succeeds({"generate", "--model", model, "--data", path(dir, "inputs.txt"), "--json", "--temperature", "3",
                     "--num-return-sequences", "2", "--seed", "5", "--batch-size", batch});
  };
  const auto drawn = draw("1");
  CHECK(drawn == draw("4"));
  CHECK(objects_in(drawn).size() == 7);
  CHECK(objects_in(drawn)[0]["ids"].size() <= 20);
  fails({"generate", "--model", model, "--text", "4 a", "--num-return-sequences", "2"},
        "--num-return-sequences 2: greedy search gives one text", 2);

  // A pretrained model writes sentinels, which are text unless they are to be left out.
  const auto spans = json::parse(succeeds({"generate", "--model", path(dir, "pretrained"), "--text",
                                           "Anna has <extra_id_0> and a dog.", "--json", "--max-new-tokens", "3"}));
  CHECK(spans["text"].get<std::string>().starts_with("<extra_id_0>"));
  const auto skipped = json::parse(
      succeeds({"generate", "--model", path(dir, "pretrained"), "--text", "Anna has <extra_id_0> and a dog.", "--json",
                "--max-new-tokens", "3", "--skip-special-tokens"}));
  CHECK(skipped["ids"] == spans["ids"]);
  CHECK(skipped["text"].get<std::string>().find("<extra_id_0>") == std::string::npos);

  const auto scores = objects_in(succeeds({"score", "--model", model, "--data", path(dir, "pairs.tsv"), "--json"}));
  REQUIRE(scores.size() == 4);
  CHECK(scores[0]["ids"] == greedy[0]["ids"]);
  double sum = 0;
  for (const auto& value : scores[0]["logprobs"]) sum += value.get<double>();
  CHECK(greedy[0]["score"].get<double>() == Approx(sum / 5).margin(1e-4));

  const auto states = objects_in(succeeds({"encode", "--model", model, "--data", path(dir, "inputs.txt"), "--json"}));
  REQUIRE(states.size() == 4);
  CHECK(states[0]["ids"].size() == 4);
  CHECK(states[1]["ids"].size() == 1);
  CHECK(states[0]["states"].size() == 4);
  CHECK(states[0]["states"][0].size() == 24);
  const auto alone = objects_in(
      succeeds({"encode", "--model", model, "--data", path(dir, "inputs.txt"), "--json", "--batch-size", "1"}));
  for (std::size_t i = 0; i < 24; ++i)
    CHECK(alone[3]["states"][1][i].get<double>() == Approx(states[3]["states"][1][i].get<double>()).margin(1e-5));

  const auto attention = json::parse(succeeds({"attention", "--model", model, "--text", "1 a", "--json"}));
  CHECK(attention.contains("cross_attentions"));

  const auto pairs = json::parse(succeeds(
      {"eval", "--model", model, "--data", path(dir, "pairs.tsv"), "--json", "--out", path(dir, "written.txt")}));
  REQUIRE(pairs["tasks"].size() == 1);
  CHECK(pairs["tasks"][0]["metrics"]["exact_match"] == 100);
  CHECK(pairs["tasks"][0]["examples"] == 4);
  const auto first =
      json::parse(succeeds({"eval", "--model", model, "--data", path(dir, "pairs.tsv"), "--json", "--examples", "1"}));
  CHECK(first["tasks"][0]["examples"] == 1);
  CHECK(first["tasks"][0]["tokens"] < pairs["tasks"][0]["tokens"]);
  CHECK(read_file(dir / "written.txt") == "Anna\ndog\napples\nAnna has\n");
  const auto of_text =
      json::parse(succeeds({"eval", "--model", path(dir, "pretrained"), "--data", path(dir, "text.txt"), "--json"}));
  CHECK(of_text["perplexity"].get<double>() > 1);
  fails({"eval", "--model", path(dir, "pretrained"), "--data", path(dir, "text.txt"), "--examples", "1"},
        "--examples: is for tasks and pairs", 2);

  succeeds({"average", "--model", model, "--model", path(dir, "tuned/best"), "--out", path(dir, "mean")});
  CHECK(succeeds({"generate", "--model", path(dir, "mean"), "--text", "2 a"}) == "dog\n");
}

TEST_CASE("langzoo-t5: a table of tasks is trained on and measured in one table") {
  const TempDir dir;
  std::string letters = "text,label\n", echoes = "one\ttwo\n";
  for (int i = 0; i < 60; ++i) {
    const std::string letter(1, static_cast<char>('a' + i % 3));
    letters += letter + letter + "," + letter + "\n";
    echoes += std::to_string(i % 4) + "\t" + std::to_string(i % 4) + ".0\n";
  }
  write_file(dir / "letters.csv", letters);
  write_file(dir / "echoes.tsv", echoes);
  write_file(dir / "tasks.json",
             R"({"tasks": [{"name": "letters", "data": "letters.csv", "input": "letter {text}", "target": "{label}",
                            "metrics": ["accuracy"]},
                           {"name": "echo", "data": "echoes.tsv", "valid": "echoes.tsv", "input": "echo {one}",
                            "target": "{two:0.5}", "metrics": ["pearson", "spearman"]}]})");
  std::string messages;
  const auto trained = json::parse(succeeds(
      with_settings({"train", "--tasks", path(dir, "tasks.json"), "--tokenizer", "char", "--out", path(dir, "run")},
                    {"data.mixing=equal", "data.sentinels=2"}),
      {}, &messages));
  CHECK_THAT(messages, Catch::Contains("task letters: 54 examples, 50.0 % of what is drawn"));
  CHECK(trained["valid"]["letters.accuracy"] == 100);
  const auto measured = json::parse(succeeds(
      {"eval", "--model", path(dir, "run"), "--tasks", path(dir, "tasks.json"), "--json", "--num-beams", "2"}));
  CHECK(measured["tasks"][0]["name"] == "letters");
  CHECK(measured["tasks"][1]["metrics"]["spearman"] == 100);
  CHECK(measured["score"].get<double>() == Approx(100));
  const auto table = succeeds({"eval", "--model", path(dir, "run"), "--tasks", path(dir, "tasks.json")});
  CHECK_THAT(table, Catch::Contains("accuracy 100.00") && Catch::Contains("pearson 100.00, spearman 100.00"));

  const auto resumed = json::parse(succeeds({"train", "--out", path(dir, "run"), "--resume", "--json"}));
  CHECK(resumed["step"] == 150);

  fails({"train", "--tasks", path(dir, "none.json"), "--out", path(dir, "a")}, "none.json");
  fails({"train", "--tasks", path(dir, "tasks.json"), "--data", path(dir, "echoes.tsv"), "--out", path(dir, "b")},
        "name one of them", 2);
  write_file(dir / "bad.json",
             R"({"tasks": [{"name": "a", "data": "letters.csv", "input": "{word}", "target": "{label}",
                                              "metrics": ["accuracy"]}]})");
  fails({"train", "--tasks", path(dir, "bad.json"), "--out", path(dir, "c")},
        "has no column word; the columns are text, label");
  fails({"eval", "--model", path(dir, "run"), "--tasks", path(dir, "bad.json")}, "task a: ");
  write_file(dir / "metric.json", R"({"tasks": [{"name": "a", "data": "letters.csv", "input": "{text}",
                                                 "target": "{label}", "metrics": ["acuracy"]}]})");
  fails({"train", "--tasks", path(dir, "metric.json"), "--out", path(dir, "d")}, "metric acuracy is unknown");
  fails({"finetune", "--model", path(dir, "nowhere"), "--data", path(dir, "echoes.tsv"), "--out", path(dir, "e")},
        "nowhere");
}

TEST_CASE("langzoo-t5 finetune: the model that it begins with says its type, by whichever flag it is named") {
  const TempDir dir;
  write_file(dir / "pairs.tsv", "1 a\tAnna\n2 a\tdog\n3 a\tapples\n4 a\tAnna has\n");
  const auto train = [&](const std::vector<std::string>& more, const std::string& out) {
    std::vector<std::string> arguments = {"finetune", "--data", path(dir, "pairs.tsv"), "--out", path(dir, out)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  };
  const auto model = path(dir, "mt5"), other = path(dir, "t5");
  for (const std::string type : {"mt5", "t5"}) {
    succeeds(with_settings(train({"--model-type", type, "--tokenizer", "char"}, type), {"train.max_steps=1"}));
  }
  succeeds(train({"--model", model, "--init", model, "--set", "train.max_steps=1"}, "tuned"));
  CHECK(json::parse(read_file(dir / "tuned" / "config.json"))["model_type"] == "mt5");
  fails(train({"--model", model, "--init", other}, "no"), "is said as well", 2);
  fails(train({"--model", model, "--model-type", "t5"}, "no"),
        "--model-type t5: the model in " + model + " is of type mt5", 2);
  fails({"finetune", "--out", path(dir, "tuned"), "--resume", "--model-type", "t5"},
        "--model-type t5: the run in " + path(dir, "tuned") + " trains a model of type mt5", 2);
  CHECK_FALSE(std::filesystem::exists(dir / "no"));
}

TEST_CASE("langzoo-t5 corrupt: ids of each line by seed, end tokens at the ends alone") {
  const TempDir dir;
  std::string text;
  for (char c = 'a'; c <= 'z'; ++c) text += std::string(3, c) + " ";
  write_file(dir / "text.txt", text + "\n\nab\n" + text + text + text + "\n");
  succeeds(with_settings({"train", "--data", path(dir, "text.txt"), "--tokenizer", "char", "--out", path(dir, "run")},
                         {"train.max_steps=1", "data.sentinels=6"}));
  std::string messages;
  const std::vector<std::string> command = {"corrupt", "--tokenizer", path(dir, "run"), "--data", path(dir, "text.txt"),
                                            "--seed",  "3",           "--json"};
  const auto out = succeeds(command, {}, &messages);
  CHECK(out == succeeds(command));
  const auto examples = objects_in(out);
  // The last line has 312 tokens: 47 of noise in 16 spans.
  CHECK_THAT(messages, Catch::Contains("line 4: needs more sentinels than the 6 there are, split into 3"));
  REQUIRE(examples.size() == 6);
  CHECK(examples[0]["inputs"].size() == 104 - 16 + 5 + 1);
  CHECK(examples[0]["targets"].size() == 16 + 5 + 1);
  CHECK(examples[1]["inputs"].size() == 1);
  CHECK(examples[1]["targets"].size() == 1);
  CHECK(examples[2]["inputs"].size() == 3);
  const auto end = examples[1]["inputs"][0];
  for (const auto& example : examples) {
    for (const auto* const side : {"inputs", "targets"}) {
      const auto& ids = example[side];
      CHECK(ids.back() == end);
      CHECK(std::count(ids.begin(), ids.end(), end) == 1);
    }
  }
  CHECK(out != succeeds({"corrupt", "--tokenizer", path(dir, "run"), "--data", path(dir, "text.txt"), "--seed", "4",
                         "--json"}));
  CHECK_THAT(succeeds({"corrupt", "--tokenizer", path(dir, "run"), "--data", path(dir, "text.txt")}),
             Catch::Contains("<extra_id_0>"));
  // What could be taken for a sentinel, and what is not UTF-8, is said, with where the first such line is.
  succeeds(with_settings(
      {"train", "--data", path(dir, "text.txt"), "--tokenizer", "train:unigram:60", "--out", path(dir, "u")},
      {"train.max_steps=1", "data.sentinels=6"}));
  CHECK(json::parse(read_file(dir / "u" / "tokenizer.json"))["post_processor"]["single"][1]["SpecialToken"]["id"] ==
        "</s>");
  write_file(dir / "odd.txt", "aaa </s> bbb\nccc <extra_id_1> ddd\nee\xff\xfe\nff\xff\n");
  const auto odd = objects_in(
      succeeds({"corrupt", "--tokenizer", path(dir, "u"), "--data", path(dir, "odd.txt"), "--json"}, {}, &messages));
  for (const auto* const side : {"inputs", "targets"})
    CHECK(std::count(odd[0][side].begin(), odd[0][side].end(), odd[0]["inputs"].back()) == 1);
  CHECK_THAT(messages, Catch::Contains("odd.txt: line 2: holds <extra_id_1> itself"));
  CHECK_THAT(messages,
             Catch::Contains("odd.txt: line 3: is not UTF-8, so that U+FFFD is read there (2 of the texts in all)"));
  CHECK(std::count(messages.begin(), messages.end(), '\n') == 2);
  succeeds({"eval", "--model", path(dir, "u"), "--data", path(dir, "odd.txt"), "--json"}, {}, &messages);
  CHECK_THAT(messages,
             Catch::Contains("odd.txt: is not UTF-8 in 3 places, where U+FFFD is read; the first is byte 36"));
  const auto prefixes = objects_in(succeeds({"corrupt", "--tokenizer", path(dir, "run"), "--data",
                                             path(dir, "text.txt"), "--objective", "prefix_lm", "--json"}));
  CHECK(prefixes[0]["inputs"].size() + prefixes[0]["targets"].size() == 104 + 2);

  write_file(dir / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n");
  fails({"corrupt", "--tokenizer", path(dir, "vocab.txt"), "--data", path(dir, "text.txt")},
        "has no sentinel <extra_id_0>");
}

}  // namespace langzoo::test::t5_program_test
