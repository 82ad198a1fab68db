#include "tests/support/test.h"

#include <fstream>

#include "tests/apps/word_vectors/word_vectors.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;

namespace {

const std::string kModel = vector_fixture("analogies.bin");
const std::string kAnalogies = vector_fixture("analogies.txt");
const std::string kPairs = vector_fixture("pairs.tsv");

}  // namespace

TEST_CASE("eval reports what gensim does") {
  std::ifstream file(vector_fixture("goldens.json"));
  const auto goldens = Json::parse(file)["evaluations"];
  for (const auto& golden : goldens) {
    std::vector<std::string> arguments{"eval",        "--model",    kModel,
                                       "--analogies", kAnalogies,   "--similarity",
                                       kPairs,        "--restrict", golden["restrict_vocab"].dump(),
                                       "--json"};
    if (!golden["ignore_case"]) arguments.emplace_back("--case-sensitive");
    const auto result = word2vec(arguments).object();
    CHECK(result["words"] == 300);
    CHECK(result["dim"] == 12);
    const auto& sections = result["analogies"]["sections"];
    REQUIRE(sections.size() == golden["sections"].size());
    double covered = 0, correct = 0;
    for (std::size_t i = 0; i < sections.size(); ++i) {
      const auto& expected = golden["sections"][i];
      CHECK(sections[i]["name"] == expected["name"]);
      CHECK(sections[i]["questions"] == 50);
      CHECK(sections[i]["covered"] == expected["covered"]);
      CHECK(sections[i]["3cosadd"].get<double>() ==
            Approx(expected["correct"].get<double>() / expected["covered"].get<double>()));
      covered += expected["covered"].get<double>();
      correct += expected["correct"].get<double>();
    }
    const auto& totals = result["analogies"]["totals"];
    CHECK(totals[0]["name"] == "semantic");
    CHECK(totals[0]["questions"] == 100);
    CHECK(totals[1]["name"] == "syntactic");
    CHECK(totals[1]["3cosmul"] == sections[2]["3cosmul"]);
    CHECK(totals[2]["name"] == "total");
    CHECK(totals[2]["3cosadd"].get<double>() == Approx(correct / covered));
    const auto& similarity = result["similarity"];
    REQUIRE(similarity.size() == 1);
    CHECK(similarity[0]["file"] == kPairs);
    CHECK(similarity[0]["pairs"] == 80);
    CHECK(similarity[0]["covered"] == golden["pairs_covered"]);
    CHECK(similarity[0]["spearman"].get<double>() == Approx(golden["spearman"].get<double>()).epsilon(1e-9));
    CHECK(similarity[0]["pearson"].get<double>() == Approx(golden["pearson"].get<double>()).epsilon(1e-5));
  }
}

TEST_CASE("eval's tables") {
  const auto text = output({"eval", "--model", kModel, "--analogies", kAnalogies, "--similarity", kPairs});
  for (const auto* part : {"3CosAdd %", "3CosMul %", "gram3-third", "semantic", "syntactic", "total", "Spearman"}) {
    CHECK_THAT(text, Catch::Contains(part));
  }
  CHECK_THAT(output({"eval", "--model", kModel, "--similarity", kPairs, "--similarity", kPairs}),
             !Catch::Contains("3CosAdd"));
  const auto one = word2vec({"eval", "--model", kModel, "--threads", "1", "--analogies", kAnalogies, "--json"});
  CHECK(one.out == output({"eval", "--model", kModel, "--threads", "3", "--analogies", kAnalogies, "--json"}));
}

TEST_CASE("what is not covered has no score") {
  const TempDir dir;
  write_file(dir / "pairs", "who knows 1\nnobody knows 2\n");
  write_file(dir / "questions", ": family\nwho is that man\n");
  const auto pairs = (dir / "pairs").string(), questions = (dir / "questions").string();
  const auto result =
      word2vec({"eval", "--model", kModel, "--analogies", questions, "--similarity", pairs, "--json"}).object();
  CHECK(result["analogies"]["totals"][2]["covered"] == 0);
  CHECK(result["analogies"]["totals"][2]["3cosadd"].is_null());
  CHECK(result["similarity"][0]["covered"] == 0);
  CHECK(result["similarity"][0]["spearman"].is_null());
  CHECK_THAT(output({"eval", "--model", kModel, "--similarity", pairs}), Catch::Contains("-\n"));
}

TEST_CASE("eval's errors come before the model is read") {
  const TempDir dir;
  write_file(dir / "pairs", "a b 1\na b\n");
  const auto none = (dir / "none").string();
  check_error(word2vec({"eval", "--model", none}), 2, "--analogies");
  check_error(word2vec({"eval", "--model", none, "--similarity", (dir / "pairs").string()}), 1, "pairs: line 2");
  check_error(word2vec({"eval", "--model", none, "--analogies", kPairs}), 1, "pairs.tsv: line 1");
  check_error(word2vec({"eval", "--model", none, "--analogies", kAnalogies}), 1, "none");
  check_error(word2vec({"eval", "--model", none, "--analogies", kAnalogies, "--restrict", "-1"}), 2, "--restrict");
}
