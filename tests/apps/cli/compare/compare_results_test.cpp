#include "tests/support/test.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "apps/cli/compare/results.h"

namespace langzoo::test::compare_results_test {

namespace {

using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

Json score(double mean, double half = 0) {
  return {{"mean", mean}, {"low", mean - half}, {"high", mean + half}, {"values", {mean}}};
}

/// GPT-2s whose loss above the source is 100 parameters^-0.5 and FLOPs^-0.25 times something.
Json results(int models) {
  Json json = {{"spec", {{"name", "mine"}, {"task", "lm"}}},
               {"data", {{"train", "book <1>.txt"}}},
               {"budget", {{"tokens", 1e6}}},
               {"models", Json::array()}};
  for (int i = 0; i < models; ++i) {
    const double size = 1e4 * std::pow(2, i), above = 100 / std::sqrt(size);
    Json model = {
        {"name", "m" + std::to_string(i)},
        {"family", "gpt2"},
        {"parameters", size},
        {"flops_per_token", 6 * size},
        {"train_tokens", 1000000},
        {"train_seconds", 75.5},
        {"train_tokens_per_second", 13245.0},
        {"eval_tokens_per_second", nullptr},
        {"peak_memory_bytes", 250000000},
        {"disk_bytes", 4000000},
        {"seeds", i == 1 ? 3 : 1},
        {"metrics", {{"nats_per_token", score(1 + above, i == 1 ? 0.25 : 0)}, {"nats_above_source", score(above)}}},
        {"significance", nullptr},
        {"curve", Json::array()},
        {"samples", {{{"prompt", "Anna"}, {"text", " <b>went</b> home"}}}},
        {"pictures", Json::array()},
        {"error", nullptr}};
    for (int step = 1; step <= 4; ++step)
      model["curve"].push_back({{"step", step},
                                {"tokens", 1000 * step},
                                {"seconds", 0.5 * step},
                                {"flops", 6e3 * size * step},
                                {"train_loss", nullptr},
                                {"valid_loss", 1 + above + 1.0 / step}});
    json["models"].push_back(model);
  }
  return json;
}

}  // namespace

TEST_CASE("a comparison's table has a line a model, ordered where it is asked for", "[comparison]") {
  auto json = results(3);
  json["models"][2]["metrics"] = Json::object();
  json["models"][2]["error"] = "step 3: the loss is not finite";
  const auto table = comparison_table(json.dump());
  CHECK_THAT(table, Contains("nats a token above the source") && Contains("2.0000") &&
                        Contains("1.7071 \u00b1 0.2500") && Contains("1:1") && Contains("250 MB") &&
                        Contains("m2: step 3: the loss is not finite"));
  CHECK(table.find("m0") < table.find("m1"));
  const auto ordered = comparison_table(json.dump(), "nats_per_token");
  CHECK(ordered.find("m1") < ordered.find("m0"));
}

TEST_CASE("a comparison's page draws curves on four axes and the power law of sizes", "[comparison]") {
  const auto page = comparison_page(results(10).dump());
  CHECK_THAT(page, Contains("book &lt;1&gt;.txt") && Contains("Anna</b> &lt;b&gt;went"));
  for (const auto* const axis :
       {"for=\"axis0\">steps<", "for=\"axis1\">tokens<", "for=\"axis2\">seconds<", "for=\"axis3\">GFLOPs<"})
    CHECK_THAT(page, Contains(axis));
  CHECK_THAT(page, Contains("entropy of the source") && Contains("run1 dashed"));
  CHECK_THAT(page, Contains("Loss over parameters") && Contains("= 100 \u00b7 x<sup>-0.500</sup>"));
  CHECK_THAT(page, Contains("Loss over training FLOPs"));
  // Of one size there is nothing to draw.
  CHECK(comparison_page(results(1).dump()).find("Loss over parameters") == std::string::npos);
}

TEST_CASE("a page of what is no comparison is an error that names the file", "[comparison]") {
  TempDir dir;
  write_file(dir / "results.json", "{\"models\": 3}");
  CHECK_THROWS_WITH(write_comparison_page(dir.path()),
                    Contains("results.json") && Contains("is none of a comparison's"));
}

}  // namespace langzoo::test::compare_results_test
