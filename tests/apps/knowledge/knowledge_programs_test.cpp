// Runs langzoo-ernie and langzoo-kagnet, as a user does.
#include "tests/support/test.h"

#include "data/files/files.h"
#include "tests/support/process.h"

namespace langzoo::test::knowledge_programs_test {

namespace {

using Catch::Matchers::Contains;

Result run(const std::string& program, std::vector<std::string> arguments) {
  return Process(program, std::move(arguments)).wait();
}
Result succeed(const std::string& program, std::vector<std::string> arguments) {
  auto result = run(program, std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

}  // namespace

TEST_CASE("langzoo-ernie embeds a graph, scores triples, and reads texts with it") {
  const TempDir dir;
  const auto at = [&](const char* name) { return (dir / name).string(); };
  write_file(dir / "facts.tsv",
             "Ann\tknows\tBob\nBob\tknows\tCid\nCid\tknows\tAnn\nAnn\tlikes\tCid\nBob\tlikes\tAnn\n");
  succeed("langzoo-ernie", {"train", "--objective", "transe", "--data", at("facts.tsv"), "--epochs", "20", "--dim", "8",
                            "--out", at("graph"), "--threads", "1", "--json"});
  const auto figures =
      succeed("langzoo-ernie", {"eval", "--model", at("graph"), "--data", at("facts.tsv"), "--json"}).object();
  CHECK(figures["mean_rank"].get<double>() >= 1);
  CHECK(figures.contains("hits_at_10"));
  const auto scores =
      succeed("langzoo-ernie", {"score", "--model", at("graph"), "--data", at("facts.tsv"), "--json"}).objects();
  REQUIRE(scores.size() == 5);
  CHECK(scores[0]["head"] == "Ann");
  CHECK(scores[0]["score"].get<double>() <= 0);
  const auto one = succeed("langzoo-ernie", {"score", "--model", at("graph"), "--triple", "Ann", "knows", "Bob"});
  CHECK_THAT(one.out, Contains("Ann\tknows\tBob\t-"));
  const auto unknown = run("langzoo-ernie", {"score", "--model", at("graph"), "--triple", "Ann", "eats", "Bob"});
  CHECK(unknown.code == 1);
  CHECK_THAT(unknown.err, Contains("--triple: the graph has no relation eats"));

  std::string rows;
  for (int i = 0; i < 20; ++i)
    rows += R"({"text": "Ann met Bob .", "ents": [["Ann", 0, 3], ["Bob", 8, 11]], "label": ")" +
            std::string(i % 2 == 0 ? "knows" : "likes") + "\"}\n";
  write_file(dir / "rows.jsonl", rows);
  succeed("langzoo-ernie",
          {"train", "--objective", "relation", "--data", at("rows.jsonl"), "--knowledge", at("graph"), "--out",
           at("run"), "--threads", "1", "--set", "train.max_steps=2", "model.hidden_size=8",
           "model.num_hidden_layers=2", "model.intermediate_size=8", "data.tokenizer=train:wordpiece:60"});
  const auto eval = succeed("langzoo-ernie", {"eval", "--model", at("run"), "--data", at("rows.jsonl"), "--json"});
  CHECK(eval.object().contains("micro_f1"));
  const auto predicted =
      succeed("langzoo-ernie", {"predict", "--model", at("run"), "--data", at("rows.jsonl"), "--json"}).objects();
  REQUIRE(predicted.size() == 20);
  succeed("langzoo-ernie", {"predict", "--model", at("run"), "--data", at("rows.jsonl"), "--out", at("names.html")});
  CHECK_THAT(read_file(dir / "names.html"), Contains("<td><mark>Ann</mark> met <mark>Bob</mark> .</td>"));
  CHECK(predicted[0]["probabilities"].size() == 2);
  const auto again = run("langzoo-ernie", {"train", "--objective", "typing", "--out", at("run"), "--resume"});
  CHECK(again.code == 2);
  CHECK_THAT(again.err, Contains("--objective typing: the run in " + at("run") + " is for relation"));
  check_error(run("langzoo-ernie", {"train", "--objective", "typing", "--preset", "relation", "--out", at("x")}), 2,
              "--objective typing: --preset relation is for relation");
  check_error(run("langzoo-ernie", {"train", "--objective", "typing", "--data", at("rows.jsonl"), "--init", at("graph"),
                                    "--tokenizer", "train:wordpiece:60", "--out", at("x")}),
              1, "model_type: is \"transe\", expected \"ernie-thu\"");
  for (const bool pair : {false, true}) {
    std::vector<std::string> arguments = {"predict", "--model", at("run"), "--text", "Ann met Bob"};
    if (pair) arguments.insert(arguments.end(), {"--pair", "there"});
    const auto text = run("langzoo-ernie", arguments);
    CHECK(text.code == 2);
    CHECK_THAT(text.err, Contains("are read from --data\n"));
  }
  // A program that would leave the entities out.
  const auto bert = run("langzoo-bert", {"predict", "--model", at("run"), "--text", "Ann"});
  CHECK(bert.code != 0);
}

TEST_CASE("langzoo-kagnet answers, and shows the paths that decided") {
  const TempDir dir;
  const auto at = [&](const char* name) { return (dir / name).string(); };
  write_file(dir / "facts.tsv", "Ann\tlives_in\tRom\nBob\tlives_in\tUlm\nRom\tlies_in\tItaly\n");
  std::string rows;
  for (int i = 0; i < 12; ++i)
    rows += R"({"premise": "Where is )" + std::string(i % 2 == 0 ? "Ann" : "Bob") +
            R"( <now>?", "choice1": "Rom", "choice2": "Ulm", "label": )" + std::to_string(i % 2) + "}\n";
  write_file(dir / "rows.jsonl", rows);
  succeed("langzoo-kagnet", {"train",
                             "--data",
                             at("rows.jsonl"),
                             "--knowledge",
                             at("facts.tsv"),
                             "--encoder",
                             "distilbert",
                             "--out",
                             at("run"),
                             "--threads",
                             "1",
                             "--set",
                             "train.max_steps=2",
                             "model.encoder.dim=8",
                             "model.encoder.n_layers=1",
                             "model.encoder.n_heads=2",
                             "model.encoder.hidden_dim=8",
                             "data.tokenizer=train:wordpiece:60",
                             "data.knowledge_dim=8",
                             "data.knowledge_epochs=5"});
  const auto eval =
      succeed("langzoo-kagnet", {"eval", "--model", at("run"), "--data", at("rows.jsonl"), "--json"}).object();
  CHECK(eval["grounded"] == 1.0);
  write_file(dir / "new.jsonl", R"({"premise": "Where is Ann <now>?", "choice1": "Rom", "choice2": "Ulm"})"
                                "\n");
  const auto answer =
      succeed("langzoo-kagnet", {"predict", "--model", at("run"), "--data", at("new.jsonl"), "--json"}).object();
  CHECK(answer.size() == 3);
  CHECK(answer["probabilities"].size() == 2);
  CHECK(answer["paths"].is_array());
  if (answer["choice"] == 0) {
    CHECK(answer["paths"][0]["entities"] == std::vector<std::string>{"Ann", "Rom"});
    CHECK(answer["paths"][0]["relations"] == std::vector<std::string>{"lives_in"});
    CHECK(answer["paths"][0]["weight"] == Approx(1));
  }
  succeed("langzoo-kagnet",
          {"predict", "--model", at("run"), "--data", at("new.jsonl"), "--out", at("page.html"), "--logits", "--json"});
  const auto page = read_file(dir / "page.html");
  CHECK_THAT(page, Contains("lives_in") && Contains("&lt;now&gt;") && Contains("no path leads there"));
  const auto wrong =
      run("langzoo-kagnet", {"train", "--encoder", "gpt2", "--data", at("rows.jsonl"), "--out", at("x")});
  CHECK(wrong.code == 2);
  const auto resumed = succeed(
      "langzoo-kagnet", {"train", "--out", at("run"), "--resume", "--threads", "1", "--set", "train.max_steps=3"});
  CHECK(resumed.err.find("distilbert") == std::string::npos);
  // The encoder is that of the model that a run begins with.
  succeed("langzoo-kagnet", {"train", "--data", at("rows.jsonl"), "--init", at("run"), "--out", at("more"), "--threads",
                             "1", "--set", "train.max_steps=1"});
  CHECK_THAT(read_file(dir / "more/config.json"), Contains("distilbert"));
}

}  // namespace langzoo::test::knowledge_programs_test
