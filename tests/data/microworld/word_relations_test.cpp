#include "tests/support/test.h"

#include "data/microworld/word_relations.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "data/microworld/microworld.h"

namespace langzoo::test::word_relations_test {

namespace {

std::set<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::set<std::string> words;
  for (std::string word; stream >> word;) words.insert(word);
  return words;
}

}  // namespace

TEST_CASE("microworld as words: lower case, punctuation apart, a story a line") {
  CHECK(microworld_words("John was here. \"I know,\" Ben said.\n\nWhere? In the hall.\n\n") ==
        "john was here . \" i know , \" ben said .\nwhere ? in the hall .\n");
  CHECK(microworld_words("One\nline.") == "one line .");
  CHECK(microworld_words("\n\n\n\nA\n\n\n\nb\n\n") == "a\nb\n");
  CHECK(microworld_words("").empty());
}

TEST_CASE("microworld as words keeps every story and every letter") {
  const auto told = microworld_text(2, 50000), words = microworld_words(told);
  int stories = 0;
  Microworld source(2);
  for (std::size_t size = 0; size < told.size(); ++stories) size += source.next().text.size();
  CHECK(std::count(words.begin(), words.end(), '\n') == stories);
  const auto without_spaces = [](std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    return text;
  };
  CHECK(without_spaces(words) == without_spaces(told));
  CHECK(words.find("  ") == std::string::npos);
  for (const auto& word : words_of(words)) {
    CHECK((word.size() == 1 || std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; })));
  }
}

TEST_CASE("microworld's analogies and similarities are about words it tells") {
  const auto told = words_of(microworld_words(microworld_text(1, 300000)));
  std::set<std::string> asked;
  for (const auto& section : microworld_analogies()) {
    for (const auto& question : section.questions) asked.insert(question.begin(), question.end());
  }
  for (const auto& pair : microworld_similarities()) asked.insert({pair.a, pair.b});
  CHECK(asked.size() == 10 + 14 + 16 + 7 + 9);  // the classes; he, she, it, them, they, is, are, was, were
  for (const auto& word : asked) {
    INFO(word);
    CHECK(told.count(word) == 1);
  }
}

TEST_CASE("microworld's analogies: all pairs of pairs with different answers") {
  const auto sections = microworld_analogies();
  REQUIRE(sections.size() == 3);
  std::map<std::string, std::size_t> sizes;
  for (const auto& [section, questions] : sections) {
    sizes[section] = questions.size();
    CHECK(std::set(questions.begin(), questions.end()).size() == questions.size());
    for (const auto& [a, b, c, d] : questions) {
      CHECK(b != d);
      CHECK(std::find(questions.begin(), questions.end(), std::array{c, d, a, b}) != questions.end());
    }
  }
  CHECK(sizes == std::map<std::string, std::size_t>{
                     {"person-pronoun", 2 * 5 * 5}, {"gram-thing-pronoun", 2 * 12 * 4}, {"gram-number", 3 * 2}});
  const auto has = [&](std::size_t section, const std::array<std::string, 4>& question) {
    const auto& questions = sections[section].questions;
    return std::find(questions.begin(), questions.end(), question) != questions.end();
  };
  CHECK(has(0, {"anna", "she", "ben", "he"}));
  CHECK(has(1, {"scissors", "them", "egg", "it"}));
  CHECK(has(2, {"is", "are", "was", "were"}));
  CHECK(has(2, {"it", "they", "is", "are"}));

  const auto text = analogies_text(sections);
  CHECK(text.substr(0, 45) == ": person-pronoun\nanna she ben he\nanna she dav");
  CHECK(std::count(text.begin(), text.end(), '\n') == 3 + 50 + 96 + 6);
}

TEST_CASE("microworld's similarities are graded by class and by what the grammar tells words apart by") {
  const auto pairs = microworld_similarities();
  CHECK(pairs.size() == 47 * 46 / 2);
  std::map<std::set<std::string>, double> score;
  for (const auto& pair : pairs) {
    CHECK(pair.a != pair.b);
    CHECK((pair.score == 0 || (pair.score >= 1 && pair.score <= 2)));
    score[{pair.a, pair.b}] = pair.score;
  }
  CHECK(score.size() == pairs.size());
  CHECK(score[{"anna", "lucy"}] == 2);
  CHECK(score[{"anna", "tom"}] == 1);
  CHECK(score[{"anna", "lake"}] == 0);
  CHECK(score[{"hall", "park"}] == 2);
  CHECK(score[{"hall", "lake"}] == 1);
  CHECK(score[{"book", "red"}] == 0);
  CHECK(score[{"key", "map"}] == 2);                                // both singular, old or small
  CHECK(score[{"key", "scissors"}] == 1.5);                         // likewise, but plural
  CHECK(score[{"apple", "ball"}] == Approx(1 + (1 + 2. / 5) / 2));  // red, green of red, green, small, blue, white
  CHECK(score[{"blue", "white"}] == Approx(1 + 2. / 7));  // ball, cup of these, umbrella, book, hat, egg, shoes
  CHECK(similarities_text(pairs).substr(0, 11) == "anna\tben\t1\n");
}

}  // namespace langzoo::test::word_relations_test
