#include "tests/support/plain_test.h"

#include <sstream>

#include "apps/cli/tokenizer/pieces.h"
#include "apps/cli/tokenizer/visible_text.h"
#include "tests/apps/tokenizer/tokenizers.h"
#include "tokenizers/tokenizer.h"

namespace langzoo::test::show_test {

namespace {

const std::string kBytes = fixture_tokenizer("byte_level");
const std::string kBert = fixture_tokenizer("pipelines/bert_uncased");

constexpr const char* kHostile = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)> \x1b[31mred\u202e \xff";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string without_escapes(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\x1b') {
      while (text[i] != 'm') ++i;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

}  // namespace

TEST_CASE("what cannot be seen is made visible") {
  CHECK(visible_text("a b\tc\n") == "a·b→c⏎");
  CHECK(visible_text("\u00a0\u3000") == "␣␣");
  CHECK(visible_text("\x1b[0m\u202e\u200b") == "<U+001B>[0m<U+202E><U+200B>");
  CHECK(visible_text("\u0301e\u0301") == "◌\u0301e\u0301");
  CHECK(visible_text("\xf0\x9f") == "<F0><9F>");
  CHECK(visible_text("\U0001F469\u200d\U0001F467") == "\U0001F469\u200d\U0001F467");
  CHECK(display_width("abc") == 3);
  CHECK(display_width("\u4e2d\u6587") == 4);
  CHECK(display_width("e\u0301") == 1);
  CHECK(display_width("\U0001F600") == 2);
}

TEST_CASE("pieces cover the text in order, what is dropped included") {
  const std::string text = "  The river,\n isn't \u4e2d\u6587!\t";
  for (const auto& path : {kBytes, kBert}) {
    const auto pieces = pieces_of("x", *load_tokenizer(path), text);
    std::string joined;
    std::size_t at = 0, tokens = 0;
    for (const auto& piece : pieces.pieces) {
      tokens += piece.id ? 1 : 0;
      if (piece.text.empty() || piece.bytes.begin < at) continue;  // another token of the same character
      CHECK(piece.bytes.begin == at);
      at = piece.bytes.end;
      joined += piece.text;
    }
    CHECK(joined == text);
    CHECK(tokens == pieces.tokens());
  }
}

TEST_CASE("on a terminal ids stand below their pieces") {
  const auto text = "the \u4e2d\u6587 river and the river and the river and the river";
  const auto pieces = pieces_of("x", *load_tokenizer(kBytes), text);
  for (const std::size_t columns : {20, 33, 80}) {
    for (const bool colors : {true, false}) {
      const auto view = terminal_view(pieces, columns, colors);
      const auto lines = lines_of(without_escapes(view));
      CHECK((view.find('\x1b') != std::string::npos) == colors);
      REQUIRE(lines.size() % 2 == 1);
      std::string row;
      for (std::size_t i = 1; i < lines.size(); i += 2) {
        CHECK(display_width(lines[i]) == display_width(lines[i + 1]));
        CHECK(display_width(lines[i]) <= columns);
        row += lines[i + 1] + " ";
      }
      std::vector<TokenId> ids;
      for (std::size_t at = 0; (at = row.find_first_of("0123456789", at)) != std::string::npos;) {
        const auto end = row.find_first_not_of("0123456789", at);
        ids.push_back(std::stoi(row.substr(at, end - at)));
        at = end;
      }
      CHECK(ids == pieces.encoding.ids);
    }
  }
}

TEST_CASE("show prints no colours where stdout is no terminal, unless asked for") {
  const auto plain = output({"show", "--tokenizer", kBytes, "--text", "the river\n"});
  CHECK(plain.find('\x1b') == std::string::npos);
  CHECK_THAT(plain, Catch::Contains("⏎"));
  CHECK(output({"show", "--tokenizer", kBytes, "--text", "a", "--color", "always"}).find('\x1b') != std::string::npos);
  CHECK(output({"show", "--tokenizer", kBytes}, "the river\n") == plain);
  Files files;
  CHECK(output({"show", "--tokenizer", kBytes, files("a.txt", "the river\n")}) == plain);
  const auto both = output({"show", "--tokenizer", kBytes, "--tokenizer", kBert, "--text", "the river\n"});
  CHECK(both.rfind(plain, 0) == 0);
  CHECK_THAT(both, Catch::Contains("[CLS]"));
  CHECK(output({"show", "--tokenizer", kBytes}, kHostile).find('\x1b') == std::string::npos);
  const auto objects =
      tokenizer({"show", "--tokenizer", kBytes, "--tokenizer", kBert, "--text", "a", "--json"}).objects();
  REQUIRE(objects.size() == 2);
  CHECK(objects[1]["tokens"].front() == "[CLS]");
}

TEST_CASE("the page holds everything in one file and escapes what it quotes") {
  Files files;
  const auto path = files.path("page.html");
  for (const int tokenizers : {1, 2}) {
    std::vector<std::string> arguments = {"show", "--tokenizer", kBytes, "--html", path, "--text", kHostile};
    if (tokenizers == 2) arguments.insert(arguments.end(), {"--tokenizer", kBert});
    CHECK(output(arguments).empty());
    const auto html = read_file(path);
    CHECK(html.find("data-about=") != std::string::npos);
    CHECK(html.find("<script") == std::string::npos);
    CHECK(html.find("<img") == std::string::npos);
    CHECK(html.find('\x1b') == std::string::npos);
    for (const auto* external : {"http:", "https:", "src=\"", "href=", "@import", "url("}) {
      CHECK(html.find(external) == std::string::npos);
    }
  }
}

TEST_CASE("a text too long to look at is shown in part") {
  Files files;
  std::string text;
  for (int i = 0; i < 40000; ++i) text += "\u4e2d";
  const auto result = tokenizer({"show", "--tokenizer", kBert, files("long.txt", text), "--json"});
  CHECK(result.code == 0);
  CHECK_THAT(result.err, Catch::Contains("120000"));
}

TEST_CASE("show's errors") {
  Files files;
  check_error(tokenizer({"show", "--tokenizer", kBytes}, ""), 2, "--text");
  check_error(tokenizer({"show", "--tokenizer", kBytes, "--text", "a", files("a", "b")}), 2, "--text");
  check_error(tokenizer({"show", "--tokenizer", kBytes, files.path("none")}), 1, "none");
  check_error(tokenizer({"show", "--tokenizer", kBytes, files("gz", "\x1f\x8b\x08 compressed")}), 1,
              "gz: is compressed (gzip)");
  check_error(tokenizer({"show", "--tokenizer", files.path("none"), "--text", "a"}), 1, "none");
  check_error(tokenizer({"show", "--tokenizer", kBytes, "--text", "a", "--color", "red"}), 2, "--color");
  check_error(tokenizer({"show", "--tokenizer", kBytes, "--text", "a", "--html", files.path("a"), "--json"}), 2,
              "--html: not with --json");
  CHECK(tokenizer({"show", "--tokenizer", kBytes, "--text", "a", "--color", "never", "--json"}).err ==
        "warning: --color has no effect with --json\n");
  check_error(tokenizer({"show", "--tokenizer", kBytes, "--text", "a", "--html", files.path("no/such.html")}), 1,
              "such.html");
}

}  // namespace langzoo::test::show_test
