// Runs langzoo-lm's n-gram models as a user does.
#include "tests/support/test.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/support/process.h"

namespace langzoo::test::ngram_program_test {

namespace {

using Catch::Contains;

Result lm(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-lm", std::move(arguments), input).wait();
}

/// The golden text's model.
struct Trained {
  Trained() {
    const auto result =
        lm({"train", "--model", "ngram", "--data", text(), "--out", model(), "--json", "--set", "model.order=3"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.object()["step"] == 1);
    CHECK(result.object()["valid"].is_null());
  }
  static std::string text() { return fixture("ngram/text.txt").string(); }
  std::string model() const { return (dir / "kn3").string(); }
  std::string path(const std::string& name) const { return (dir / name).string(); }
  TempDir dir;
};
const Trained& trained() {
  static const Trained once;
  return once;
}

}  // namespace

TEST_CASE("an n-gram model is counted, evaluated, scored and continued") {
  const auto& run = trained();
  write_file(run.dir / "test.txt", "w0 w3 never\n\nw1 never w0\n");
  const auto result = lm({"eval", "--model", run.model(), "--data", run.path("test.txt"), "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto figures = result.object();
  CHECK(figures["tokens"] == 9);
  CHECK(figures["oov"] == 2);
  CHECK(figures["perplexity"].get<double>() == Approx(std::exp(figures["nats_per_token"].get<double>())));
  CHECK(figures["perplexity_without_oov"].get<double>() < figures["perplexity"].get<double>());

  const auto score = lm({"score", "--model", run.model(), "--text", "w0 w3 never", "--json"}).object();
  CHECK(score["tokens"] == nlohmann::ordered_json({"w0", "w3", "<unk>", "</s>"}));
  CHECK(score["ids"][2] == 0);
  CHECK(score["ids"][3] == 1);
  double nats = 0;
  for (const double log_probability : score["logprobs"]) nats -= log_probability;
  const auto empty = lm({"score", "--model", run.model(), "--text", "", "--json"}).object();
  CHECK(empty["tokens"] == nlohmann::ordered_json({"</s>"}));
  nats -= empty["logprobs"][0].get<double>();
  const auto last = lm({"score", "--model", run.model(), "--text", "w1 never w0", "--json"}).object();
  for (const double log_probability : last["logprobs"]) nats -= log_probability;
  CHECK(nats / 9 == Approx(figures["nats_per_token"].get<double>()));
  write_file(run.dir / "ids", score["ids"].dump() + "\n");
  const auto by_ids = lm({"score", "--model", run.model(), "--ids", run.path("ids"), "--json"}).object();
  CHECK(by_ids["logprobs"] == score["logprobs"]);

  const std::vector<std::string> generate = {"generate", "--model",          run.model(), "--prompt",
                                             "w0",       "--max-new-tokens", "12",        "--json"};
  auto drawn = generate;
  drawn.insert(drawn.end(), {"--seed", "3"});
  const auto first = lm(drawn).object(), second = lm(drawn).object();
  CHECK(first["ids"] == second["ids"]);
  CHECK(first["ids"].size() >= 1);
  auto searched = generate;
  searched.insert(searched.end(), {"--num-beams", "3"});
  CHECK(lm(searched).code == 0);
}

TEST_CASE("ARPA files go out and come in") {
  const auto& run = trained();
  const auto out = lm({"convert", "--model", run.model(), "--arpa", run.path("kn3.arpa"), "--json"});
  INFO(out.err);
  REQUIRE(out.code == 0);
  CHECK(out.object()["order"] == 3);
  CHECK(out.object()["ngrams"].size() == 3);
  const auto in = lm({"convert", "--from-arpa", run.path("kn3.arpa"), "--out", run.path("again"), "--json"});
  INFO(in.err);
  REQUIRE(in.code == 0);
  CHECK(in.object() == out.object());
  const auto figures = [&](const std::string& model) {
    return lm({"eval", "--model", model, "--data", Trained::text(), "--json"}).object();
  };
  CHECK(figures(run.path("again")) == figures(run.model()));
  CHECK(lm({"convert", "--model", run.path("again"), "--arpa", "-"}).out == read_file(run.dir / "kn3.arpa"));
  CHECK(lm({"convert", "--model", run.path("again"), "--arpa", "-", "--json"}).code == 2);
  CHECK(lm({"convert", "--from-arpa", run.path("kn3.arpa"), "--out", run.path("again")}).code == 2);
  write_file(run.dir / "bad.arpa", "\\data\\\nngram 1=x\n");
  const auto bad = lm({"convert", "--from-arpa", run.path("bad.arpa"), "--out", run.path("bad")});
  CHECK(bad.code == 1);
  CHECK_THAT(bad.err, Contains("bad.arpa: line 2"));
  CHECK_FALSE(std::filesystem::exists(run.dir / "bad"));
}

TEST_CASE("a mixture is better than its models, and no ARPA file can hold it") {
  const auto& run = trained();
  const auto unigrams = run.path("unigrams");
  REQUIRE(lm({"train", "--model", "ngram", "--data", Trained::text(), "--out", unigrams, "--set", "model.order=1",
              "model.smoothing=add_k", "model.k=0.1"})
              .code == 0);
  write_file(run.dir / "valid.txt", "w0 w3 w24\nw1 w10 w5\nw2 w0\n");
  const auto mixed = lm({"interpolate", "--models", run.model() + "," + unigrams, "--valid", run.path("valid.txt"),
                         "--out", run.path("mixed"), "--json"});
  INFO(mixed.err);
  REQUIRE(mixed.code == 0);
  const auto perplexity = [&](const std::string& model) {
    return lm({"eval", "--model", model, "--data", run.path("valid.txt"), "--json"})
        .object()["perplexity"]
        .get<double>();
  };
  CHECK(mixed.object()["perplexity"].get<double>() == Approx(perplexity(run.path("mixed"))).epsilon(1e-5));
  CHECK(perplexity(run.path("mixed")) <= perplexity(run.model()) * (1 + 1e-6));
  CHECK(perplexity(run.path("mixed")) <= perplexity(unigrams) * (1 + 1e-6));
  CHECK(lm({"generate", "--model", run.path("mixed"), "--prompt", "w0", "--max-new-tokens", "3"}).code == 0);
  for (const auto& model : {run.path("mixed"), unigrams}) {
    const auto refused = lm({"convert", "--model", model, "--arpa", run.path("no.arpa")});
    CHECK(refused.code == 1);
    CHECK_THAT(refused.err, Contains("back-off"));
  }
  const auto nested = lm({"interpolate", "--models", run.path("mixed") + "," + unigrams, "--valid",
                          run.path("valid.txt"), "--out", run.path("nested")});
  CHECK(nested.code == 1);
  CHECK_THAT(nested.err, Contains("mixture already"));
  CHECK(lm({"interpolate", "--models", unigrams, "--valid", run.path("valid.txt"), "--out", run.path("one")}).code ==
        2);

  // Of running text: eval reads as the weights were chosen.
  const auto running = run.path("running"), both = unigrams + "," + running;
  REQUIRE(lm({"train", "--model", "ngram", "--data", Trained::text(), "--out", running, "--set", "data.lines=false",
              "model.order=2", "model.smoothing=stupid_backoff"})
              .code == 0);
  const auto mix = [&](const std::string& models, std::vector<std::string> more) {
    more.insert(more.begin(), {"interpolate", "--models", models, "--valid", run.path("valid.txt"), "--out",
                               run.path("running mix"), "--json"});
    return lm(more);
  };
  check_error(mix(both, {}), 1, "running: is of stupid back-off");
  check_error(mix(unigrams + ",", {}), 1, "an empty name: no such directory");
  CHECK_THAT(lm({"eval", "--model", running, "--data", run.path("valid.txt"), "--dtype", "float32"}).err,
             Contains("--dtype has no effect where n-grams are looked up") && Contains("do not sum to 1"));
  REQUIRE(lm({"train", "--model", "ngram", "--data", Trained::text(), "--out", running, "--overwrite", "--set",
              "data.lines=false", "model.order=2", "model.smoothing=add_k"})
              .code == 0);
  check_error(mix(both, {}), 2, "data.lines=true, that of " + running + " data.lines=false");
  // A model that no run made reads as the others.
  REQUIRE(lm({"convert", "--model", run.model(), "--arpa", run.path("kn.arpa")}).code == 0);
  REQUIRE(lm({"convert", "--from-arpa", run.path("kn.arpa"), "--out", run.path("of arpa")}).code == 0);
  CHECK(mix(run.path("of arpa") + "," + running, {}).code == 0);
  std::filesystem::remove_all(run.path("running mix"));
  const auto tuned = mix(both, {"--set", "data.lines=false"});
  INFO(tuned.err);
  REQUIRE(tuned.code == 0);
  CHECK(tuned.object()["perplexity"].get<double>() == Approx(perplexity(run.path("running mix"))).epsilon(1e-5));

  // Another model's tokenizer, of as many words.
  auto text = read_file(Trained::text());
  std::replace(text.begin(), text.end(), 'w', 'v');
  write_file(run.dir / "renamed.txt", text);
  const auto renamed = run.path("renamed");
  REQUIRE(
      lm({"train", "--model", "ngram", "--data", run.path("renamed.txt"), "--out", renamed, "--set", "model.order=3"})
          .code == 0);
  const auto eval = [&](const std::string& model) {
    return lm({"eval", "--model", model, "--data", run.path("valid.txt")});
  };
  CHECK(eval(renamed).code == 0);
  std::filesystem::copy_file(run.dir / "kn3/tokenizer.json", run.dir / "renamed/tokenizer.json",
                             std::filesystem::copy_options::overwrite_existing);
  check_error(eval(renamed), 1, renamed + ": the tokenizer's words are not the n-gram model's");

  // What says so may be damaged.
  write_file(run.dir / "running/run.json", "{");
  check_error(eval(running), 1, "run.json: is not JSON");
  write_file(run.dir / "running/run.json", R"({"data": {"lines": "no"}})");
  check_error(eval(running), 1, "run.json: data.lines = \"no\" must be null, true or false");
}

TEST_CASE("settings of n-gram models, and mistakes in them") {
  const auto& run = trained();
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train",         "--model", "ngram",           "--data",
                                          Trained::text(), "--out",   run.path("other"), "--overwrite"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return lm(arguments);
  };
  const auto refused = [&](std::vector<std::string> more, int code, const std::string& says) {
    const auto result = train(std::move(more));
    INFO(says);
    CHECK(result.code == code);
    CHECK_THAT(result.err, Contains(says));
  };
  CHECK(train({"--memory", "2M", "--set", "model.order=4"}).code == 0);
  CHECK(train({"--set", "model.prune=[0,0,1]", "model.prune_entropy=1e-5"}).code == 0);
  CHECK(train({"--tokenizer", "words:20", "--set", "model.smoothing=kneser_ney", "model.order=2",
               "model.discount_fallback=true"})
            .code == 0);
  CHECK(train({"--tokenizer", "char", "--set", "model.smoothing=none", "model.order=4"}).code == 0);
  CHECK(lm({"eval", "--model", run.path("other"), "--data", Trained::text(), "--json"}).object()["oov"] == 0);
  const auto valid = train({"--valid", Trained::text(), "--json", "--set", "model.order=2"});
  CHECK(valid.object()["valid"]["perplexity"].get<double>() > 1);
  CHECK(train({"--set", "data.lines=false", "model.order=2", "model.discount_fallback=true"}).code == 0);
  refused({"--memory", "x"}, 2, "train.memory = x");
  refused({"--memory", "1K"}, 1, "memory = 1K is too little");
  refused({"--set", "model.order=0"}, 2, "model.order");
  refused({"--set", "model.prune=[1]"}, 2, "prune");
  refused({"--set", "model.k=2"}, 2, "model.k");
  refused({"--set", "train.learning_rate=2"}, 2, "counted at once");
  refused({"--set", "model.order=2", "model.prune=[0,0,1]"}, 2, "model.prune 0 0 1: is of n-grams of up to 3 words");
  write_file(run.dir / "small.txt", "a b c\n");
  const auto small = lm({"train", "--model", "ngram", "--data", run.path("small.txt"), "--out", run.path("small")});
  CHECK(small.code == 1);
  CHECK_THAT(small.err, Contains("small.txt: order 1: the counts of counts give no discount"));
  CHECK_FALSE(std::filesystem::exists(run.dir / "small"));
  write_file(run.dir / "marked.txt", "a b\na </s>\n");
  const auto marked = lm({"train", "--model", "ngram", "--data", run.path("marked.txt"), "--out", run.path("small")});
  CHECK(marked.code == 1);
  CHECK_THAT(marked.err, Contains("marked.txt: line 2"));
  CHECK(lm({"train", "--model", "lstm", "--memory", "1G", "--data", run.path("small.txt"), "--out", run.path("small")})
            .code == 2);
}

}  // namespace langzoo::test::ngram_program_test
