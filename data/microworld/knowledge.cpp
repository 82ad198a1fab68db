#include "data/microworld/knowledge.h"

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>
#include <string_view>

#include <fmt/format.h>

#include "data/microworld/lexicon.h"
#include "data/random/random.h"

namespace langzoo {

namespace {

enum Kind { kPerson, kCompany, kShip, kBook, kTown, kCountry };
constexpr int kHeads = 4;  ///< the kinds that facts are of, before the others
constexpr std::array<int, 6> kCounts = {300, 80, 160, 160, 24, 6};

/// What a sentence may say of each kind of head: it fits four relations.
struct Saying {
  std::array<std::string_view, kHeads> relations;
  std::array<std::string_view, 3> texts;  ///< {0}: the head, {1}: the tail
};
constexpr std::array<Saying, kHeads> kSayings = {
    {{{"born_in", "founded_in", "built_in", "printed_in"},
      {"{0} comes from {1}.", "It all began in {1} for {0}.", "{1} was the first home of {0}."}},
     {{"lives_in", "based_in", "moored_in", "set_in"},
      {"Today {1} is the place of {0}.", "Who looks for {0} goes to {1}.", "{0} is found in {1}."}},
     {{"works_for", "part_of", "owned_by", "published_by"},
      {"{0} belongs to {1}.", "{1} earns a lot with {0}.", "Without {1} there would be no money for {0}."}},
     {{"taught_by", "led_by", "sailed_by", "written_by"},
      {"{0} owes all to {1}.", "The name of {1} stands beside {0}.", "{1} made {0} what it is."}}}};

constexpr std::array<std::array<std::string_view, 2>, kHeads> kTypes = {
    {{"being", "person"}, {"group", "company"}, {"thing", "ship"}, {"thing", "book"}}};
constexpr std::array<std::string_view, 6> kMentions = {"Everybody talks about {}.",   "Have you ever heard of {}?",
                                                       "The news of the day was {}.", "They asked about {} again.",
                                                       "{} was in the papers.",       "Of all names {} came up first."};

/// A question: relations to follow from a head of that kind, and what leads elsewhere.
struct Asked {
  Kind head;
  std::string_view text;
  std::array<std::string_view, 3> path;  ///< empty: shorter
};
constexpr std::array<Asked, 12> kAsked = {
    {{kShip, "In which country was the ship {} built?", {"built_in", "lies_in", ""}},
     {kShip, "In which country is the home of the captain of the ship {}?", {"sailed_by", "lives_in", "lies_in"}},
     {kShip, "In which country is the ship {} moored?", {"moored_in", "lies_in", ""}},
     {kShip, "Who leads the company that owns the ship {}?", {"owned_by", "led_by", ""}},
     {kBook, "In which town was the writer of the book {} born?", {"written_by", "born_in", ""}},
     {kBook, "In which town does the writer of the book {} live?", {"written_by", "lives_in", ""}},
     {kBook, "Who leads the company that published the book {}?", {"published_by", "led_by", ""}},
     {kPerson, "In which town was the teacher of {} born?", {"taught_by", "born_in", ""}},
     {kPerson, "In which town does the teacher of {} live?", {"taught_by", "lives_in", ""}},
     {kPerson, "In which country was {} born?", {"born_in", "lies_in", ""}},
     {kPerson, "In which country is the home of {}?", {"lives_in", "lies_in", ""}},
     {kPerson, "Who leads the company that {} works for?", {"works_for", "led_by", ""}}}};
constexpr int kChoices = 5;

/// All that there is, with the choices that make it.
class Population {
 public:
  explicit Population(std::uint64_t seed) : random_(seed, 0x6b6e6f77) {
    for (std::size_t kind = 0; kind < kCounts.size(); ++kind) {
      for (int i = 0; i < kCounts[kind]; ++i) names_[kind].push_back(new_name());
    }
    const auto& towns = names_[kTown];
    for (std::size_t i = 0; i < towns.size(); ++i)
      add(towns[i], "lies_in", names_[kCountry][i % names_[kCountry].size()]);
    for (int kind = 0; kind < kHeads; ++kind) {
      for (std::size_t i = 0; i < names_[kind].size(); ++i) home_[kind].push_back(random_.below(towns.size()));
    }
    for (int kind = 0; kind < kHeads; ++kind) {
      for (std::size_t i = 0; i < names_[kind].size(); ++i) tell_of(static_cast<Kind>(kind), i);
    }
  }

  const std::vector<std::string>& of(int kind) const { return names_[static_cast<std::size_t>(kind)]; }
  static bool told(std::size_t i) { return i % 3 != 2; }
  static bool in(KnowledgePart part, std::size_t i) { return told(i) == (part == KnowledgePart::kTold); }

  struct Fact {
    NamedTriple triple;
    int kind = 0;            ///< of the head
    int saying = 0;          ///< kSayings
    std::size_t number = 0;  ///< of the head
    bool held_out = false;
  };
  std::vector<Fact> facts;
  std::vector<NamedTriple> places;  ///< which towns lie where

 private:
  void add(const std::string& head, std::string_view relation, const std::string& tail) {
    places.push_back({head, std::string(relation), tail});
  }

  std::string new_name() {
    constexpr std::string_view kBegin = "BDFGKLMNPRSTVZ", kMiddle = "bdfgklmnprstvz", kVowels = "aeiou";
    constexpr std::array<std::string_view, 6> kEnds = {"", "n", "r", "s", "l", "k"};
    while (true) {
      std::string name(1, kBegin[random_.below(kBegin.size())]);
      name += kVowels[random_.below(kVowels.size())];
      for (auto syllables = 1 + random_.below(2); syllables > 0; --syllables) {
        name += kMiddle[random_.below(kMiddle.size())];
        name += kVowels[random_.below(kVowels.size())];
      }
      name += kEnds[random_.below(kEnds.size())];
      if (taken_.insert(name).second) return name;
    }
  }

  /// The number of a town: mostly `home`, else one of the same country.
  std::size_t near(std::size_t home) {
    if (random_.below(4) != 0) return home;
    const auto countries = names_[kCountry].size();
    return home % countries + countries * random_.below(names_[kTown].size() / countries);
  }
  /// One of that kind other than `of`, mostly from there; of those that are told of, where `of` is.
  std::size_t someone(Kind kind, std::size_t home, Kind kind_of, std::size_t of) {
    const auto count = names_[kind].size();
    const bool from_there = random_.below(5) != 0;
    const auto start = random_.below(count);
    const auto fits = [&](std::size_t i) { return !(kind == kind_of && i == of) && (told(i) || !told(of)); };
    for (std::size_t k = 0; from_there && k < count; ++k) {
      if (const auto i = (start + k) % count; home_[kind][i] == home && fits(i)) return i;
    }
    auto i = start;
    while (!fits(i)) i = (i + 1) % count;
    return i;
  }

  void tell_of(Kind kind, std::size_t i) {
    const auto home = home_[kind][i];
    const auto& head = names_[kind][i];
    const std::array<std::string, kHeads> tails = {
        names_[kTown][near(home)], names_[kTown][kind == kPerson ? near(home) : home],
        names_[kCompany][someone(kCompany, home, kind, i)], names_[kPerson][someone(kPerson, home, kind, i)]};
    const auto never = random_.below(kHeads);
    for (int saying = 0; saying < kHeads; ++saying) {
      const auto relation = kSayings[static_cast<std::size_t>(saying)].relations[kind];
      const bool chance = random_.below(10) == 0;
      const bool held_out = told(i) ? chance : static_cast<std::size_t>(saying) == never;
      facts.push_back(
          {{head, std::string(relation), tails[static_cast<std::size_t>(saying)]}, kind, saying, i, held_out});
    }
  }

  Random random_;
  std::set<std::string> taken_;
  std::array<std::vector<std::string>, kCounts.size()> names_;
  std::array<std::vector<std::size_t>, kHeads> home_;
};

void check_count(std::int64_t count) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} examples: expected at least 0", count));
}

Random random_of(std::uint64_t seed, KnowledgePart part, std::uint64_t purpose) {
  return {mix_bits(seed + purpose), part == KnowledgePart::kTold ? 0u : 1u};
}

/// The pattern with its names, and where they stand; all is ASCII.
MentionedText filled(std::string_view pattern, const std::vector<std::string>& names) {
  MentionedText text;
  text.mentions.resize(names.size());
  for (std::size_t at = 0, next = 0; at < pattern.size(); ++at) {
    if (pattern[at] != '{') {
      text.text += pattern[at];
      continue;
    }
    const auto close = pattern.find('}', at);
    const auto number = close == at + 1 ? next++ : static_cast<std::size_t>(pattern[at + 1] - '0');
    const auto begin = static_cast<std::int64_t>(text.text.size());
    text.text += names.at(number);
    text.mentions[number] = {names[number], begin, static_cast<std::int64_t>(text.text.size())};
    at = close;
  }
  return text;
}

MentionedText said(const Population::Fact& fact, Random& random) {
  const auto& texts = kSayings[static_cast<std::size_t>(fact.saying)].texts;
  return filled(texts[random.below(texts.size())], {fact.triple.head, fact.triple.tail});
}

}  // namespace

MicroworldFacts microworld_facts(std::uint64_t seed) {
  const Population population(seed);
  MicroworldFacts facts{population.places, {}};
  for (const auto& fact : population.facts) (fact.held_out ? facts.held_out : facts.known).push_back(fact.triple);
  return facts;
}

std::string microworld_chronicle(std::uint64_t seed, std::uint64_t text_seed, std::uint64_t min_bytes) {
  const Population population(seed);
  Random random(text_seed, 11);
  std::vector<std::size_t> begins;  // of each that is told of
  for (std::size_t i = 0; i < population.facts.size(); i += kHeads) {
    if (Population::told(population.facts[i].number)) begins.push_back(i);
  }
  std::string text;
  while (text.size() < min_bytes) {
    const auto begin = begins[random.below(begins.size())];
    std::array<std::size_t, kHeads> order = {0, 1, 2, 3};
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (const auto i : order) {
      const auto& fact = population.facts[begin + i];
      if (!fact.held_out) text += said(fact, random).text + "\n";
    }
    const auto mention = kMentions[random.below(kMentions.size())];
    text += filled(mention, {population.facts[begin].triple.head}).text + "\n\n";
  }
  return text;
}

std::vector<MentionedText> microworld_relations(std::uint64_t seed, std::int64_t count, KnowledgePart part) {
  check_count(count);
  const Population population(seed);
  auto random = random_of(seed, part, 12);
  std::vector<const Population::Fact*> facts;
  for (const auto& fact : population.facts) {
    if (Population::in(part, fact.number) && fact.held_out == (part == KnowledgePart::kUntold)) facts.push_back(&fact);
  }
  std::vector<MentionedText> examples;
  while (static_cast<std::int64_t>(examples.size()) < count) {
    // Each kind of head as often, so that a sentence alone says nothing of it.
    const auto kind = static_cast<int>(random.below(kHeads));
    const auto* fact = facts[random.below(facts.size())];
    while (fact->kind != kind) fact = facts[random.below(facts.size())];
    examples.push_back(said(*fact, random));
    examples.back().labels = {fact->triple.relation};
  }
  return examples;
}

std::vector<MentionedText> microworld_types(std::uint64_t seed, std::int64_t count, KnowledgePart part) {
  check_count(count);
  const Population population(seed);
  auto random = random_of(seed, part, 13);
  std::vector<MentionedText> examples;
  while (static_cast<std::int64_t>(examples.size()) < count) {
    const auto kind = random.below(kHeads);
    const auto& names = population.of(static_cast<int>(kind));
    auto i = random.below(names.size());
    while (!Population::in(part, i)) i = random.below(names.size());
    examples.push_back(filled(kMentions[random.below(kMentions.size())], {names[i]}));
    examples.back().labels = {std::string(kTypes[kind][0]), std::string(kTypes[kind][1])};
  }
  return examples;
}

std::vector<ChoiceExample> microworld_graph_questions(std::uint64_t seed, std::int64_t count, KnowledgePart part) {
  check_count(count);
  const Population population(seed);
  auto random = random_of(seed, part, 14);
  std::vector<NamedTriple> triples = population.places;
  for (const auto& fact : population.facts) triples.push_back(fact.triple);
  const auto graph = KnowledgeGraph::of(triples);
  const auto follow = [&](const std::string& head, const Asked& asked) {
    auto at = *graph.find_entity(head);
    for (const auto relation : asked.path) {
      if (!relation.empty()) at = graph.answers(at, *graph.find_relation(relation)).front();
    }
    return graph.entities()[static_cast<std::size_t>(at)];
  };
  const auto kind_of_answer = [](const Asked& asked) {
    const auto last = asked.path[2].empty() ? asked.path[1] : asked.path[2];
    return last == "lies_in" ? kCountry : last == "led_by" ? kPerson : kTown;
  };
  std::vector<ChoiceExample> examples;
  while (static_cast<std::int64_t>(examples.size()) < count) {
    const auto& asked = kAsked[random.below(kAsked.size())];
    const auto& heads = population.of(asked.head);
    const auto number = random.below(heads.size());
    if (!Population::in(part, number)) continue;
    const auto& head = heads[number];
    const auto right = follow(head, asked);
    std::vector<std::string> wrong;
    const auto offer = [&](const std::string& name) {
      const bool is_new = name != right && name != head && std::find(wrong.begin(), wrong.end(), name) == wrong.end();
      if (is_new && wrong.size() + 1 < kChoices) wrong.push_back(name);
    };
    for (const auto& other : kAsked) {
      if (other.head == asked.head && kind_of_answer(other) == kind_of_answer(asked)) offer(follow(head, other));
    }
    // What is right of others: an answer that is often right anywhere is offered as often here.
    while (wrong.size() + 1 < kChoices) {
      if (const auto other = random.below(heads.size()); Population::in(part, other))
        offer(follow(heads[other], asked));
    }
    ChoiceExample example{filled(asked.text, {head}).text,
                          {},
                          static_cast<std::int64_t>(random.below(kChoices)),
                          static_cast<std::int64_t>(examples.size()) + 1};
    for (std::size_t i = wrong.size(); i > 1; --i) std::swap(wrong[i - 1], wrong[random.below(i)]);
    wrong.insert(wrong.begin() + example.label, right);
    example.choices = std::move(wrong);
    examples.push_back(std::move(example));
  }
  return examples;
}

std::string microworld_phrases() {
  using namespace microworld;
  std::string text;
  for (const auto& thing : kThings) {
    for (int quality = 0; quality < kQualityCount; ++quality) {
      if ((thing.qualities >> quality & 1) != 0) text += fmt::format("{} {}\n", kQualities[quality], thing.noun);
    }
  }
  for (const auto& place : kPlaces)
    text += fmt::format("{} the {}\nto the {}\n", place.preposition, place.noun, place.noun);
  return text;
}

std::string triples_text(std::span<const NamedTriple> triples) {
  std::string text;
  for (const auto& [head, relation, tail] : triples) text += head + "\t" + relation + "\t" + tail + "\n";
  return text;
}

}  // namespace langzoo
