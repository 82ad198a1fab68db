// The verbs attention and report, as a user runs them.
#include "tests/support/test.h"

#include <nlohmann/json.hpp>

#include "tests/apps/translation/translation.h"
#include "tests/support/process.h"

namespace langzoo::test::attention_verb_test {
namespace {

using Json = nlohmann::ordered_json;

Result run(const std::string& program, std::vector<std::string> arguments) {
  return Process(program, std::move(arguments)).wait();
}

void check_rows(const Json& map, std::size_t layers, std::size_t heads, bool causal) {
  REQUIRE(map["weights"].size() == layers);
  for (const auto& layer : map["weights"]) {
    REQUIRE(layer.size() == heads);
    for (const auto& head : layer) {
      REQUIRE(head.size() == map["queries"].size());
      for (std::size_t t = 0; t < head.size(); ++t) {
        REQUIRE(head[t].size() == map["keys"].size());
        double sum = 0;
        for (std::size_t s = 0; s < head[t].size(); ++s) {
          sum += head[t][s].get<double>();
          if (causal && s > t) CHECK(head[t][s] == 0.0);
        }
        CHECK(sum == Approx(1).epsilon(1e-5));
      }
    }
  }
}

}  // namespace

TEST_CASE("langzoo-transformer attention shows encoder, decoder and what is between them") {
  const TempDir dir;
  write_file(dir / "pairs.tsv", letters_of_digits(40, 1));
  const auto model = (dir / "run").string(), page = (dir / "page.html").string();
  const auto trained = run("langzoo-transformer", {"train",
                                                   "--data",
                                                   (dir / "pairs.tsv").string(),
                                                   "--out",
                                                   model,
                                                   "--preset",
                                                   "tiny",
                                                   "--tokenizer",
                                                   "char",
                                                   "--threads",
                                                   "1",
                                                   "--set",
                                                   "train.max_steps=1",
                                                   "data.translated=0",
                                                   "model.d_model=16",
                                                   "model.encoder_layers=2",
                                                   "model.decoder_layers=1",
                                                   "model.encoder_ffn_dim=16",
                                                   "model.decoder_ffn_dim=16",
                                                   "model.max_position_embeddings=20",
                                                   "train.batch_tokens=100"});
  INFO(trained.err);
  REQUIRE(trained.code == 0);
  const std::vector<std::string> pair = {"attention", "--model", model, "--text", "123", "--translation", "bc"};
  const auto with = [](std::vector<std::string> arguments, const std::vector<std::string>& more) {
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run("langzoo-transformer", arguments);
  };
  const auto object = with(pair, {"--json", "--out", page}).object();
  REQUIRE(object.size() == 3);
  const auto &encoder = object["encoder_attentions"], &cross = object["cross_attentions"];
  CHECK(encoder["queries"] == Json({"1", "2", "3", "</s>"}));
  CHECK(cross["queries"] == Json({"b", "c", "</s>"}));
  CHECK(cross["keys"] == encoder["keys"]);
  CHECK(object["decoder_attentions"]["queries"].size() == 3);
  CHECK(object["decoder_attentions"]["queries"][1] == "b");
  const auto heads = encoder["weights"][0].size();
  check_rows(encoder, 2, heads, false);
  check_rows(object["decoder_attentions"], 1, heads, true);
  check_rows(cross, 1, heads, false);
  CHECK_THAT(read_file(page), Catch::Contains("id=\"texts\""));

  const auto data = (dir / "pairs.tsv").string();
  const auto several =
      run("langzoo-transformer", {"attention", "--model", model, "--data", data, "--pairs", "3", "--json"});
  CHECK(several.objects().size() == 3);
  check_error(with(pair, {}), 2, "--out");
  check_error(with(pair, {"--json", "--num-beams", "2", "--n-best", "2"}), 2, "--n-best");
  check_error(run("langzoo-transformer",
                  {"attention", "--model", model, "--text", std::string(30, '1'), "--translation", "b", "--json"}),
              1, "30 tokens");
}

TEST_CASE("langzoo-gpt attention shows a text, and report several runs") {
  const TempDir dir;
  write_file(dir / "text.txt", [] {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "Anna has " + std::to_string(i % 7) + " apples.\n";
    return text;
  }());
  const auto train = [&](const std::string& name, const std::string& rate) {
    const auto out = (dir / name).string();
    const auto result =
        run("langzoo-gpt", {"train", "--data", (dir / "text.txt").string(), "--tokenizer", "char", "--out", out,
                            "--threads", "1", "--set", "model.n_layer=2", "model.n_head=2", "model.n_embd=8",
                            "model.n_positions=16", "train.max_steps=4", "train.batch_size=2", "train.eval_every=2",
                            "train.log_every=1", "train.learning_rate=" + rate});
    INFO(result.err);
    REQUIRE(result.code == 0);
    return out;
  };
  const auto model = train("first", "0.01");
  const auto object = run("langzoo-gpt", {"attention", "--model", model, "--text", "Anna", "--json"}).object();
  CHECK(object["decoder_attentions"]["queries"] == Json({"A", "n", "n", "a"}));
  check_rows(object["decoder_attentions"], 2, 2, true);
  const auto page = (dir / "page.html").string();
  CHECK(run("langzoo-gpt", {"attention", "--model", model, "--text", "Anna has", "--out", page}).code == 0);
  CHECK_THAT(read_file(page), Catch::Contains("Anna has"));
  check_error(run("langzoo-gpt", {"attention", "--model", model, "--text", "Anna", "--json", "--out", "-"}), 2,
              "--json: not with --out to stdout");
  check_error(run("langzoo-gpt", {"attention", "--model", model, "--text", "Anna has 3 apples.", "--json"}), 1,
              "context is 16");
  check_error(run("langzoo-gpt", {"attention", "--model", model, "--text", "", "--json"}), 2, "--text");
  check_error(run("langzoo-gpt", {"attention", "--model", model, "--text", "Anna"}), 2, "--out");

  const auto second = train("second", "0.02"), curves = (dir / "curves.html").string();
  const auto report = run("langzoo-gpt", {"report", "--runs", model, second, "--out", curves, "--json"});
  REQUIRE(report.objects().size() == 2);
  CHECK(report.objects()[1]["run"] == "second");
  CHECK(report.objects()[1]["step"] == 4);
  CHECK(report.objects()[0]["valid"].size() == 2);
  CHECK(report.objects()[0]["valid"][1]["tokens"] == report.objects()[0]["tokens"]);
  CHECK_THAT(read_file(curves), Catch::Contains("train.learning_rate") && Catch::Contains("Validation loss by tokens"));
  check_error(run("langzoo-gpt", {"report", "--runs", model, (dir / "none").string(), "--out", curves}), 1, "none");
  check_error(run("langzoo-gpt", {"report", "--runs", model}), 2, "--out");
  check_error(run("langzoo-gpt", {"report", "--runs", model, "--out", "/dev/stdout", "--json"}), 2,
              "--json: not with --out to stdout");
}

TEST_CASE("langzoo-seq2seq attention has one layer of one head, and none without attention") {
  const TempDir dir;
  write_file(dir / "pairs.tsv", letters_of_digits(40, 1));
  const auto model = (dir / "run").string();
  const auto train = [&](std::vector<std::string> settings) {
    std::vector<std::string> arguments = {"train",
                                          "--data",
                                          (dir / "pairs.tsv").string(),
                                          "--out",
                                          model,
                                          "--tokenizer",
                                          "char",
                                          "--threads",
                                          "1",
                                          "--overwrite",
                                          "--set",
                                          "train.max_steps=1",
                                          "data.translated=0",
                                          "model.embedding_size=8",
                                          "model.hidden_size=8"};
    arguments.insert(arguments.end(), settings.begin(), settings.end());
    succeed(arguments);
  };
  train({"model.attention=dot"});
  const auto object =
      succeed({"attention", "--model", model, "--text", "12", "--translation", "bc", "--json"}).object();
  REQUIRE(object.size() == 1);
  check_rows(object["cross_attentions"], 1, 1, false);
  train({"model.attention=none", "model.input_feeding=false", "model.output=hidden"});
  check_error(seq2seq({"attention", "--model", model, "--text", "1", "--json"}), 1, "no attention");
}

}  // namespace langzoo::test::attention_verb_test
