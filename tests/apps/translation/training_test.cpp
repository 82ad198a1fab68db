// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <sstream>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "models/seq2seq/seq2seq_config.h"
#include "tests/apps/training/saved_fingerprint.h"
#include "tests/apps/translation/translation.h"

using namespace langzoo;
using Catch::Contains;
using test::check_error;
using test::letters_of_digits;
using test::seq2seq;
using test::succeed;
using test::TempDir;
using test::train_letters;

TEST_CASE("a translator learns a small task and shows what it learned") {
  const TempDir dir;
  const auto summary = succeed(train_letters(dir, 500, {"model.input_feeding=true"})).object();
  CHECK(summary["step"] == 500);
  CHECK(summary["valid"]["exact_match"] >= 95.0);
  const auto run = (dir / "run").string();

  test::write_file(dir / "test.tsv", letters_of_digits(40, 3));
  const auto scores =
      succeed({"eval", "--model", run, "--data", (dir / "test.tsv").string(), "--num-beams", "3", "--json"}).object();
  CHECK(scores["pairs"] == 40);
  CHECK(scores["exact_match"] >= 95.0);
  CHECK(scores["perplexity"] < 1.2);
  CHECK(scores["chrf"] > 90.0);
  CHECK_THAT(scores["bleu_signature"].get<std::string>(), Contains("tok:13a"));

  // Of every pair a line, whatever its sides; from a pipe as from a file.
  const std::string pairs =
      "\xef\xbb\xbf"
      "3071\tdahb\r\n \tb\n\n12\t\n45\tef\n";
  const auto measured =
      seq2seq({"eval", "--model", run, "--data", "-", "--out", (dir / "out").string(), "--json"}, pairs);
  CHECK(measured.object()["pairs"] == 2);
  CHECK_THAT(measured.err, Contains("not measured: 3 pairs of which a side is empty"));
  CHECK(test::read_file(dir / "out") == "dahb\n\n\nbc\nef\n");
  CHECK(succeed({"translate", "--model", run, "--data", "-"},
                "\xef\xbb\xbf"
                "3071\r\n")
            .out == "dahb\n");

  const auto translated = succeed({"translate", "--model", run, "--text", "3071", "--json"}).object();
  CHECK(translated["source"] == "3071");
  CHECK(translated["text"] == "dahb");
  CHECK(translated["ids"].size() == 5);
  CHECK(translated["score"] < 0.0);

  const auto aligned = succeed({"align", "--model", run, "--text", "3071", "--translation", "dahb", "--json"}).object();
  CHECK(aligned["source_tokens"] == nlohmann::ordered_json::parse(R"(["3","0","7","1","</s>"])"));
  CHECK(aligned["target_tokens"] == nlohmann::ordered_json::parse(R"(["d","a","h","b","</s>"])"));
  for (std::size_t t = 0; t < 5; ++t) {
    const auto row = aligned["attention"][t].get<std::vector<double>>();
    REQUIRE(row.size() == 5);
    CHECK(std::accumulate(row.begin(), row.end(), 0.0) == Approx(1.0).margin(1e-5));
  }
}

TEST_CASE("a stopped and resumed training ends as one that went through") {
  const TempDir whole, parts;
  const std::vector<std::string> settings = {"model.dropout=0.2", "train.teacher_forcing=linear",
                                             "train.teacher_forcing_c=0.01", "data.translated=0"};
  succeed(train_letters(whole, 12, settings));
  auto arguments = train_letters(parts, 5, settings);
  succeed(arguments);
  arguments = train_letters(parts, 12, settings);
  arguments.insert(arguments.begin() + 1, "--resume");
  succeed(arguments);
  CHECK(read_file(parts / "run/model.safetensors") == read_file(whole / "run/model.safetensors"));
}

TEST_CASE("a model trained with bare .model files is opened again and goes on") {
  const TempDir dir;
  auto arguments = train_letters(dir, 2);
  const auto tokenizer = std::find(arguments.begin(), arguments.end(), "char");
  *tokenizer = test::fixture("tokenizers/sentencepiece/unigram.model").string();
  arguments.insert(arguments.begin() + 1,
                   {"--target-tokenizer", test::fixture("tokenizers/sentencepiece/bpe.model").string()});
  succeed(arguments);
  for (const auto& model : {dir / "run", dir / "run/best"}) {
    const auto scores = succeed(
        {"eval", "--model", model.string(), "--data", (dir / "valid.tsv").string(), "--max-new-tokens", "3", "--json"});
    CHECK(scores.object()["pairs"] == 50);
  }
  *std::find(arguments.begin(), arguments.end(), "train.max_steps=2") = "train.max_steps=3";
  arguments.insert(arguments.begin() + 1, "--resume");
  CHECK(succeed(arguments).object()["step"] == 3);
}

TEST_CASE("a translator begins with another one, its tokenizers and sizes") {
  const TempDir dir, next;
  succeed(train_letters(dir, 3, {"train.learning_rate=0.001"}));
  test::write_file(next / "more.tsv", letters_of_digits(60, 5));
  const auto init = (dir / "run").string();
  const auto begin = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train",
                                          "--init",
                                          init,
                                          "--data",
                                          (next / "more.tsv").string(),
                                          "--out",
                                          (next / "run").string(),
                                          "--json",
                                          "--set",
                                          "train.max_steps=1",
                                          "train.learning_rate=1e-12"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return seq2seq(arguments);
  };
  check_error(begin({"model.hidden_size=7"}), 2, "model.hidden_size = 7: the model in " + init);
  check_error(begin({"data.target_tokenizer=char"}), 2, "data.target_tokenizer = char");
  const auto result = begin({});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto before = load_safetensors(dir / "run/model.safetensors"),
             after = load_safetensors(next / "run/model.safetensors");
  REQUIRE(before.keys() == after.keys());
  for (const auto& name : before.keys()) CHECK(test::max_difference(before[name], after[name]) < 1e-6);
  CHECK(read_file(next / "run/tokenizer.json") == read_file(dir / "run/tokenizer.json"));
}

TEST_CASE("a number of pairs is refused beside a target tokens' budget") {
  const TempDir dir;
  check_error(seq2seq(train_letters(dir, 1, {"train.batch_tokens=300", "train.batch_size=32"})), 2,
              "train.batch_size = 32: train.batch_tokens = 300 (0 lets it count) makes no use of it");
}

TEST_CASE("--resume takes the same pairs by another name, and no others") {
  const TempDir dir;
  auto arguments = train_letters(dir, 2);
  succeed(arguments);
  arguments.insert(arguments.begin() + 1, "--resume");
  const auto resume = [&](int steps, const std::string& data, const std::string& valid) {
    auto again = arguments;
    *std::find(again.begin(), again.end(), "train.max_steps=2") = "train.max_steps=" + std::to_string(steps);
    *std::find(again.begin(), again.end(), (dir / "train.tsv").string()) = (dir / data).string();
    *std::find(again.begin(), again.end(), (dir / "valid.tsv").string()) = (dir / valid).string();
    return seq2seq(again);
  };
  auto other = letters_of_digits(2000, 1), other_valid = letters_of_digits(50, 2);
  other.front() = other.front() == '0' ? '1' : '0';
  other_valid.front() = other_valid.front() == '0' ? '1' : '0';
  test::write_file(dir / "moved.tsv", letters_of_digits(2000, 1));
  test::write_file(dir / "other.tsv", other);
  test::write_file(dir / "other_valid.tsv", other_valid);
  CHECK(resume(3, "moved.tsv", "valid.tsv").code == 0);
  check_error(resume(4, "other.tsv", "valid.tsv"), 1, "the training data is another, in its pairs:");
  check_error(resume(4, "train.tsv", "other_valid.tsv"), 1, "the training data is another, in its validation:");
  CHECK(resume(4, "train.tsv", "valid.tsv").code == 0);
}

TEST_CASE("a run whose pairs came from a pipe goes on with the same, and says where it cannot") {
  const TempDir dir;
  const auto pairs = letters_of_digits(200, 1);
  const auto run = [&](const std::string& data, int steps, bool resume, const std::string& input) {
    std::vector<std::string> arguments = {"train",
                                          "--out",
                                          (dir / "run").string(),
                                          "--threads",
                                          "1",
                                          "--set",
                                          "train.max_steps=" + std::to_string(steps)};
    if (resume) arguments.insert(arguments.begin() + 1, "--resume");
    if (!resume) arguments.insert(arguments.end(), {"data.tokenizer=char", "model.hidden_size=8"});
    if (!data.empty()) arguments.insert(arguments.begin() + 1, {"--data", data});
    return seq2seq(arguments, input);
  };
  REQUIRE(run("-", 1, false, pairs + "1\ta\tCC-BY\n").code == 0);
  const auto resumed = run("", 2, true, pairs + "1\ta\tCC-BY\n");
  INFO(resumed.err);
  CHECK(resumed.code == 0);
  CHECK_THAT(resumed.err, Catch::Contains("data.train = -: the run's data is read from stdin once more") &&
                              Catch::Contains("left out: what follows a second TAB in 1 lines, line 201 the first"));
  test::write_file(dir / "pairs.tsv", pairs + "1\ta\n");
  REQUIRE(run((dir / "pairs.tsv").string(), 3, true, "").code == 0);
  std::filesystem::remove(dir / "pairs.tsv");
  check_error(run("", 4, true, ""), 1, "pairs.tsv: is not there any more, as no pipe is; data.train says where");
}

TEST_CASE("a run of an earlier version goes on where its batches are the same, else that is said") {
  const TempDir dir;
  auto arguments = train_letters(dir, 2);
  succeed(arguments);
  const auto print = test::saved_fingerprint(dir / "run").substr(std::string("translation ").size());
  const auto pairs = print.substr(0, print.find(" validation"));
  const auto save_as = [&](const std::string& batches) {
    test::set_saved_fingerprint(dir / "run", "translation " + pairs + " " + batches + " seed 1");
  };
  arguments.insert(arguments.begin() + 1, "--resume");
  *std::find(arguments.begin(), arguments.end(), "train.max_steps=2") = "train.max_steps=3";
  save_as("tokens 0 sentences 31");
  check_error(seq2seq(arguments), 1, "the training data is another");
  save_as("tokens 0 sentences 32");
  const auto result = succeed(arguments);
  CHECK(result.object()["step"] == 3);
  CHECK_THAT(result.err, Contains("saved by an earlier version"));

  const TempDir by_tokens;
  arguments = train_letters(by_tokens, 2, {"train.batch_tokens=300"});
  succeed(arguments);
  test::set_saved_fingerprint(by_tokens / "run", "translation " + pairs + " tokens 300 sentences 0 seed 1");
  arguments.insert(arguments.begin() + 1, "--resume");
  check_error(seq2seq(arguments), 1, "train.batch_tokens = 300 counted the tokens of both sides");
}

TEST_CASE("train.batch_tokens is what a step has of target tokens, whatever its parts") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 200; ++i) text += std::to_string(1000 + i) + " and more\t" + std::to_string(1000 + i) + "\n";
  test::write_file(dir / "pairs.tsv", text);
  for (const auto* accumulation : {"1", "2"}) {
    const auto summary =
        succeed({"train", "--data", (dir / "pairs.tsv").string(), "--out", (dir / accumulation).string(), "--tokenizer",
                 "char", "--epochs", "1", "--threads", "1", "--json", "--set", "data.valid_fraction=0",
                 "train.batch_tokens=100", std::string("train.accumulation=") + accumulation, "model.embedding_size=8",
                 "model.hidden_size=8"})
            .object();
    CHECK(summary["step"] == 200 * 5 / 100);  // four digits and the end
  }
}

TEST_CASE("the best model is that of the highest score where a score decides") {
  const TempDir dir;
  succeed(
      train_letters(dir, 300, {"train.eval_every=30", "train.best_metric=exact_match", "model.input_feeding=true"}));
  std::istringstream lines(read_file(dir / "run/metrics.jsonl"));
  double highest = 0;
  int evaluations = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto entry = nlohmann::ordered_json::parse(line);
    if (!entry.contains("valid")) continue;
    const auto score = entry["valid"]["exact_match"].get<double>();
    CHECK(entry["best"] == (evaluations++ == 0 || score > highest));
    highest = std::max(highest, score);
  }
  CHECK(evaluations == 10);
  CHECK(highest > 20);
  const auto scores = succeed({"eval", "--model", (dir / "run/best").string(), "--data", (dir / "valid.tsv").string(),
                               "--num-beams", "1", "--json"})
                          .object();
  CHECK(scores["exact_match"] == highest);
}

TEST_CASE("sources and targets may have files and tokenizers of their own") {
  const TempDir dir;
  std::string sources, targets;
  for (int i = 0; i < 40; ++i) {
    sources += "what is " + std::to_string(i) + "\n";
    targets += "c'est " + std::to_string(i) + " évidemment\n";
  }
  test::write_file(dir / "train.en", sources);
  test::write_file(dir / "train.fr", targets);
  const auto run = (dir / "run").string();
  succeed({"train", "--data", (dir / "train.en").string(), "--target", (dir / "train.fr").string(), "--out", run,
           "--tokenizer", "train:word:300", "--target-tokenizer", "train:unigram:300", "--threads", "1", "--set",
           "train.max_steps=2", "model.embedding_size=8", "model.hidden_size=8"});
  CHECK(std::filesystem::exists(dir / "run/target_tokenizer/tokenizer.json"));
  const auto scores = succeed({"eval", "--model", run, "--data", (dir / "train.en").string(), "--target",
                               (dir / "train.fr").string(), "--max-new-tokens", "5", "--json"})
                          .object();
  CHECK(scores["pairs"] == 40);
}

TEST_CASE("every task that needs no file trains and is evaluated") {
  const auto task = GENERATE("addition", "dates", "microworld-ko");
  const TempDir dir;
  const auto run = (dir / "run").string();
  succeed({"train", "--data", task, "--out", run, "--tokenizer", "char", "--threads", "1", "--set", "train.max_steps=2",
           "data.task_pairs=100", "data.translated=4", "model.embedding_size=8", "model.hidden_size=8"});
  const auto scores =
      succeed({"eval", "--model", run, "--data", task, "--pairs", "7", "--max-new-tokens", "4", "--json"});
  CHECK(scores.object()["pairs"] == 7);
}

TEST_CASE("what is wrong with a training is said before it begins, and nothing stays behind") {
  const TempDir dir;
  test::write_file(dir / "pairs.tsv", letters_of_digits(30, 1));
  test::write_file(dir / "broken.tsv", "12\tab\n34 cd\n");
  test::write_file(dir / "latin1.tsv", "12\tab\n34\tc\xe9\n");
  test::write_file(dir / "short.txt", "one\ntwo\n");
  test::write_file(dir / "long.txt", "un\ndeux\ntrois\n");
  const auto pairs = (dir / "pairs.tsv").string(), out = (dir / "run").string();
  const auto refused = [&](int code, const std::string& names, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"train", "--out", out});
    check_error(seq2seq(arguments), code, names);
    CHECK_FALSE(std::filesystem::exists(out));
  };
  refused(2, "--data", {});
  refused(1, "absent.tsv", {"--data", (dir / "absent.tsv").string()});
  refused(1, "line 2", {"--data", (dir / "broken.tsv").string(), "--tokenizer", "char"});
  refused(1, "2",
          {"--data", (dir / "short.txt").string(), "--target", (dir / "long.txt").string(), "--tokenizer", "char"});
  refused(1, "latin1.tsv: line 2: is not UTF-8", {"--data", (dir / "latin1.tsv").string(), "--tokenizer", "char"});
  refused(2, "data.tokenizer", {"--data", pairs, "--tokenizer", "train:pieces:500"});
  refused(2, "addition", {"--data", "addition", "--target", pairs});
  refused(2, "attention_query", {"--data", pairs, "--tokenizer", "char", "--set", "model.attention_query=sideways"});
  refused(2, "target_vocab_size", {"--data", pairs, "--tokenizer", "char", "--set", "model.target_vocab_size=3"});
  refused(2, "teacher_forcing", {"--data", pairs, "--tokenizer", "char", "--set", "train.teacher_forcing_k=2"});
  refused(2, "data.valid_target", {"--data", pairs, "--valid-target", pairs});
  refused(2, "attention_query",
          {"--data", pairs, "--tokenizer", "char", "--target-tokenizer", "char", "--set", "model.attention_query=no"});
}

TEST_CASE("a published architecture's preset is its wiring") {
  for (const std::string name : {"plain", "bahdanau", "luong", "local-p", "gnmt"}) {
    INFO(name);
    const TempDir dir;
    succeed({"train", "--data", "addition", "--preset", name, "--tokenizer", "char", "--out", (dir / "run").string(),
             "--threads", "1", "--set", "data.task_pairs=40", "train.max_steps=1", "train.batch_size=4",
             "model.hidden_size=8", "model.embedding_size=8", "model.attention_size=8", "model.maxout_size=8"});
    const auto made = nlohmann::json::parse(read_file(dir / "run/config.json"));
    const auto published = nlohmann::json::parse(write_fields(Seq2SeqConfig::preset(name)));
    for (const auto& [key, value] : published.items()) {
      if (key.ends_with("_size") || key.ends_with("_token_id")) continue;
      INFO(key);
      CHECK(made[key] == value);
    }
  }
}

TEST_CASE("a model knows whether it was trained on kept padding") {
  const TempDir dir;
  const auto run = (dir / "run").string();
  succeed({"train", "--data", "addition", "--tokenizer", "char", "--out", run, "--threads", "1", "--set",
           "data.keep_padding=true", "data.task_pairs=100", "train.max_steps=1", "model.embedding_size=8",
           "model.hidden_size=8"});
  const std::vector<std::string> eval = {"eval", "--data",           "addition", "--pairs",
                                         "20",   "--max-new-tokens", "2",        "--json"};
  std::filesystem::create_directories(dir / "elsewhere");
  std::filesystem::copy(dir / "run/best", dir / "elsewhere/copy", std::filesystem::copy_options::recursive);
  for (const auto& model : {run, run + "/best", (dir / "elsewhere/copy").string()}) {
    auto arguments = eval;
    arguments.insert(arguments.end(), {"--model", model});
    CHECK(succeed(arguments).object()["tokens"] == 20 * 5);
  }
}

TEST_CASE("JSON lines may name their fields") {
  const TempDir dir;
  std::string lines;
  for (int i = 0; i < 30; ++i)
    lines += R"({"translation": {"en": "yes", "fr": "oui"}})"
             "\n";
  test::write_file(dir / "pairs.jsonl", lines);
  const auto data = (dir / "pairs.jsonl").string(), run = (dir / "run").string();
  succeed({"train", "--data", data, "--tokenizer", "char", "--out", run, "--threads", "1", "--set",
           "data.source_key=en", "data.target_key=fr", "train.max_steps=1", "model.embedding_size=8",
           "model.hidden_size=8"});
  const auto scores = succeed({"eval", "--model", run, "--data", data, "--source-key", "en", "--target-key", "fr",
                               "--max-new-tokens", "2", "--json"});
  CHECK(scores.object()["pairs"] == 30);
  const auto piped = succeed({"eval", "--model", run, "--data", "-", "--source-key", "en", "--target-key", "fr",
                              "--max-new-tokens", "2", "--seed", "4", "--json"},
                             lines);
  CHECK(piped.object()["pairs"] == 30);
  CHECK(piped.err == "warning: --seed has no effect where --data names a file\n");
  check_error(
      seq2seq({"eval", "--model", run, "--data", data, "--source-key", "en", "--target-key", "fr", "--out", "-"}), 2,
      "--out: stdout is for the figures");
}
