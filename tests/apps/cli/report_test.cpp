#include "tests/support/test.h"

#include "apps/cli/report.h"

using namespace langzoo;
using test::TempDir;

TEST_CASE("axis ticks are round and lie inside the range") {
  CHECK(axis_ticks(0, 2000, 4) == std::vector<double>{0, 500, 1000, 1500, 2000});
  CHECK(axis_ticks(1.7, 4.3, 6).front() == Approx(2));
  CHECK(axis_ticks(3, 3, 4) == std::vector<double>{3});
  for (const double tick : axis_ticks(-0.03, 0.19, 5)) CHECK((tick > -0.031 && tick < 0.191));
}

TEST_CASE("a chart draws what is finite and averages what is long") {
  std::vector<CurvePoint> points;
  for (int i = 0; i < 100000; ++i) points.push_back({double(i), i % 3 == 0 ? std::nan("") : 1.0 + i});
  const auto svg = svg_chart("loss", {{"a", "train", points}}, 900, 300);
  CHECK(svg.size() < 30000);
  CHECK(svg.find("nan") == std::string::npos);
  CHECK(svg.find("inf") == std::string::npos);
  CHECK(svg_chart("none", {}, 100, 100).find("nan") == std::string::npos);
  std::vector<CurvePoint> huge;
  for (int i = 0; i < 2000; ++i) huge.push_back({i * 1e299, i % 2 == 0 ? 1e308 : -9e299});
  const auto far = svg_chart("far", {{"a", "train", huge}, {"b", "valid", {{0, 1e300}, {1, 1}}}}, 100, 100);
  CHECK(far.find("nan") == std::string::npos);
  CHECK(far.find("inf") == std::string::npos);
  CHECK(svg_chart("flat", {{"a", "train", {{0, 0}, {1, 0}}}}, 100, 100).find("nan") == std::string::npos);
}

TEST_CASE("a report holds everything in one file and escapes what it quotes") {
  TempDir dir;
  test::write_file(dir / "metrics.jsonl",
                   "{\"step\":10,\"loss\":3.0,\"learning_rate\":0.001,\"tokens_per_second\":100.0}\n"
                   "{\"step\":10,\"valid\":{\"loss\":2.5,\"source_loss\":1.0},\"best\":true}\nnonsense\n{\"step\":");
  ReportContent content{
      "langzoo-gpt", "a <b> & c", {{"valid loss", "2.5000"}}, R"({"train": {"seed": "<1>"}, "program": "gpt"})", {}};
  content.samples = {{"<script>", "alert(1)</script>\xff"}};
  content.metrics["source_loss"] = {.value = 1, .label = "entropy of the source", .chart = MetricChart::kLoss};
  write_report(dir.path(), content);
  const auto html = test::read_file(dir / "report.html");
  CHECK(html.find("a &lt;b&gt; &amp; c") != std::string::npos);
  CHECK(html.find("<script") == std::string::npos);
  CHECK(html.find("seed") != std::string::npos);
  CHECK(html.find("&lt;1&gt;") != std::string::npos);
  CHECK(html.find("alert(1)&lt;/script&gt;\xef\xbf\xbd") != std::string::npos);
  CHECK(html.find("entropy of the source") != std::string::npos);
  for (const auto* external : {"http:", "https:", "src=", "href=", "@import", "url("}) {
    CHECK(html.find(external) == std::string::npos);
  }
}

TEST_CASE("scores on the validation data have charts of their own where they change") {
  const std::string metrics =
      "{\"step\":5,\"valid\":{\"loss\":2.5,\"perplexity\":12.2,\"exact_match\":10.5,\"bleu\":0.0}}\n"
      "{\"step\":9,\"valid\":{\"loss\":1.5,\"perplexity\":4.5,\"exact_match\":40.5,\"bleu\":0.0}}\n";
  ReportContent content;
  content.metrics["perplexity"] = {.value = 4.5, .chart = MetricChart::kNone};
  const auto html = report_page(content, metrics);
  CHECK(html.find("Validation: exact match") != std::string::npos);
  CHECK(html.find("step 9: 40.5000") != std::string::npos);
  CHECK(html.find("Validation: bleu") == std::string::npos);
  CHECK(html.find("Validation: perplexity") == std::string::npos);
}

TEST_CASE("a report calls figures what the task calls them, and draws each term of a loss") {
  ReportContent content;
  content.unit = "words";
  content.loss_unit = "weighted squared error a pair";
  content.metrics["f1"] = {.value = 0.5, .label = "F1 of entities"};
  const auto html =
      report_page(content,
                  "{\"step\":5,\"loss\":2.0,\"losses\":{\"mlm\":1.5,\"nsp\":0.5},\"tokens_per_second\":9}\n"
                  "{\"step\":5,\"valid\":{\"f1\":0.25},\"best\":true}\n"
                  "{\"step\":9,\"loss\":1.0,\"losses\":{\"mlm\":0.75,\"nsp\":0.5}}\n"
                  "{\"step\":9,\"valid\":{\"f1\":0.5},\"best\":true}\n");
  for (const auto* text : {"Loss, weighted squared error a pair", "Words per second", "Validation: F1 of entities",
                           "Training loss: mlm"}) {
    CHECK_THAT(html, Catch::Contains(text));
  }
  CHECK(html.find("Training loss: nsp") == std::string::npos);  // it does not change
  CHECK(html.find("Tokens") == std::string::npos);
}
