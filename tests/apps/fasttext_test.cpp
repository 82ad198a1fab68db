// Runs the program itself, as a user does.
#include "tests/support/test.h"

#include <sstream>

#include "data/files/files.h"
#include "data/random/random.h"
#include "models/io/safetensors.h"
#include "tests/support/process.h"

using namespace langzoo;
using Catch::Contains;
using test::check_error;
using test::TempDir;
using Json = nlohmann::ordered_json;

namespace {

test::Result fasttext(std::vector<std::string> arguments) {
  return test::Process("langzoo-fasttext", std::move(arguments)).wait();
}
test::Result succeed(std::vector<std::string> arguments) {
  auto result = fasttext(std::move(arguments));
  INFO(result.err);
  REQUIRE(result.code == 0);
  return result;
}

/// Sentences of a sport or of a dish, told apart by one word among others.
std::string topics(int count, std::uint64_t seed) {
  const std::vector<std::string> sport = {"goal", "team", "match"}, food = {"soup", "bread", "salt"};
  const std::vector<std::string> others = {"the", "a", "was", "good", "bad", "we", "saw"};
  Random random(seed);
  std::string text = "text,label\n";
  for (int i = 0; i < count; ++i) {
    const bool is_food = random.below(2) == 1;
    for (auto n = 1 + random.below(6); n > 0; --n) text += others[random.below(others.size())] + ' ';
    text += (is_food ? food : sport)[random.below(3)] + (is_food ? ",food\n" : ",sport\n");
  }
  return text;
}

std::vector<std::string> train(const TempDir& dir, int steps, std::vector<std::string> more = {}) {
  test::write_file(dir / "train.csv", topics(300, 1));
  std::vector<std::string> arguments = {"train",
                                        "--data",
                                        (dir / "train.csv").string(),
                                        "--out",
                                        (dir / "run").string(),
                                        "--seed",
                                        "1",
                                        "--threads",
                                        "1",
                                        "--json",
                                        "--set",
                                        "model.dim=8",
                                        "model.word_ngrams=2",
                                        "model.bucket=50",
                                        "model.dropout=0.2",
                                        "train.learning_rate=0.05",
                                        "train.schedule=constant",
                                        "train.max_steps=" + std::to_string(steps)};
  arguments.insert(arguments.end() - 8, more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("langzoo-fasttext learns to classify, evaluates and predicts") {
  const TempDir dir;
  const auto summary = succeed(train(dir, 150)).object();
  CHECK(summary["valid"]["accuracy"] == 1.0);
  CHECK(summary["valid"]["loss"] < 0.1);
  const auto run = (dir / "run").string();
  const auto config = Json::parse(read_file(dir / "run/config.json"));
  CHECK(config["id2label"] == Json{{"0", "food"}, {"1", "sport"}});
  CHECK(config["architectures"] == Json{"FastTextForSequenceClassification"});

  test::write_file(dir / "test.tsv",
                   "class\tsentence\nfood\tthe salt was bad\nsport\tgoal\nsport\twe saw a match\nsport\tsoup\n");
  const auto scores = succeed({"eval", "--model", run, "--data", (dir / "test.tsv").string(), "--columns",
                               "sentence,class", "--json"})
                          .object();
  CHECK(scores["examples"] == 4);  // three are right; the last is made to be wrong
  CHECK(scores["accuracy"] == 0.75);
  CHECK(scores["precision"].get<double>() == Approx((0.5 + 1) / 2));
  CHECK(scores["recall"].get<double>() == Approx((1 + 2.0 / 3) / 2));
  CHECK(scores["f1"].get<double>() == Approx((2.0 / 3 + 0.8) / 2));

  const auto one = succeed({"predict", "--model", run, "--text", "a team", "--json"}).object();
  CHECK(one["label"] == "sport");
  REQUIRE(one["probabilities"].size() == 2);  // in the order of ids: food, sport
  CHECK(one["probabilities"][1] > 0.9);
  CHECK(one["probabilities"][1].get<double>() + one["probabilities"][0].get<double>() == Approx(1));
  const auto many =
      succeed({"predict", "--model", run, "--data", (dir / "test.tsv").string(), "--columns", "sentence", "--json"})
          .objects();
  REQUIRE(many.size() == 4);
  CHECK(many[0]["label"] == "food");
  CHECK(many[1]["label"] == "sport");
  CHECK_THAT(succeed({"predict", "--model", run, "--text", "soup"}).out, Contains("food\t"));
  CHECK(succeed({"predict", "--model", run, "--text", ""}).out == "food\t0.5000\n");  // nothing to tell by

  test::check_idle(fasttext({"predict", "--model", run, "--text", "soup", "--columns", "x"}), "--columns");
  test::check_idle(fasttext({"predict", "--model", run, "--text", "soup", "--format", "csv"}), "--format");
  CHECK(succeed({"predict", "--model", run, "--text", "soup", "--seed", "1"}).err ==
        "warning: --seed has no effect where nothing is drawn\n");

  // A run that another one was to replace, which was killed while it prepared its data.
  std::filesystem::create_directory(dir / "run/.replaced");
  for (const auto& entry : std::filesystem::directory_iterator(dir / "run")) {
    if (entry.path().filename() != ".replaced")
      std::filesystem::rename(entry.path(), dir / "run/.replaced" / entry.path().filename());
  }
  const auto old = succeed({"predict", "--model", run, "--text", "soup"});
  CHECK_THAT(old.out, Contains("food\t"));
  CHECK_THAT(old.err, Contains("note: " + run + ": a run that was to replace the one in it is not under way"));
}

TEST_CASE("a table comes from a pipe in any format that is named, and none of its text is lost") {
  const TempDir dir;
  const auto piped = [&](const std::string& table, std::vector<std::string> more) {
    more.insert(more.begin(), {"train", "--data", "-", "--out", (dir / "run").string(), "--overwrite", "--set",
                               "train.max_steps=1", "model.dim=4", "data.valid_fraction=0"});
    return test::Process("langzoo-fasttext", more, table).wait();
  };
  const std::string csv = "id,text,label\n1,\"a, b\",x\n2,c,y\n";
  const auto trained = piped(csv, {"data.format=csv"});
  INFO(trained.err);
  CHECK(trained.code == 0);
  CHECK_THAT(trained.err, Contains("-: columns that are not read: id"));
  check_error(piped(csv, {}), 1,
              "-: line 1: has no column text; the columns are id,text,label (read as TSV; the "
              "format csv or jsonl can be named)");
  check_error(piped("text\tlabel\na\tx\nb\ty\tz\n", {}), 1, "-: line 3: has 3 columns, the first line 2");
  const auto model = (dir / "run").string();
  const auto predicted =
      test::Process("langzoo-fasttext", {"predict", "--model", model, "--data", "-", "--format", "jsonl", "--json"},
                    "{\"text\": \"a\"}\n{\"text\": \"b\"}\n")
          .wait();
  CHECK(predicted.objects().size() == 2);
  check_error(fasttext({"predict", "--model", model, "--data", "-", "--format", "xml"}), 2, "--format");
}

TEST_CASE("langzoo-fasttext stopped and resumed ends as one that went through") {
  const TempDir whole, parts;
  succeed(train(whole, 25));
  succeed(train(parts, 11));
  succeed(train(parts, 25, {"--resume"}));
  CHECK((read_file(parts / "run/model.safetensors") == read_file(whole / "run/model.safetensors")));
  auto other = topics(300, 1);
  other.replace(other.rfind("food"), 4, "sport");
  auto again = train(parts, 30, {"--resume"});
  test::write_file(parts / "train.csv", other);
  check_error(fasttext(again), 1, "cannot resume");
}

TEST_CASE("langzoo-fasttext learns with R-Drop, which is reported as a loss of its own") {
  const TempDir dir;
  auto arguments = train(dir, 40);
  arguments.insert(arguments.end(), {"train.r_drop=3", "train.log_every=20"});
  CHECK(succeed(arguments).object()["valid"]["accuracy"] > 0.8);
  std::istringstream lines(read_file(dir / "run/metrics.jsonl"));
  std::string first;
  std::getline(lines, first);
  const auto report = Json::parse(first);
  const double cross_entropy = report["losses"]["cross_entropy"], divergence = report["losses"]["r_drop"];
  CHECK(divergence > 0);
  CHECK(report["loss"].get<double>() == Approx(cross_entropy + 1.5 * divergence));
}

TEST_CASE("langzoo-fasttext says which file and line is wrong") {
  const TempDir dir;
  test::write_file(dir / "valid.csv", "text,label\na goal,sport\na poem,art\n");
  check_error(fasttext(train(dir, 1, {"--valid", (dir / "valid.csv").string()})), 1, "valid.csv: line 3: ");
  CHECK(!std::filesystem::exists(dir / "run"));
  check_error(fasttext({"train", "--out", (dir / "run").string()}), 2, "data.train (--data) is missing");
  check_error(fasttext(train(dir, 1, {"--tokenizer", "train:nothing:9"})), 2, "data.tokenizer");
  succeed(train(dir, 1));
  const auto run = (dir / "run").string();
  check_error(fasttext({"eval", "--model", run, "--data", (dir / "valid.csv").string()}), 1, "valid.csv: line 3: ");
  check_error(fasttext({"eval", "--model", run}), 2, "--data");
  check_error(fasttext({"predict", "--model", run}), 2, "--text");
  check_error(fasttext({"predict", "--model", dir.path().string(), "--text", "a"}), 1, "config.json");
  check_error(fasttext({"predict", "--model", test::fixture("gpt/tiny").string(), "--text", "a"}), 1,
              "does not classify texts");
}

TEST_CASE("langzoo-fasttext begins with another classifier, with a new head where the labels are others") {
  const TempDir dir, same, other;
  succeed(train(dir, 40));
  const auto init = (dir / "run").string();
  const auto tensors = [](const TempDir& of) { return load_safetensors(of / "run/model.safetensors"); };
  const std::vector<std::string> stand = {"--init", init};
  auto arguments = train(same, 1, stand);
  arguments.insert(arguments.end(), {"train.learning_rate=1e-12", "train.weight_decay=0"});
  arguments.erase(std::find(arguments.begin(), arguments.end(), "train.learning_rate=0.05"));
  succeed(arguments);
  for (const auto& name : tensors(dir).keys())
    CHECK(test::max_difference(tensors(dir)[name], tensors(same)[name]) < 1e-6);

  arguments = train(other, 1, stand);
  arguments.insert(arguments.end(), {"train.learning_rate=1e-12", "train.weight_decay=0"});
  arguments.erase(std::find(arguments.begin(), arguments.end(), "train.learning_rate=0.05"));
  auto topics_of_others = topics(300, 1);
  for (auto at = topics_of_others.find("food\n"); at != std::string::npos; at = topics_of_others.find("food\n", at))
    topics_of_others.replace(at, 4, "dish");
  test::write_file(other / "train.csv", topics_of_others);
  const auto result = succeed(arguments);
  CHECK_THAT(result.err, Contains("begins with the weights in " + init) && Contains("classifier"));
  for (const auto& name : tensors(dir).keys()) {
    const bool kept = test::max_difference(tensors(dir)[name], tensors(other)[name]) < 1e-6;
    CHECK(kept == !name.starts_with("classifier."));
  }
  CHECK(Json::parse(read_file(other / "run/config.json"))["id2label"] == Json{{"0", "dish"}, {"1", "sport"}});
}
