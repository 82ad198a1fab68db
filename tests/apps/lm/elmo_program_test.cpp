// Runs langzoo-lm with ELMo as a user does, and what its verbs say of folders and input that are not theirs.
#include "tests/support/test.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "models/io/hdf5.h"
#include "models/io/safetensors.h"
#include "tests/support/process.h"

namespace langzoo::test::elmo_program_test {

namespace {

using Json = nlohmann::ordered_json;

Result lm(std::vector<std::string> arguments, const std::string& input = {}) {
  return Process("langzoo-lm", std::move(arguments), input).wait();
}

struct Trained {
  Trained() {
    std::string text;
    for (int i = 0; i < 60; ++i) text += "Anna has " + std::to_string(i % 7) + " apples and a dog\n";
    write_file(dir / "text.txt", text);
    const auto result =
        lm({"train", "--model", "elmo", "--data", (dir / "text.txt").string(), "--out", model(), "--json", "--threads",
            "1", "--set", "model.filters=[[1,4],[2,4]]", "model.projection_size=6", "model.hidden_size=8",
            "model.highway_layers=1", "data.bptt=7", "train.batch_size=4", "train.max_steps=4", "train.log_every=4"});
    INFO(result.err);
    REQUIRE(result.code == 0);
    CHECK(result.object()["step"] == 4);
    CHECK(result.object()["valid"]["backward_perplexity"].get<double>() > 1);
  }
  std::string model() const { return (dir / "elmo").string(); }
  TempDir dir;
};
const Trained& trained() {
  static const Trained once;
  return once;
}

}  // namespace

TEST_CASE("eval of an ELMo counts tokens once and both directions alike") {
  write_file(trained().dir / "test.txt", "Anna has 3 pears\n\nAnna has a dog");
  const auto data = (trained().dir / "test.txt").string();
  const auto result = lm({"eval", "--model", trained().model(), "--data", data, "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto figures = result.object();
  CHECK(figures["tokens"] == 11);
  CHECK(figures["oov"] == 1);
  const auto nats = [&](const char* name) { return std::log(figures[name].get<double>()); };
  CHECK(figures["nats_per_token"].get<double>() ==
        Approx((nats("forward_perplexity") + nats("backward_perplexity")) / 2));
  CHECK(nats("perplexity") == Approx(figures["nats_per_token"].get<double>()));
  check_error(lm({"eval", "--model", trained().model(), "--data", data, "--cache", "5"}), 2, "--cache");
  check_error(lm({"eval", "--model", trained().model(), "--data", data, "--stride", "5"}), 2, "--stride");
}

TEST_CASE("features of an ELMo are all layers of each word of each line") {
  write_file(trained().dir / "lines.txt", "Anna has\n\nzebra\n");
  const auto data = (trained().dir / "lines.txt").string();
  const auto result = lm({"features", "--model", trained().model(), "--data", data, "--json"});
  INFO(result.err);
  REQUIRE(result.code == 0);
  const auto lines = result.objects();
  REQUIRE(lines.size() == 3);
  CHECK(lines[0]["tokens"] == Json::parse(R"(["Anna", "has"])"));
  CHECK(lines[1]["layers"] == Json::parse("[[], [], []]"));
  CHECK(lines[2]["tokens"] == Json::parse(R"(["zebra"])"));  // unknown words have letters
  for (const auto& layer : lines[0]["layers"]) {
    REQUIRE(layer.size() == 2);
    CHECK(layer[0].size() == 12);
  }
  const auto token = lines[0]["layers"][0][1];
  for (std::size_t i = 0; i < 6; ++i) CHECK(token[i] == token[i + 6]);
  write_file(trained().dir / "wrong.txt", "Anna\na </s> b\n");
  check_error(
      lm({"features", "--model", trained().model(), "--data", (trained().dir / "wrong.txt").string(), "--json"}), 1,
      "wrong.txt: line 2");

  const auto released = fixture("elmo/projected");
  const auto theirs = lm({"features", "--model", released.string(), "--data", "-", "--json"}, "The cat sat\n");
  if (!reads_hdf5()) return check_error(theirs, 1, "libhdf5-dev");
  REQUIRE(theirs.code == 0);
  const auto golden = load_safetensors(released / "golden.safetensors")["layers.0"];
  const auto layers = theirs.object()["layers"];
  REQUIRE(layers.size() == 3);
  for (std::int64_t i = 0; i < 3; ++i)
    CHECK(layers[i][2][5].get<double>() == Approx(golden[i][2][5].item<double>()).margin(1e-5));
  check_error(lm({"eval", "--model", released.string(), "--data", data}), 1, "predicts nothing");
}

TEST_CASE("what an ELMo cannot do is refused with the reason") {
  for (const std::vector<std::string>& verb : {std::vector<std::string>{"generate", "--prompt", "Anna"},
                                               {"score", "--text", "Anna"},
                                               {"gradients", "--out", (trained().dir / "g.html").string()}}) {
    auto arguments = verb;
    arguments.insert(arguments.end(), {"--model", trained().model()});
    check_error(lm(arguments), 1, "reads a text from both ends");
  }
}

TEST_CASE("folders of another kind are named by what they hold, and by who opens it") {
  const auto& dir = trained().dir;
  const auto other = dir / "other";
  std::filesystem::create_directories(other);
  write_file(other / "config.json", R"({"model_type": "gpt2"})");
  const auto text = (dir / "text.txt").string();
  check_error(lm({"eval", "--model", other.string(), "--data", text}), 1, "type gpt2, which langzoo-gpt opens");
  check_error(lm({"score", "--model", other.string(), "--text", "a"}), 1, "langzoo-lm opens rnn-lm, ar-lm");
  check_error(lm({"convert", "--model", trained().model(), "--arpa", (dir / "a.arpa").string()}), 1,
              "holds a model of type elmo, and n-gram models are asked for");
  check_error(lm({"interpolate", "--models", trained().model() + "," + other.string(), "--valid", text, "--out",
                  (dir / "mixed").string()}),
              1, "n-gram models are asked for");
  write_file(dir / "empty.arpa", "");
  const auto empty = lm({"convert", "--from-arpa", (dir / "empty.arpa").string(), "--out", (dir / "read").string()});
  check_error(empty, 1, "is empty: this is no ARPA file");
  CHECK(empty.err.find("line 0") == std::string::npos);
}

TEST_CASE("score reads stdin where no text is given") {
  const auto& dir = trained().dir;
  const auto kn = (dir / "kn").string();
  REQUIRE(lm({"train", "--model", "ngram", "--data", (dir / "text.txt").string(), "--out", kn, "--set", "model.order=2",
              "model.smoothing=add_k"})
              .code == 0);
  write_file(dir / "two.txt", "Anna has\n\na dog\n");
  const auto of_file = lm({"score", "--model", kn, "--data", (dir / "two.txt").string(), "--json"});
  const auto of_stdin = lm({"score", "--model", kn, "--json"}, "Anna has\n\na dog\n");
  REQUIRE(of_stdin.code == 0);
  CHECK(of_stdin.out == of_file.out);
  CHECK(of_stdin.objects().size() == 3);
  check_error(lm({"score", "--model", kn, "--text", "a", "--data", (dir / "two.txt").string()}), 2, "--data");
}

}  // namespace langzoo::test::elmo_program_test
