#include "tests/support/test.h"

#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "data/microworld/microworld.h"
#include "data/microworld/tasks.h"
#include "data/microworld/world.h"

using namespace langzoo;
using test::TempDir;

namespace langzoo::microworld_tasks_test {

constexpr auto kEnglish = MicroworldLanguage::kEnglish, kKorean = MicroworldLanguage::kKorean;

std::set<std::string> words_of(const std::string& text) {
  std::set<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (std::string_view(" .,?!\"").find(c) == std::string_view::npos) {
      word += c;
    } else if (!word.empty()) {
      words.insert(std::exchange(word, {}));
    }
  }
  return words;
}

/// How often the label is right that goes best with whether a word is there, for the word of which that is best.
double best_single_word(const std::vector<std::pair<std::string, std::string>>& examples) {
  std::map<std::string, std::map<std::string, double>> with;
  std::map<std::string, double> all;
  for (const auto& [text, label] : examples) {
    ++all[label];
    for (const auto& word : words_of(text)) ++with[word][label];
  }
  double best = 0;
  for (auto& [word, counts] : with) {
    double there = 0, elsewhere = 0;
    for (const auto& [label, count] : all) {
      there = std::max(there, counts[label]);
      elsewhere = std::max(elsewhere, count - counts[label]);
    }
    best = std::max(best, there + elsewhere);
  }
  return best / static_cast<double>(examples.size());
}

std::map<std::string, int> counts_of(const std::vector<LabelledStory>& examples) {
  std::map<std::string, int> counts;
  for (const auto& example : examples) ++counts[example.label];
  return counts;
}

TEST_CASE("microworld's classification: balanced, and no word gives it away") {
  const auto examples = microworld_classification(1, 600, kEnglish);
  CHECK(counts_of(examples) == std::map<std::string, int>{{"found", 300}, {"missed", 300}});
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& example : examples) texts.emplace_back(example.text, example.label);
  CHECK(best_single_word(texts) < 0.85);
  CHECK(best_single_word(texts) > 0.5);
}

TEST_CASE("microworld's entailment: balanced; the sentence alone does not give it away") {
  const auto examples = microworld_entailment(1, 900, kEnglish);
  CHECK(counts_of(examples) ==
        std::map<std::string, int>{{"contradiction", 300}, {"entailment", 300}, {"neutral", 300}});
  std::vector<std::pair<std::string, std::string>> sentences;
  for (const auto& example : examples) {
    sentences.emplace_back(example.pair, example.label);
    // Of what is not in the story nothing can be known; of all else something is said.
    const auto words = words_of(example.text), told = words_of(example.pair);
    bool missing = false;
    for (const auto& word : told)
      missing |= word != "The" && word != "the" && word != "had" && word != "in" && word != "at" && word != "was" &&
                 word != "were" && !words.contains(word);
    CHECK(missing == (example.label == "neutral"));
  }
  CHECK(best_single_word(sentences) < 0.45);
}

TEST_CASE("what microworld's entailment says of things is what the story's remarks at the end can say") {
  std::map<std::string, int> checked;
  for (const auto& [text, sentence, label] : microworld_entailment(7, 150, kEnglish)) {
    auto remark = sentence;
    if (remark.starts_with("The ")) remark[0] = 't';
    if (remark == sentence && remark.find(" had ") == std::string::npos) continue;  // where a person is
    bool said = false;
    for (const auto& [verb, still] : std::vector<std::pair<std::string, std::string>>{
             {"", ""}, {" had ", " still had "}, {" was ", " was still "}, {" were ", " were still "}}) {
      auto variant = remark;
      const auto at = variant.find(verb);
      if (at == std::string::npos) continue;
      variant.replace(at, verb.size(), still);
      said |= read_story(text + " In the end, " + variant).has_value();
    }
    CHECK(said == (label == "entailment"));
    ++checked[label];
  }
  CHECK(checked["entailment"] > 20);
  CHECK(checked["contradiction"] > 20);
}

TEST_CASE("microworld's choices: one of two is true") {
  const auto examples = microworld_choices(1, 300, kEnglish);
  std::int64_t second = 0;
  for (const auto& example : examples) {
    REQUIRE(example.choices.size() == 2);
    CHECK(example.choices[0] != example.choices[1]);
    second += example.label;
    // Both are about what the story tells of.
    const auto words = words_of(example.premise);
    for (const auto& choice : example.choices) {
      for (const auto& word : words_of(choice)) {
        if (word == "The" || word == "the" || word == "had" || word == "in" || word == "at" || word == "was" ||
            word == "were")
          continue;
        CHECK(words.contains(word));
      }
    }
  }
  CHECK(second == 150);
}

TEST_CASE("microworld's similarity: from 0 to 5, and higher where more words are the same") {
  const auto pairs = microworld_similarity(1, 700, kEnglish);
  std::map<double, std::pair<double, int>> overlap;
  for (const auto& [a, b, value] : pairs) {
    CHECK(value >= 0);
    CHECK(value <= 5);
    const auto words = words_of(a), others = words_of(b);
    double common = 0;
    for (const auto& word : words) common += others.contains(word);
    overlap[value].first += common / static_cast<double>(std::max(words.size(), others.size()));
    ++overlap[value].second;
  }
  REQUIRE(overlap.size() == 7);  // fifths of 4 and thirds
  for (const auto& [value, sum] : overlap) CHECK(sum.second > 50);
  CHECK(overlap[5].first / overlap[5].second > overlap[2.5].first / overlap[2.5].second + 0.1);
  CHECK(overlap[2.5].first / overlap[2.5].second > overlap[0].first / overlap[0].second + 0.1);
}

TEST_CASE("microworld's tags: entities whose words do not tell their types") {
  const auto sentences = microworld_tags(1, 1500, kEnglish);
  REQUIRE(sentences.size() == 1500);
  std::map<std::string, std::map<std::string, double>> by_word;
  std::map<std::string, double> types;
  double names = 0;
  for (const auto& sentence : sentences) {
    REQUIRE(sentence.words.size() == sentence.tags.size());
    for (const auto& [type, begin, end, text] : entity_spans(sentence.words, sentence.tags)) {
      ++types[type];
      if (type == "THING" || type == "PLACE") {
        CHECK((end - begin == 1 || (end - begin == 2 && type == "THING")));
        continue;
      }
      CHECK(end - begin == 1);
      ++by_word[text][type];
      ++names;
    }
    std::vector<std::string_view> tags(sentence.tags.begin(), sentence.tags.end());
    CHECK(bio_tags(tags) == sentence.tags);
  }
  for (const char* const type : {"AGENT", "OTHER", "HOLDER", "THING", "PLACE"}) CHECK(types[type] > 50);
  double guessed = 0;
  for (const auto& [word, counts] : by_word) {
    CHECK(counts.size() >= 2);
    double most = 0;
    for (const auto& [type, count] : counts) most = std::max(most, count);
    guessed += most;
  }
  CHECK(by_word.size() == 10);
  CHECK(guessed / names < 0.85);
  // "Emma gave the old key to Ben.": the roles are those of the event.
  bool seen = false;
  for (const auto& sentence : sentences) {
    const auto gave = std::find(sentence.words.begin(), sentence.words.end(), "gave");
    const auto to = std::find(sentence.words.begin(), sentence.words.end(), "to");
    if (gave == sentence.words.end() || to == sentence.words.end() || to + 1 == sentence.words.end()) continue;
    const auto other = static_cast<std::size_t>(to - sentence.words.begin()) + 1;
    if (sentence.words[other] == "him" || sentence.words[other] == "her") continue;
    CHECK(sentence.tags[other] == "B-OTHER");
    seen = true;
  }
  CHECK(seen);
}

TEST_CASE("microworld's questions: answers stand in their contexts and are what the story's own questions say") {
  for (const auto language : {kEnglish, kKorean}) {
    const auto questions = microworld_questions(3, 200, language, 0.25);
    std::size_t impossible = 0;
    std::set<std::string> beginnings;
    for (const auto& question : questions) {
      REQUIRE(question.question.ends_with('?'));
      beginnings.insert(question.question.substr(0, question.question.find(' ')));
      impossible += question.answers.empty();
      for (const auto& [text, start] : question.answers) {
        const auto bytes = byte_range(*question.context, start, 0).begin;
        CHECK(question.context->substr(bytes, text.size()) == text);
      }
    }
    CHECK(impossible > 25);
    CHECK(impossible < 75);
    CHECK(beginnings.size() > 2);
  }
  std::size_t checked = 0;
  for (const auto& question : microworld_questions(4, 40, kEnglish)) {
    if (!question.question.starts_with("Who had ")) continue;
    CHECK(read_story(*question.context + " " + question.question + " " + question.answers[0].text + " did."));
    CHECK_FALSE(read_story(*question.context + " " + question.question + " Nobody did."));
    ++checked;
  }
  CHECK(checked > 3);
}

TEST_CASE("microworld's tasks in Korean have the labels of the English ones") {
  const auto english = microworld_entailment(2, 30, kEnglish), korean = microworld_entailment(2, 30, kKorean);
  for (std::size_t i = 0; i < 30; ++i) {
    CHECK(english[i].label == korean[i].label);
    CHECK(english[i].pair != korean[i].pair);
  }
  CHECK(microworld_classification(2, 20, kKorean)[5].label == microworld_classification(2, 20, kEnglish)[5].label);
  CHECK(microworld_choices(2, 20, kKorean)[7].label == microworld_choices(2, 20, kEnglish)[7].label);
  CHECK(microworld_similarity(2, 20, kKorean)[9].value == microworld_similarity(2, 20, kEnglish)[9].value);

  std::map<std::string, double> types, english_types;
  for (const auto& sentence : microworld_tags(2, 300, kKorean)) {
    for (const auto& span : entity_spans(sentence.words, sentence.tags)) ++types[span.type];
  }
  for (const auto& sentence : microworld_tags(2, 300, kEnglish)) {
    for (const auto& span : entity_spans(sentence.words, sentence.tags)) ++english_types[span.type];
  }
  for (const auto& [type, count] : english_types) {
    INFO(type);
    CHECK(types[type] > 0.8 * count);
    CHECK(types[type] <= count);
  }
}

TEST_CASE("microworld's tasks are files that readers read; a seed's are the same, another's are others") {
  const TempDir dir;
  for (const auto task : {MicroworldTask::kClassification, MicroworldTask::kEntailment, MicroworldTask::kSimilarity,
                          MicroworldTask::kTags, MicroworldTask::kQuestions, MicroworldTask::kChoices}) {
    const auto path = dir / ("data" + std::string(suffix_of(task)));
    const auto file = microworld_task_file(task, 5, 12, kEnglish);
    CHECK(file == microworld_task_file(task, 5, 12, kEnglish));
    CHECK(file != microworld_task_file(task, 6, 12, kEnglish));
    test::write_file(path, file);
    switch (task) {
      case MicroworldTask::kTags:
        CHECK(read_tagged_text(path).size() == 12);
        CHECK(read_tagged_text(path)[11].line == microworld_tags(5, 12, kEnglish)[11].line);
        break;
      case MicroworldTask::kQuestions:
        CHECK(read_questions(path).size() == 12);
        break;
      case MicroworldTask::kChoices:
        CHECK(read_choices(path, std::vector<std::string>{"premise", "choice1", "choice2", "label"}).size() == 12);
        break;
      default:
        CHECK(read_rows(path, {{"text", true}, {"label", true}}).size() == 12);
    }
  }
  CHECK_THROWS_AS(microworld_classification(1, -1, kEnglish), std::invalid_argument);
  CHECK_THROWS_AS(microworld_questions(1, 1, kEnglish, 2), std::invalid_argument);
}

TEST_CASE("microworld as documents: a sentence a line") {
  const auto text = microworld_documents(1, 2000, kEnglish);
  CHECK(text.size() >= 2000);
  std::string stories = text;
  // Lines of a story with spaces between them are the story.
  for (std::size_t at = 0; (at = stories.find('\n', at)) != std::string::npos;) {
    if (stories[at + 1] == '\n') {
      at += 2;
    } else {
      stories[at] = ' ';
    }
  }
  CHECK(microworld_text(1, 2000) == stories);
  CHECK(microworld_documents(1, 500, kKorean).find("\n\n") != std::string::npos);
}

}  // namespace langzoo::microworld_tasks_test
