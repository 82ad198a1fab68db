// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <csignal>
#include <set>
#include <thread>

#include <nlohmann/json.hpp>

#include "data/random/random.h"
#include "data/vocabulary.h"
#include "models/io/safetensors.h"
#include "models/word2vec/word2vec.h"
#include "models/word_vectors/word_vectors.h"
#include "tests/support/process.h"

using namespace langzoo;
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
  fails("one two three\n", 1, "5");  // nothing occurs five times
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
