#include "data/words/word_corpus.h"

#include <thread>

#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/random/random.h"
#include "tests/support/test.h"

namespace langzoo::test::word_corpus_test {

using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kHeaderBytes = 72;
using Ids = std::vector<std::int32_t>;

struct Text {
  TempDir dir;
  std::vector<fs::path> documents;

  explicit Text(const std::vector<std::string>& texts) {
    for (std::size_t i = 0; i < texts.size(); ++i) {
      documents.push_back(dir / (std::to_string(i) + ".txt"));
      write_file(documents.back(), texts[i]);
    }
  }
  fs::path path() const { return dir / "corpus"; }
  WordCorpus open(const Vocabulary& vocabulary, const WordCorpusOptions& options = {}) const {
    return WordCorpus::open_or_build(documents, vocabulary, path(), options);
  }
};

std::vector<Ids> blocks(const WordCorpus& corpus) {
  std::vector<Ids> all(static_cast<std::size_t>(corpus.blocks()));
  for (std::size_t i = 0; i < all.size(); ++i) corpus.read_block(static_cast<std::int64_t>(i), all[i]);
  return all;
}

Ids all(const WordCorpus& corpus) {
  Ids ids;
  for (const Ids& block : blocks(corpus)) ids.insert(ids.end(), block.begin(), block.end());
  return ids;
}

WordCorpusOptions sizes(std::int64_t max_sentence, std::int64_t block_words, bool lines = true) {
  WordCorpusOptions options;
  options.max_sentence = max_sentence;
  options.block_words = block_words;
  options.lines = lines;
  return options;
}

const Vocabulary kLetters({"a", "b", "c"}, {3, 2, 1});

/// Words of three letters, one of them unknown, with line feeds here and there.
std::string random_text(std::uint64_t seed, std::size_t words) {
  Random random(seed);
  std::string text;
  for (std::size_t i = 0; i < words; ++i) {
    text += static_cast<char>('a' + random.below(4));
    text += random.below(9) == 0 ? "\n" : random.below(20) == 0 ? " \n\n" : " ";
  }
  return text;
}

/// The contract, word by word.
Ids naive(const std::vector<std::string>& texts, const WordCorpusOptions& options) {
  Ids ids;
  std::int64_t length = 0;
  const auto end = [&] {
    if (length > 0) ids.push_back(kSentenceEnd);
    length = 0;
  };
  for (const std::string& text : texts) {
    for (const char c : text) {
      if (c == '\n' && options.lines) end();
      if (c < 'a' || c > 'c') continue;
      ids.push_back(c - 'a');
      if (++length == options.max_sentence) end();
    }
    end();
  }
  return ids;
}

}  // namespace

TEST_CASE("sentences are lines of known words") {
  const Text text({"a b\n\nunknown\nc x a\n", "b"});
  auto corpus = text.open(kLetters);
  CHECK(all(corpus) == Ids{0, 1, -1, 2, 0, -1, 1, -1});
  CHECK(corpus.words() == 5);
  CHECK(corpus.sentences() == 3);
  CHECK(corpus.blocks() == 1);
  corpus = text.open(kLetters, sizes(1000, 2000, false));
  CHECK(all(corpus) == Ids{0, 1, 2, 0, -1, 1, -1});
  CHECK(corpus.was_built());
}

TEST_CASE("long sentences end, blocks end with sentences") {
  const Text text({"a a a a a a a\nb b\nc\nc c"});
  CHECK(blocks(text.open(kLetters, sizes(3, 3))) ==
        std::vector<Ids>{{0, 0, 0, -1}, {0, 0, 0, -1}, {0, -1, 1, 1, -1}, {2, -1, 2, 2, -1}});
  CHECK(blocks(text.open(kLetters, sizes(7, 1))) ==
        std::vector<Ids>{{0, 0, 0, 0, 0, 0, 0, -1}, {1, 1, -1}, {2, -1}, {2, 2, -1}});
  CHECK(blocks(text.open(kLetters, sizes(1, 100, false))).size() == 1);
}

TEST_CASE("the corpus is the text's, whatever the threads, over many chunks") {
  const std::vector<std::string> texts{random_text(1, 600'000), random_text(2, 10), random_text(3, 200'000)};
  const Text text(texts);
  for (const auto& sizes_of :
       {sizes(1000, 2000), sizes(5, 100), sizes(1000, 2000, false), sizes(1'000'000, 1, false)}) {
    WordCorpusOptions options = sizes_of;
    const Ids expected = naive(texts, options);
    std::string bytes;
    for (const std::size_t threads : {1, 2, 5}) {
      options.threads = threads;
      fs::remove(text.path());
      const auto corpus = text.open(kLetters, options);
      REQUIRE(all(corpus) == expected);
      CHECK(corpus.sentences() == std::count(expected.begin(), expected.end(), kSentenceEnd));
      CHECK(corpus.words() + corpus.sentences() == static_cast<std::int64_t>(expected.size()));
      if (bytes.empty()) bytes = test::read_file(text.path());
      CHECK(test::read_file(text.path()) == bytes);
    }
    CHECK(bytes.size() ==
          kHeaderBytes + 4 * expected.size() + 8 * static_cast<std::size_t>(text.open(kLetters, options).blocks()));
  }
}

TEST_CASE("threads may read blocks at the same time") {
  const Text text({random_text(1, 50'000)});
  const auto corpus = text.open(kLetters, sizes(10, 50));
  const auto expected = blocks(corpus);
  std::vector<std::vector<Ids>> seen(3);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : seen) threads.emplace_back([&] { mine = blocks(corpus); });
  }
  for (const auto& mine : seen) CHECK(mine == expected);
}

TEST_CASE("a word too long to be one is unknown") {
  const Text text({"a " + std::string(1'000'000, 'a') + " b\n" + std::string(2000, 'b') + "\nc"});
  CHECK(all(text.open(kLetters)) == Ids{0, 1, -1, 2, -1});
}

TEST_CASE("a current corpus is opened as it is; text, vocabulary or options changed build it anew") {
  const Text text({"a b c\n", "a a\n"});
  const auto print = text.open(kLetters).fingerprint();
  const auto again = text.open(Vocabulary({"a", "b", "c"}, {1, 1, 1}));  // counts do not matter
  CHECK(!again.was_built());
  CHECK(again.fingerprint() == print);
  const auto check_changed = [&](const WordCorpus& corpus) {
    CHECK(corpus.was_built());
    CHECK(corpus.fingerprint() != print);
  };
  SECTION("text") {
    write_file(text.documents[1], "a c\n");
    check_changed(text.open(kLetters));
  }
  SECTION("vocabulary") {
    check_changed(text.open(Vocabulary({"a", "c", "b"}, {3, 2, 1})));
  }
  SECTION("lines") {
    check_changed(text.open(kLetters, sizes(1000, 2000, false)));
  }
  SECTION("sentences") {
    check_changed(text.open(kLetters, sizes(999, 2000)));
  }
  SECTION("blocks") {
    check_changed(text.open(kLetters, sizes(1000, 1999)));
  }
}

TEST_CASE("a damaged corpus is built anew") {
  const Text text({"a b c\nb a\n"});
  text.open(kLetters, sizes(2, 2));
  const std::string good = test::read_file(text.path());
  const auto check_rebuilt = [&](const std::string& bad) {
    write_file(text.path(), bad);
    REQUIRE(text.open(kLetters, sizes(2, 2)).was_built());
    REQUIRE(test::read_file(text.path()) == good);
  };
  for (std::size_t size = 0; size < good.size(); ++size) check_rebuilt(good.substr(0, size));
  check_rebuilt(good + "x");
  check_rebuilt(good + good);
  const std::size_t ids = 4 * 8;
  for (std::size_t at = 8; at < good.size(); ++at) {
    if (at >= kHeaderBytes && at < kHeaderBytes + ids) continue;
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x10);
    check_rebuilt(bad);
  }
}

TEST_CASE("ids that are no sentences of the vocabulary are found when they are read") {
  const Text text({"a b c\n"});
  text.open(kLetters);
  const std::string good = test::read_file(text.path());
  const auto check = [&](std::size_t id, std::int32_t value) {
    std::string bad = good;
    std::memcpy(bad.data() + kHeaderBytes + 4 * id, &value, 4);
    write_file(text.path(), bad);
    const auto corpus = text.open(kLetters);
    REQUIRE(!corpus.was_built());
    Ids ids;
    CHECK_THROWS_WITH(corpus.read_block(0, ids), Catch::Contains("corpus: is a damaged word corpus (block 0"));
  };
  check(1, 3);
  check(2, -2);
  check(0, kSentenceEnd);
  check(3, 0);
  write_file(text.path(), good);
  Ids ids;
  const auto corpus = text.open(kLetters);
  CHECK_THROWS_AS(corpus.read_block(1, ids), std::out_of_range);
  CHECK_THROWS_AS(corpus.read_block(-1, ids), std::out_of_range);
}

TEST_CASE("texts without known words, wrong options and missing files are clear errors and leave no file") {
  const Text text({"x y z"});
  CHECK_THROWS_WITH(text.open(kLetters), "no word of the text is in the vocabulary");
  CHECK_THROWS_WITH(text.open(Vocabulary()), "no word of the text is in the vocabulary");
  CHECK_THROWS_WITH(Text({""}).open(kLetters), "no word of the text is in the vocabulary");
  CHECK_THROWS_AS(Text({}).open(kLetters), std::invalid_argument);
  CHECK_THROWS_AS(text.open(kLetters, sizes(0, 1)), std::invalid_argument);
  CHECK_THROWS_AS(text.open(kLetters, sizes(1, 0)), std::invalid_argument);
  Text missing({"a"});
  fs::remove(missing.documents[0]);
  CHECK_THROWS_AS(missing.open(kLetters), FileError);
  CHECK(std::distance(fs::directory_iterator(text.dir.path()), {}) == 1);
}

TEST_CASE("a file of another kind is no corpus and is left alone") {
  const Text text({"a"});
  write_file(text.path(), "my only copy");
  CHECK_THROWS_AS(text.open(kLetters), FileError);
  CHECK(test::read_file(text.path()) == "my only copy");
  CHECK_THROWS_AS(WordCorpus::open_or_build(text.documents, kLetters, text.dir.path()), FileError);
}

TEST_CASE("progress of encoding rises to all bytes; a failure leaves the old corpus") {
  const Text text({random_text(1, 3'000'000)});
  WordCorpusOptions options;
  options.threads = 2;
  std::vector<std::uint64_t> seen;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    CHECK(total == fs::file_size(text.documents[0]));
    seen.push_back(done);
  };
  text.open(kLetters, options);
  CHECK(seen.size() > 1);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == fs::file_size(text.documents[0]));
  const std::string old = test::read_file(text.path());
  options.block_words = 7;
  options.progress = [](std::uint64_t, std::uint64_t) { throw std::runtime_error("stopped"); };
  CHECK_THROWS_WITH(text.open(kLetters, options), "stopped");
  CHECK(test::read_file(text.path()) == old);
  CHECK(std::distance(fs::directory_iterator(text.dir.path()), {}) == 2);
}

TEST_CASE("a folder of texts") {
  const TempDir dir;
  write_file(dir / "b.txt", "a b");
  write_file(dir / "a.txt", "c\n");
  write_file(dir / "notes.md", "a a a");
  const auto documents = find_text_files(dir.path());
  VocabularyOptions options;
  options.min_count = 1;
  const auto vocabulary = count_words(documents, options);
  CHECK(vocabulary.words() == std::vector<std::string>{"a", "b", "c"});
  CHECK(all(WordCorpus::open_or_build(documents, vocabulary, dir / "corpus")) == Ids{2, -1, 0, 1, -1});
}

}  // namespace langzoo::test::word_corpus_test
