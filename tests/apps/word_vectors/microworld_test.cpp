// Word vectors without any download: microworld is told, learned and asked about.
#include "tests/support/test.h"

#include <fstream>

#include "tests/apps/word_vectors/word_vectors.h"

namespace langzoo::test::microworld_test {

namespace {

std::vector<std::string> training(const std::filesystem::path& out, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments = {"train",
                                        "--data",
                                        "microworld",
                                        "--out",
                                        out.string(),
                                        "--dim",
                                        "30",
                                        "--epochs",
                                        "10",
                                        "--threads",
                                        "2",
                                        "--set",
                                        "data.microworld_bytes=300000"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

}  // namespace

TEST_CASE("microworld's analogies and similarities are learned from its text") {
  const TempDir dir;
  output(training(dir / "world"));
  const auto result = word2vec({"eval", "--model", (dir / "world").string(), "--analogies", "microworld",
                                "--similarity", "microworld", "--json"})
                          .object();
  const auto& sections = result["analogies"]["sections"];
  REQUIRE(sections.size() == 3);
  for (const auto& section : sections) CHECK(section["covered"] == section["questions"]);
  // By chance one in about 170 words.
  CHECK(sections[0]["3cosadd"].get<double>() > 0.8);
  CHECK(sections[1]["3cosadd"].get<double>() > 0.4);
  const auto& similarity = result["similarity"][0];
  CHECK(similarity["file"] == "microworld");
  CHECK(similarity["covered"] == 1081);
  CHECK(similarity["spearman"].get<double>() > 0.6);

  // The questions in the files beside the text are the same ones.
  const auto data = dir / "world" / "data";
  const auto from_files = word2vec({"eval", "--model", (dir / "world").string(), "--analogies",
                                    (data / "microworld-analogies.txt").string(), "--similarity",
                                    (data / "microworld-similarity.tsv").string(), "--json"})
                              .object();
  CHECK(from_files["analogies"] == result["analogies"]);
  CHECK(from_files["similarity"][0]["spearman"] == similarity["spearman"]);
}

TEST_CASE("another seed of microworld tells another text") {
  const TempDir dir;
  output(training(dir / "a", {"train.max_steps=1"}));
  output(training(dir / "b", {"train.max_steps=1", "data.microworld_seed=2"}));
  CHECK(read_file(dir / "a" / "data" / "microworld.txt") != read_file(dir / "b" / "data" / "microworld.txt"));
  check_error(word2vec(training(dir / "c", {"data.microworld_bytes=10"})), 2, "data.microworld_bytes");
}

}  // namespace langzoo::test::microworld_test
