#include "tests/support/test.h"

#include "apps/training/pair_corpus.h"
#include "data/files/config_error.h"
#include "data/files/files.h"

namespace langzoo::test::pair_corpus_test {

using Catch::Contains;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

const Message kSilent = [](const std::string&) {};

/// "what is 3" and "c'est 3 évidemment", TSV.
std::string pairs(int n, const std::string& verb = "est") {
  std::string text;
  for (int i = 0; i < n; ++i) {
    text += "what is " + std::to_string(i % 9) + "\tc'" + verb + " " + std::to_string(i % 9) + " évidemment\n";
  }
  return text;
}

struct Folder {
  TempDir dir;
  int runs = 0;

  std::string file(const std::string& name, const std::string& text) {
    write_file(dir / name, text);
    return (dir / name).string();
  }
  fs::path new_run() { return dir / ("run" + std::to_string(runs++)); }
  PairCorpus open(const PairCorpusOptions& options) { return open_pair_corpus(options, new_run(), kSilent); }
};

}  // namespace

TEST_CASE("pairs of every kind of tokenizer, one or two, are read and opened again") {
  const auto [source, target] =
      GENERATE(table<std::string, std::string>({{"char", ""},
                                                {"train:bytebpe:270", ""},
                                                {"train:unigram:60", "train:word:40"},
                                                {"train:sentencepiece:20", "train:sentencepiece-char:20"},
                                                {"train:bpe:60", "char"},
                                                {"train:wordpiece:60", "train:byteword:40"}}));
  CAPTURE(source, target);
  Folder folder;
  const auto out = folder.new_run();
  const PairCorpusOptions options{
      .train = folder.file("pairs.tsv", pairs(100)), .tokenizer = source, .target_tokenizer = target};
  const auto corpus = open_pair_corpus(options, out, kSilent);
  CHECK(corpus.train.size() == 90);
  CHECK(corpus.valid->size() == 10);
  CHECK((&corpus.tokenizers.source() == &corpus.tokenizers.target()) == target.empty());
  CHECK(fs::exists(out / "target_tokenizer") == !target.empty());
  for (const auto* tokenizer : {&corpus.tokenizers.source(), &corpus.tokenizers.target()}) {
    CHECK_NOTHROW(end_token_of(*tokenizer, "data.tokenizer"));
    CHECK(start_token_of(*tokenizer, "data.tokenizer") != end_token_of(*tokenizer, "data.tokenizer"));
  }
  const auto again = open_pair_corpus(options, out, kSilent);
  CHECK(again.fingerprint == corpus.fingerprint);
  if (target.empty()) return;
  fs::remove_all(out / "target_tokenizer");
  CHECK_THROWS_WITH(open_pair_corpus(options, out, kSilent), Contains("target_tokenizer"));
}

TEST_CASE("a fingerprint tells pairs apart, not their names") {
  Folder folder;
  const auto data = folder.file("pairs.tsv", pairs(60)), valid = folder.file("valid.tsv", pairs(20));
  const auto print = [&](PairCorpusOptions options) {
    if (options.tokenizer == PairCorpusOptions{}.tokenizer) options.tokenizer = "char";
    return folder.open(options).fingerprint;
  };
  const auto whole = print({.train = data}), two = print({.train = data, .valid = valid});
  CHECK(print({.train = folder.file("same.tsv", pairs(60))}) == whole);
  CHECK(print({.train = data, .valid = folder.file("same_valid.tsv", pairs(20))}) == two);
  CHECK(print({.train = folder.file("other.tsv", pairs(60, "tse"))}) != whole);
  CHECK(print({.train = data, .valid = folder.file("other_valid.tsv", pairs(20, "tse"))}) != two);
  CHECK(print({.train = data, .tokenizer = "train:bytebpe:280"}) != whole);
  CHECK(two != whole);
}

TEST_CASE("settings of pairs that cannot be are named") {
  Folder folder;
  const auto data = folder.file("pairs.tsv", pairs(20));
  const auto refused = [&](const PairCorpusOptions& options, const std::string& names) {
    CHECK_THROWS_AS(folder.open(options), ConfigError);
    CHECK_THROWS_WITH(folder.open(options), Contains(names));
  };
  refused({}, "data.train");
  refused({.train = data, .tokenizer = "train:pieces:500"}, "data.tokenizer = train:pieces:500");
  refused({.train = data, .tokenizer = "char", .target_tokenizer = "train:word:x"}, "data.target_tokenizer");
  refused({.train = data, .valid_target = data, .tokenizer = "char"}, "data.valid_target");
  refused({.train = "addition", .train_target = data, .tokenizer = "char"}, "addition");
  refused({.train = data, .tokenizer = "char", .max_source = -1}, "max_source = -1");
  refused({.train = data, .tokenizer = "char", .valid_fraction = 1}, "valid_fraction = 1");
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

TEST_CASE("how pairs were read travels with the model; earlier models have it in their run's run.json") {
  const TempDir dir;
  CHECK_FALSE(PairFormat::load(dir / "none").keep_padding);
  for (const bool kept : {true, false}) {
    PairFormat{.keep_padding = kept}.save(dir / "run/best");
    write_file(dir / "run/run.json",
               kept ? R"({"data": {"keep_padding": false}})" : R"({"data": {"keep_padding": true}})");
    CHECK(PairFormat::load(dir / "run/best").keep_padding == kept);
  }
  fs::create_directories(dir / "old/best");
  for (const auto* model : {"old", "old/best"}) {
    write_file(dir / "old/run.json", R"({"program": "seq2seq", "data": {"keep_padding": true}})");
    CHECK(PairFormat::load(dir / model).keep_padding);
    for (const auto* other :
         {R"({"data": {"keep_padding": false}})", R"({"data": ["keep_padding"]})", R"({"data": 3})", R"([])", "true"}) {
      write_file(dir / "old/run.json", other);
      CHECK_FALSE(PairFormat::load(dir / model).keep_padding);
    }
    write_file(dir / "old/run.json", R"({"data": {"keep_padding": 1}})");
    CHECK_THROWS_WITH(PairFormat::load(dir / model), Contains("run.json: data.keep_padding = 1 must be true or false"));
    write_file(dir / "old/run.json", "{");
    CHECK_THROWS_WITH(PairFormat::load(dir / model), Contains("run.json: is not JSON"));
    CHECK_FALSE(PairFormat::load(dir / "old/other").keep_padding);  // what lies above it is not its run's
  }
  write_file(dir / "run/best/task.json", R"({"keep_padding": "yes"})");
  CHECK_THROWS_WITH(PairFormat::load(dir / "run/best"), Contains("task.json: keep_padding: is \"yes\""));
  write_file(dir / "run/best/task.json", "[]");
  CHECK_THROWS_WITH(PairFormat::load(dir / "run/best"), Contains("task.json"));
}

}  // namespace langzoo::test::pair_corpus_test
