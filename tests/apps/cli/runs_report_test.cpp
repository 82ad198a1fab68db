#include "tests/support/test.h"

#include "apps/cli/runs_report.h"

namespace langzoo::test::runs_report_test {
namespace {

const std::string kMetrics =
    "{\"step\":10,\"tokens\":1000,\"loss\":4.0,\"tokens_per_second\":100.0}\n"
    "{\"step\":15,\"valid\":{\"loss\":2.5,\"bleu\":10.0},\"best\":true}\n"
    "{\"step\":20,\"tokens\":3000,\"loss\":3.0,\"tokens_per_second\":200.0}\n"
    "nonsense\n[1]\n{\"step\":null}\n"
    "{\"step\":30,\"tokens\":4000,\"loss\":null,\"tokens_per_second\":null}\n"
    "{\"step\":30,\"valid\":{\"loss\":2.75,\"bleu\":12.0,\"odd\":null},\"best\":false}\n";

}  // namespace

TEST_CASE("a run's evaluations have the tokens and the training time of their steps") {
  const auto run = run_log("a", kMetrics, R"({"program": "gpt", "train": {"seed": 1, "dtype": "float32"}})");
  REQUIRE(run.places.size() == 3);
  CHECK(run.places[0].seconds == Approx(10));
  CHECK(run.places[1].seconds == Approx(20));
  CHECK(run.places[2].seconds == Approx(25));  // at the speed before
  REQUIRE(run.evaluations.size() == 2);
  CHECK(run.evaluations[0].place.tokens == Approx(2000));
  CHECK(run.evaluations[0].place.seconds == Approx(15));
  CHECK(run.evaluations[1].values.size() == 2);
  CHECK(run.best() == &run.evaluations[0]);
  CHECK(run.settings.at("train.dtype") == "float32");
  CHECK(run.settings.at("train.seed") == "1");
  CHECK(run_log("b", "", "not json").best() == nullptr);
  // Evaluations without reports, and before the first.
  const auto alone = run_log("c", "{\"step\":5,\"valid\":{\"f1\":0.5}}\n", "");
  CHECK(alone.best()->place.step == 5);
  CHECK(alone.best()->place.tokens == 0);
}

TEST_CASE("the page of several runs has each metric over steps, tokens and time, and the settings that differ") {
  auto first = run_log("<first>", kMetrics, R"({"train": {"seed": 1, "steps": 5}, "model": {"x": "</script>"}})");
  auto second = run_log("second", kMetrics, R"({"train": {"seed": 2, "steps": 5}})");
  const auto html = runs_page({first, second});
  using Catch::Contains;
  for (const auto* text : {"Validation loss by steps", "Validation loss by tokens", "by training time, seconds",
                           "Validation bleu by steps", "Training loss by tokens", "&lt;first&gt;", "seconds 15: 2.5000",
                           "tokens 2000: 10.0000", "train.seed", "&lt;/script&gt;", "class=\"curve run1\""}) {
    CHECK_THAT(html, Contains(text));
  }
  CHECK(html.find("train.steps") == std::string::npos);
  CHECK(html.find("<first>") == std::string::npos);
  CHECK(html.find("nan") == std::string::npos);
  for (const auto* external : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    CHECK(html.find(external) == std::string::npos);
  }
  CHECK_THAT(runs_page({run_log("alone", "", "")}), Contains("1 run"));
  const auto huge = run_log("huge",
                            R"({"step": 1, "tokens": 1e308, "loss": 1e308, "tokens_per_second": 1e-308}
{"step": 2, "valid": {"loss": 1e308, "bleu": -1e308}, "best": true}
{"step": 1e308, "tokens": 1.5e308, "loss": -1e308, "tokens_per_second": 1e308}
{"step": 4e307, "valid": {"loss": -1e308, "bleu": 1e308}, "best": true})",
                            "");
  const auto page = runs_page({huge, first});
  for (const auto* no_number : {"nan", ">inf", " inf", "inf "}) CHECK(page.find(no_number) == std::string::npos);
  CHECK_THROWS_WITH(runs_page(std::vector<RunLog>(9)), Contains("at most 8"));
}

TEST_CASE("a folder that is no run is refused by name") {
  const TempDir dir;
  CHECK_THROWS_WITH(read_run_log("a", dir.path()), Catch::Contains("metrics.jsonl"));
  write_file(dir / "metrics.jsonl", "{}\n");
  CHECK_THROWS_WITH(read_run_log("a", dir.path()), Catch::Contains("metrics.jsonl") && Catch::Contains("no reports"));
  write_file(dir / "metrics.jsonl", kMetrics);
  CHECK(read_run_log("a", dir.path()).evaluations.size() == 2);
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  write_file(dir / "run.json", R"({"train": {"a": )" + deep + "}}");
  CHECK_THROWS_WITH(read_run_log("a", dir.path()), Catch::Contains("run.json: is nested too deeply"));
}

}  // namespace langzoo::test::runs_report_test
