#include "tests/support/test.h"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "data/microworld/patterns.h"
#include "data/tasks/prompts.h"

namespace langzoo::test {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

}  // namespace

TEST_CASE("a document's examples follow its rule") {
  std::set<std::set<std::string>> label_pairs;
  for (std::uint64_t document = 0; document < 40; ++document) {
    INFO(document);
    for (const auto& [input, answer] : microworld_pattern(PatternKind::kCopy, 1, document, 9).examples)
      CHECK(input == answer);
    for (const auto& [input, answer] : microworld_pattern(PatternKind::kReverse, 1, document, 9).examples) {
      auto reversed = words(input);
      std::reverse(reversed.begin(), reversed.end());
      CHECK(words(answer) == reversed);
    }
    for (const auto& [input, answer] : microworld_pattern(PatternKind::kTranslate, 1, document, 9).examples) {
      std::map<std::string, std::string> dictionary;
      const auto given = words(input);
      for (std::size_t i = 0; i < 6; i += 2)
        dictionary[given.at(i).substr(0, given[i].size() - 1)] = given.at(i + 1).substr(0, 2);
      std::vector<std::string> expected;
      for (std::size_t i = 6; i < given.size(); ++i) expected.push_back(dictionary.at(given[i]));
      CHECK(words(answer) == expected);
    }
    const auto labels = microworld_pattern(PatternKind::kLabels, 1, document, 12);
    std::map<std::string, std::string> label_of;
    for (const auto& [input, answer] : labels.examples) {
      CHECK(label_of.emplace(input, answer).first->second == answer);
      CHECK((answer == labels.choices.at(0) || answer == labels.choices.at(1)));
    }
    label_pairs.insert({labels.choices.begin(), labels.choices.end()});
  }
  CHECK(label_pairs.size() > 20);
}

TEST_CASE("half of the documents are labels, and neither order nor lengths are regular") {
  std::istringstream text(microworld_patterns(1, 100000));
  std::vector<bool> labels;
  std::set<std::size_t> lengths;
  double repetitive = 0;
  for (std::string line; std::getline(text, line);) {
    const bool is_labels = line.find("->") == std::string::npos;
    std::set<std::string> different;
    std::size_t lines = 0;
    for (; !line.empty(); std::getline(text, line), ++lines) different.insert(line);
    labels.push_back(is_labels);
    if (!is_labels) continue;
    lengths.insert(lines);
    CHECK((lines >= 12 && lines <= 24));
    repetitive += different.size() <= 12 && lines > different.size() + 2 ? 1 : 0;
  }
  const auto documents = static_cast<double>(labels.size());
  const auto of_labels = static_cast<double>(std::count(labels.begin(), labels.end(), true));
  CHECK(of_labels / documents == Approx(0.5).margin(0.1));
  CHECK(repetitive / of_labels == Approx(0.45).margin(0.15));
  CHECK(lengths.size() == 13);
  double followed = 0;  // by a document of labels
  for (std::size_t i = 1; i < labels.size(); ++i) followed += labels[i - 1] && labels[i] ? 1 : 0;
  CHECK(followed / of_labels == Approx(0.5).margin(0.1));
}

TEST_CASE("a problem's chain ends in its answer, and its numbers stay small") {
  for (std::uint64_t number = 0; number < 300; ++number) {
    const auto problem = microworld_problem(2, number, 1 + static_cast<std::int64_t>(number) % 5);
    INFO(problem.question << " " << problem.chain());
    std::int64_t last = -1;
    std::istringstream chain(problem.chain());
    for (std::string equals; true;) {
      std::int64_t a = 0, b = 0, c = 0;
      char sign = 0;
      if (!(chain >> a >> sign >> b >> equals >> c)) break;
      chain.ignore(1);
      if (last >= 0) CHECK(a == last);
      CHECK(c == (sign == '+' ? a + b : a - b));
      CHECK((c >= 0 && c <= 20));
      last = c;
    }
    CHECK(last == problem.answer);
  }
  CHECK_THROWS_AS(microworld_problem(1, 1, 0), std::invalid_argument);
}

TEST_CASE("varied chains take a problem's steps in several orders, to the same answer") {
  std::istringstream text(microworld_problems(3, 60000, 3, ProblemAnswers::kVaried));
  std::size_t number = 0, other = 0;
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("A: ")) continue;
    auto problem = microworld_problem(3, number, 1 + static_cast<std::int64_t>(number) % 3);
    ++number;
    INFO(problem.question << " " << line);
    const auto answer = fmt::format(" The answer is {}.", problem.answer);
    REQUIRE(line.ends_with(answer));
    const auto chain = line.substr(3, line.size() - 3 - answer.size());
    std::set<std::string> chains;
    std::sort(problem.changes.begin(), problem.changes.end());
    do {
      auto have = problem.first;
      const bool small = std::all_of(problem.changes.begin(), problem.changes.end(),
                                     [&](std::int64_t change) { return (have += change) >= 0 && have <= 20; });
      if (small) chains.insert(problem.chain());
    } while (std::next_permutation(problem.changes.begin(), problem.changes.end()));
    CHECK(chains.contains(chain));
    other += chain != microworld_problem(3, number - 1, std::ssize(problem.changes)).chain() ? 1 : 0;
  }
  CHECK(number > 200);
  CHECK(other > number / 4);
}

TEST_CASE("the texts are decided by the seed, and its tasks make prompts") {
  CHECK(microworld_patterns(1, 5000) == microworld_patterns(1, 5000));
  CHECK(microworld_patterns(1, 5000) != microworld_patterns(2, 5000));
  CHECK(microworld_problems(1, 5000, 3, ProblemAnswers::kWorked).find(" = ") != std::string::npos);
  CHECK(microworld_problems(1, 5000, 3, ProblemAnswers::kBare).find(" = ") == std::string::npos);
  // With and without the trigger, of all numbers of steps alike.
  const auto triggered = microworld_problems(1, 9000, 2, ProblemAnswers::kTriggered);
  CHECK_THAT(triggered, Catch::Contains("A: The answer is "));
  std::set<std::ptrdiff_t> steps;
  std::size_t asked = 0;
  for (auto at = triggered.find(kChainTrigger); at != std::string::npos; at = triggered.find(kChainTrigger, at + 1)) {
    const auto chain = triggered.substr(at, triggered.find("\n\n", at) - at);
    steps.insert(std::count(chain.begin(), chain.end(), '='));
    CHECK_THAT(chain, Catch::Contains(".\nTherefore, the answer (arabic numerals) is "));
    ++asked;
  }
  CHECK(steps == std::set<std::ptrdiff_t>{1, 2});
  CHECK(asked > 20);

  const auto labels = microworld_prompts("labels", 3, 10);
  REQUIRE(labels.examples.size() == 10);
  CHECK_NOTHROW(labels.task.validate());
  const auto prompt = Prompts(labels.task, labels.examples, 2, 1).prompt(labels.examples[0]);
  CHECK_THAT(prompt, Catch::Matchers::EndsWith("\n" + labels.examples[0].fields.at("input") + " "));
  const auto& first = labels.examples[0];
  CHECK(first.answer == first.choices.at(static_cast<std::size_t>(first.choice)));
  CHECK((microworld_prompts("labels", 3, 10).examples == labels.examples));
  CHECK_FALSE((microworld_prompts("labels", 4, 10).examples == labels.examples));

  const auto problems = microworld_prompts("problems-2", 1, 20);
  CHECK_NOTHROW(problems.task.validate());
  const Prompts chains(problems.task, problems.examples, 1, 1, /*chains=*/true);
  CHECK_THAT(chains.prompt(problems.examples[0]), Catch::Contains(" The answer is "));
  CHECK_THROWS_WITH(microworld_prompts("sums", 1, 1), Catch::Contains("labels, copy, reverse, translate"));
  CHECK_THROWS_WITH(microworld_prompts("problems-0", 1, 1), Catch::Contains("problems-N"));
}

}  // namespace langzoo::test
