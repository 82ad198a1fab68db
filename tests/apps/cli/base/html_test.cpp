#include "tests/support/plain_test.h"

#include "apps/cli/base/html.h"

using namespace langzoo;

TEST_CASE("what is quoted is escaped, in text and in attributes") {
  CHECK(html_escaped("a <b> & \"c\"") == "a &lt;b&gt; &amp; &quot;c&quot;");
  CHECK(html_escaped("\xff\x1b[0m\n\t\r") == "\uFFFD [0m\n\t ");
}

TEST_CASE("JSON in a script element ends no element") {
  CHECK(json_for_script(R"({"a":"</script><!--"})") == R"({"a":"\u003c/script>\u003c!--"})");
}

TEST_CASE("a page holds its parts, escaped but for style and body") {
  const auto html = html_page({"<t>", "<s>", {{"<name>", "<1>"}}, ".x { color: red; }", "<p>body</p>", "<f>"});
  for (const auto* part : {"&lt;t&gt;", "&lt;s&gt;", "&lt;name&gt;", "&lt;1&gt;", ".x { color: red; }", "<p>body</p>",
                           "&lt;f&gt;", "<!DOCTYPE html>", "prefers-color-scheme: dark"}) {
    CHECK(html.find(part) != std::string::npos);
  }
  for (const auto* external : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    CHECK(html.find(external) == std::string::npos);
  }
}
