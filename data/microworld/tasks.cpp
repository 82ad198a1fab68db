#include "data/microworld/tasks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/microworld/chooser.h"
#include "data/microworld/knowledge.h"
#include "data/microworld/korean.h"
#include "data/microworld/korean_grammar.h"
#include "data/microworld/microworld.h"
#include "data/microworld/telling.h"
#include "data/parallel/word_alignment.h"
#include "data/random/random.h"
#include "tokenizers/utf8.h"

namespace langzoo {

using namespace microworld;

namespace {

using Language = MicroworldLanguage;
using Kind = EventKind;

std::string in_language(std::string_view english, Language language) {
  if (language == Language::kEnglish) return std::string(english);
  auto korean = microworld_in_korean(english);
  if (!korean) throw std::logic_error("microworld's Korean grammar lacks: " + std::string(english));
  return *std::move(korean);
}

/// A story up to its closing, and the world as it is then.
struct Told {
  World world;
  std::vector<Event> events;
  std::vector<std::string> sentences;  ///< English, one an event

  std::string text(Language language) const {
    std::string text;
    for (const auto& sentence : sentences) {
      if (!text.empty()) text += ' ';
      text += in_language(sentence, language);
    }
    return text;
  }
};

class Stories {
 public:
  explicit Stories(std::uint64_t seed) : source_(seed) {}

  Told next() {
    const Story story = source_.next();
    Told told;
    std::size_t begin = 0;
    for (std::size_t i = 0; story.events[i].kind < Kind::kEndThing; ++i) {
      apply(story.events[i], told.world);
      told.events.push_back(story.events[i]);
      told.sentences.push_back(story.text.substr(begin, story.ends[i] - begin));
      begin = story.ends[i] + 1;
    }
    return told;
  }

 private:
  Microworld source_;
};

/// `count` numbers below `classes`, equally many of each (but for the rest), in a random order.
std::vector<std::size_t> balanced(std::int64_t count, std::size_t classes, Random& random) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} examples: expected at least 0", count));
  std::vector<std::size_t> order(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i % classes;
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  return order;
}

/// Ids of which `holds`.
template <class Holds>
std::vector<int> ids_where(int count, const Holds& holds) {
  std::vector<int> ids;
  for (int i = 0; i < count; ++i) {
    if (holds(i)) ids.push_back(i);
  }
  return ids;
}
std::optional<int> any_of(const std::vector<int>& ids, Random& random) {
  if (ids.empty()) return std::nullopt;
  return ids[random.below(ids.size())];
}

/// Of what a sentence tells.
enum class Fact { kThingAt, kPersonHas, kPersonAt };
/// Whether it is so, is not, or whether nobody can know.
enum class Truth { kTrue, kFalse, kUnknown };

/// What a world says of facts, in English.
class Facts {
 public:
  Facts(const World& world, Random& random) : w_(world), random_(random) {}

  /// The subject of a fact: a thing or a person; nothing where the world has none.
  std::optional<int> subject(Fact fact, bool in_story) {
    if (fact == Fact::kPersonAt) {
      return any_of(ids_where(kPersonCount, [&](int p) { return (w_.location[p] != kNone) == in_story; }), random_);
    }
    return any_of(ids_where(kThingCount,
                            [&](int t) {
                              if (!in_story) return !w_.where[t].known();
                              return fact == Fact::kThingAt ? w_.where[t].place != kNone : w_.where[t].holder != kNone;
                            }),
                  random_);
  }
  std::optional<std::string> sentence(Fact fact, int subject, Truth truth) {
    if (fact == Fact::kPersonHas) {
      const int holder = w_.where[subject].holder;
      const auto who =
          truth == Truth::kTrue
              ? std::optional(holder)
              : any_of(ids_where(kPersonCount, [&](int p) { return w_.location[p] != kNone && p != holder; }), random_);
      if (!who) return std::nullopt;
      return fmt::format("{} had the {}.", kPeople[*who].name, kThings[subject].noun);
    }
    const int here = fact == Fact::kPersonAt ? w_.location[subject] : w_.seen_at(subject);
    const auto place =
        truth == Truth::kTrue
            ? std::optional(here)
            : any_of(ids_where(kPlaceCount, [&](int p) { return (w_.places >> p & 1u) != 0 && p != here; }), random_);
    if (!place) return std::nullopt;
    const auto at = fmt::format("{} the {}.", kPlaces[*place].preposition, kPlaces[*place].noun);
    if (fact == Fact::kPersonAt) return fmt::format("{} was {}", kPeople[subject].name, at);
    return fmt::format("The {} {} {}", kThings[subject].noun, kWas.of(kThings[subject]), at);
  }

 private:
  const World& w_;
  Random& random_;
};

Fact draw_fact(Random& random) {
  return static_cast<Fact>(random.below(3));
}

std::string told_alone(const Event& event, const World& world, Sampler& sampler) {
  sampler.clear();
  Discourse discourse;
  tell(event, world, discourse, sampler);
  const auto& text = sampler.text();
  return text.substr(text.find_first_not_of(' '));
}

/// Where `word` last stands in `text` as a word, or the beginning of a Korean one with particles.
std::optional<std::size_t> last_occurrence(std::string_view text, std::string_view word) {
  const auto is_letter = [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0 || (c | 32) >= 'a'; };
  const bool ascii = static_cast<unsigned char>(word[0]) < 0x80;
  for (auto at = text.rfind(word); at != std::string_view::npos; at = text.rfind(word, at - 1)) {
    const auto end = at + word.size();
    const bool begins = at == 0 || !is_letter(text[at - 1]);
    const bool ends = !ascii || end == text.size() || !is_letter(text[end]);
    if (begins && ends) return at;
    if (at == 0) break;
  }
  return std::nullopt;
}

/// Punctuation at the ends of words as words of their own; `tags` are the words'.
void add_split(std::string_view word, std::string_view tag, TaggedSentence& sentence) {
  constexpr std::string_view kMarks = "\".,?!";
  const auto put = [&](std::string_view part, std::string_view its_tag) {
    sentence.words.emplace_back(part);
    sentence.tags.emplace_back(its_tag);
  };
  std::size_t begin = 0, end = word.size();
  while (begin < end && kMarks.find(word[begin]) != std::string_view::npos) put(word.substr(begin++, 1), "O");
  while (end > begin && kMarks.find(word[end - 1]) != std::string_view::npos) --end;
  if (end > begin) put(word.substr(begin, end - begin), tag);
  for (; end < word.size(); ++end) put(word.substr(end, 1), "O");
}

std::string_view without_marks(std::string_view word) {
  while (!word.empty() && std::string_view("\".,?!").find(word.front()) != std::string_view::npos)
    word.remove_prefix(1);
  while (!word.empty() && std::string_view("\".,?!").find(word.back()) != std::string_view::npos) word.remove_suffix(1);
  return word;
}

/// The part that a person plays in an event whose sentence has their name.
std::string_view part_of(int person, const Event& event) {
  const bool asks_back = event.kind == Kind::kAskGiver || event.kind == Kind::kAskTeller;
  const bool seen_with = event.kind == Kind::kSee || event.kind == Kind::kMiss;
  if (person == event.actor) return asks_back ? "OTHER" : "AGENT";
  if (person == event.other) return asks_back ? "AGENT" : seen_with ? "HOLDER" : "OTHER";
  return person == event.holder ? "HOLDER" : "OTHER";
}

/// The part that each word of an English sentence plays in the event that it tells; empty: none.
std::vector<std::string_view> parts_of(const std::vector<std::string_view>& words, const Event& event) {
  std::vector<std::string_view> parts(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto word = without_marks(words[i]);
    for (int p = 0; p < kPersonCount; ++p) {
      if (word == kPeople[p].name) parts[i] = part_of(p, event);
    }
    for (const auto& place : kPlaces) {
      if (word == place.noun) parts[i] = "PLACE";
    }
    for (const auto& thing : kThings) {
      if (word != thing.noun) continue;
      parts[i] = "THING";
      const bool quality = i > 0 && std::find(kQualities.begin(), kQualities.end(), words[i - 1]) != kQualities.end();
      if (quality) parts[i - 1] = "THING";
    }
  }
  return parts;
}

std::vector<std::string_view> words_in(std::string_view text) {
  std::vector<std::string_view> words;
  for (const auto& [begin, end] : word_ranges(text)) words.push_back(text.substr(begin, end - begin));
  return words;
}

TaggedSentence tagged(const std::string& english, const Event& event, Language language) {
  const auto english_words = words_in(english);
  auto parts = parts_of(english_words, event);
  const auto text = in_language(english, language);
  const auto words = words_in(text);
  if (language == Language::kKorean) {
    std::vector<std::string_view> korean(words.size());
    const auto alignment = microworld_alignment(english);
    for (const auto& [from, to] : alignment->sure) {
      const auto part = parts[static_cast<std::size_t>(from)];
      if (!part.empty()) korean[static_cast<std::size_t>(to)] = part;
    }
    parts = std::move(korean);
  }
  TaggedSentence sentence;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool goes_on =
        i > 0 && parts[i] == "THING" && parts[i - 1] == "THING" && without_marks(words[i - 1]) == words[i - 1];
    add_split(words[i], parts[i].empty() ? "O" : fmt::format("{}-{}", goes_on ? "I" : "B", parts[i]), sentence);
  }
  return sentence;
}

/// A question of a story's end whose answer stands in it.
struct AskedEvent {
  Event event;
  std::string_view english, korean;  ///< the answer
};

std::vector<AskedEvent> askable(const World& world) {
  std::vector<AskedEvent> asked;
  const auto person = [&](const Event& event, int p) { asked.push_back({event, kPeople[p].name, kKoreanPeople[p]}); };
  const auto place = [&](const Event& event, int p) { asked.push_back({event, kPlaces[p].noun, kKoreanPlaces[p]}); };
  const auto id = [](int value) { return static_cast<std::int8_t>(value); };
  for (int t = 0; t < kThingCount; ++t) {
    const auto where = world.where[t];
    if (where.place != kNone) {
      place({.kind = Kind::kAskThing, .thing = id(t), .place = where.place}, where.place);
    } else if (where.holder != kNone) {
      person({.kind = Kind::kAskHolder, .thing = id(t), .holder = where.holder}, where.holder);
      if (world.given_by[t] >= 0) {
        person({.kind = Kind::kAskGiver, .actor = where.holder, .other = world.given_by[t], .thing = id(t)},
               world.given_by[t]);
      }
    }
    const int quality = world.quality[t];
    if (where.known() && quality >= 0 && quality < kColors) {
      asked.push_back({{.kind = Kind::kAskColor, .thing = id(t), .quality = id(quality)},
                       kQualities[quality],
                       kKoreanQualities[quality]});
    }
  }
  for (int p = 0; p < kPersonCount; ++p) {
    if (world.location[p] != kNone) {
      place({.kind = Kind::kAskPerson, .actor = id(p), .place = world.location[p]}, world.location[p]);
    }
  }
  return asked;
}

/// Who wanted something last, and whether they have it; nothing where nobody wanted anything.
std::optional<bool> found(const Told& told) {
  for (auto event = told.events.rbegin(); event != told.events.rend(); ++event) {
    if (event->kind == Kind::kWant) return told.world.holds(event->actor, event->thing);
  }
  return std::nullopt;
}

}  // namespace

std::vector<LabelledStory> microworld_classification(std::uint64_t seed, std::int64_t count, Language language) {
  Stories stories(seed);
  Random random(seed, 1);
  std::vector<LabelledStory> examples;
  for (const auto label : balanced(count, 2, random)) {
    auto told = stories.next();
    while (found(told) != std::optional(label == 0)) told = stories.next();
    examples.push_back({told.text(language), {}, label == 0 ? "found" : "missed"});
  }
  return examples;
}

std::vector<LabelledStory> microworld_entailment(std::uint64_t seed, std::int64_t count, Language language) {
  constexpr std::array<std::string_view, 3> kLabels = {"entailment", "contradiction", "neutral"};
  Stories stories(seed);
  Random random(seed, 2);
  std::vector<LabelledStory> examples;
  for (const auto label : balanced(count, kLabels.size(), random)) {
    const auto fact = draw_fact(random);
    const auto truth = static_cast<Truth>(label);
    while (true) {
      const auto told = stories.next();
      Facts facts(told.world, random);
      const auto subject = facts.subject(fact, truth != Truth::kUnknown);
      const auto sentence = subject ? facts.sentence(fact, *subject, truth) : std::nullopt;
      if (!sentence) continue;
      examples.push_back({told.text(language), in_language(*sentence, language), std::string(kLabels[label])});
      break;
    }
  }
  return examples;
}

std::vector<SimilarPair> microworld_similarity(std::uint64_t seed, std::int64_t count, Language language) {
  constexpr std::array kToSomebody = {Kind::kGive, Kind::kAskFor, Kind::kAskWhere};
  constexpr std::array kAlone = {Kind::kTake, Kind::kPersonHas, Kind::kWant};
  Random random(seed, 3);
  Sampler sampler(mix_bits(seed + 3));
  const World world;
  std::vector<SimilarPair> pairs;
  for (const auto half : balanced(count, 2, random)) {
    const bool to_somebody = half == 0;
    const auto& kinds = to_somebody ? kToSomebody : kAlone;
    const auto draw = [&](std::int8_t& field, int bound) {
      const auto before = field;
      while (field == before) field = static_cast<std::int8_t>(random.below(static_cast<std::uint64_t>(bound)));
    };
    Event a{.kind = kinds[random.below(kinds.size())]};
    draw(a.actor, kPersonCount);
    draw(a.thing, kThingCount);
    if (to_somebody) draw(a.other, kPersonCount);
    // How many fields stay is uniform, and which; nobody gives to themselves, so that is drawn again.
    const std::size_t fields = to_somebody ? 4 : 3, same = random.below(fields + 1);
    Event b = a;
    do {
      if (a.other == a.actor) draw(a.other, kPersonCount);
      b = a;
      std::array<std::size_t, 4> order = {0, 1, 2, 3};
      for (std::size_t i = fields; i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
      for (std::size_t i = same; i < fields; ++i) {
        switch (order[i]) {
          case 0:
            while (b.kind == a.kind) b.kind = kinds[random.below(kinds.size())];
            break;
          case 1:
            draw(b.actor, kPersonCount);
            break;
          case 2:
            draw(b.thing, kThingCount);
            break;
          default:
            draw(b.other, kPersonCount);
        }
      }
    } while (b.actor == b.other);
    pairs.push_back({in_language(told_alone(a, world, sampler), language),
                     in_language(told_alone(b, world, sampler), language),
                     5 * static_cast<double>(same) / static_cast<double>(fields)});
  }
  return pairs;
}

std::vector<TaggedSentence> microworld_tags(std::uint64_t seed, std::int64_t count, Language language) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} examples: expected at least 0", count));
  Microworld source(seed);
  std::vector<TaggedSentence> sentences;
  std::int64_t line = 1;
  while (static_cast<std::int64_t>(sentences.size()) < count) {
    const Story story = source.next();
    std::size_t begin = 0;
    for (std::size_t i = 0; i + 1 < story.ends.size() && static_cast<std::int64_t>(sentences.size()) < count; ++i) {
      auto sentence = tagged(story.text.substr(begin, story.ends[i] - begin), story.events[i], language);
      begin = story.ends[i] + 1;
      sentence.line = line;
      line += static_cast<std::int64_t>(sentence.words.size()) + 1;
      sentences.push_back(std::move(sentence));
    }
  }
  return sentences;
}

std::vector<Question> microworld_questions(std::uint64_t seed, std::int64_t count, Language language,
                                           double impossible) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} examples: expected at least 0", count));
  if (!(impossible >= 0 && impossible <= 1))
    throw std::invalid_argument(fmt::format("a share of {} impossible questions: expected 0 to 1", impossible));
  Stories stories(seed);
  Random random(seed, 5);
  Sampler sampler(mix_bits(seed + 5));
  std::vector<Question> questions;
  while (static_cast<std::int64_t>(questions.size()) < count) {
    const auto told = stories.next();
    auto context = told.text(language);
    Question question{fmt::format("microworld-{}-{}", seed, questions.size() + 1), {}, {}, {}};
    AskedEvent asked;
    if (random.uniform() < impossible) {
      const auto thing = any_of(ids_where(kThingCount, [&](int t) { return !told.world.where[t].known(); }), random);
      const auto person =
          any_of(ids_where(kPersonCount, [&](int p) { return told.world.location[p] != kNone; }), random);
      asked.event = {.kind = random.below(2) == 0 ? Kind::kAskThing : Kind::kAskHolder,
                     .thing = static_cast<std::int8_t>(*thing),
                     .holder = static_cast<std::int8_t>(*person)};
    } else {
      const auto all = askable(told.world);
      asked = all[random.below(all.size())];
      const auto answer = language == Language::kEnglish ? asked.english : asked.korean;
      const auto at = last_occurrence(context, answer);
      if (!at) continue;  // told by a pronoun, or with another ending
      question.answers.push_back({std::string(answer), count_characters(std::string_view(context).substr(0, *at))});
    }
    const auto whole = in_language(told_alone(asked.event, told.world, sampler), language);
    question.question = whole.substr(0, whole.find('?') + 1);
    question.context = std::make_shared<const std::string>(std::move(context));
    questions.push_back(std::move(question));
  }
  return questions;
}

std::vector<ChoiceExample> microworld_choices(std::uint64_t seed, std::int64_t count, Language language) {
  Stories stories(seed);
  Random random(seed, 6);
  std::vector<ChoiceExample> examples;
  for (const auto label : balanced(count, 2, random)) {
    const auto fact = draw_fact(random);
    while (true) {
      const auto told = stories.next();
      Facts facts(told.world, random);
      const auto subject = facts.subject(fact, true);
      if (!subject) continue;
      const auto right = facts.sentence(fact, *subject, Truth::kTrue);
      const auto wrong = facts.sentence(fact, *subject, Truth::kFalse);
      if (!right || !wrong) continue;
      ChoiceExample example{
          told.text(language),
          {in_language(label == 0 ? *right : *wrong, language), in_language(label == 0 ? *wrong : *right, language)},
          static_cast<std::int64_t>(label),
          static_cast<std::int64_t>(examples.size()) + 1};
      examples.push_back(std::move(example));
      break;
    }
  }
  return examples;
}

std::string microworld_documents(std::uint64_t seed, std::uint64_t min_bytes, Language language) {
  Microworld source(seed);
  std::string text;
  while (text.size() < min_bytes) {
    const Story story = source.next();
    std::size_t begin = 0;
    for (std::size_t i = 0; i + 1 < story.ends.size(); ++i) {
      text += in_language(std::string_view(story.text).substr(begin, story.ends[i] - begin), language) + "\n";
      begin = story.ends[i] + 1;
    }
    text += "\n";
  }
  return text;
}

std::string microworld_task_file(MicroworldTask task, std::uint64_t seed, std::int64_t count, Language language) {
  std::string file;
  const auto add = [&](const nlohmann::ordered_json& row) { file += row.dump() + "\n"; };
  const auto part = seed % 2 == 0 ? KnowledgePart::kTold : KnowledgePart::kUntold;
  if (task >= MicroworldTask::kTypes && language != Language::kEnglish)
    throw std::invalid_argument("microworld's knowledge is told in English alone");
  switch (task) {
    case MicroworldTask::kClassification:
      for (const auto& [text, pair, label] : microworld_classification(seed, count, language))
        add({{"text", text}, {"label", label}});
      break;
    case MicroworldTask::kEntailment:
      for (const auto& [text, pair, label] : microworld_entailment(seed, count, language))
        add({{"text", text}, {"pair", pair}, {"label", label}});
      break;
    case MicroworldTask::kSimilarity:
      for (const auto& [a, b, value] : microworld_similarity(seed, count, language))
        add({{"text", a}, {"pair", b}, {"label", value}});
      break;
    case MicroworldTask::kChoices:
      for (const auto& example : microworld_choices(seed, count, language)) {
        add({{"premise", example.premise},
             {"choice1", example.choices[0]},
             {"choice2", example.choices[1]},
             {"label", example.label}});
      }
      break;
    case MicroworldTask::kTags:
      for (const auto& [words, tags, line] : microworld_tags(seed, count, language)) {
        for (std::size_t i = 0; i < words.size(); ++i) file += words[i] + "\t" + tags[i] + "\n";
        file += "\n";
      }
      break;
    case MicroworldTask::kTypes:
    case MicroworldTask::kRelations: {
      const bool types = task == MicroworldTask::kTypes;
      for (const auto& [text, mentions, labels] :
           (types ? microworld_types : microworld_relations)(seed / 2, count, part)) {
        auto ents = nlohmann::ordered_json::array();
        for (const auto& [entity, begin, end] : mentions) ents.push_back({entity, begin, end});
        nlohmann::ordered_json row = {{"text", text}, {"ents", std::move(ents)}};
        if (types)
          row["label"] = labels;
        else
          row["label"] = labels.front();
        add(row);
      }
      break;
    }
    case MicroworldTask::kGraphQuestions:
      for (const auto& example : microworld_graph_questions(seed / 2, count, part)) {
        nlohmann::ordered_json row = {{"premise", example.premise}};
        for (std::size_t i = 0; i < example.choices.size(); ++i)
          row[fmt::format("choice{}", i + 1)] = example.choices[i];
        row["label"] = example.label;
        add(row);
      }
      break;
    case MicroworldTask::kQuestions:
      return squad_json(microworld_questions(seed, count, language), "microworld");
  }
  return file;
}

std::string_view suffix_of(MicroworldTask task) {
  return task == MicroworldTask::kTags ? ".conll" : task == MicroworldTask::kQuestions ? ".json" : ".jsonl";
}

}  // namespace langzoo
