#include "data/files/text_source.h"

#include "data/files/file_error.h"
#include "data/random/random.h"
#include "tests/data/byte_tokenizer.h"
#include "tests/support/plain_test.h"

using namespace langzoo;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> read_chunks(const fs::path& file, std::size_t max_bytes) {
  TextReader reader(file, max_bytes);
  std::vector<std::string> chunks;
  for (std::string chunk; reader.next(chunk);) chunks.push_back(chunk);
  return chunks;
}

}  // namespace

TEST_CASE("a file is one document, a directory its texts in the order of their paths") {
  const TempDir dir;
  fs::create_directories(dir / "b" / "c");
  fs::create_directories(dir / "x.txt");
  write_file(dir / "z.txt", "z");
  write_file(dir / "b/c/1.txt", "1");
  write_file(dir / "b/2.txt", "2");
  write_file(dir / "a.txt", "a");
  write_file(dir / "a.md", "no text for us");
  write_file(dir / "empty.txt", "");
  using Paths = std::vector<fs::path>;
  CHECK(find_text_files(dir / "a.md") == Paths{dir / "a.md"});
  CHECK(find_text_files(dir.path()) == Paths{dir / "a.txt", dir / "b/2.txt", dir / "b/c/1.txt", dir / "z.txt"});
  CHECK_THROWS_WITH(find_text_files(dir / "none"), (dir / "none").string() + ": No such file or directory");
  CHECK_THROWS_WITH(find_text_files(dir / "empty.txt"), (dir / "empty.txt").string() + ": is empty, expected text");
  CHECK_THROWS_WITH(find_text_files(dir / "x.txt"),
                    (dir / "x.txt").string() + ": holds no text: expected non-empty files named *.txt");
  CHECK_THROWS_AS(find_text_files("/dev/null"), FileError);
  CHECK_THROWS_AS(TextReader(dir / "none"), FileError);
}

TEST_CASE("cuts stand where no token can span them") {
  CHECK(last_safe_cut("one two") == 3);
  CHECK(last_safe_cut("one\ntwo") == 4);
  CHECK(last_safe_cut("one two ") == 3);             // what follows the last space is not known
  CHECK(last_safe_cut("one two  three") == 3);       // a run of two is one piece or two, depending on what follows
  CHECK(last_safe_cut("one.\n\ntwo") == 4);          // no better place: before the line feeds
  CHECK(last_safe_cut("one two\n\nthree") == 3);     // a better place is preferred
  CHECK(last_safe_cut("a\n\u3000b c\u3000d") == 6);  // an ideographic space is white space
  CHECK(last_safe_cut("a b\n\u3000\u3000d") == 1);
  CHECK(last_safe_cut("a b\n\u3000"
                      "d") == 1);
  CHECK(last_safe_cut("a b\u00a0\nd") == 1);
  CHECK(last_safe_cut("a b\n\xe3") == 1);  // may become an ideographic space
  CHECK(last_safe_cut("\u4e2d\n\u6587") == 4);
  CHECK(last_safe_cut("nospace") == 6);
  CHECK(last_safe_cut("ab\xf0\x9f\x98\x80") == 2);
  CHECK(last_safe_cut("\x80\x80\x80\x80\x80\x80\x80\x80") >= 1);
  CHECK(last_safe_cut("ab") == 1);
  CHECK_THROWS_AS(last_safe_cut("a"), std::invalid_argument);
}

TEST_CASE("chunks are bounded, lose nothing, and encode as the whole text does") {
  const TempDir dir;
  const test::ByteTokenizer tokenizer;
  Random random(11);
  // Short words, runs of spaces and line feeds of every length; invalid UTF-8 among them.
  static const std::string kPieces[] = {"a", "bc", " ", "\n", "\n\n", "  ", "\xff", "\xe3\x80", "\u4e2d", "word", "."};
  for (int round = 0; round < 200; ++round) {
    std::string text;
    while (text.size() < 400) text += kPieces[random.below(std::size(kPieces))];
    write_file(dir / "t", text);
    std::vector<TokenId> whole, parts;
    tokenizer.encode(text, whole);
    const std::size_t max_bytes = 100 + random.below(100);
    std::string joined;
    for (const auto& chunk : read_chunks(dir / "t", max_bytes)) {
      REQUIRE((!chunk.empty() && chunk.size() <= max_bytes));
      joined += chunk;
      tokenizer.encode(chunk, parts);
    }
    REQUIRE(joined == text);
    REQUIRE(parts == whole);
  }
}

TEST_CASE("a byte order mark at the beginning of a document is left out, and counted") {
  const TempDir dir;
  const std::string mark = "\xef\xbb\xbf";
  for (const std::size_t n : {0, 1, 4, 5, 8, 30}) {
    const std::string text(n, 'x');
    write_file(dir / "t", mark + text + mark);
    TextReader reader(dir / "t", 8);
    std::string joined;
    for (std::string chunk; reader.next(chunk);) joined += chunk;
    CHECK(joined == text + mark);
    CHECK(reader.position() == n + 6);
  }
  write_file(dir / "t", mark);
  CHECK(read_chunks(dir / "t", 8).empty());
}

TEST_CASE("texts of every size around the chunk's come back whole") {
  const TempDir dir;
  for (const std::string unit : {"x", "x ", " ", "\n", "\xf0\x9f\x98\x80", "\x80"}) {
    for (std::size_t n = 1; n < 40; ++n) {
      std::string text, joined;
      while (text.size() < n) text += unit;
      write_file(dir / "t", text);
      for (const auto& chunk : read_chunks(dir / "t", 8)) {
        REQUIRE((!chunk.empty() && chunk.size() <= 8));
        joined += chunk;
      }
      REQUIRE(joined == text);
    }
  }
  write_file(dir / "empty", "");
  CHECK(read_chunks(dir / "empty", 8).empty());
  CHECK_THROWS_AS(TextReader(dir / "empty", 3), std::invalid_argument);
}
