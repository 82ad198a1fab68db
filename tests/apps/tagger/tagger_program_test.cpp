// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <algorithm>

#include "data/files/files.h"
#include "models/io/safetensors.h"
#include "tests/support/process.h"

namespace langzoo::test::tagger_program_test {
namespace {

using Catch::Contains;
using Json = nlohmann::ordered_json;

Result tagger(std::vector<std::string> arguments) {
  return Process("langzoo-tagger", std::move(arguments)).wait();
}
Result succeed(std::vector<std::string> arguments) {
  auto result = tagger(std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

const std::vector<std::string> kSmall = {
    "--threads", "1", "--seed", "1", "--json", "--set", "model.embedding_size=16", "model.hidden_size=16"};

std::vector<std::string> with_small(std::vector<std::string> arguments, const std::vector<std::string>& more) {
  arguments.insert(arguments.end(), kSmall.begin(), kSmall.end());
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("langzoo-tagger tags microworld with a CRF, and its tags are Viterbi's of what it prints") {
  const TempDir dir;
  const auto run = (dir / "run").string();
  const auto summary = succeed(with_small({"train", "--task", "tagging", "--data", "microworld", "--out", run},
                                          {"model.crf=true", "model.characters=cnn", "model.character_hidden_size=8",
                                           "model.dropout=0.1", "data.microworld_examples=1000", "train.max_steps=150",
                                           "train.learning_rate=0.02"}))
                           .object();
  CHECK(summary["valid"]["f1"] > 0.9);  // 0.94 to 0.95 with seeds 1, 2 and 3
  const auto config = Json::parse(langzoo::read_file(dir / "run/config.json"));
  CHECK(config["architectures"] == Json{"TaggerForTokenClassification"});
  CHECK(config["id2label"]["0"] == "O");
  const auto scores = succeed({"eval", "--model", run, "--data", "microworld", "--json"}).object();
  CHECK(scores["sentences"] == 100);
  CHECK(scores["tokens"] > 100);
  CHECK(scores["f1"] == summary["valid"]["f1"]);
  for (const auto* const key : {"loss", "accuracy", "precision", "recall"}) CHECK(scores[key].is_number());

  const auto one =
      succeed({"predict", "--model", run, "--text", "Anna went to the park .", "--logits", "--json"}).object();
  CHECK(one["words"] == Json{"Anna", "went", "to", "the", "park", "."});
  const auto weights = load_safetensors(dir / "run/model.safetensors");
  const auto A = weights["crf.transitions"], start = weights["crf.start_transitions"],
             end = weights["crf.end_transitions"];
  const auto N = A.size(0);
  std::vector<std::vector<std::int64_t>> from;
  const auto& emissions = one["logits"];
  REQUIRE(emissions.size() == 6);
  std::vector<double> sums;
  for (std::int64_t j = 0; j < N; ++j)
    sums.push_back(start[j].item<double>() + emissions[0][static_cast<std::size_t>(j)].get<double>());
  for (std::size_t t = 1; t < 6; ++t) {
    std::vector<double> next;
    from.emplace_back();
    for (std::int64_t j = 0; j < N; ++j) {
      double most = -1e300;
      std::int64_t who = 0;
      for (std::int64_t i = 0; i < N; ++i) {
        const double score = sums[static_cast<std::size_t>(i)] + A[i][j].item<double>();
        if (score > most) most = score, who = i;
      }
      next.push_back(most + emissions[t][static_cast<std::size_t>(j)].get<double>());
      from.back().push_back(who);
    }
    sums = next;
  }
  for (std::int64_t j = 0; j < N; ++j) sums[static_cast<std::size_t>(j)] += end[j].item<double>();
  auto tag = static_cast<std::int64_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
  for (std::size_t t = 6; t-- > 0;) {
    CHECK(one["tags"][t] == config["id2label"][std::to_string(tag)]);
    if (t > 0) tag = from[t - 1][static_cast<std::size_t>(tag)];
  }
  write_file(dir / "lines.txt", "Anna has it\n\nthe park\n");
  const auto lines = succeed({"predict", "--model", run, "--data", (dir / "lines.txt").string()});
  CHECK_THAT(lines.out, Contains("Anna\t") && Contains("park\t"));
  const auto empty = succeed({"predict", "--model", run, "--text", "", "--json"}).object();
  CHECK(empty["words"].empty());
  CHECK(succeed({"predict", "--model", run, "--data", (dir / "lines.txt").string(), "--json"}).objects().at(1) ==
        empty);
}

TEST_CASE("langzoo-tagger classifies, says probabilities by label, and names what is wrong with file and line") {
  const TempDir dir;
  std::string texts = "text,label\n";
  for (int i = 0; i < 60; ++i) texts += i % 2 == 0 ? "a fine film,good\n" : "a dull film,bad\n";
  write_file(dir / "train.csv", texts);
  const auto run = (dir / "run").string(), data = (dir / "train.csv").string();
  succeed(with_small({"train", "--task", "classification", "--data", data, "--out", run},
                     {"train.max_steps=30", "train.learning_rate=0.02", "model.pooling=attention"}));
  const auto one = succeed({"predict", "--model", run, "--text", "a fine film", "--json"}).object();
  CHECK(one["label"] == "good");
  REQUIRE(one["probabilities"].is_object());
  CHECK(one["probabilities"]["good"] > 0.9);
  CHECK(one["probabilities"]["good"].get<double>() + one["probabilities"]["bad"].get<double>() == Approx(1));
  const auto scores = succeed({"eval", "--model", run, "--data", data, "--json"}).object();
  CHECK(scores["sentences"] == 60);
  CHECK(scores["tokens"] == 180);
  CHECK(scores["accuracy"] == 1.0);
  succeed({"predict", "--model", run, "--text", ""});
  check_error(tagger({"predict", "--model", run, "--text", "a", "--pair", "film"}), 2, "--pair");
  CHECK_THAT(tagger({"eval", "--help"}).out, !Contains("pretrained"));

  // A name may have letters that no name had from which it was learned.
  succeed(with_small({"train", "--preset", "classification-names", "--data", data, "--out", (dir / "names").string()},
                     {"train.max_steps=2"}));
  succeed({"predict", "--model", (dir / "names").string(), "--text", "Zoë"});

  write_file(dir / "bad.csv", "text,label\na fine film,good\na film,odd\n");
  check_error(tagger({"eval", "--model", run, "--data", (dir / "bad.csv").string()}), 1, "bad.csv: line 3");
  write_file(dir / "bad.conll", "Anna B-PER\nhas\n");
  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train", "--data", (dir / "bad.conll").string(), "--out",
                                          (dir / "other").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return tagger(arguments);
  };
  check_error(train({"--task", "tagging"}), 1, "bad.conll: line 2");
  check_error(train({}), 2, "--task");
  check_error(train({"--task", "tagging", "--preset", "classification-names"}), 2, "classification-names");
  check_error(train({"--task", "tagging", "--set", "model.pooling=max"}), 2, "model.pooling");
  check_error(train({"--task", "tagging", "--features", "elmo:nowhere"}), 2, "nowhere");
  check_error(train({"--task", "tagging", "--vectors", "nowhere.txt"}), 1, "nowhere.txt");
  check_error(tagger({"train", "--task", "tagging", "--out", run, "--resume"}), 2,
              "--task tagging: the run in " + run + " is for classification");
  CHECK(succeed({"train", "--out", run, "--resume", "--set", "train.max_steps=32", "--json"}).object()["step"] == 32);
}

}  // namespace langzoo::test::tagger_program_test
