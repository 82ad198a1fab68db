// Runs langzoo-ntm as a user does.
#include "tests/support/test.h"

#include "tests/support/process.h"

namespace langzoo::test::ntm_program_test {

namespace {

using Catch::Contains;

Result ntm(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-ntm", std::move(arguments), input).wait();
}
Result succeed(std::vector<std::string> arguments, const std::string& input = {}) {
  auto result = ntm(std::move(arguments), input);
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

/// A machine that has learnt next to nothing.
std::string trained(const TempDir& dir, const std::string& task, std::vector<std::string> more = {}) {
  const auto out = (dir / task).string();
  std::vector<std::string> arguments = {"train", "--task", task,        "--length", task == "ngrams" ? "9" : "3",
                                        "--out", out,      "--threads", "1",        "--sequences",
                                        "20",    "--json"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const auto line = succeed(arguments).object();
  CHECK(line["bits_per_sequence"].get<double>() > 0);
  CHECK(line["errors"].get<double>() >= 0);
  CHECK(line["step"] == 20);
  return out;
}

const std::vector<std::string> kSmall = {"--set", "model.memory_rows=12", "model.controller_size=8"};

}  // namespace

TEST_CASE("langzoo-ntm trains, measures, runs and shows every task") {
  for (const std::string task : {"copy", "repeat-copy", "recall", "ngrams", "sort"}) {
    INFO(task);
    const TempDir dir;
    const auto model = trained(dir, task, kSmall);
    const auto figures = succeed({"eval", "--model", model, "--task", task, "--length", task == "ngrams" ? "12" : "5",
                                  "--sequences", "7", "--json"})
                             .object();
    CHECK(figures["bits_per_sequence"].get<double>() > 0);
    CHECK(figures["errors"].get<double>() <= figures["answer_bits"].get<double>());
    CHECK(figures.contains("optimal_bits_per_sequence") == (task == "ngrams"));
    const auto page = (dir / "memory.html").string();
    CHECK(succeed({"memory", "--model", model, "--out", page}).out.empty());
    CHECK(read_file(page).find("Write weightings") != std::string::npos);
  }
}

TEST_CASE("langzoo-ntm run takes vectors of the task, or rows as the model reads them") {
  const TempDir dir;
  const auto model = trained(dir, "copy", kSmall);
  const auto lines = succeed({"run", "--model", model, "--data", "-"},
                             "{\"input\": [[1,0,1,0,1,0,1,0],[0,0,0,0,1,1,1,1]]}\n\n"
                             "{\"input\": [[1,0,1,0,1,0,1,0,0],[0,0,0,0,1,1,1,1,0],[0,0,0,0,0,0,0,0,1],"
                             "[0,0,0,0,0,0,0,0,0],[0,0,0,0,0,0,0,0,0]]}\n")
                         .objects();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["output"].size() == 2);
  CHECK(lines[0]["output"][0].size() == 8);
  CHECK(lines[1]["output"].size() == 5);
  for (std::size_t t = 0; t < 2; ++t) {
    for (std::size_t j = 0; j < 8; ++j) {
      const double p = lines[0]["probabilities"][t][j];
      CHECK(p == Approx(lines[1]["probabilities"][t + 3][j].get<double>()));
      CHECK(lines[0]["output"][t][j] == (p > 0.5 ? 1 : 0));
    }
  }
  const auto error = [&](const std::string& line, const std::string& says) {
    check_error(ntm({"run", "--model", model, "--data", "-"}, line + "\n"), 1, says);
  };
  error("", "holds no sequence");
  error("[1]", "line 1: is not a JSON object");
  error("{\"input\": []}", "input must be a list of rows");
  error("{\"in\": []}", "has no field \"input\"");
  error("{\"input\": [[1,0,2,0,0,0,0,0]]}", "input, row 1, number 3: is 2, expected 0 or 1");
  error("{\"input\": [[1,0]]}", "input, row 1: has 2 numbers, expected the 8 bits of a vector, or the model's 9");
  error("{\"input\": [[0,0,0,0,0,0,0,0],[1]]}", "row 2: has 1 numbers");
  error("{\"input\": [[0,0,0,0,0,0,0,0]], \"length\": 3}", "\"length\"");
  error("{\"input\": [[0,0,0,0,0,0,0,null]]}", "is null");
  error("{\"input\": " + std::string(5000, '[') + "}", "nested too deeply");

  const auto repeats = trained(dir, "repeat-copy", kSmall);
  CHECK(succeed({"run", "--model", repeats, "--data", "-"}, "{\"input\": [[1,0,1,0,1,0]], \"repeats\": 4}\n")
            .object()["output"]
            .size() == 5);
  check_error(ntm({"run", "--model", repeats, "--data", "-"}, "{\"input\": [[1,0,1,0,1,0]]}\n"), 1, "\"repeats\"");
  const auto sorts = trained(dir, "sort", kSmall);
  CHECK(succeed({"run", "--model", sorts, "--data", "-"},
                "{\"input\": [[1,0,1,0,1,0,0,0],[1,1,1,0,1,0,0,0]], \"priorities\": [0.5, -1]}\n")
            .object()["output"]
            .size() == 2);
  check_error(
      ntm({"run", "--model", sorts, "--data", "-"}, "{\"input\": [[1,0,1,0,1,0,0,0]], \"priorities\": [1, 2]}\n"), 1,
      "2 priorities for 1 vectors");
}

TEST_CASE("langzoo-ntm tells what cannot be") {
  const TempDir dir;
  const auto lstm = trained(dir, "copy", {"--model", "lstm", "--set", "model.hidden_size=8"});
  check_error(ntm({"memory", "--model", lstm, "--out", (dir / "page.html").string()}), 1, "no memory to show");
  check_error(ntm({"memory", "--model", lstm}), 2, "--out");
  check_error(ntm({"eval", "--model", lstm, "--task", "recall"}), 2, "the model reads 9 channels");
  check_error(ntm({"eval", "--model", lstm, "--repeats", "3"}), 2, "--repeats: the task copy has none");
  check_error(ntm({"eval", "--model", (dir / "none").string()}), 1, "none");
  check_error(ntm({"train", "--model", "ntm", "--out", lstm, "--resume"}), 2,
              "--model ntm: the run in " + lstm + " is for lstm");
  check_error(ntm({"train", "--model", "ntm", "--preset", "lstm-copy", "--out", (dir / "x").string()}), 2,
              "--model ntm: --preset lstm-copy is for lstm");
  check_error(ntm({"train", "--model", "lstm", "--preset", "sort", "--out", (dir / "x").string()}), 2, "is for ntm");
  check_error(ntm({"train", "--task", "cpoy", "--out", (dir / "x").string()}), 2, "--task");
  const auto more = succeed({"train", "--out", lstm, "--resume", "--sequences", "25", "--json"}).object();
  CHECK(more["step"] == 25);
}

}  // namespace langzoo::test::ntm_program_test
