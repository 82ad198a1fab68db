#include "data/text/token_file.h"

#include <chrono>

#include "data/files/text_source.h"
#include "data/random/random.h"
#include "tests/data/byte_tokenizer.h"
#include "tests/support/test.h"
#include "tokenizers/char_level.h"

using namespace langzoo;
using test::ByteTokenizer;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kHeaderBytes = 88;

std::vector<std::int64_t> all(const TokenView& view) {
  std::vector<std::int64_t> ids(view.size());
  view.read(0, ids);
  return ids;
}

std::vector<std::int64_t> encoded(const Tokenizer& tokenizer, const std::vector<std::string>& documents) {
  std::vector<TokenId> ids;
  for (std::size_t d = 0; d < documents.size(); ++d) {
    tokenizer.encode(documents[d], ids);
    if (tokenizer.special_tokens().eos && d + 1 < documents.size()) ids.push_back(*tokenizer.special_tokens().eos);
  }
  return {ids.begin(), ids.end()};
}

std::string random_text(std::uint64_t seed, std::size_t bytes) {
  Random random(seed);
  std::string text;
  while (text.size() < bytes) {
    const auto kind = random.below(12);
    if (kind == 0) {
      text += "\n";
    } else if (kind == 1) {
      text += "  ";
    } else if (kind < 4) {
      text += " ";
    } else {
      text += static_cast<char>(kind == 4 ? random.below(256) : 'a' + random.below(26));
    }
  }
  return text;
}

struct Corpus {
  TempDir dir;
  std::vector<fs::path> documents;
  std::vector<std::string> texts;

  explicit Corpus(const std::vector<std::string>& all_texts) : texts(all_texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      documents.push_back(dir / (std::to_string(i) + ".txt"));
      write_file(documents.back(), texts[i]);
    }
  }
  fs::path path() const { return dir / "tokens"; }
  TokenFile open(const Tokenizer& tokenizer, const TokenFileOptions& options = {}) const {
    return TokenFile::open_or_build(documents, tokenizer, path(), options);
  }
};

}  // namespace

TEST_CASE("a token file holds what encoding each document gives, whatever the chunks and threads") {
  const Corpus corpus({random_text(1, 5000), random_text(2, 100), "one line\n", random_text(3, 20000)});
  for (const ByteTokenizer& tokenizer : {ByteTokenizer(300), ByteTokenizer(300, false), ByteTokenizer(70000)}) {
    const auto expected = encoded(tokenizer, corpus.texts);
    std::string bytes;
    for (const std::size_t threads : {1, 2, 5}) {
      for (const std::size_t chunk : {64, 1000, 1 << 20}) {
        fs::remove(corpus.path());
        const auto file = corpus.open(tokenizer, {.threads = threads, .chunk_bytes = chunk, .progress = {}});
        REQUIRE(file.was_built());
        REQUIRE(all(file.tokens()) == expected);
        if (bytes.empty()) bytes = test::read_file(corpus.path());
        REQUIRE(test::read_file(corpus.path()) == bytes);
      }
    }
    CHECK(bytes.size() == kHeaderBytes + expected.size() * (tokenizer.vocab_size() > 65536 ? 4 : 2));
  }
}

TEST_CASE("the header counts bytes, words and documents") {
  const Corpus corpus({"two words\n", " and\tthree more\r\n", "\xff\xfe broken \xe2\x80"});
  const auto file = corpus.open(ByteTokenizer(), {.threads = 1, .chunk_bytes = 4, .progress = {}});
  CHECK(file.documents() == 3);
  CHECK(file.words() == 2 + 3 + 3);
  CHECK(file.bytes() == corpus.texts[0].size() + corpus.texts[1].size() + corpus.texts[2].size());
  CHECK(file.vocab_size() == 300);
}

TEST_CASE("a current file is opened as it is; text, order or tokenizer changed builds it anew") {
  Corpus corpus({"first text", "second text"});
  const ByteTokenizer tokenizer;
  CHECK(corpus.open(tokenizer).was_built());
  CHECK(!corpus.open(tokenizer).was_built());

  SECTION("the names and times of the documents do not matter") {
    const auto print = corpus.open(tokenizer).fingerprint();
    fs::rename(corpus.documents[0], corpus.dir / "renamed");
    corpus.documents[0] = corpus.dir / "renamed";
    fs::last_write_time(corpus.documents[1], fs::file_time_type::clock::now() - std::chrono::hours(1000));
    CHECK(!corpus.open(tokenizer).was_built());
    CHECK(corpus.open(tokenizer).fingerprint() == print);
  }
  SECTION("one byte of the text") {
    write_file(corpus.documents[1], "second texT");
    const auto file = corpus.open(tokenizer);
    CHECK(file.was_built());
    CHECK(all(file.tokens()) == encoded(tokenizer, {"first text", "second texT"}));
  }
  SECTION("where one document ends and the next begins") {
    write_file(corpus.documents[0], "first texts");
    write_file(corpus.documents[1], "econd text");
    CHECK(corpus.open(tokenizer).was_built());
  }
  SECTION("their order") {
    std::swap(corpus.documents[0], corpus.documents[1]);
    CHECK(corpus.open(tokenizer).was_built());
  }
  SECTION("the tokenizer's vocabulary") {
    CHECK(corpus.open(ByteTokenizer(301)).was_built());
  }
  SECTION("its end token") {
    CHECK(corpus.open(ByteTokenizer(300, false)).was_built());
  }
  SECTION("how it encodes") {
    struct Upper : ByteTokenizer {
      using ByteTokenizer::encode;
      void encode(std::string_view text, std::vector<TokenId>& ids) const override {
        for (const char c : text) ids.push_back(std::toupper(static_cast<unsigned char>(c)));
      }
    };
    CHECK(corpus.open(Upper()).was_built());
  }
}

TEST_CASE("a fingerprint is that of the ids alone") {
  const std::string text = random_text(4, 5000), other = random_text(5, 5000);
  const auto print = [](const std::vector<std::string>& texts, const ByteTokenizer& tokenizer, std::size_t chunk) {
    return Corpus(texts).open(tokenizer, {.threads = 2, .chunk_bytes = chunk, .progress = {}}).fingerprint();
  };
  const auto one = print({text}, ByteTokenizer(), 100);
  CHECK(print({text}, ByteTokenizer(), 1 << 20) == one);
  CHECK(print({text}, ByteTokenizer(70000), 300) == one);       // of another width
  CHECK(print({text}, ByteTokenizer(300, false), 300) == one);  // an end token that no document needs
  const auto cut = text.substr(0, 2000) + "a";
  CHECK(print({cut, "b" + text.substr(2000)}, ByteTokenizer(300, false), 300) ==
        print({cut + "b" + text.substr(2000)}, ByteTokenizer(300, false), 300));
  CHECK(print({other}, ByteTokenizer(), 100) != one);
  auto swapped = text;
  std::reverse(swapped.begin(), swapped.end());
  CHECK(print({swapped}, ByteTokenizer(), 100) != one);
}

TEST_CASE("a file damaged anywhere is refused, and built anew where its text is known") {
  const Corpus corpus({"a text to encode"});
  const ByteTokenizer tokenizer;
  corpus.open(tokenizer);
  const std::string good = test::read_file(corpus.path());
  REQUIRE(TokenFile::open(corpus.path()).size() == 16);
  const auto check_rebuilt = [&](const std::string& bad) {
    write_file(corpus.path(), bad);
    REQUIRE_THROWS_AS(TokenFile::open(corpus.path()), FileError);
    REQUIRE(corpus.open(tokenizer).was_built());
    REQUIRE(test::read_file(corpus.path()) == good);
  };
  for (std::size_t size = 0; size < good.size(); ++size) check_rebuilt(good.substr(0, size));
  check_rebuilt(good + "x");
  check_rebuilt(good + good);
  for (std::size_t at = 8; at < kHeaderBytes; ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    check_rebuilt(bad);
  }
}

TEST_CASE("an id outside the vocabulary is found when it is read") {
  const Corpus corpus({"a text to encode"});
  corpus.open(ByteTokenizer());
  std::string bytes = test::read_file(corpus.path());
  bytes[kHeaderBytes + 9] = '\x7f';
  write_file(corpus.path(), bytes);
  const auto file = corpus.open(ByteTokenizer());
  std::vector<std::int64_t> ids(4);
  file.tokens().read(0, ids);
  CHECK_THROWS_WITH(file.tokens().read(2, ids), "damaged tokens: id 32632 among tokens 2 to 6, the vocabulary has 300");
}

TEST_CASE("a file of another kind is left alone") {
  const Corpus corpus({"a text"});
  write_file(corpus.path(), "my only copy");
  CHECK_THROWS_AS(corpus.open(ByteTokenizer()), FileError);
  CHECK(test::read_file(corpus.path()) == "my only copy");
  CHECK_THROWS_AS(TokenFile::open(corpus.path()), FileError);
  CHECK_THROWS_AS(TokenFile::open(corpus.dir.path()), FileError);
  CHECK_THROWS_AS(TokenFile::open(corpus.dir / "missing"), FileError);
  CHECK_THROWS_AS(TokenFile::open_or_build(corpus.documents, ByteTokenizer(), corpus.dir.path()), FileError);
}

TEST_CASE("a failure while building leaves the old file and no other") {
  const Corpus corpus({random_text(1, 1000)});
  corpus.open(ByteTokenizer());
  const std::string old = test::read_file(corpus.path());
  const auto check = [&](const Tokenizer& tokenizer, const TokenFileOptions& options, const std::string& message) {
    CHECK_THROWS_WITH(corpus.open(tokenizer, options), Catch::EndsWith(message));
    CHECK(test::read_file(corpus.path()) == old);
    CHECK(std::distance(fs::directory_iterator(corpus.dir.path()), {}) == 2);
  };
  struct Failing : ByteTokenizer {
    using ByteTokenizer::ByteTokenizer, ByteTokenizer::encode;
    void encode(std::string_view text, std::vector<TokenId>& ids) const override {
      if (text.size() < 100) throw std::runtime_error("cannot encode");
      ids.push_back(0);
    }
  };
  const TokenFileOptions small{.threads = 2, .chunk_bytes = 64, .progress = {}};
  check(Failing(), small, "cannot encode");
  check(ByteTokenizer(200, false), small, "the tokenizer gave id 257, its vocabulary has 200 tokens");
  check(ByteTokenizer(301),
        {.threads = 1, .chunk_bytes = 64, .progress = [](auto, auto) { throw std::runtime_error("stopped"); }},
        "stopped");
}

TEST_CASE("progress counts the text's bytes up to all of them") {
  const Corpus corpus({random_text(1, 3000), random_text(2, 3000)});
  std::vector<std::uint64_t> seen;
  const auto progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == corpus.texts[0].size() + corpus.texts[1].size());
    seen.push_back(done);
  };
  corpus.open(ByteTokenizer(), {.threads = 2, .chunk_bytes = 256, .progress = progress});
  CHECK(seen.size() > 3);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == corpus.texts[0].size() + corpus.texts[1].size());
}

TEST_CASE("views of tokens are checked at their ends") {
  const std::vector<TokenId> ids{5, 6, 7, 8};
  const TokenView view(ids, 10);
  CHECK(all(view.slice(1, 2)) == std::vector<std::int64_t>{6, 7});
  CHECK(view.slice(4, 0).size() == 0);
  CHECK_THROWS_AS(view.slice(1, 4), std::out_of_range);
  CHECK_THROWS_AS(view.slice(5, 0), std::out_of_range);
  CHECK_THROWS_AS(view.slice(2, static_cast<std::size_t>(-1)), std::out_of_range);
  std::vector<std::int64_t> out(2);
  CHECK_THROWS_AS(view.slice(0, 3).read(2, out), std::out_of_range);
  const std::vector<TokenId> negative{-1};
  out.resize(1);
  CHECK_THROWS_AS(TokenView(negative, 10).read(0, out), std::runtime_error);
}

TEST_CASE("chunks leave no trace in the ids of byte-level BPE") {
  static const std::string kPieces[] = {" ",
                                        "\n",
                                        "\n\n",
                                        "  ",
                                        "\t",
                                        "\r\n",
                                        "a",
                                        "the",
                                        " the",
                                        "world",
                                        "'s",
                                        "'",
                                        ".",
                                        "...",
                                        "42",
                                        "\u00a0",
                                        "\u3000",
                                        "\u4e2d\u6587",
                                        "\xff",
                                        "\xe3\x80",
                                        "\u00e9",
                                        "\U0001f600",
                                        "it",
                                        "n't there",
                                        "<|endoftext|>",
                                        " \n ",
                                        "\v",
                                        "\u0085"};
  std::size_t special = 0;
  for (const std::string name : {"byte_level", "added_tokens", "prefix_space"}) {
    const auto tokenizer = load_tokenizer(test::fixture("tokenizers/" + name + ".json"));
    Random random(17);
    for (int round = 0; round < 20; ++round) {
      std::string text;
      while (text.size() < 6000) text += kPieces[random.below(std::size(kPieces))];
      const Corpus corpus({text});
      const auto expected = encoded(*tokenizer, {text});
      const std::size_t chunk = 500 + random.below(500);
      CAPTURE(name, round, chunk);
      REQUIRE(all(corpus.open(*tokenizer, {.threads = 2, .chunk_bytes = chunk, .progress = {}}).tokens()) == expected);
      if (name == "prefix_space") continue;  // where the tokenizer knows more than last_safe_cut
      std::vector<TokenId> ids;
      TextReader reader(corpus.documents[0], 200 + random.below(200));
      for (std::string part; reader.next(part);) tokenizer->encode(part, ids);
      REQUIRE(std::vector<std::int64_t>(ids.begin(), ids.end()) == expected);
      special += tokenizer->token_to_id("<|endoftext|>").has_value();
    }
  }
  CHECK(special > 0);
}

TEST_CASE("text that the tokenizer refuses is named with its document") {
  const auto tokenizer = CharLevel::from_text("ab ");
  std::string refused(5000, 'b');
  refused.replace(0, 2, "a ").push_back('c');
  const Corpus corpus({"abba", refused});
  CHECK_THROWS_WITH(corpus.open(*tokenizer, {.threads = 1, .chunk_bytes = 1000, .progress = {}}),
                    Catch::Contains("1.txt: after byte ") && Catch::Contains("'c'"));
  const Corpus first({"xyz"});
  CHECK_THROWS_WITH(first.open(*tokenizer), Catch::Contains("0.txt: ") && Catch::Contains("'x'"));
  CHECK(!fs::exists(corpus.path()));
}
