// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <csignal>
#include <fstream>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "apps/training/tasks/word_vectors.h"
#include "data/random/random.h"
#include "data/words/vocabulary.h"
#include "models/io/safetensors.h"
#include "models/word2vec/word2vec.h"
#include "models/word_vectors/formats.h"
#include "models/word_vectors/word_vectors.h"
#include "tests/support/process.h"

namespace langzoo::test::train_test {

using test::check_error;
using test::max_difference;
using test::Process;
using test::Result;
using test::TempDir;
using Json = nlohmann::ordered_json;

namespace {

Result word2vec(std::vector<std::string> arguments) {
  return Process("langzoo-word2vec", std::move(arguments)).wait();
}

/// "x0 y0 x0 ...": words of two kinds, each among its own.
std::string two_topics(int lines, std::uint64_t seed = 1) {
  Random random(seed);
  std::string text;
  for (int line = 0; line < lines; ++line) {
    const auto topic = random.below(2) == 0 ? "sea" : "hill";
    for (int i = 0; i < 8; ++i) text += topic + std::to_string(random.below(6)) + " ";
    text += "\n";
  }
  return text;
}

std::vector<std::string> training(const std::filesystem::path& data, const std::filesystem::path& out,
                                  const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {
      "train", "--data", data.string(), "--out", out.string(), "--json", "--threads", "1",
      "--dim", "12",     "--sample",    "0",     "--epochs",   "3",      "--set",     "train.batch_tokens=2000"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

double cosine(const WordVectors& vectors, const std::string& a, const std::string& b) {
  return vectors.similarity(a, b).value();
}

WordVectors vectors_of(const std::filesystem::path& dir) {
  const auto words = Vocabulary::load(dir / "vocab.tsv").words();
  return {words, from_pretrained<Word2Vec>(dir)->word_vectors(words)};
}

TEST_CASE("every kind of word2vec model trains from the command line") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(1500));
  int run = 0;
  for (const auto* model : {"skipgram", "cbow"}) {
    for (const auto* objective : {"ns", "hs", "softmax"}) {
      INFO(model << " " << objective);
      const auto out = dir / std::to_string(++run);
      const auto result = word2vec(training(dir / "text.txt", out, {"--model", model, "--objective", objective}));
      INFO(result.err);
      REQUIRE(result.code == 0);
      const auto summary = Json::parse(result.out);
      CHECK(summary["tokens"] == 3 * 1500 * 8);
      CHECK(summary["tokens_per_second"] > 0);
      const auto vectors = vectors_of(out);
      CHECK(vectors.size() == 12);
      CHECK(cosine(vectors, "sea0", "sea3") > cosine(vectors, "sea0", "hill3"));
      CHECK(std::filesystem::exists(out / "report.html"));
    }
  }
}

TEST_CASE("the loss shown is nats a pair: for an untrained model log 2 for each of 1 + k words") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(200));
  const auto result = word2vec(training(dir / "text.txt", dir / "out", {"--learning-rate", "1e-9", "--negative", "4"}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  // A negative that is the word itself is left out: one in twelve here, more or less.
  const auto loss = Json::parse(result.out)["train_loss"].get<double>();
  CHECK(loss < std::log(2.0) * 5);
  CHECK(loss > std::log(2.0) * (1 + 4 * 0.88));
}

TEST_CASE("deterministic training gives the same bytes on one thread and on two, whole or resumed") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(100000));
  const auto weights = [&](const std::string& name) { return test::read_file(dir / name / "model.safetensors"); };
  auto one = training(dir / "text.txt", dir / "one", {"--deterministic"});
  auto two = training(dir / "text.txt", dir / "two", {"--deterministic"});
  two[7] = "2";
  REQUIRE(word2vec(one).code == 0);
  REQUIRE(word2vec(two).code == 0);
  CHECK(weights("one") == weights("two"));

  Process stopped("langzoo-word2vec", training(dir / "text.txt", dir / "part", {"--deterministic"}));
  while (stopped.err().find("step ") == std::string::npos) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  stopped.signal(SIGTERM);
  CHECK(stopped.wait().code == 0);
  const auto resumed = word2vec(
      {"train", "--out", (dir / "part").string(), "--data", (dir / "text.txt").string(), "--resume", "--threads", "2"});
  INFO(resumed.err);
  REQUIRE(resumed.code == 0);
  CHECK(weights("part") == weights("one"));
}

TEST_CASE("--resume takes the same text by another name, and no other text, for every kind") {
  TempDir dir;
  auto other = two_topics(200);  // of as many words, the same ones
  std::rotate(other.begin(), other.begin() + static_cast<std::ptrdiff_t>(other.find('\n')) + 1, other.end());
  test::write_file(dir / "text.txt", two_topics(200));
  test::write_file(dir / "moved.txt", two_topics(200));
  test::write_file(dir / "other.txt", other);
  for (const std::string kind : {"skipgram", "glove", "ppmi-svd"}) {
    CAPTURE(kind);
    const auto out = dir / kind;
    REQUIRE(word2vec({"train", "--data", dir / "text.txt", "--model", kind, "--dim", "4", "--out", out}).code == 0);
    const auto moved = word2vec({"train", "--data", dir / "moved.txt", "--out", out, "--resume"});
    INFO(moved.err);
    CHECK(moved.code == 0);
    const auto refused = word2vec({"train", "--data", dir / "other.txt", "--out", out, "--resume"});
    CHECK(refused.code == 1);
    CHECK_THAT(refused.err, Catch::Contains("the training data is another"));
  }
}

TEST_CASE("deterministic training gives the same bytes on any number of threads, for every kind") {
  TempDir dir;
  // Enough words for LibTorch to share its sums among threads.
  std::string text;
  Random random(3);
  for (int i = 0; i < 20000; ++i) text += "w" + std::to_string(random.below(2000)) + (i % 10 == 9 ? "\n" : " ");
  test::write_file(dir / "text.txt", text);
  int run = 0;
  for (const std::vector<std::string>& kind : std::vector<std::vector<std::string>>{
           {"--objective", "softmax", "--epochs", "1", "--set", "train.batch_tokens=2000"},
           {"--model", "cbow", "--objective", "hs"},
           {"--model", "skipgram", "--set", "train.optimizer=sgd", "train.batch_tokens=5000"},
           {"--model", "glove", "--epochs", "3"},
           {"--model", "glove", "--epochs", "1", "--set", "train.optimizer=adamw"},
           {"--model", "ppmi-svd"}}) {
    std::vector<std::string> weights;
    for (const std::string threads : {"1", "2"}) {
      const auto out = dir / std::to_string(++run);
      std::vector<std::string> arguments = {"train",     "--data", dir / "text.txt",  "--out",       out, "--dim", "64",
                                            "--threads", threads,  "--deterministic", "--min-count", "1"};
      arguments.insert(arguments.end(), kind.begin(), kind.end());
      const auto result = word2vec(arguments);
      INFO(result.err);
      REQUIRE(result.code == 0);
      weights.push_back(test::read_file(out / "model.safetensors"));
    }
    INFO(kind[1] << ' ' << kind.back());
    CHECK(weights[0] == weights[1]);
  }
}

TEST_CASE("a short text is learned with the settings that nobody gave, even in one epoch") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(2000));
  const auto train = [&](const std::string& epochs) {
    const auto result = word2vec({"train", "--data", dir / "text.txt", "--out", dir / epochs, "--sample", "0",
                                  "--threads", "1", "--epochs", epochs, "--json"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return Json::parse(result.out);
  };
  const auto summary = train("1");
  CHECK(summary["step"] == 8);  // 16,000 words, 2,000 a step
  const auto vectors = vectors_of(dir / "1");
  CHECK(cosine(vectors, "sea0", "sea3") > 0.9);
  CHECK(cosine(vectors, "sea0", "sea3") > cosine(vectors, "sea0", "hill3") + 0.3);
  CHECK(train("20")["step"] == 160);
  // word2vec.c begins at its learning rate.
  const auto metrics = test::read_file(dir / "20" / "metrics.jsonl");
  const auto first = Json::parse(metrics.substr(0, metrics.find('\n')));
  CHECK(first["learning_rate"].get<double>() > 0.02);
}

TEST_CASE("many more negatives, or neighbours, than there are words are learned from as well") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(300));
  for (const auto& settings :
       std::vector<std::vector<std::string>>{{"--negative", "1000"},
                                             {"--negative", "1000", "--subwords", "--set", "model.buckets=50"},
                                             {"--window", "1000", "--set", "data.lines=false"}}) {
    const auto result = word2vec(training(dir / "text.txt", dir / "out", settings));
    INFO(settings[0] << " " << result.err);
    REQUIRE(result.code == 0);
    CHECK(Json::parse(result.out)["train_loss"] < 20.0);
    std::filesystem::remove_all(dir / "out");
  }
}

TEST_CASE("a learning rate that no number survives is an error, whatever the kind") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(50));
  for (const std::string model : {"skipgram", "cbow", "glove"}) {
    const auto result = word2vec({"train", "--data", dir / "text.txt", "--out", dir / "out", "--threads", "1",
                                  "--model", model, "--learning-rate", "1e30"});
    INFO(model);
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Catch::Contains("is not finite"));
    std::filesystem::remove_all(dir / "out");
  }
}

TEST_CASE("words that are too long are left out, which is said") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(100) + std::string(1001, 'x') + " " + std::string(300'000, 'y') + "\n");
  const auto result = word2vec(training(dir / "text.txt", dir / "out"));
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("left out: 2 words of more than 1000 bytes"));
}

TEST_CASE("a text comes from a pipe, byte order mark and all") {
  TempDir dir;
  const auto text = two_topics(100);
  const auto result = Process("langzoo-word2vec", training("-", dir / "out"), "\xef\xbb\xbf" + text).wait();
  INFO(result.err);
  REQUIRE(result.code == 0);
  test::write_file(dir / "text.txt", text);
  REQUIRE(word2vec(training(dir / "text.txt", dir / "same")).code == 0);
  CHECK(test::read_file(dir / "out" / "vocab.tsv") == test::read_file(dir / "same" / "vocab.tsv"));
}

TEST_CASE("nothing to learn from is an error") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(100));
  const auto fails = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train", "--data", dir / "text.txt", "--out", dir / "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const auto result = word2vec(arguments);
    CHECK(result.code == 1);
    CHECK_THAT(result.err, Catch::Contains("nothing to learn from") && Catch::Contains("model.sample"));
    std::filesystem::remove_all(dir / "out");
  };
  fails({"--sample", "1e-300"});
  fails({"--sample", "1e-300", "--set", "train.optimizer=adamw"});
}

TEST_CASE("a kind without a loss shows none") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(100));
  const auto result = word2vec(
      {"train", "--data", dir / "text.txt", "--model", "ppmi-svd", "--dim", "5", "--out", dir / "out", "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(Json::parse(result.out)["train_loss"].is_null());
  CHECK_THAT(result.err, !Catch::Contains("nan") && !Catch::Contains("loss"));
  CHECK_THAT(test::read_file(dir / "out" / "metrics.jsonl"), Catch::Contains("\"loss\":null"));
  const auto again = word2vec({"train", "--out", dir / "out", "--resume"});
  CHECK(again.code == 0);
  CHECK_THAT(again.out, Catch::Contains("train loss -"));
}

TEST_CASE("words of the text are all told, whatever the steps of glove") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(101));
  const auto result = word2vec({"train", "--data", dir / "text.txt", "--model", "glove", "--dim", "5", "--out",
                                dir / "out", "--epochs", "3", "--set", "train.optimizer=adamw", "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(Json::parse(result.out)["tokens"] == 3 * 101 * 8);
}

TEST_CASE("settings that nobody would read, and settings that contradict each other, are usage errors") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(50));
  const auto refused = [&](const std::string& names, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train", "--data", dir / "text.txt", "--out", dir / "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    INFO(names);
    check_error(word2vec(arguments), 2, names);
    CHECK_FALSE(std::filesystem::exists(dir / "out"));
  };
  for (const std::string setting :
       {"ema_decay=0.5", "clip_norm=1", "weight_decay=0.1", "accumulation=2", "dtype=bfloat16"}) {
    refused("train." + setting.substr(0, setting.find('=')), {"--set", "train." + setting});
  }
  refused("train.dtype", {"--dtype", "bfloat16"});
  refused("train.batch_size", {"--set", "train.batch_size=5"});
  refused("--objective (model.objective)", {"--model", "glove", "--objective", "hs"});
  refused("--negative (model.negative)", {"--model", "glove", "--negative", "7"});
  refused("--subwords", {"--model", "glove", "--subwords"});
  refused("--negative (model.negative)", {"--model", "ppmi-svd", "--negative", "7"});
  refused("--learning-rate", {"--model", "ppmi-svd", "--learning-rate", "0.1"});
  refused("train.optimizer", {"--model", "ppmi-svd", "--set", "train.optimizer=adamw"});
  refused("model.x_max", {"--set", "model.x_max=5"});
  refused("--negative", {"--objective", "hs", "--negative", "7"});
  refused("model.negative = 0", {"--negative", "0"});
  refused("model.min_n", {"--set", "model.min_n=2"});
  refused("model.min_n = 7", {"--subwords", "--set", "model.min_n=7"});
  refused("model.alpha", {"--model", "glove", "--set", "model.alpha=2"});
  refused("model.context_smoothing", {"--model", "ppmi-svd", "--set", "model.context_smoothing=0"});
  refused("data.counting_memory_mb", {"--model", "glove", "--set", "data.counting_memory_mb=9007199254740993"});
  refused("train.max_steps", {"--set", "train.max_steps=0"});
  refused("softmax", {"--objective", "softmax", "--set", "train.optimizer=own"});
  refused("--device cuda", {"--device", "cuda"});
  refused("--device cuda", {"--objective", "softmax", "--deterministic", "--device", "cuda"});
  refused("model.dim", {"--model", "ppmi-svd"});  // 100 of 12 words
  for (const std::string model : {"cbow", "glove", "ppmi-svd"}) {
    refused("train.max_epochs = 0, no bound, needs one of steps", {"--model", model, "--epochs", "0"});
  }
}

TEST_CASE("a run that began from another model goes on without it") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(400));
  REQUIRE(word2vec(training(dir / "text.txt", dir / "old")).code == 0);
  const auto init = std::vector<std::string>{"--init", dir / "old", "--deterministic"};
  REQUIRE(word2vec(training(dir / "text.txt", dir / "whole", init)).code == 0);
  auto part = init;
  part.insert(part.end(), {"--set", "train.max_steps=3"});
  REQUIRE(word2vec(training(dir / "text.txt", dir / "part", part)).code == 0);
  std::filesystem::rename(dir / "old", dir / "gone");
  const auto result = word2vec({"train", "--out", dir / "part", "--resume", "--set", "train.max_steps=1000000000"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("going on after step 3"));
}

TEST_CASE("words that a file of vectors knows begin with them, in every format and of every kind") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(60));
  std::vector<std::string> words = {"sea0", "hill3", "moon"};
  const auto given = WordVectors(words, torch::randn({3, 12}));
  using Format = VectorFormat;
  for (const auto& [name, format] :
       {std::pair{"v.txt", Format::kText}, {"v.bin", Format::kBinary}, {"v.glove", Format::kGlove}})
    write_word_vectors(dir / name, given, format);
  const auto begin = [&](const std::string& out, const std::string& init, const std::vector<std::string>& more) {
    auto arguments = training(dir / "text.txt", dir / out, more);
    arguments.insert(arguments.begin() + 1, {"--init", (dir / init).string(), "--learning-rate", "1e-12"});
    arguments.erase(std::find(arguments.begin(), arguments.end(), "--dim"),
                    std::find(arguments.begin(), arguments.end(), "--sample"));
    return word2vec(arguments);
  };
  const auto check_begins = [&](const WordVectors& vectors, const Result& result, const std::string& init) {
    CHECK_THAT(result.err, Catch::Contains("2 of 12 words begin with the vectors in " + (dir / init).string()));
    REQUIRE(vectors.size() == 12);
    for (const std::string word : {"sea0", "hill3"})
      CHECK(max_difference(*vectors.vector(word), *given.vector(word)) < 1e-5);
    CHECK(vectors.vector("sea1")->abs().max().item<double>() < 0.2);  // as usual
  };
  for (const std::string init : {"v.txt", "v.bin", "v.glove"}) {
    const auto result = begin("from " + init, init, {});
    INFO(result.err);
    REQUIRE(result.code == 0);
    check_begins(vectors_of(dir / ("from " + init)), result, init);
  }
  auto arguments = training(dir / "text.txt", dir / "glove", {});
  arguments.resize(arguments.size() - 2);  // without train.batch_tokens
  arguments.insert(arguments.begin() + 1,
                   {"--model", "glove", "--init", (dir / "v.txt").string(), "--learning-rate", "1e-12"});
  arguments.erase(std::find(arguments.begin(), arguments.end(), "--sample"),
                  std::find(arguments.begin(), arguments.end(), "--epochs"));
  const auto glove = word2vec(arguments);
  INFO(glove.err);
  REQUIRE(glove.code == 0);
  check_begins(load_word_vectors(dir / "glove"), glove, "v.txt");
  // Another kind's folder gives its vectors, too.
  const auto crossed = begin("crossed", "glove", {"--model", "skipgram"});
  INFO(crossed.err);
  REQUIRE(crossed.code == 0);
  CHECK_THAT(crossed.err, Catch::Contains("12 of 12 words begin"));

  check_error(begin("wrong", "v.txt", {"model.dim=9"}), 2,
              "model.dim = 9: the vectors in " + (dir / "v.txt").string() + " have 12");
  check_error(begin("wrong", "none.txt", {}), 1, "none.txt");
  test::write_file(dir / "model.bin", std::string("\xba\x16\x4f\x2f\x0c\0\0\0", 8));
  check_error(begin("wrong", "model.bin", {}), 1, "is a fastText model (.bin)");
  CHECK(!std::filesystem::exists(dir / "wrong"));
}

TEST_CASE("what goes on from another model says what it cannot take over") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(400));
  REQUIRE(word2vec(training(dir / "text.txt", dir / "old", {"--objective", "hs"})).code == 0);
  const auto result = word2vec(training(dir / "text.txt", dir / "new", {"--init", dir / "old"}));
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("tree of hs begins anew"));
  // Before words are counted.
  const auto refused = [&](const std::vector<std::string>& settings, const std::string& names) {
    auto arguments = settings;
    arguments.insert(arguments.begin(), {"--init", dir / "old"});
    const auto failed = word2vec(training(dir / "text.txt", dir / "wrong", arguments));
    check_error(failed, 2, names);
    CHECK_THAT(failed.err, !Catch::Contains("counting words"));
  };
  refused({"--subwords"}, "model.subwords = true: the model in " + (dir / "old").string() + " has false");
  refused({"--dim", "3"}, "model.dim = 3: the model in ");
  // A vocabulary that is not the model's.
  std::ofstream(dir / "old" / "vocab.tsv", std::ios::app) << "wave\t3\n";
  check_error(word2vec(training(dir / "text.txt", dir / "wrong", {"--init", dir / "old"})), 1,
              "vocab.tsv: has 13 words, the model 12");
}

TEST_CASE("the report shows the most frequent words, also of an extended vocabulary") {
  TempDir dir;
  test::write_file(dir / "old.txt", two_topics(50));
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "wave foam wave foam\n";
  test::write_file(dir / "new.txt", text);
  REQUIRE(word2vec(training(dir / "old.txt", dir / "old")).code == 0);
  REQUIRE(word2vec(training(dir / "new.txt", dir / "new", {"--init", dir / "old"})).code == 0);
  // 14 words: the samples begin at the fourth most frequent, behind wave and foam; they are no sample themselves.
  const auto report = test::read_file(dir / "new" / "report.html");
  CHECK_THAT(report, !Catch::Contains("<b>wave: </b>") && !Catch::Contains("<b>foam: </b>"));
}

TEST_CASE("train's help says whose defaults it lists, and offers no presets where there are none") {
  const auto help = word2vec({"train", "--help"}).out;
  CHECK_THAT(help, !Catch::Contains("--preset") && !Catch::Contains("train.batch_size"));
  CHECK_THAT(help, Catch::Contains("defaults of skipgram") && Catch::Contains("model.window = 15"));
}

TEST_CASE("training goes on with new text: old words keep their vectors' beginning, new ones join") {
  TempDir dir;
  test::write_file(dir / "old.txt", two_topics(800));
  test::write_file(dir / "new.txt",
                   two_topics(400, 2) + "sea0 wave sea1 wave\nsea2 wave sea0 wave\nsea1 wave sea3 wave\n");
  REQUIRE(word2vec(training(dir / "old.txt", dir / "old")).code == 0);
  const auto result =
      word2vec(training(dir / "new.txt", dir / "new", {"--init", (dir / "old").string(), "--learning-rate", "1e-7"}));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto before = vectors_of(dir / "old"), after = vectors_of(dir / "new");
  CHECK(after.size() == before.size() + 1);
  CHECK(after.words().back() == "wave");
  CHECK(max_difference(after.vectors().narrow(0, 0, 12), before.vectors()) < 1e-4);
  const auto wrong =
      word2vec(training(dir / "new.txt", dir / "wrong", {"--init", (dir / "old").string(), "--dim", "9"}));
  check_error(wrong, 2, "model.dim = 9");
}

TEST_CASE("subwords give unseen words a vector near their kin") {
  TempDir dir;
  test::write_file(dir / "text.txt", two_topics(1500));
  auto arguments = training(dir / "text.txt", dir / "out", {"model.buckets=2000"});
  arguments.insert(arguments.begin() + 1, "--subwords");
  const auto result = word2vec(arguments);
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto model = from_pretrained<Word2Vec>(dir / "out");
  const auto unseen = model->subword_vector("sea77");
  REQUIRE(unseen.defined());
  const auto vectors = vectors_of(dir / "out");
  const auto nearest = vectors.nearest(unseen, 6);
  for (const auto& neighbor : nearest) CHECK(neighbor.word.substr(0, 3) == "sea");
}

TEST_CASE("text and settings that cannot be trained on are named, and leave nothing behind") {
  TempDir dir;
  const auto fails = [&](const std::string& text, int code, const std::string& names,
                         const std::vector<std::string>& more = {}) {
    test::write_file(dir / "bad.txt", text);
    INFO(text.substr(0, 40));
    check_error(word2vec(training(dir / "bad.txt", dir / "bad", more)), code, names);
    CHECK_FALSE(std::filesystem::exists(dir / "bad"));
  };
  fails("", 1, "bad.txt");
  fails(" \n", 1, "bad.txt: the text holds no word");
  fails("one two three\n", 1,
        "bad.txt: no word occurs min_count = 5 times: the most frequent of 3 words occurs 1 (data.min_count = 5)");
  fails("word word word word word word\n", 1, "one word");
  fails(two_topics(50), 2, "--dim: model.dim = wide", {"--dim", "wide"});
  fails(two_topics(50), 2, "negative = 0", {"--negative", "0"});
  fails(two_topics(50), 2, "ns, hs, softmax", {"--objective", "bce"});
  check_error(word2vec(training(dir / "missing.txt", dir / "bad")), 1, "missing.txt");
}

TEST_CASE("bytes that are no UTF-8 are words like others") {
  TempDir dir;
  std::string text;
  for (int i = 0; i < 50; ++i) text += "caf\xe9 \xff\xfe na\xc3\xafve caf\xe9\n";
  test::write_file(dir / "text.txt", text);
  const auto result = word2vec(training(dir / "text.txt", dir / "out"));
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto words = Vocabulary::load(dir / "out" / "vocab.tsv").words();
  CHECK(std::set<std::string>(words.begin(), words.end()) ==
        std::set<std::string>{"caf\xe9", "\xff\xfe", "na\xc3\xafve"});
}

}  // namespace

}  // namespace langzoo::test::train_test
