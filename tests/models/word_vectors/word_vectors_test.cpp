#include "tests/support/test.h"

#include <cmath>
#include <fstream>
#include <limits>
#include <thread>

#include <nlohmann/json.hpp>

#include "models/word_vectors/formats.h"
#include "models/word_vectors/word_vectors.h"

using namespace langzoo;
using Catch::Contains;

namespace {

WordVectors compass() {
  return {{"</s>", "north", "east", "northeast", "south", "nowhere"},
          torch::tensor({{0.f, 1.f}, {0.f, 2.f}, {3.f, 0.f}, {1.f, 1.f}, {0.f, -1.f}, {0.f, 0.f}})};
}

std::vector<std::string> words_of(const std::vector<Neighbor>& neighbors) {
  std::vector<std::string> words;
  for (const auto& neighbor : neighbors) words.push_back(neighbor.word);
  return words;
}

/// Any word of dots, by their number.
class Dots : public OutOfVocabulary {
 public:
  torch::Tensor vector(std::string_view word) const override {
    if (word.find_first_not_of('.') != std::string_view::npos) return {};
    return torch::tensor({static_cast<float>(word.size()), 0.f});
  }
};

}  // namespace

TEST_CASE("words are found, any bytes") {
  const std::vector<std::string> words{"a", "", std::string("\0b", 2), "\xff\xfe", "a b", "A"};
  const WordVectors vectors(words, torch::arange(12, torch::kFloat32).view({6, 2}));
  for (std::size_t i = 0; i < words.size(); ++i) {
    CHECK(vectors.find(words[i]) == static_cast<std::int64_t>(i));
    CHECK(vectors.vector(words[i])->equal(vectors.vectors()[static_cast<std::int64_t>(i)]));
  }
  for (const auto* other : {"b", "aa", "\xff"}) CHECK(vectors.find(other) == -1);
  CHECK(!vectors.vector("b"));
  const WordVectors none({}, torch::empty({0, 3}));
  CHECK(none.find("") == -1);
  CHECK(none.nearest(torch::ones({3}), 5).empty());
}

TEST_CASE("many words are found after the index has grown") {
  std::vector<std::string> words;
  for (int i = 0; i < 5000; ++i) words.push_back(std::to_string(i * i));
  const WordVectors vectors(words, torch::zeros({5000, 1}));
  for (int i = 0; i < 5000; ++i) REQUIRE(vectors.find(words[static_cast<std::size_t>(i)]) == i);
  CHECK(vectors.find("5001") == -1);
}

TEST_CASE("a copy stands by itself") {
  auto original = std::make_unique<WordVectors>(compass());
  const WordVectors copy = *original;
  original.reset();
  CHECK(copy.find("east") == 2);
  CHECK(copy.normalized()[2].equal(torch::tensor({1.f, 0.f})));
}

TEST_CASE("rows of length one; zero rows stay zero") {
  const WordVectors vectors({"small", "large", "plain", "zero"},
                            torch::tensor({{1e-30f, 0.f}, {3e38f, 3e38f}, {3.f, 4.f}, {0.f, 0.f}}));
  const auto expected = torch::tensor({{1.f, 0.f}, {0.70710678f, 0.70710678f}, {0.6f, 0.8f}, {0.f, 0.f}});
  CHECK(test::max_difference(vectors.normalized(), expected) < 1e-6);
  CHECK(&vectors.normalized() == &vectors.normalized());
}

TEST_CASE("normalized rows may be asked for by several threads at once") {
  const WordVectors vectors({"a", "b"}, torch::tensor({{3.f, 4.f}, {0.f, 2.f}}));
  std::vector<const void*> seen(4);
  {
    std::vector<std::jthread> threads;
    for (auto& data : seen) threads.emplace_back([&] { data = vectors.normalized().data_ptr(); });
  }
  for (const auto* data : seen) CHECK(data == seen[0]);
}

TEST_CASE("nearest words: by cosine, ties by row, without </s> and those asked away") {
  const auto vectors = compass();
  const auto north = torch::tensor({0.f, 5.f});
  CHECK(words_of(vectors.nearest(north, 10)) ==
        std::vector<std::string>{"north", "northeast", "east", "nowhere", "south"});
  CHECK(words_of(vectors.nearest(north, 2, {"north", "unheard-of"})) == std::vector<std::string>{"northeast", "east"});
  CHECK(vectors.nearest(north, 2)[1].similarity == Approx(std::sqrt(0.5)));
  CHECK(vectors.nearest(north, 1)[0].similarity == Approx(1));
  for (const std::int64_t n : {0, -1}) CHECK(vectors.nearest(north, n).empty());
  for (const auto& neighbor : vectors.nearest(torch::zeros({2}), 9)) CHECK(neighbor.similarity == 0);
}

TEST_CASE("similarity is the cosine") {
  const auto vectors = compass();
  CHECK(*vectors.similarity("north", "northeast") == Approx(std::sqrt(0.5)).epsilon(1e-12));
  CHECK(*vectors.similarity("north", "south") == -1);
  CHECK(*vectors.similarity("north", "nowhere") == 0);
  CHECK(!vectors.similarity("north", "up"));
}

TEST_CASE("words outside the table are composed where that is possible") {
  const WordVectors vectors({"."}, torch::tensor({{7.f, 7.f}}), std::make_shared<Dots>());
  CHECK(vectors.vector(".")->equal(torch::tensor({7.f, 7.f})));
  CHECK(vectors.vector("...")->equal(torch::tensor({3.f, 0.f})));
  CHECK(!vectors.vector("word"));
  CHECK(*vectors.similarity(".", "..") == Approx(std::sqrt(0.5)));
}

TEST_CASE("what cannot be a table is refused, the word named") {
  const auto wrong = [](std::vector<std::string> words, const torch::Tensor& rows, const std::string& names) {
    CHECK_THROWS_WITH(WordVectors(std::move(words), rows), Contains(names));
    CHECK_THROWS_AS(WordVectors({"x"}, torch::Tensor()), std::invalid_argument);
  };
  wrong({"a", "b"}, torch::zeros({3, 2}), "2 words");
  wrong({"a"}, torch::zeros({1}), "(1, C)");
  wrong({"a"}, torch::zeros({1, 2}, torch::kFloat64), "float32");
  wrong({"a", "b", "a"}, torch::zeros({3, 2}), "a: is given twice");
  wrong({"a", "b"}, torch::tensor({{0.f, 1.f}, {0.f, NAN}}), "b: value 2 is nan");
  wrong({"a", "b"}, torch::tensor({{0.f, 1.f}, {-INFINITY, 0.f}}), "b: value 1 is -inf");
  const auto vectors = compass();
  for (const auto& query : {torch::zeros({3}), torch::zeros({1, 2}), torch::tensor({0.f, NAN}),
                            torch::tensor({0.f, INFINITY}), torch::zeros({2}, torch::kFloat64)}) {
    CHECK_THROWS_AS(vectors.nearest(query, 1), std::invalid_argument);
  }
}

TEST_CASE("the nearest words are gensim's") {
  const auto vectors = read_word_vectors(test::fixture("word_vectors/analogies.bin"));
  std::ifstream file(test::fixture("word_vectors/goldens.json"));
  const auto goldens = nlohmann::ordered_json::parse(file)["nearest"];
  REQUIRE(goldens.size() == 5);
  for (const auto& [word, expected] : goldens.items()) {
    const auto nearest = vectors.nearest(*vectors.vector(word), 5, {word});
    REQUIRE(nearest.size() == expected.size());
    for (std::size_t i = 0; i < nearest.size(); ++i) {
      CHECK(nearest[i].word == expected[i][0]);
      CHECK(nearest[i].similarity == Approx(expected[i][1].get<double>()).margin(1e-6));
    }
  }
}
