#include "tests/support/test.h"

#include <cmath>
#include <fstream>

#include <nlohmann/json.hpp>

#include "data/files/file_error.h"
#include "models/word_vectors/analogy.h"
#include "models/word_vectors/formats.h"

namespace langzoo::test::analogy_test {

using Catch::Contains;

namespace {

std::vector<AnalogySection> read(const std::string& text) {
  const test::TempDir dir;
  test::write_file(dir / "questions", text);
  return read_analogies(dir / "questions");
}

AnalogyScore ask(const WordVectors& vectors, const AnalogyQuestion& question, const LookupOptions& options = {}) {
  const std::vector<AnalogySection> sections{{"one", {question}}};
  return evaluate_analogies(vectors, sections, options).at(0);
}

/// Both answers by the definitions, in float64: Levy & Goldberg 2014, eq. 3 and 5.
std::pair<std::int64_t, std::int64_t> naive_answers(const WordVectors& vectors, const AnalogyQuestion& question) {
  double best_add = -1e9, best_mul = -1e9;
  std::int64_t add = -1, mul = -1;
  for (std::size_t d = 0; d < vectors.size(); ++d) {
    const auto& word = vectors.words()[d];
    if (word == question[0] || word == question[1] || word == question[2]) continue;
    const auto cos = [&](int i) { return *vectors.similarity(word, question[static_cast<std::size_t>(i)]); };
    const auto shifted = [&](int i) { return (1 + cos(i)) / 2; };
    const double by_add = cos(1) + cos(2) - cos(0), by_mul = shifted(1) * shifted(2) / (shifted(0) + 1e-3);
    if (by_add > best_add) best_add = by_add, add = static_cast<std::int64_t>(d);
    if (by_mul > best_mul) best_mul = by_mul, mul = static_cast<std::int64_t>(d);
  }
  return {add, mul};
}

}  // namespace

TEST_CASE("analogies are read by section") {
  const auto sections = read(": capitals of the world \r\nAthens Greece Oslo Norway\r\n\n: gram1\na b\tc  d \n: empty");
  REQUIRE(sections.size() == 3);
  CHECK(sections[0].name == "capitals of the world");
  CHECK((sections[0].questions == std::vector<AnalogyQuestion>{{"Athens", "Greece", "Oslo", "Norway"}}));
  CHECK(!sections[0].syntactic());
  CHECK((sections[1].questions == std::vector<AnalogyQuestion>{{"a", "b", "c", "d"}}));
  CHECK(sections[1].syntactic());
  CHECK(sections[2].questions.empty());
}

TEST_CASE("what is wrong with analogies is told by line") {
  for (const auto& [text, names] : std::vector<std::pair<std::string, std::string>>{
           {"a b c d\n", "questions: line 1: no section"},
           {": x\na b c\n", "questions: line 2: 3 words, expected 4"},
           {": x\n\na b c d e\n", "questions: line 3: 5 words"},
           {":  \n", "questions: line 1: a section without a name"},
           {"", "holds no analogy"},
           {"\n \n", "holds no analogy"},
       }) {
    INFO(text);
    CHECK_THROWS_AS(read(text), FileError);
    CHECK_THROWS_WITH(read(text), Contains(names));
  }
}

TEST_CASE("the counts of 3CosAdd are gensim's") {
  const auto vectors = read_word_vectors(test::fixture("word_vectors/analogies.bin"));
  const auto sections = read_analogies(test::fixture("word_vectors/analogies.txt"));
  std::ifstream file(test::fixture("word_vectors/goldens.json"));
  const auto goldens = nlohmann::json::parse(file)["evaluations"];
  REQUIRE(goldens.size() == 4);
  for (const auto& golden : goldens) {
    const LookupOptions options{golden["ignore_case"], golden["restrict_vocab"]};
    INFO(options.ignore_case << ' ' << options.restrict_vocab);
    const auto scores = evaluate_analogies(vectors, sections, options);
    REQUIRE(scores.size() == golden["sections"].size());
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const auto& expected = golden["sections"][i];
      CHECK(sections[i].name == expected["name"]);
      CHECK(scores[i].questions == 50);
      CHECK(scores[i].covered == expected["covered"]);
      CHECK(scores[i].correct_add == expected["correct"]);
    }
  }
}

TEST_CASE("both objectives answer as the definitions do, over several blocks of rows") {
  torch::manual_seed(3);
  std::vector<std::string> words;
  for (int i = 0; i < 5000; ++i) words.push_back("w" + std::to_string(i));
  const WordVectors vectors(words, torch::randn({5000, 4}));
  int differ = 0;
  for (std::size_t i = 0; i < 12; ++i) {
    AnalogyQuestion question{words[17 * i], words[4000 + i], words[2100 + 3 * i], ""};
    const auto [add, mul] = naive_answers(vectors, question);
    differ += add != mul;
    for (const auto answer : {add, mul}) {
      question[3] = words[static_cast<std::size_t>(answer)];
      const auto score = ask(vectors, question);
      CHECK(score.covered == 1);
      CHECK(score.correct_add == (answer == add));
      CHECK(score.correct_mul == (answer == mul));
    }
  }
  CHECK(differ > 2);
}

TEST_CASE("many questions are answered as few are") {
  // More words are asked about than are looked at together.
  torch::manual_seed(4);
  std::vector<std::string> words;
  for (int i = 0; i < 12000; ++i) words.push_back("w" + std::to_string(i));
  const WordVectors vectors(words, torch::randn({12000, 3}));
  AnalogySection all{"all", {}};
  AnalogyScore expected;
  for (std::size_t i = 0; i + 4 <= words.size(); i += 4) {
    all.questions.push_back({words[i], words[i + 1], words[i + 2], words[i + 3]});
  }
  for (const std::size_t i : {0, 2000, 2730, 2731, 2999}) {
    auto& question = all.questions[i];
    question[3] = words[static_cast<std::size_t>(naive_answers(vectors, question).first)];
    const auto score = ask(vectors, question);
    CHECK(score.correct_add == 1);
  }
  for (std::size_t begin = 0; begin < all.questions.size(); begin += 500) {
    const auto from = all.questions.begin() + static_cast<std::ptrdiff_t>(begin);
    expected += evaluate_analogies(vectors, std::vector{AnalogySection{"few", {from, from + 500}}})[0];
  }
  const auto score = evaluate_analogies(vectors, std::vector{all})[0];
  CHECK(score.questions == 3000);
  CHECK(score.covered == 3000);
  CHECK(score.correct_add == expected.correct_add);
  CHECK(score.correct_mul == expected.correct_mul);
}

TEST_CASE("case, unknown words and restricted tables") {
  // king - man + woman = queen
  const WordVectors vectors({"man", "Woman", "king", "KING", "queen", "far"}, torch::tensor({{1.f, 0.f, 0.1f},
                                                                                             {0.f, 1.f, 0.1f},
                                                                                             {1.f, 0.1f, 1.f},
                                                                                             {0.1f, 1.f, 1.01f},
                                                                                             {0.f, 1.f, 1.f},
                                                                                             {-1.f, -1.f, -1.f}}));
  const auto right = ask(vectors, {"MAN", "king", "woman", "Queen"});
  CHECK(right.covered == 1);
  CHECK(right.correct_add == 1);
  CHECK(right.correct_mul == 1);
  // Without folding KING is a word like another, and near.
  CHECK(ask(vectors, {"man", "king", "Woman", "queen"}, {.ignore_case = false}).covered == 1);
  CHECK(ask(vectors, {"man", "king", "woman", "queen"}, {.ignore_case = false}).covered == 0);
  CHECK(ask(vectors, {"man", "king", "woman", "queen"}, {.restrict_vocab = 5}).covered == 1);
  CHECK(ask(vectors, {"man", "king", "woman", "queen"}, {.restrict_vocab = 4}).covered == 0);
  CHECK(ask(vectors, {"man", "king", "woman", "prince"}).covered == 0);
  CHECK(ask(vectors, {"man", "king", "woman", "prince"}).questions == 1);
  // An answer that is part of the question cannot be given.
  CHECK(ask(vectors, {"man", "king", "woman", "king"}).correct_add == 0);
  // Nothing is left to answer with.
  const WordVectors three({"a", "b", "c"}, torch::eye(3));
  const auto none = ask(three, {"a", "b", "c", "c"});
  CHECK(none.covered == 1);
  CHECK(none.correct_add + none.correct_mul == 0);
}

TEST_CASE("scores add up") {
  AnalogyScore total{1, 1, 1, 0};
  total += {5, 4, 3, 2};
  CHECK(total.questions == 6);
  CHECK(total.covered == 5);
  CHECK(total.correct_add == 4);
  CHECK(total.correct_mul == 2);
}

}  // namespace langzoo::test::analogy_test
