#include "tests/support/test.h"

#include "apps/cli/attention/attention_page.h"

#include <nlohmann/json.hpp>

#include "apps/cli/attention/model_attention.h"

namespace langzoo::test::attention_page_test {
namespace {

using nlohmann::json;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++n;
  return n;
}

json texts_of(const std::string& page) {
  const std::string begin = "<script type=\"application/json\" id=\"texts\">";
  const auto at = page.find(begin);
  REQUIRE(at != std::string::npos);
  const auto from = at + begin.size();
  return json::parse(page.substr(from, page.find("</script>", from) - from));
}

AttentionMaps square(std::size_t layers, std::size_t heads, std::size_t tokens) {
  AttentionMap map{.name = "encoder_attentions", .title = "Encoder", .about = "all", .layers = layers, .heads = heads};
  map.queries = map.keys = std::vector<std::string>(tokens, "a");
  map.weights.assign(layers * heads * tokens * tokens, 0.5F);
  return {.title = "text", .maps = {std::move(map)}};
}

}  // namespace

TEST_CASE("a page of attention holds every token and weight, and needs nothing from elsewhere") {
  AttentionPage page;
  page.add({.title = "a b",
            .maps = {{.name = "cross_attentions",
                      .title = "Decoder to source",
                      .about = "where",
                      .queries = {"x", "y"},
                      .keys = {"a", "b", "</s>"},
                      .layers = 1,
                      .heads = 2,
                      .weights = {0, 1, 0.5F, 1.0F / 4095, 64.0F / 4095, -1, NAN, 2, 0, 0, 0, 0}}}});
  page.add(square(2, 3, 4));
  CHECK(page.size() == 2);
  const auto html = page.html("title & more", "sub");
  const auto texts = texts_of(html);
  REQUIRE(texts.size() == 2);
  const auto& map = texts[0]["maps"][0];
  CHECK(map["queries"] == json({"x", "y"}));
  CHECK(map["keys"] == json({"a", "b", "</s>"}));
  CHECK(map["heads"] == 2);
  CHECK(map["weights"] == "AA__gAABBAAAAA__AAAAAAAA");
  CHECK(texts[1]["maps"][0]["weights"].get<std::string>().size() == 2 * 2 * 3 * 4 * 4);
  CHECK(html.find("title &amp; more") != std::string::npos);
  for (const auto* external : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    INFO(external);
    CHECK(count(html, external) == 0);
  }
}

TEST_CASE("hostile tokens leave the page of attention whole") {
  const std::string end = "</script><script>alert(1)</script>";
  AttentionMap map{.name = "attentions", .title = end, .about = "<img src=x>", .queries = {end, "<!--"}};
  map.keys = {"\xff\"\\\x1b\u202e", end};
  map.weights = {1, 0, 0, 1};
  AttentionPage page;
  page.add({.title = end, .maps = {map}});
  const auto html = page.html(end, end);
  CHECK(count(html, "<script") == 2);
  CHECK(count(html, "</script") == 2);
  CHECK(count(html, "<!--") == 0);
  CHECK(count(html, "<img") == 0);
  const auto texts = texts_of(html);
  CHECK(texts[0]["title"] == end);
  CHECK(texts[0]["maps"][0]["queries"][0] == end);
  CHECK(texts[0]["maps"][0]["keys"][0] == "\ufffd\"\\\x1b\u202e");
}

TEST_CASE("a page has a largest size, and weights fit their tokens") {
  AttentionPage page;
  page.add(square(2, 4, 1024));
  CHECK_THROWS_WITH(page.add(square(1, 1, 1)), Catch::Contains("8388608"));
  CHECK(page.size() == 1);
  auto wrong = square(1, 2, 2);
  wrong.maps[0].weights.pop_back();
  CHECK_THROWS_AS(AttentionPage().add(wrong), std::invalid_argument);
}

TEST_CASE("a model's weights become maps of its tokens, and JSON by layer, head, query and key") {
  const AttentionTokens tokens{.source = {"a", "b", "c"}, .decoder_input = {"<s>", "x"}, .target = {"x", "</s>"}};
  AttentionWeights cross{AttentionKind::kCross};
  cross.add(torch::arange(12).view({1, 2, 2, 3}) / 16.0);
  cross.add(torch::zeros({1, 2, 2, 3}));
  const auto map = attention_map(cross, tokens);
  CHECK(map.layers == 2);
  CHECK(map.heads == 2);
  CHECK(map.queries == tokens.target);
  const auto object = json::parse(to_json({.title = "", .maps = {map}}).text())["cross_attentions"];
  CHECK(object["keys"] == json(tokens.source));
  CHECK(object["weights"][0][1] == json({{0.375, 0.4375, 0.5}, {0.5625, 0.625, 0.6875}}));
  CHECK(object["weights"][1][0][1] == json({0, 0, 0}));

  AttentionWeights decoder{AttentionKind::kDecoder};
  decoder.add(torch::ones({1, 1, 2, 2}));
  CHECK(attention_map(decoder, tokens).keys == tokens.decoder_input);
  AttentionWeights encoder{AttentionKind::kEncoder};
  encoder.add(torch::ones({1, 1, 2, 2}));
  CHECK_THROWS_AS(attention_map(encoder, tokens), std::invalid_argument);
}

}  // namespace langzoo::test::attention_page_test
