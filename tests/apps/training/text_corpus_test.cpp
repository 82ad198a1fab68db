#include "tests/support/test.h"

#include "apps/training/text_corpus.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "tokenizers/directory.h"

namespace langzoo::test::text_corpus_test {

using Catch::Contains;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

const Message kSilent = [](const std::string&) {};

std::string lines(int n, const std::string& name = "Anna") {
  std::string text;
  for (int i = 0; i < n; ++i) text += name + " has " + std::to_string(i % 7) + " apples and a dog.\n";
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
  TextCorpus open(const TextCorpusOptions& options) { return open_text_corpus(options, new_run(), kSilent); }
};

std::vector<std::int64_t> ids_of(const TokenView& tokens) {
  std::vector<std::int64_t> ids(tokens.size());
  tokens.read(0, ids);
  return ids;
}

}  // namespace

TEST_CASE("a text of every kind of tokenizer is encoded, kept beside its run and opened again") {
  for (const std::string tokenizer :
       {"char", "train:bytebpe:300", "train:bpe:60", "train:wordpiece:60", "train:unigram:60", "train:word:40",
        "train:byteword:40", "train:sentencepiece:23", "train:sentencepiece-char:20"}) {
    CAPTURE(tokenizer);
    Folder folder;
    const auto out = folder.new_run();
    const TextCorpusOptions options{.train = folder.file("text.txt", lines(100)), .tokenizer = tokenizer};
    const auto first = open_text_corpus(options, out, kSilent);
    REQUIRE(first.valid);
    CHECK(has_tokenizer(out));
    CHECK(first.train.tokens.vocab_size() == first.tokenizer->vocab_size());
    const auto all = static_cast<double>(first.train.tokens.size() + first.valid->tokens.size());
    CHECK(first.train.tokens.size() == static_cast<std::size_t>(all * 0.9));
    CHECK(first.tokenizer->special_tokens().eos.has_value() == (tokenizer != "char"));

    const auto again = open_text_corpus(options, out, kSilent);
    CHECK(ids_of(again.train.tokens) == ids_of(first.train.tokens));
    CHECK(again.fingerprint == first.fingerprint);
    const auto text = open_text(options.train, *again.tokenizer);
    CHECK(text.tokens.size() == first.train.tokens.size() + first.valid->tokens.size());
    CHECK(text.bytes == lines(100).size());
  }
}

TEST_CASE("characters are those of the validation text too, and have no special tokens") {
  Folder folder;
  const auto corpus = folder.open(
      {.train = folder.file("text.txt", "abcabc"), .valid = folder.file("valid.txt", "axb"), .tokenizer = "char"});
  CHECK(corpus.tokenizer->vocab_size() == 4);
  CHECK(ids_of(corpus.valid->tokens) == std::vector<std::int64_t>{0, 3, 1});
  CHECK(corpus.train.tokens.size() == 6);
}

TEST_CASE("a fingerprint tells texts apart, not their names") {
  Folder folder;
  const auto text = folder.file("text.txt", lines(100)), valid = folder.file("valid.txt", lines(20));
  const auto print = [&](TextCorpusOptions options) {
    if (options.tokenizer == TextCorpusOptions{}.tokenizer) options.tokenizer = "char";
    return folder.open(options).fingerprint;
  };
  const auto whole = print({.train = text}), two = print({.train = text, .valid = valid});
  CHECK(print({.train = folder.file("same.txt", lines(100))}) == whole);
  CHECK(print({.train = text, .valid = folder.file("same_valid.txt", lines(20))}) == two);

  CHECK(print({.train = folder.file("other.txt", lines(100, "nAna"))}) != whole);  // of as many tokens
  auto end = lines(100);
  std::swap(end[end.size() - 3], end[end.size() - 4]);
  CHECK(print({.train = folder.file("end.txt", end)}) != whole);  // in its validation part
  CHECK(print({.train = text, .valid = folder.file("other_valid.txt", lines(20, "nAna"))}) != two);
  CHECK(print({.train = text, .valid_fraction = 0.2}) != whole);
  CHECK(print({.train = text, .tokenizer = "train:bytebpe:270"}) != whole);
  CHECK(two != whole);
}

TEST_CASE("a run keeps its tokenizer") {
  Folder folder;
  const auto out = folder.new_run();
  TextCorpusOptions options{.train = folder.file("text.txt", lines(50)), .tokenizer = "char"};
  const auto size = open_text_corpus(options, out, kSilent).tokenizer->vocab_size();
  options.tokenizer = "gone/with/the/wind.model";
  CHECK(open_text_corpus(options, out, kSilent).tokenizer->vocab_size() == size);
}

TEST_CASE("text that is not UTF-8 is named where the tokenizer reads characters, and taken where it reads bytes") {
  Folder folder;
  // The first part of the file is 1 MiB.
  const auto text = lines(40'000) + "caf\xe9 " + lines(10);
  const auto file = folder.file("latin1.txt", text);
  const auto at = std::to_string(lines(40'000).size() + 3);
  for (const auto* tokenizer :
       {"char", "train:unigram:60", "train:word:40", "train:wordpiece:60", "train:sentencepiece:50"}) {
    CAPTURE(tokenizer);
    CHECK_THROWS_WITH(folder.open({.train = file, .tokenizer = tokenizer, .valid_fraction = 0}),
                      Contains("latin1.txt: is not UTF-8 at byte " + at) && Contains("train:bytebpe:N"));
  }
  CHECK_NOTHROW(folder.open({.train = file, .tokenizer = "train:bytebpe:260"}));
  CHECK_NOTHROW(folder.open({.train = file, .tokenizer = "train:byteword:60"}));
}

TEST_CASE("a text's settings that cannot be are named") {
  Folder folder;
  const auto text = folder.file("text.txt", lines(10));
  const auto refused = [&](const TextCorpusOptions& options, const std::string& names) {
    CHECK_THROWS_AS(folder.open(options), ConfigError);
    CHECK_THROWS_WITH(folder.open(options), Contains(names));
  };
  refused({}, "data.train");
  refused({.train = text, .tokenizer = "train:pieces:500"}, "data.tokenizer = train:pieces:500");
  refused({.train = text, .tokenizer = "train:bytebpe:256"}, "data.tokenizer = train:bytebpe:256");
  refused({.train = text, .valid_fraction = 0.95}, "valid_fraction = 0.95");
  refused({.train = "microworld", .microworld_bytes = 1}, "microworld_bytes = 1");
  CHECK_THROWS_AS(folder.open({.train = (folder.dir / "none.txt").string()}), FileError);
}

TEST_CASE("paths become absolute, names do not") {
  Folder folder;
  folder.file("text.txt", lines(2));
  const auto before = fs::current_path();
  fs::current_path(folder.dir.path());
  TextCorpusOptions options{.train = "./text.txt", .valid = "none.txt", .tokenizer = "text.txt"};
  options.make_paths_absolute();
  write_file(folder.dir / "microworld", "a file of that name");
  TextCorpusOptions world{.train = "microworld"};
  world.make_paths_absolute();
  const auto here = fs::current_path();
  fs::current_path(before);
  CHECK(options.train == (here / "text.txt").string());
  CHECK(options.valid == "none.txt");
  CHECK(options.tokenizer == options.train);
  CHECK(world.train == "microworld");
}

TEST_CASE("microworld is told from its seed, its validation text from another") {
  Folder folder;
  const TextCorpusOptions options{.train = "microworld", .tokenizer = "char", .microworld_bytes = 20'000};
  const auto corpus = folder.open(options);
  REQUIRE(corpus.valid);
  CHECK(corpus.train.source_nats);
  CHECK(corpus.train.bytes >= 20'000);
  CHECK(corpus.valid->bytes >= 2'000);
  CHECK(corpus.fingerprint == folder.open(options).fingerprint);
  auto other = options;
  other.microworld_seed = 2;
  CHECK(corpus.fingerprint != folder.open(other).fingerprint);
}

TEST_CASE("what is wrong with microworld's text, or a pipe's, is told of it, not of a file that nobody knows") {
  Folder folder;
  const auto few = folder.open({.train = folder.file("abc.txt", "abc"), .tokenizer = "char", .valid_fraction = 0});
  CHECK_THROWS_WITH(open_text("microworld", *few.tokenizer), Catch::StartsWith("microworld: the character"));
}

}  // namespace langzoo::test::text_corpus_test
