// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include "apps/cli/translation/pair_corpus.h"
#include "data/files/files.h"
#include "models/seq2seq/seq2seq_config.h"
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
  refused(2, "--data is missing", {});
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

TEST_CASE("sums to measure a model with are none of those it was trained on") {
  const auto sums = [](const PairsOptions& options) {
    std::set<std::pair<int, int>> found;
    for (const auto& pair : read_all(*open_pairs(options))) {
      const int a = std::stoi(pair.source), b = std::stoi(pair.source.substr(pair.source.find('+') + 1));
      found.emplace(std::min(a, b), std::max(a, b));
    }
    return found;
  };
  const auto trained = sums({.data = "addition"});
  const auto measured = sums({.data = "addition", .task_pairs = 5000, .task_skip = 50'000});
  REQUIRE(trained.size() == 50'000);
  REQUIRE(measured.size() == 5000);
  CHECK(std::none_of(measured.begin(), measured.end(), [&](const auto& sum) { return trained.count(sum) > 0; }));
}

TEST_CASE("a model knows whether it was trained on kept padding") {
  const TempDir dir;
  const auto run = (dir / "run").string();
  succeed({"train", "--data", "addition", "--tokenizer", "char", "--out", run, "--threads", "1", "--set",
           "data.keep_padding=true", "data.task_pairs=100", "train.max_steps=1", "model.embedding_size=8",
           "model.hidden_size=8"});
  const std::vector<std::string> eval = {"eval", "--data",           "addition", "--pairs",
                                         "20",   "--max-new-tokens", "2",        "--json"};
  for (const auto& model : {run, run + "/best"}) {
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
}
