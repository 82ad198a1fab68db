#include "tests/support/test.h"

#include <cmath>

#include "tests/apps/word_vectors/word_vectors.h"

using namespace langzoo::test;

namespace {

std::string write_royals(const TempDir& dir) {
  write_file(dir / "royals.txt", "man 1 0 0\nwoman 0 3 0\nking 2 0 2\nqueen 0 1 1\nprince 2 0 1.5\n</s> 0 1 1\n");
  return (dir / "royals.txt").string();
}

}  // namespace

TEST_CASE("analogy: A is to B as C is to D") {
  const TempDir dir;
  const auto model = write_royals(dir);
  const auto result = word2vec({"analogy", "--model", model, "man", "king", "woman", "--json"}).object();
  CHECK(result["a"] == "man");
  CHECK(result["b"] == "king");
  CHECK(result["c"] == "woman");
  // Of the six words three are asked about and </s> is no answer.
  REQUIRE(result["answers"].size() == 2);
  CHECK(result["answers"][0]["word"] == "queen");
  // unit(king) - man + unit(woman) = (r - 1, 1, r), and unit(queen) = (0, r, r)
  const double r = std::sqrt(0.5), length = std::sqrt((r - 1) * (r - 1) + 1 + r * r);
  CHECK(result["answers"][0]["similarity"].get<double>() == Approx((r + r * r) / length).epsilon(1e-5));
  CHECK(output({"analogy", "--model", model, "man", "king", "woman", "--top", "1"}) == "  0.9586  queen\n");
}

TEST_CASE("analogy's errors") {
  const TempDir dir;
  const auto model = write_royals(dir);
  check_error(word2vec({"analogy", "--model", model, "man", "kimg", "woman"}), 1,
              "kimg: not among the model's 6 words");
  check_error(word2vec({"analogy", "--model", model, "man", "king"}), 2, "WORDS");
  check_error(word2vec({"analogy", "--model", model, "man", "king", "woman", "queen"}), 2, "WORDS");
  check_error(word2vec({"analogy", "man", "king", "woman"}), 2, "--model");
}
