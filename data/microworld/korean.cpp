#include "data/microworld/korean.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/microworld/korean_grammar.h"
#include "data/microworld/korean_particles.h"

namespace langzoo {

using namespace microworld;

namespace {

/// Nothing told of one event is as long.
constexpr std::size_t kMaxEventBytes = 400;

std::string small_letters(std::string_view text) {
  std::string small(text);
  for (char& c : small) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return small;
}

/// One way to read the text from some place on.
struct Phrase {
  std::size_t end;
  std::string korean;
};

/// Reads one English text by the rules, bottom-up from the left; every symbol at every place once.
class Translator {
 public:
  explicit Translator(std::string_view english) : text_(small_letters(english)) {}

  const std::vector<Phrase>& phrases(char symbol, std::size_t at) {
    const auto [found, is_new] = phrases_.try_emplace({symbol, at});
    if (!is_new) return found->second;
    std::vector<Phrase> all = words(symbol, at);
    for (const Rule& rule : kRules) {
      if (rule.symbol == symbol) apply(rule, at, all);
    }
    return found->second = std::move(all);
  }

 private:
  using Slots = std::map<std::string_view, std::string>;  ///< Korean by the slot's name
  struct Partial {
    std::size_t end;
    Slots slots;
  };

  bool stands_at(std::string_view words, std::size_t at) const { return text_.compare(at, words.size(), words) == 0; }

  /// Adds the phrases that the rule makes.
  void apply(const Rule& rule, std::size_t at, std::vector<Phrase>& phrases) {
    std::vector<Partial> partials{{at, {}}};
    for_each_piece(rule.english, [&](bool is_slot, std::string_view piece) {
      std::vector<Partial> longer;
      for (const Partial& partial : partials) {
        if (!is_slot) {
          if (stands_at(piece, partial.end)) longer.push_back({partial.end + piece.size(), partial.slots});
          continue;
        }
        for (const Phrase& phrase : this->phrases(piece[0], partial.end)) {
          longer.push_back({phrase.end, partial.slots});
          longer.back().slots[piece] = phrase.korean;
        }
      }
      partials = std::move(longer);
    });
    for (const Partial& partial : partials) phrases.push_back({partial.end, in_korean(rule, partial.slots)});
  }

  static std::string in_korean(const Rule& rule, const Slots& slots) {
    std::string korean;
    for_each_piece(rule.korean, [&](bool is_slot, std::string_view piece) {
      const std::size_t colon = piece.find(':');
      if (!is_slot) {
        korean += piece;
      } else if (colon == std::string_view::npos) {
        korean += slots.at(piece);
      } else {
        korean += with_particle(slots.at(piece.substr(0, colon)), piece.substr(colon + 1));
      }
    });
    return korean;
  }

  /// Calls visit(is_slot, piece) for literal text and the insides of {}.
  template <class Visit>
  static void for_each_piece(std::string_view side, const Visit& visit) {
    while (!side.empty()) {
      const bool is_slot = side[0] == '{';
      const std::size_t end = std::min(side.find(is_slot ? '}' : '{'), side.size());
      visit(is_slot, is_slot ? side.substr(1, end - 1) : side.substr(0, end));
      side.remove_prefix(is_slot ? end + 1 : end);
    }
  }

  /// The phrases of a word class.
  std::vector<Phrase> words(char symbol, std::size_t at) const {
    std::vector<Phrase> found;
    const auto word = [&](std::string_view english, std::string_view korean) {
      if (stands_at(english, at)) found.push_back({at + english.size(), std::string(korean)});
    };
    switch (symbol) {
      case 'a':
      case 'b':
        for (std::size_t i = 0; i < kPeople.size(); ++i) word(small_letters(kPeople[i].name), kKoreanPeople[i]);
        for (const GenderForms& forms : {kHe, kHim}) {
          word(forms.male, "그");
          word(forms.female, "그녀");
        }
        break;
      case 't':
        for (const auto pronoun : {kItSubject.singular, kItSubject.plural, kItObject.plural}) word(pronoun, "그것");
        things(
            at, [](const ThingWord&, std::string_view) { return std::string_view("the "); }, found);
        break;
      case 'x':
        things(
            at,
            [](const ThingWord& thing, std::string_view first_word) -> std::string_view {
              if (thing.plural) return "some ";
              return std::string_view("aeiou").find(first_word[0]) != std::string_view::npos ? "an " : "a ";
            },
            found);
        break;
      case 'l':
        word("there", "그곳");
        for (std::size_t i = 0; i < kPlaces.size(); ++i) {
          word(fmt::format("{} the {}", kPlaces[i].preposition, kPlaces[i].noun), kKoreanPlaces[i]);
        }
        break;
      case 'p':
        for (std::size_t i = 0; i < kPlaces.size(); ++i) {
          word(fmt::format("the {}", kPlaces[i].noun), kKoreanPlaces[i]);
        }
        break;
      case 'k':
        for (std::size_t i = 0; i < kKoreanColors.size(); ++i) word(kQualities[i], kKoreanColors[i]);
        break;
      default:
        break;
    }
    return found;
  }

  /// Noun phrases with and without a quality; article(thing, the word behind it) is said first.
  template <class Article>
  void things(std::size_t at, const Article& article, std::vector<Phrase>& found) const {
    for (std::size_t i = 0; i < kThings.size(); ++i) {
      const std::string_view noun = kThings[i].noun;
      const auto add = [&](std::string_view quality, const std::string& korean) {
        const std::string english = fmt::format("{}{}{}{}", article(kThings[i], quality.empty() ? noun : quality),
                                                quality, quality.empty() ? "" : " ", noun);
        if (stands_at(english, at)) found.push_back({at + english.size(), korean});
      };
      add("", std::string(kKoreanThings[i]));
      for (std::size_t q = 0; q < kQualities.size(); ++q) {
        if ((kThings[i].qualities >> q & 1u) != 0) {
          add(kQualities[q], fmt::format("{} {}", kKoreanQualities[q], kKoreanThings[i]));
        }
      }
    }
  }

  std::string text_;
  std::map<std::pair<char, std::size_t>, std::vector<Phrase>> phrases_;
};

/// The words of each event of a story but the last, which says nothing.
std::vector<std::string_view> event_texts(const Story& story) {
  std::vector<std::string_view> texts;
  const std::string_view text = story.text;
  for (std::size_t i = 0; i + 1 < story.ends.size(); ++i) {
    const std::size_t begin = i == 0 ? 0 : story.ends[i - 1] + 1;
    texts.push_back(text.substr(begin, story.ends[i] - begin));
  }
  return texts;
}

std::string event_in_korean(std::string_view english) {
  auto korean = microworld_in_korean(english);
  if (!korean) throw std::logic_error("microworld says what its Korean grammar lacks: " + std::string(english));
  return *std::move(korean);
}

class MicroworldPairs : public SentencePairs {
 public:
  MicroworldPairs(std::uint64_t seed, std::int64_t count, MicroworldUnit unit)
      : world_(seed), count_(count), unit_(unit) {}

  bool next(SentencePair& pair) override {
    if (made_ == count_) return false;
    pair.line = ++made_;
    if (unit_ == MicroworldUnit::kStory) {
      const Story story = world_.next();
      const std::string korean = story_in_korean(story);
      pair.source = std::string_view(story.text).substr(0, story.text.find('\n'));
      pair.target = std::string_view(korean).substr(0, korean.find('\n'));
      return true;
    }
    while (event_ == events_.size()) {
      story_ = world_.next();
      events_ = event_texts(story_);
      event_ = 0;
    }
    pair.source = events_[event_++];
    pair.target = event_in_korean(pair.source);
    return true;
  }
  std::string name() const override { return "microworld-ko"; }

 private:
  Microworld world_;
  std::int64_t count_, made_ = 0;
  MicroworldUnit unit_;
  Story story_;
  std::vector<std::string_view> events_;  ///< of story_
  std::size_t event_ = 0;
};

}  // namespace

std::optional<std::string> microworld_in_korean(std::string_view english) {
  if (!english.ends_with('.') || english.size() > kMaxEventBytes) return std::nullopt;
  english.remove_suffix(1);
  std::optional<std::string> korean;
  Translator translator(english);
  for (const Phrase& phrase : translator.phrases('S', 0)) {
    if (phrase.end != english.size()) continue;
    if (korean && *korean != phrase.korean) return std::nullopt;
    korean = phrase.korean;
  }
  if (korean) *korean += '.';
  return korean;
}

std::string story_in_korean(const Story& story) {
  std::string korean;
  for (const std::string_view event : event_texts(story)) {
    if (!korean.empty()) korean += ' ';
    korean += event_in_korean(event);
  }
  return korean + "\n\n";
}

std::unique_ptr<SentencePairs> microworld_korean_pairs(std::uint64_t seed, std::int64_t count, MicroworldUnit unit) {
  if (count < 0) throw std::invalid_argument(fmt::format("{} pairs: expected at least 0", count));
  return std::make_unique<MicroworldPairs>(seed, count, unit);
}

}  // namespace langzoo
