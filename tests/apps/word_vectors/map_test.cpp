#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "apps/cli/word_vectors/map_page.h"
#include "tests/support/process.h"

using namespace langzoo::test;

namespace {

Result map(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "map");
  return Process("langzoo-word2vec", arguments).wait();
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

/// The words of a page: [text, x, y, hue, chroma, [neighbour, 1000 cosine, ...]].
nlohmann::json words_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"words\">";
  const auto at = page.find(begin);
  REQUIRE(at != std::string::npos);
  const auto from = at + begin.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

/// Two groups of words, along the two axes, and the sentence end.
const std::string kVectors = "7 2\n</s> 5 5\nred 1 0.1\none 0.1 1\nblue 2 0.3\ntwo 0.1 2\ngreen 3 0.2\nthree 0.4 3\n";

}  // namespace

TEST_CASE("hostile words leave the page of a map whole") {
  const std::string end = "</script><script>alert(1)</script>";
  const auto page = langzoo::map_page({.title = end,
                                       .subtitle = "<img src=x>",
                                       .words = {{.text = end}, {.text = "<!--"}, {.text = "a\xff\"\\\x1b\u202e"}}});
  CHECK(count(page, "<script") == 2);
  CHECK(count(page, "</script") == 2);
  CHECK(count(page, "<!--") == 0);
  CHECK(count(page, "<img") == 0);
  const auto words = words_of(page);
  CHECK(words[0][0] == end);
  CHECK(words[1][0] == "<!--");
  CHECK(words[2][0] == "a\ufffd\"\\\x1b\u202e");
}

TEST_CASE("the page of a map needs nothing from elsewhere") {
  const auto page = langzoo::map_page({.title = "map", .words = {{.text = "alone"}}});
  for (const auto* part : {"http://", "https://", "src=", "href=", "@import", "url("}) {
    CAPTURE(part);
    CHECK(count(page, part) == 0);
  }
  CHECK(words_of(page).size() == 1);
  CHECK(words_of(langzoo::map_page({.title = "empty"})).empty());
}

TEST_CASE("map shows the most frequent words with their neighbours in all dimensions") {
  const TempDir dir;
  write_file(dir / "vectors.txt", kVectors);
  const auto out = dir / "map.html";
  for (const std::string method : {"pca", "tsne"}) {
    CAPTURE(method);
    const auto result = map({"--model", dir / "vectors.txt", "--out", out, "--method", method, "--json"});
    REQUIRE(result.code == 0);
    CHECK(result.object()["words"] == 6);
    const auto words = words_of(read_file(out));
    REQUIRE(words.size() == 6);
    CHECK(words[0][0] == "red");
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(words[i][5].size() == 10);                                  // five neighbours and their cosines
      CHECK(words[i][5][0].get<int>() % 2 == static_cast<int>(i % 2));  // the nearest is of the same group
      CHECK(std::abs(words[i][1].get<int>()) <= 50000);
    }
    // cos((1, 0.1), (2, 0.3)) = 2.03 / sqrt(1.01 * 4.09), cos((1, 0.1), (3, 0.2)) = 3.02 / sqrt(1.01 * 9.04)
    CHECK(words[0][5][0] == 4);
    CHECK(words[0][5][1] == 999);
    CHECK(words[0][5][3] == 999);
  }
  const auto first = read_file(out);
  REQUIRE(map({"--model", dir / "vectors.txt", "--out", out, "--seed", "0"}).code == 0);
  CHECK(read_file(out) == first);
  REQUIRE(map({"--model", dir / "vectors.txt", "--out", out, "--words", "1"}).code == 0);
  CHECK(words_of(read_file(out)).size() == 1);
}

TEST_CASE("map shows the words of a list, the frequent ones first, and says which are missing") {
  const TempDir dir;
  write_file(dir / "vectors.txt", kVectors);
  write_file(dir / "words.txt", "three unknown\ntwo\tthree\r\nred\n");
  const auto out = dir / "map.html";
  const auto result = map({"--model", dir / "vectors.txt", "--out", out, "--word-list", dir / "words.txt", "--json"});
  REQUIRE(result.code == 0);
  CHECK(result.object()["missing"].dump() == R"(["unknown"])");
  const auto words = words_of(read_file(out));
  REQUIRE(words.size() == 3);
  CHECK(words[0][0] == "red");
  CHECK(words[1][0] == "two");
  CHECK(words[2][0] == "three");

  write_file(dir / "words.txt", "unknown");
  check_error(map({"--model", dir / "vectors.txt", "--out", out, "--word-list", dir / "words.txt"}), 1, "none of the");
  write_file(dir / "words.txt", "\x1f\x8b\x08 compressed");
  check_error(map({"--model", dir / "vectors.txt", "--out", out, "--word-list", dir / "words.txt"}), 1,
              "words.txt: is compressed (gzip)");
  CHECK(read_file(out).size() > 1000);
}

TEST_CASE("map says before its work where a page cannot be written") {
  const TempDir dir;
  check_error(map({"--model", dir / "none.txt", "--out", dir / "none" / "map.html"}), 1, "map.html: cannot be written");
  check_error(map({"--model", dir / "none.txt", "--out", dir.path()}), 1, "is a directory");
}

TEST_CASE("map refuses options that contradict each other") {
  check_error(map({"--model", "x", "--out", "y", "--method", "pca", "--perplexity", "5"}), 1,
              "warning: --perplexity has no effect without --method tsne");
  check_error(map({"--model", "x", "--out", "y", "--perplexity", "nan"}), 2, "--perplexity");
  check_error(map({"--model", "x", "--out", "y", "--words", "0"}), 2, "--words");
  check_error(map({"--model", "x", "--out", "y", "--words", "5", "--word-list", "z"}), 2, "--word-list");
}
