#include "tests/support/test.h"

#include "data/pretraining/sentence_file.h"
#include "tests/data/pretraining/special_tokenizer.h"

using namespace langzoo;
using test::SpecialTokenizer;
using test::TempDir;

namespace langzoo::sentence_file_test {

/// Documents as lists of sentences.
using Documents = std::vector<std::vector<std::string>>;

Documents documents_of(const SentenceCorpus& corpus) {
  Documents documents;
  for (std::size_t d = 0; d < corpus.documents(); ++d) {
    documents.emplace_back();
    const auto range = corpus.document(d);
    for (auto s = range.begin; s < range.end; ++s) {
      std::vector<std::int64_t> ids;
      corpus.read(s, ids);
      CHECK(corpus.length(s) == ids.size());
      CHECK(corpus.document_of(s) == d);
      documents.back().emplace_back(ids.begin(), ids.end());
    }
  }
  return documents;
}

Documents read(const std::vector<std::string>& texts, std::size_t longest = 100, const TokenFileOptions& options = {}) {
  const TempDir dir;
  std::vector<std::filesystem::path> files;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    files.push_back(dir / (std::to_string(i) + ".txt"));
    test::write_file(files.back(), texts[i]);
  }
  const auto file = open_or_build_sentences(files, SpecialTokenizer(), dir / "sentences", options);
  return documents_of(SentenceCorpus(file.tokens(), longest));
}

TEST_CASE("a sentence a line, a blank line or a file ends a document") {
  CHECK(read({"one\ntwo\n\n\n \nthree\r\nfour", "\nfive\n\n"}) ==
        Documents{{"one", "two"}, {"three", "four"}, {"five"}});
  CHECK_THROWS_WITH(read({"\n\n \n"}), "the text has no sentences");
}

TEST_CASE("sentences do not depend on the chunks and threads that made them") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += (i % 7 == 0 ? "\n" : "") + std::string(1 + i % 11, 'a' + i % 26) + "\n";
  const auto expected = read({text});
  CHECK(expected.size() == 429);
  for (const std::size_t threads : {1, 3}) {
    for (const std::size_t chunk : {40, 1000}) {
      CHECK(read({text}, 100, {.threads = threads, .chunk_bytes = chunk}) == expected);
    }
  }
}

TEST_CASE("long sentences are cut, plain text is cut into documents") {
  CHECK(read({"abcdefghij\n\nkl"}, 4) == Documents{{"abcd", "efg", "hij"}, {"kl"}});
  std::string lines;
  for (int i = 0; i < 150; ++i) lines += "line\n";
  const auto documents = read({lines});
  REQUIRE(documents.size() == 3);
  CHECK(documents[0].size() == 64);
  CHECK(documents[2].size() == 22);
  // No line end at all.
  const auto words = read({std::string(1000, 'x')}, 10, {.threads = 1, .chunk_bytes = 64});
  CHECK(words.size() == 2);
  CHECK(words[0].size() == 64);
}

TEST_CASE("a sentence file is built once and again for another tokenizer") {
  const TempDir dir;
  test::write_file(dir / "a.txt", "one\ntwo\n");
  const std::vector<std::filesystem::path> files = {dir / "a.txt"};
  CHECK(open_or_build_sentences(files, SpecialTokenizer(), dir / "s").was_built());
  CHECK_FALSE(open_or_build_sentences(files, SpecialTokenizer(), dir / "s").was_built());
  CHECK(open_or_build_sentences(files, SpecialTokenizer(200), dir / "s").was_built());
  CHECK_THROWS_AS(SentenceCorpus(TokenView(std::span<const TokenId>(), 2), 5), std::invalid_argument);
}

}  // namespace langzoo::sentence_file_test
