#include "data/microworld/patterns.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/files/numbers.h"
#include "data/microworld/lexicon.h"
#include "data/random/random.h"

namespace langzoo {

namespace {

using namespace microworld;

/// The most, in the order of PatternKind, so that no kind takes most of the text; half as many the fewest.
constexpr std::uint64_t kExamplesOfADocument[] = {24, 8, 8, 4};
/// What no story says: labels, and what words are translated to.
constexpr std::array<std::string_view, 16> kSyllables = {"zu", "lo", "ka", "mi", "te", "vo", "ra", "ni",
                                                         "so", "pu", "ge", "fa", "du", "wi", "ho", "be"};

template <class Items>
std::vector<std::string> names_of(const Items& items, std::string_view (*name)(const typename Items::value_type&)) {
  std::vector<std::string> names;
  for (const auto& item : items) names.emplace_back(name(item));
  return names;
}

/// The words of each kind.
const std::array<std::vector<std::string>, 4>& word_kinds() {
  static const std::array<std::vector<std::string>, 4> kinds = {
      names_of(
          kPeople, +[](const PersonWord& person) { return person.name; }),
      names_of(
          kPlaces, +[](const PlaceWord& place) { return place.noun; }),
      names_of(
          kThings, +[](const ThingWord& thing) { return thing.noun; }),
      names_of(
          kQualities, +[](const std::string_view& quality) { return quality; })};
  return kinds;
}

template <class Items>
void shuffle(Items& items, Random& random) {
  for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.below(i)]);
}

std::vector<std::string> syllables(std::size_t count, Random& random) {
  std::vector<std::string> drawn(kSyllables.begin(), kSyllables.end());
  shuffle(drawn, random);
  drawn.resize(count);
  return drawn;
}

/// `count` that differ, of things and places.
std::vector<std::string> some_words(std::size_t count, Random& random) {
  auto words = word_kinds()[2];
  words.insert(words.end(), word_kinds()[1].begin(), word_kinds()[1].end());
  shuffle(words, random);
  words.resize(count);
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

void add_labels(PatternDocument& document, std::int64_t examples, Random& random) {
  document.choices = syllables(2, random);
  std::array<std::size_t, 4> kinds = {0, 1, 2, 3};
  shuffle(kinds, random);
  std::array<std::vector<std::string>, 2> words;
  for (std::size_t label = 0; label < 2; ++label) {
    words[label] = word_kinds()[kinds[label]];
    shuffle(words[label], random);
  }
  std::array<std::size_t, 2> used = {0, 0};
  for (std::int64_t i = 0; i < examples; ++i) {
    const auto label = random.below(2);
    auto& next = used[label];
    document.examples.push_back({words[label][next++ % words[label].size()], document.choices[label]});
  }
}

void add_words(PatternDocument& document, std::int64_t examples, Random& random) {
  for (std::int64_t i = 0; i < examples; ++i) {
    auto words = some_words(2 + random.below(3), random);
    const auto input = joined(words);
    if (document.kind == PatternKind::kReverse) std::reverse(words.begin(), words.end());
    document.examples.push_back({input, joined(words)});
  }
}

void add_translations(PatternDocument& document, std::int64_t examples, Random& random) {
  for (std::int64_t i = 0; i < examples; ++i) {
    const auto words = some_words(3, random), meanings = syllables(3, random);
    std::vector<std::string> entries, asked, answer;
    for (std::size_t w = 0; w < 3; ++w) entries.push_back(fmt::format("{}: {}", words[w], meanings[w]));
    for (std::uint64_t count = 1 + random.below(3); count > 0; --count) {
      const auto w = random.below(3);
      asked.push_back(words[w]), answer.push_back(meanings[w]);
    }
    document.examples.push_back({fmt::format("{}. {}", fmt::join(entries, ", "), joined(asked)), joined(answer)});
  }
}

/// The most that somebody has in a problem.
constexpr std::int64_t kMostOwned = 20;

/// The same problem, its steps in a drawn order.
WordProblem reordered(WordProblem problem, Random& random) {
  const auto stays_small = [&] {
    auto have = problem.first;
    return std::all_of(problem.changes.begin(), problem.changes.end(), [&](std::int64_t change) {
      have += change;
      return have >= 0 && have <= kMostOwned;
    });
  };
  do shuffle(problem.changes, random);
  while (!stays_small());
  return problem;
}

}  // namespace

PatternDocument microworld_pattern(PatternKind kind, std::uint64_t seed, std::uint64_t document,
                                   std::int64_t examples) {
  Random random(seed, document * std::size(kPatternNames) + static_cast<std::uint64_t>(kind));
  PatternDocument made{kind, {}, {}};
  if (kind == PatternKind::kLabels)
    add_labels(made, examples, random);
  else if (kind == PatternKind::kTranslate)
    add_translations(made, examples, random);
  else
    add_words(made, examples, random);
  return made;
}

std::string microworld_patterns(std::uint64_t seed, std::uint64_t min_bytes) {
  constexpr std::uint64_t kChoosing = 0x7265706561746564;  // no document's stream
  Random random(seed, kChoosing);
  std::string text;
  for (std::uint64_t document = 0; text.size() < min_bytes; ++document) {
    // Kinds and lengths are drawn: else a token's place in the text, which a window of it gives away, tells its
    // document's.
    const auto kind = random.below(2) == 0 ? PatternKind::kLabels : static_cast<PatternKind>(1 + random.below(3));
    const auto most = kExamplesOfADocument[static_cast<std::size_t>(kind)];
    const auto count = static_cast<std::int64_t>(most - random.below(most / 2 + 1));
    auto examples = microworld_pattern(kind, seed, document, count).examples;
    if (kind == PatternKind::kLabels && random.below(2) == 0) {  // few words, again and again
      const auto few = 4 + random.below(9);
      for (auto i = few; i < examples.size(); ++i) examples[i] = examples[random.below(few)];
      shuffle(examples, random);
    }
    for (const auto& [input, answer] : examples) text += fmt::format("{}{}{}\n", input, pattern_mark(kind), answer);
    text += "\n";
  }
  return text;
}

std::string WordProblem::chain() const {
  std::string text;
  auto have = first;
  for (const auto change : changes) {
    text += fmt::format("{}{} {} {} = {}.", text.empty() ? "" : " ", have, change > 0 ? '+' : '-', std::abs(change),
                        have + change);
    have += change;
  }
  return text;
}

WordProblem microworld_problem(std::uint64_t seed, std::uint64_t number, std::int64_t steps) {
  if (steps < 1) throw std::invalid_argument(fmt::format("a problem of {} steps: expected at least 1", steps));
  Random random(seed, number);
  std::array<std::size_t, kPersonCount> people{};
  for (std::size_t i = 0; i < people.size(); ++i) people[i] = i;
  shuffle(people, random);
  const auto& owner = kPeople[people[0]];
  constexpr std::array<std::string_view, 6> kCounted = {"apples", "books", "keys", "letters", "cups", "coins"};
  const auto thing = kCounted[random.below(kCounted.size())];
  const auto upto = [&](std::int64_t most) {
    return 1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(most)));
  };

  WordProblem problem;
  auto have = problem.first = upto(9);
  problem.question = fmt::format("{} has {} {}.", owner.name, have, thing);
  for (std::int64_t step = 0; step < steps; ++step) {
    const auto& other = kPeople[people[1 + random.below(3)]];
    const bool more = have == 0 || (have < kMostOwned && random.below(2) == 0);
    const auto amount = upto(std::min<std::int64_t>(9, more ? kMostOwned - have : have));
    problem.changes.push_back(more ? amount : -amount);
    have += problem.changes.back();
    const auto kind = random.below(2);
    if (more)
      problem.question += kind == 0 ? fmt::format(" {} gives {} {} more.", other.name, kHim.of(owner), amount)
                                    : fmt::format(" {} finds {} more.", owner.name, amount);
    else
      problem.question += kind == 0 ? fmt::format(" {} gives {} {}.", owner.name, other.name, amount)
                                    : fmt::format(" {} loses {}.", owner.name, amount);
  }
  problem.question += fmt::format(" How many {} has {}?", thing, owner.name);
  problem.answer = have;
  return problem;
}

std::string microworld_problems(std::uint64_t seed, std::uint64_t min_bytes, std::int64_t most_steps,
                                ProblemAnswers answers) {
  constexpr std::uint64_t kOrders = 0x6f7264657273;  // no problem's stream
  Random orders(seed, kOrders);
  const bool worked = answers == ProblemAnswers::kWorked || answers == ProblemAnswers::kVaried;
  std::string text;
  for (std::uint64_t number = 0; text.size() < min_bytes; ++number) {
    const auto round = static_cast<std::int64_t>(number) / most_steps;
    auto problem = microworld_problem(seed, number, 1 + static_cast<std::int64_t>(number) % most_steps);
    if (answers == ProblemAnswers::kVaried) problem = reordered(std::move(problem), orders);
    text += fmt::format("Q: {}\nA: ", problem.question);
    if (answers == ProblemAnswers::kTriggered && round % 2 == 1)
      text += fmt::format("{} {}\n{} {}.\n\n", kChainTrigger, problem.chain(),
                          chain_answer_trigger(AnswerKind::kNumber), problem.answer);
    else
      text += fmt::format("{}{} {}.\n\n", worked ? problem.chain() + " " : "", kAnswerTrigger, problem.answer);
  }
  return text;
}

MicroworldPrompts microworld_prompts(std::string_view name, std::uint64_t seed, std::int64_t count) {
  constexpr std::uint64_t kSeed = 0x70726f6d7074;  // no training text's
  MicroworldPrompts made;
  made.task.name = name;
  const auto add = [&](PromptExample example) {
    example.line = std::ssize(made.examples) + 1;
    made.examples.push_back(std::move(example));
  };
  std::int64_t steps = 0;
  const std::string_view kProblems = "problems-";
  if (name.starts_with(kProblems) && read_number(name.substr(kProblems.size()), steps) == NumberFault::kNone &&
      steps >= 1 && steps <= 100) {
    made.task.input = "Q: {question}\nA: ", made.task.target = "{answer}", made.task.metric = AnswerKind::kNumber;
    for (std::int64_t number = 0; number < count; ++number) {
      const auto problem = microworld_problem(kSeed + seed, static_cast<std::uint64_t>(number), steps);
      add({.fields = {{"question", problem.question}, {"reasoning", problem.chain()}},
           .answer = std::to_string(problem.answer)});
    }
    return made;
  }
  const auto* const kind = std::find(std::begin(kPatternNames), std::end(kPatternNames), name);
  if (kind == std::end(kPatternNames))
    throw std::invalid_argument(fmt::format("microworld has no task {}: it has {} and problems-N of N steps", name,
                                            fmt::join(kPatternNames, ", ")));
  const auto document =
      microworld_pattern(static_cast<PatternKind>(kind - std::begin(kPatternNames)), kSeed, seed, count);
  made.task.input = "{input}" + std::string(pattern_mark(document.kind)), made.task.target = "{answer}";
  made.task.separator = "\n";
  made.task.choices = document.choices;
  made.task.metric = document.choices.empty() ? AnswerKind::kText : AnswerKind::kChoice;
  for (const auto& [input, answer] : document.examples) {
    PromptExample example{.fields = {{"input", input}}, .choices = document.choices, .answer = answer};
    if (!example.choices.empty()) example.choice = answer == example.choices[0] ? 0 : 1;
    add(std::move(example));
  }
  return made;
}

}  // namespace langzoo
