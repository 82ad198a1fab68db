#include "tests/support/test.h"

#include <cmath>

#include "tests/apps/word_vectors/word_vectors.h"

using Json = nlohmann::ordered_json;
using namespace langzoo::test;

TEST_CASE("neighbors names the nearest words, without </s> and the word itself") {
  const TempDir dir;
  const auto model = write_compass(dir);
  const auto result = word2vec({"neighbors", "--model", model, "--word", "North", "--top", "2", "--json"}).object();
  CHECK(result["word"] == "North");
  REQUIRE(result["neighbors"].size() == 2);
  CHECK(result["neighbors"][0]["word"] == "northeast");
  CHECK(result["neighbors"][0]["similarity"].get<double>() == Approx(std::sqrt(0.5)));
  CHECK(result["neighbors"][1]["word"] == "east");
  CHECK(result.dump().find("</s>") == std::string::npos);
  CHECK(output({"neighbors", "--model", model, "--word", "North", "--top", "1"}) == "  0.7071  northeast\n");
}

TEST_CASE("neighbors of several words, and of words on stdin") {
  const TempDir dir;
  const auto model = write_compass(dir);
  const auto flags = word2vec({"neighbors", "--model", model, "--word", "North", "--word", "east", "--json"});
  const auto lines = word2vec({"neighbors", "--model", model, "--json"}, "North\r\n\neast\n");
  CHECK(flags.objects().size() == 2);
  CHECK(flags.objects()[1]["word"] == "east");
  CHECK(flags.out == lines.out);
  CHECK(output({"neighbors", "--model", model, "--top", "1"}, "east\nNorth\n") ==
        "east\n  0.7071  northeast\nNorth\n  0.7071  northeast\n");
  CHECK(output({"neighbors", "--model", model}, "").empty());
  // Bytes that are not UTF-8 are a word's, but not JSON's.
  CHECK(word2vec({"neighbors", "--model", model, "--word", "na\xc3\xafve\xff", "--json"}).object()["word"] ==
        "na\u00efve\uFFFD");
}

TEST_CASE("whoever types words at a terminal is answered one by one") {
  const TempDir dir;
  const auto model = write_compass(dir);
  Process process("langzoo-word2vec", {"neighbors", "--model", model, "--json"}, "North\n\nnorth\neast\n", false,
                  Process::Stdin::kTerminal);
  const auto result = process.wait();
  CHECK(result.code == 0);
  REQUIRE(result.objects().size() == 2);
  CHECK(result.objects()[1]["word"] == "east");
  CHECK_THAT(result.err, Catch::Contains("one word a line; Ctrl-D ends") && Catch::Contains("did you mean North"));
}

TEST_CASE("neighbors are the same from every format") {
  std::string first;
  for (const auto* name : {"gensim.bin", "gensim.txt", "gensim.glove.txt"}) {
    const auto result = output({"neighbors", "--model", vector_fixture(name), "--word", "the", "--json"});
    if (first.empty()) first = result;
    CHECK(result == first);
  }
  CHECK(Json::parse(first)["neighbors"].size() == 10);
}

TEST_CASE("an unknown word is told with those that may have been meant") {
  const TempDir dir;
  const auto model = write_compass(dir);
  check_error(word2vec({"neighbors", "--model", model, "--word", "north"}), 1,
              "north: not among the model's 6 words; did you mean North");
  const auto among = word2vec({"neighbors", "--model", model, "--word", "North", "--word", "sotuh", "--json"});
  CHECK(among.code == 1);
  CHECK(among.object()["word"] == "North");
  CHECK_THAT(among.err, Catch::Contains("sotuh") && Catch::Contains("did you mean south") && Catch::Contains("1 of 2"));
  check_error(word2vec({"neighbors", "--model", model, "--word", "quetzalcoatl"}), 1,
              "not among the model's 6 words\n");
  check_error(word2vec({"neighbors", "--model", model, "--word", std::string(100'000, 'x')}), 1, "not among");
  const auto later = word2vec({"neighbors", "--model", model, "--json"}, "east\nEest\nNorth\n");
  CHECK(later.code == 1);
  CHECK(later.objects().size() == 2);
  CHECK_THAT(later.err, Catch::Contains("stdin: line 2: Eest") && Catch::Contains("did you mean east"));
}

TEST_CASE("neighbors' usage errors") {
  const TempDir dir;
  const auto model = write_compass(dir);
  check_error(word2vec({"neighbors", "--word", "x"}), 2, "--model");
  check_error(word2vec({"neighbors", "--model", model, "--word", "x", "--top", "0"}), 2, "--top");
  check_error(word2vec({"neighbors", "--model", (dir / "none").string(), "--word", "x"}), 1, "none");
}

TEST_CASE("every verb has help with examples") {
  for (const std::string verb : {"eval", "neighbors", "analogy", "export"}) {
    const auto help = output({verb, "--help"});
    CHECK_THAT(help, Catch::Contains("Examples:\n  langzoo-word2vec " + verb) && Catch::Contains("--model"));
    CHECK_THAT(help, !Catch::Contains("--device"));
  }
}
