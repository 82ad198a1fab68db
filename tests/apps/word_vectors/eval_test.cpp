#include "tests/support/test.h"

#include <fstream>

#include "data/metrics/correlation.h"
#include "data/words/wordnet.h"
#include "tests/apps/word_vectors/word_vectors.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;

namespace {

const std::string kModel = vector_fixture("analogies.bin");
const std::string kAnalogies = vector_fixture("analogies.txt");
const std::string kPairs = vector_fixture("pairs.tsv");
const std::string kWordNet = fixture("wordnet");

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
  const auto twice = output({"eval", "--model", kModel, "--similarity", kPairs, "--similarity", kPairs});
  CHECK_THAT(twice, !Catch::Contains("3CosAdd"));
  CHECK(output({"eval", "--model", kModel, "--similarity", kPairs, kPairs}) == twice);
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

TEST_CASE("eval measures a WordNet database beside vectors, or alone") {
  const TempDir dir;
  write_file(dir / "pairs", "bage fikudi 2\nBemi bage 5\nfole kavi 3\nnave zzz 4\n");
  write_file(dir / "questions", ": family\nwho is that man\n");
  const auto pairs = (dir / "pairs").string(), none = (dir / "none").string();
  const langzoo::WordNet wordnet(kWordNet);
  const std::vector<double> gold{2, 5, 3};
  std::vector<double> path, wu_palmer;
  for (const auto& [a, b] : {std::pair("bage", "fikudi"), {"bemi", "bage"}, {"fole", "kavi"}}) {
    path.push_back(wordnet.path_similarity(a, b).value());
    wu_palmer.push_back(wordnet.wu_palmer_similarity(a, b).value());
  }

  const auto alone = word2vec({"eval", "--wordnet", kWordNet, "--similarity", pairs, "--json"}).object();
  CHECK_FALSE(alone.contains("similarity"));
  REQUIRE(alone["wordnet"].size() == 1);
  const auto& result = alone["wordnet"][0];
  CHECK(result["file"] == pairs);
  CHECK(result["pairs"] == 4);
  CHECK(result["covered"] == 3);
  CHECK(result["path"].get<double>() == Approx(langzoo::spearman_correlation(gold, path)));
  CHECK(result["wu_palmer"].get<double>() == Approx(langzoo::spearman_correlation(gold, wu_palmer)));

  const auto both =
      word2vec({"eval", "--model", kModel, "--wordnet", kWordNet, "--similarity", pairs, kPairs, "--json"}).object();
  CHECK(both["similarity"].size() == 2);
  CHECK(both["wordnet"][0] == result);
  CHECK(both["wordnet"][1]["covered"] == 0);
  CHECK(both["wordnet"][1]["path"].is_null());
  CHECK_THAT(output({"eval", "--wordnet", kWordNet, "--similarity", pairs}), Catch::Contains("Wu-Palmer"));

  check_error(word2vec({"eval", "--similarity", pairs}), 2, "--model");
  check_error(word2vec({"eval", "--wordnet", kWordNet, "--analogies", kAnalogies}), 2, "--model");
  check_error(word2vec({"eval", "--wordnet", kWordNet, "--model", none, "--analogies", kAnalogies}), 1,
              "warning: --wordnet has no effect without --similarity");
  check_error(word2vec({"eval", "--wordnet", none, "--similarity", pairs}), 1, "data.noun");
  for (const std::vector<std::string>& flag : {std::vector<std::string>{"--restrict", "9"}, {"--case-sensitive"}}) {
    std::vector<std::string> arguments = {"eval", "--wordnet", none, "--similarity", pairs};
    arguments.insert(arguments.end(), flag.begin(), flag.end());
    check_error(word2vec(arguments), 1, "warning: " + flag[0] + " has no effect without --model");
  }
  const auto installed = word2vec({"eval", "--wordnet", "auto", "--similarity", pairs});
  if (std::filesystem::exists("/usr/share/wordnet")) {
    CHECK(installed.code == 0);
  } else {
    check_error(installed, 1, "wordnet-base");
  }
}
