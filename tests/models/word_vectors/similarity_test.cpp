#include "tests/support/test.h"

#include <cmath>

#include "data/files/file_error.h"
#include "models/word_vectors/similarity.h"

namespace langzoo::test::similarity_test {

using Catch::Contains;

namespace {

std::vector<WordPair> read(const std::string& text) {
  const test::TempDir dir;
  test::write_file(dir / "pairs", text);
  return read_word_pairs(dir / "pairs");
}

class One : public OutOfVocabulary {
 public:
  torch::Tensor vector(std::string_view word) const override {
    return word == "composed" || word == "far" ? torch::tensor({1.f, 0.f}) : torch::Tensor();
  }
};

}  // namespace

TEST_CASE("word pairs are read with tabs or spaces") {
  for (const std::string text :
       {"# a b score\ntiger\tcat\t7.35\nold man\tboy\t-1\n", "\xef\xbb\xbftiger\tcat\t+7.35\nold man\tboy\t-1.0\n",
        "#\n\ntiger\tcat\t7.35\r\n  \nold man\tboy\t-1\r\n"}) {
    const auto pairs = read(text);
    REQUIRE(pairs.size() == 2);
    CHECK(pairs[0].a == "tiger");
    CHECK(pairs[0].b == "cat");
    CHECK(pairs[0].score == 7.35);
    CHECK(pairs[1].a == "old man");
    CHECK(pairs[1].score == -1);
  }
  CHECK(read("tiger cat  7.35 \ngem jewel 3").at(1).b == "jewel");
}

TEST_CASE("what is wrong with word pairs is told by line") {
  for (const auto& [text, names] : std::vector<std::pair<std::string, std::string>>{
           {"a b 1\na b\n", "pairs: line 2: 2 fields"},
           {"a\tb\tc\t1\n", "pairs: line 1: 4 fields"},
           {"a b c\n", "pairs: line 1: the score c is no number"},
           {"a b 1x\n", "the score 1x"},
           {"a b nan\n", "the score nan is not finite"},
           {"a b 1e999\n", "the score 1e999 is out of range"},
           {"# nothing\n", "holds no pair"},
           {"", "holds no pair"},
       }) {
    INFO(text);
    CHECK_THROWS_AS(read(text), FileError);
    CHECK_THROWS_WITH(read(text), Contains(names));
  }
}

TEST_CASE("pairs are scored by cosine, those with an unknown word left out") {
  const WordVectors vectors({"up", "Right", "diagonal", "far"},
                            torch::tensor({{0.f, 2.f}, {3.f, 0.f}, {1.f, 1.f}, {5.f, 5.f}}), std::make_shared<One>());
  const std::vector<WordPair> pairs{
      {"up", "right", 1}, {"up", "unknown", 2}, {"UP", "diagonal", 3}, {"composed", "right", 4}, {"far", "up", 5}};
  const auto all = score_word_pairs(vectors, pairs);
  CHECK(all.gold == std::vector<double>{1, 3, 4, 5});
  REQUIRE(all.cosine.size() == 4);
  CHECK(all.cosine[0] == 0);
  CHECK(all.cosine[1] == Approx(std::sqrt(0.5)));
  CHECK(all.cosine[2] == 1);
  CHECK(all.cosine[3] == Approx(std::sqrt(0.5)));
  CHECK(score_word_pairs(vectors, pairs, {.ignore_case = false}).gold == std::vector<double>{5});
  // A word that is out of bounds is not composed instead.
  CHECK(score_word_pairs(vectors, pairs, {.restrict_vocab = 3}).gold == std::vector<double>{1, 3, 4});
}

}  // namespace langzoo::test::similarity_test
