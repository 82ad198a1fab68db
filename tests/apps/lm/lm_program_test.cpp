// Runs langzoo-lm as a user does.
#include "tests/support/test.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "models/io/safetensors.h"
#include "tests/support/process.h"

namespace langzoo::test::lm_program_test {

namespace {

using Json = nlohmann::ordered_json;

Result lm(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-lm", std::move(arguments), input).wait();
}

std::string sentences(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog\n";
  return text;
}

std::vector<std::string> tiny(const std::string& data, const std::string& out, const std::string& kind,
                              const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train", "--model", kind,        "--data", data,   "--out",
                                        out,     "--json",  "--threads", "1",      "--set"};
  if (kind == "transformer") {
    arguments.insert(arguments.end(), {"model.d_model=16", "model.decoder_layers=1", "model.decoder_ffn_dim=16",
                                       "model.max_position_embeddings=16"});
  } else {
    arguments.insert(arguments.end(), {"model.embedding_size=8", "model.hidden_size=8", "data.bptt=7"});
  }
  arguments.insert(arguments.end(), {"train.batch_size=4", "train.max_steps=12", "train.log_every=4"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

/// Models of several kinds, for all cases that only use them.
struct Trained {
  Trained() {
    write_file(dir / "text.txt", sentences(60));
    for (const std::string kind : {"lstm", "transformer"}) {
      const auto result = lm(tiny(text(), model(kind), kind));
      INFO(result.err);
      REQUIRE(result.code == 0);
      CHECK(result.object()["step"] == 12);
      CHECK(result.object()["valid"]["perplexity"].get<double>() > 1);
    }
  }
  std::string text() const { return (dir / "text.txt").string(); }
  std::string model(const std::string& kind) const { return (dir / kind).string(); }
  TempDir dir;
};
const Trained& trained() {
  static const Trained once;
  return once;
}

}  // namespace

TEST_CASE("a flag of another kind of model is refused") {
  const auto out = trained().model("none");
  check_error(lm({"train", "--model", "gru", "--data", trained().text(), "--memory", "1G", "--out", out}), 2,
              "--memory: is for --model ngram, and this one is gru");
}

TEST_CASE("eval gives tokens, unknown words, nats and perplexity, whatever the batch size") {
  for (const std::string kind : {"lstm", "transformer"}) {
    const auto model = trained().model(kind);
    write_file(trained().dir / "test.txt", "Anna has 3 pears\n\nAnna has a dog");
    const auto data = (trained().dir / "test.txt").string();
    const auto result = lm({"eval", "--model", model, "--data", data, "--json"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto figures = result.object();
    CHECK(figures["tokens"] == 11);
    CHECK(figures["oov"] == 1);
    CHECK(figures["perplexity"].get<double>() == Approx(std::exp(figures["nats_per_token"].get<double>())));
    const auto other = lm({"eval", "--model", model, "--data", data, "--json", "--batch-size", "1"}).object();
    CHECK(other["nats_per_token"].get<double>() == Approx(figures["nats_per_token"].get<double>()).epsilon(1e-5));
    const auto words = lm({"eval", "--model", model, "--data", data, "--json", "--set", "data.lines=false"}).object();
    CHECK(words["tokens"] == 8);
  }
}

TEST_CASE("the cache and dynamic evaluation are options of eval, for models with a memory") {
  const auto lstm = trained().model("lstm"), text = trained().text();
  const auto plain = lm({"eval", "--model", lstm, "--data", text, "--json"}).object();
  const auto cached = lm({"eval", "--model", lstm, "--data", text, "--json", "--cache", "50"}).object();
  const auto dynamic = lm({"eval", "--model", lstm, "--data", text, "--json", "--dynamic-rate", "0.5"}).object();
  CHECK(cached["perplexity"] != plain["perplexity"]);
  for (const auto* const size : {"1", "5"}) {  // 64 tokens of a batch's row
    const auto alike =
        lm({"eval", "--model", lstm, "--data", text, "--json", "--cache", "50", "--batch-size", size}).object();
    CHECK(alike["perplexity"].get<double>() == Approx(cached["perplexity"].get<double>()).epsilon(1e-5));
  }
  CHECK(dynamic["perplexity"].get<double>() < plain["perplexity"].get<double>());
  check_error(lm({"eval", "--model", trained().model("transformer"), "--data", text, "--cache", "5"}), 2, "--cache");
  check_error(lm({"eval", "--model", lstm, "--data", text, "--stride", "5"}), 2, "--stride");
  check_error(lm({"eval", "--model", lstm, "--data", text, "--set", "data.line=false"}), 2, "data.line");
}

TEST_CASE("score gives as many logarithms as tokens, the end among them, and eval their mean") {
  for (const std::string kind : {"lstm", "transformer"}) {
    const auto model = trained().model(kind);
    const auto result = lm({"score", "--model", model, "--text", "Anna has a zebra", "--json"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    const auto line = result.object();
    CHECK(line["tokens"] == Json::parse(R"(["Anna", "has", "a", "<unk>", "</s>"])"));
    REQUIRE(line["ids"].size() == 5);
    REQUIRE(line["logprobs"].size() == 5);
    // The same ids again: nothing is added.
    write_file(trained().dir / "ids.txt", line["ids"].dump() + "\n");
    const auto again =
        lm({"score", "--model", model, "--ids", (trained().dir / "ids.txt").string(), "--json"}).object();
    for (std::size_t i = 0; i < 5; ++i)
      CHECK(again["logprobs"][i].get<double>() == Approx(line["logprobs"][i].get<double>()).epsilon(1e-5));

    write_file(trained().dir / "two.txt", "Anna has a dog\n\nAnna has\n");
    const auto data = (trained().dir / "two.txt").string();
    const auto lines = lm({"score", "--model", model, "--data", data, "--json"}).objects();
    REQUIRE(lines.size() == 3);
    CHECK(lines[1]["tokens"] == Json::parse(R"(["</s>"])"));
    double sum = 0;
    for (const auto& each : lines) {
      for (const auto& log : each["logprobs"]) sum += log.get<double>();
    }
    const auto figures = lm({"eval", "--model", model, "--data", data, "--json"}).object();
    CHECK(-sum / 9 == Approx(figures["nats_per_token"].get<double>()).epsilon(1e-5));
  }
  for (const auto* const verb : {"score", "generate"}) {
    const auto* const flag = std::string(verb) == "score" ? "--text" : "--prompt";
    check_error(lm({verb, "--model", trained().model("lstm"), flag, "a </s>"}), 1,
                std::string(flag) + ": holds </s> as a word");
  }
  check_error(lm({"generate", "--model", trained().model("lstm"), "--prompt", "a", "--no-special-tokens"}), 2,
              "--no-special-tokens");
}

TEST_CASE("generate continues prompts behind </s>, with spaces between words, and with beams") {
  for (const std::string kind : {"lstm", "transformer"}) {
    const auto model = trained().model(kind);
    const auto result = lm({"generate", "--model", model, "--prompt", "Anna has", "--greedy", "--max-new-tokens", "4"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.out.starts_with("Anna has "));
    const auto beams = lm({"generate", "--model", model, "--prompt", "Anna", "--num-beams", "3", "--json",
                           "--max-new-tokens", "4", "--num-return-sequences", "2"});
    CHECK(beams.objects().size() == 2);
    // Batches of prompts of different length give each what it gets alone.
    write_file(trained().dir / "prompts.txt", "Anna has 3 apples\nAnna\n");
    const auto both = lm({"generate", "--model", model, "--prompts", (trained().dir / "prompts.txt").string(),
                          "--greedy", "--json", "--max-new-tokens", "4"})
                          .objects();
    const auto alone =
        lm({"generate", "--model", model, "--prompt", "Anna", "--greedy", "--json", "--max-new-tokens", "4"}).object();
    REQUIRE(both.size() == 2);
    CHECK(both[1]["ids"] == alone["ids"]);
  }
}

TEST_CASE("features are the states of every layer, read from zero line by line") {
  write_file(trained().dir / "lines.txt", "Anna has\na dog has apples\n");
  const auto data = (trained().dir / "lines.txt").string();
  const auto lines = lm({"features", "--model", trained().model("lstm"), "--data", data, "--json"}).objects();
  REQUIRE(lines.size() == 2);
  REQUIRE(lines[1]["layers"].size() == 3);
  CHECK(lines[1]["layers"][2].size() == 4);
  CHECK(lines[1]["layers"][0][0].size() == 8);
  check_error(lm({"features", "--model", trained().model("transformer"), "--data", data, "--json"}), 1, "no recurrent");
}

TEST_CASE("gradients becomes a page, and numbers") {
  const auto page = (trained().dir / "gradients.html").string();
  const auto result = lm({"gradients", "--model", trained().model("lstm"), "--out", page, "--json", "--back", "12",
                          "--rows", "3", "--steps", "3", "--data", trained().text()});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto numbers = result.object();
  CHECK(numbers["through_time"].size() == 5);
  CHECK(numbers["through_time"][1]["norms"].size() == 12);
  CHECK(numbers["training"].size() == 8);
  CHECK(read_file(page).find("<svg") != std::string::npos);
}

TEST_CASE("the kind is that of --model, of the preset's name or of the run, and no other") {
  const TempDir dir;
  write_file(dir / "text.txt", sentences(60));
  const auto text = (dir / "text.txt").string(), out = (dir / "run").string();
  const auto rnn = lm(tiny(text, out, "rnn"));
  INFO(rnn.err);
  REQUIRE(rnn.code == 0);
  const auto tensors = load_safetensors(dir / "run" / "model.safetensors");
  CHECK(tensors.contains("rnn.weight_ih_l1"));
  CHECK(tensors["rnn.weight_ih_l0"].size(0) == 8);  // one gate
  check_error(lm({"train", "--model", "gru", "--out", out, "--resume"}), 2,
              "--model gru: the run in " + out + " is for rnn");
  const auto resumed = lm({"train", "--out", out, "--resume", "--json", "--set", "train.max_steps=14"});
  INFO(resumed.err);
  CHECK(resumed.code == 0);
  CHECK(resumed.object()["step"] == 14);
  const auto preset = lm({"train", "--preset", "gru-small", "--data", text, "--out", (dir / "gru").string(), "--set",
                          "train.max_steps=1", "model.hidden_size=8", "model.embedding_size=8"});
  INFO(preset.err);
  CHECK(preset.code == 0);
  CHECK(load_safetensors(dir / "gru" / "model.safetensors")["rnn.weight_ih_l0"].size(0) == 24);
  check_error(lm({"train", "--model", "lstm", "--init", out, "--data", text, "--out", (dir / "x").string()}), 2,
              "--model lstm: the model in " + out + " is for rnn");
  check_error(lm({"train", "--model", "hmm", "--data", text, "--out", (dir / "x").string()}), 2, "--model");
  write_file(dir / "bad.txt", "a b\n<s> c\n");
  check_error(lm(tiny((dir / "bad.txt").string(), (dir / "y").string(), "lstm")), 1, "line 2");
}

}  // namespace langzoo::test::lm_program_test
