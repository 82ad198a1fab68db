#include "tests/support/test.h"

#include "data/microworld/microworld.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "data/microworld/chooser.h"
#include "data/microworld/telling.h"

namespace langzoo::test {

using namespace microworld;

namespace {

std::vector<Story> stories(std::uint64_t seed, int n) {
  Microworld source(seed);
  std::vector<Story> result;
  for (int i = 0; i < n; ++i) result.push_back(source.next());
  return result;
}

template <class Choices>
std::vector<int> weights_of(const Choices& choices) {
  std::vector<int> weights;
  for (const auto& choice : choices) weights.push_back(choice.weight);
  return weights;
}

std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    if (std::isalpha(static_cast<unsigned char>(c))) {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  return words;
}

}  // namespace

TEST_CASE("microworld: seed 1 begins with this story and this corpus") {
  const Story story = Microworld(1).next();
  CHECK(
      story.text ==
      "John was in the attic. Ben was there too. He had an apple. There were some scissors in the barn. John wanted "
      "the "
      "apple. John asked Ben for it. So Ben gave it to John. \"I need the scissors,\" Ben said. He asked John where "
      "they were. \"I do not know,\" John said. Ben went to the barn. The scissors were still there, and he took them. "
      "Where was the apple? John had it. Ben had the scissors. He was happy because he had them.\n\n");
  CHECK(story.nats == Approx(53.2517918234605).epsilon(1e-12));
  const std::string text = microworld_text(1, 100000);
  CHECK(text.size() == 100331);
  CHECK(fnv1a(text) == 0x3806f8a29d5c4923u);
  CHECK(microworld_nats(text).value() == Approx(14915.475602782275).epsilon(1e-12));
}

TEST_CASE("microworld: a seed decides its stories, another seed tells others") {
  Microworld a(7), b(7), other(8);
  std::set<std::string> texts;
  for (int i = 0; i < 50; ++i) {
    const Story story = a.next();
    const Story same = b.next();
    CHECK(story.text == same.text);
    CHECK(story.nats == same.nats);
    CHECK((story.events == same.events));
    texts.insert(story.text);
    texts.insert(other.next().text);
  }
  CHECK(texts.size() == 100);
}

TEST_CASE("microworld: a text is whole stories, and its nats are their sum") {
  const std::string text = microworld_text(3, 20000);
  CHECK(text.size() >= 20000);
  std::string expected;
  double nats = 0.0;
  for (Microworld source(3); expected.size() < 20000;) {
    const Story story = source.next();
    expected += story.text;
    nats += story.nats;
  }
  CHECK(text == expected);
  CHECK(microworld_nats(text).value() == Approx(nats).epsilon(1e-13));
  CHECK(microworld_nats(text.substr(0, text.size() - 2)).value() == Approx(nats).epsilon(1e-13));
  CHECK(microworld_text(3, 0).empty());
}

TEST_CASE("microworld: every story has exactly one derivation, of exactly its nats") {
  int wrong = 0;
  for (const Story& story : stories(11, 2000)) {
    const auto reading = read_story(story.text);
    if (!reading || reading->derivations != 1 || std::abs(reading->nats - story.nats) > 1e-10 ||
        reading->events != story.events) {
      ++wrong;
      UNSCOPED_INFO(story.text);
    }
  }
  CHECK(wrong == 0);
}

// With the probabilities of what may be said next summing to 1, and no way of saying it beginning another, the
// probabilities of all stories sum to 1 and each has one derivation.
TEST_CASE("microworld: at every point the next sentences' probabilities sum to 1 and none begins another") {
  for (const Story& story : stories(5, 40)) {
    World world;
    Discourse discourse;
    std::size_t said = 0;
    for (const Event& event : story.events) {
      const auto groups = possible_events(world);
      double sum = 0.0;
      std::vector<std::string> sentences;
      for (std::size_t g = 0; g < groups.size(); ++g) {
        for (std::size_t i = 0; i < groups[g].items.size(); ++i) {
          const double nats = choice_nats(weights_of(groups), g) + choice_nats(weights_of(groups[g].items), i);
          Explorer explorer;
          do {
            Discourse after = discourse;
            tell(groups[g].items[i].event, world, after, explorer);
            sum += std::exp(-explorer.add_nats(nats));
            sentences.push_back(explorer.spoken());
          } while (explorer.next());
        }
      }
      REQUIRE(sum == Approx(1.0).epsilon(1e-11));
      std::sort(sentences.begin(), sentences.end());
      const auto clash = std::adjacent_find(sentences.begin(), sentences.end(),
                                            [](const auto& a, const auto& b) { return b.starts_with(a); });
      INFO((clash == sentences.end() ? "" : *clash));
      REQUIRE(clash == sentences.end());
      // Goes on along the story's own telling of its own event.
      Explorer explorer;
      explorer.restart(std::string_view(story.text).substr(said));
      Discourse after;
      do {
        after = discourse;
        tell(event, world, after, explorer);
      } while (!explorer.matches() && explorer.next());
      REQUIRE(explorer.matches());
      said += explorer.consumed();
      discourse = after;
      apply(event, world);
    }
  }
}

// At each choice the surprise, -log p of what was drawn, has the choice's entropy as its mean, so that over many
// choices the sum of the differences is a normal variable of known variance.
TEST_CASE("microworld: the nats are calibrated") {
  class Watching : public Chooser {
   public:
    using Chooser::choose;
    std::size_t choose(std::span<const int> weights) override {
      const std::size_t chosen = sampler.choose(weights);
      double mean = 0.0, square = 0.0, sum = 0.0;
      for (const int weight : weights) sum += weight;
      for (const int weight : weights) {
        if (weight == 0) continue;
        const double p = weight / sum;
        mean -= p * std::log(p);
        square += p * std::log(p) * std::log(p);
      }
      excess += -std::log(weights[chosen] / sum) - mean;
      variance += square - mean * mean;
      return chosen;
    }
    void say(std::string_view) override {}
    Sampler sampler{99};
    double excess = 0.0, variance = 0.0;
  } chooser;
  int days = 0;
  for (int i = 0; i < 2000; ++i) {
    World world;
    Discourse discourse;
    for (Event event{.kind = EventKind::kDay}; event.kind != EventKind::kEnd;) {
      const auto groups = possible_events(world);
      const auto& items = groups[chooser.choose(weights_of(groups))].items;
      event = items[chooser.choose(weights_of(items))].event;
      days += event.kind == EventKind::kDay;
      tell(event, world, discourse, chooser);
      apply(event, world);
    }
  }
  CHECK(std::abs(chooser.excess) < 4 * std::sqrt(chooser.variance));
  CHECK(chooser.variance > 10000);
  CHECK(std::abs(days - 500) < 4 * std::sqrt(2000 * 0.25 * 0.75));  // a story begins with its day once in four
}

TEST_CASE("microworld: the English agrees") {
  std::set<std::string> plural, singular;
  for (const auto& thing : kThings) (thing.plural ? plural : singular).insert(std::string(thing.noun));
  const std::set<std::string> names = [] {
    std::set<std::string> all;
    for (const auto& person : kPeople) all.insert(std::string(person.name));
    return all;
  }();
  for (const Story& story : stories(21, 1000)) {
    INFO(story.text);
    REQUIRE(story.text.size() > 4);
    CHECK(story.text.ends_with(".\n\n"));
    CHECK(story.text.find("  ") == std::string::npos);
    CHECK(std::all_of(story.text.begin(), story.text.end(), [](char c) { return c == '\n' || (c >= ' ' && c < 127); }));
    bool start = true;  // of a sentence
    for (std::size_t i = 0; i + 2 < story.text.size(); ++i) {
      const char c = story.text[i];
      if (start && std::isalpha(static_cast<unsigned char>(c))) {
        REQUIRE(std::isupper(static_cast<unsigned char>(c)));
        start = false;
      }
      start = start || (c == '.');
    }
    const auto words = words_of(story.text);
    for (std::size_t i = 0; i + 1 < words.size(); ++i) {
      const auto& word = words[i];
      const auto& next = words[i + 1];
      const bool vowel = !next.empty() && std::string("aeiou").find(next[0]) != std::string::npos;
      if (word == "a" || word == "A") REQUIRE(!vowel);
      if (word == "an" || word == "An") REQUIRE(vowel);
      if (plural.count(word)) REQUIRE((next != "was" && next != "is"));
      if (singular.count(word)) REQUIRE((next != "were" && next != "are"));
      if (names.count(word)) REQUIRE((next != "have" && next != "are"));
    }
  }
}

TEST_CASE("microworld: what is said at the end follows from what happened") {
  int checked = 0;
  for (const Story& story : stories(31, 500)) {
    std::map<int, int> person_at;                 // person -> place
    std::map<int, std::pair<int, int>> thing_at;  // thing -> place, holder
    std::map<int, int> quality;
    for (const Event& e : story.events) {
      switch (e.kind) {
        case EventKind::kPeopleAt:
          person_at[e.other] = e.place;
          [[fallthrough]];
        case EventKind::kPersonAt:
        case EventKind::kMove:
        case EventKind::kFollow:
          person_at[e.actor] = e.place;
          break;
        case EventKind::kThingAt:
        case EventKind::kPersonHas:
          quality[e.thing] = e.quality;
          thing_at[e.thing] = {e.place, e.actor};
          break;
        case EventKind::kFind:
        case EventKind::kTake:
          CHECK(thing_at[e.thing] == std::pair<int, int>(person_at[e.actor], kNone));
          thing_at[e.thing] = {kNone, e.actor};
          break;
        case EventKind::kPut:
          CHECK(thing_at[e.thing] == std::pair<int, int>(kNone, e.actor));
          thing_at[e.thing] = {person_at[e.actor], kNone};
          break;
        case EventKind::kGive:
          CHECK(thing_at[e.thing] == std::pair<int, int>(kNone, e.actor));
          CHECK(person_at[e.actor] == person_at[e.other]);
          thing_at[e.thing] = {kNone, e.other};
          break;
        case EventKind::kEndThing:
        case EventKind::kAskThing:
        case EventKind::kAskHolder:
          CHECK(thing_at[e.thing] == std::pair<int, int>(e.place, e.holder));
          ++checked;
          break;
        case EventKind::kEndBelief:
          CHECK(thing_at[e.thing] != std::pair<int, int>(e.place, e.holder));
          ++checked;
          break;
        case EventKind::kAskPerson:
          CHECK(person_at[e.actor] == e.place);
          ++checked;
          break;
        case EventKind::kAskColor:
          CHECK(quality[e.thing] == e.quality);
          ++checked;
          break;
        default:
          break;
      }
    }
  }
  CHECK(checked > 500);
}

TEST_CASE("microworld: a text that is no story is refused") {
  const std::string story = Microworld(1).next().text;
  REQUIRE(story_nats(story));
  CHECK(story_nats(story.substr(0, story.size() - 2)));
  CHECK_FALSE(story_nats(""));
  CHECK_FALSE(story_nats("\n\n"));
  CHECK_FALSE(story_nats("To be, or not to be, that is the question.\n\n"));
  CHECK_FALSE(story_nats(" " + story));
  CHECK_FALSE(story_nats(story + story));
  CHECK_FALSE(story_nats(story.substr(0, story.size() - 3)));
  CHECK_FALSE(story_nats(story.substr(0, story.size() / 2)));
  CHECK_FALSE(microworld_nats(""));
  CHECK_FALSE(microworld_nats("\n\n\n"));
  CHECK_FALSE(microworld_nats(story + "Hello.\n\n"));
  CHECK_FALSE(microworld_nats(microworld_text(1, 3000).substr(10)));

  // A wrong fact is not in the language: the key stays where it was put.
  const std::string beginning =
      "Anna was in the kitchen. Tom was in the garden. There was a key in the garden. Anna had an apple. ";
  const std::string middle =
      "Anna went to the garden. Tom took the key. Anna gave Tom the apple. Tom thanked Anna. Anna went to the barn. ";
  CHECK(story_nats(beginning + middle + "Where was the key? Tom had it."));
  CHECK_FALSE(story_nats(beginning + middle + "Where was the key? Anna had it."));
  CHECK_FALSE(story_nats(beginning + middle + "Where was the key? It was in the garden."));
  CHECK_FALSE(story_nats(beginning + middle + "Where was Anna? She was in the garden."));
}

TEST_CASE("microworld: hostile text is refused quickly") {
  const std::string story = Microworld(1).next().text;
  CHECK_FALSE(microworld_nats(std::string(10'000'000, 'a')));
  CHECK_FALSE(microworld_nats(std::string(10'000'000, '\0')));
  CHECK_FALSE(microworld_nats(std::string(10'000'000, '\n')));
  CHECK_FALSE(microworld_nats(std::string("\xff\xfe\x00\x01\x80", 5)));
  std::string long_story;
  while (long_story.size() < 1'000'000) long_story += story.substr(0, story.size() - 2) + " ";
  CHECK_FALSE(story_nats(long_story));
  for (std::size_t i = 0; i < story.size() - 3; i += 7) {
    std::string broken = story;
    broken[i] = static_cast<char>(broken[i] ^ 0x80);
    CHECK_FALSE(story_nats(broken));
  }
}

}  // namespace langzoo::test
