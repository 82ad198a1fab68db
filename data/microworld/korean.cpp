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

/// A range of bytes, [begin, end).
struct Range {
  std::size_t begin, end;
};

struct RangeLink {
  Range english, korean;
  bool sure;
};

/// One way to read the text from some place on.
struct Phrase {
  std::size_t end;
  std::string korean;
  std::vector<RangeLink> links = {};  ///< the English counted in the text, the Korean in `korean`
  std::vector<Range> unsaid = {};     ///< English of which the Korean has nothing yet
};

/// What a word class or a rule without slots says.
Phrase leaf_phrase(std::string_view english, std::size_t at, std::string_view korean) {
  Phrase phrase{at + english.size(), std::string(korean)};
  if (english.empty()) return phrase;
  const Range all{at, phrase.end}, korean_all{0, korean.size()};
  if (korean.empty()) {
    phrase.unsaid.push_back(all);
    return phrase;
  }
  phrase.links.push_back({all, korean_all, false});
  const bool one_word = korean.substr(0, korean.size() - 1).find(' ') == std::string_view::npos;
  if (one_word) {
    const auto last_word = english.substr(0, english.find_last_not_of(' ') + 1).rfind(' ') + 1;  // npos + 1 is 0
    phrase.links.push_back({{at + last_word, phrase.end}, korean_all, true});
  }
  return phrase;
}

/// Particles that mark what English shows by its order.
bool marks_case(std::string_view particle) {
  return particle == "은" || particle == "이" || particle == "을";
}

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
  struct Partial {
    std::size_t end;
    std::map<std::string_view, const Phrase*> slots;  ///< by the slot's name
    std::vector<Range> own;                           ///< English that is not of the slots' Korean
  };

  bool stands_at(std::string_view words, std::size_t at) const { return text_.compare(at, words.size(), words) == 0; }

  /// Adds the phrases that the rule makes.
  void apply(const Rule& rule, std::size_t at, std::vector<Phrase>& phrases) {
    if (rule.english.find('{') == std::string_view::npos) {
      if (stands_at(rule.english, at)) phrases.push_back(leaf_phrase(rule.english, at, rule.korean));
      return;
    }
    std::vector<Partial> partials{{at, {}, {}}};
    for_each_piece(rule.english, [&](bool is_slot, std::string_view piece) {
      std::vector<Partial> longer;
      for (const Partial& partial : partials) {
        if (!is_slot) {
          if (!stands_at(piece, partial.end)) continue;
          longer.push_back(partial);
          longer.back().end += piece.size();
          if (piece != " ") longer.back().own.push_back({partial.end, longer.back().end});
          continue;
        }
        for (const Phrase& phrase : this->phrases(piece[0], partial.end)) {
          longer.push_back(partial);
          longer.back().end = phrase.end;
          longer.back().slots[piece] = &phrase;
          longer.back().own.insert(longer.back().own.end(), phrase.unsaid.begin(), phrase.unsaid.end());
        }
      }
      partials = std::move(longer);
    });
    for (Partial& partial : partials) phrases.push_back(in_korean(rule, std::move(partial)));
  }

  static Phrase in_korean(const Rule& rule, Partial english) {
    Phrase phrase{english.end, {}};
    std::string& korean = phrase.korean;
    std::vector<Range> own;
    for_each_piece(rule.korean, [&](bool is_slot, std::string_view piece) {
      const std::size_t begin = korean.size();
      if (!is_slot) {
        korean += piece;
        if (piece != " ") own.push_back({begin, korean.size()});
        return;
      }
      const std::size_t colon = std::min(piece.find(':'), piece.size());
      const Phrase& slot = *english.slots.at(piece.substr(0, colon));
      for (const auto& [of_english, of_korean, sure] : slot.links) {
        phrase.links.push_back({of_english, {begin + of_korean.begin, begin + of_korean.end}, sure});
      }
      if (colon == piece.size()) {
        korean += slot.korean;
        return;
      }
      const std::string_view particle = piece.substr(colon + 1);
      korean += with_particle(slot.korean, particle);
      if (!marks_case(particle)) own.push_back({begin + slot.korean.size(), korean.size()});
    });
    for (const Range& of_english : english.own) {
      for (const Range& of_korean : own) phrase.links.push_back({of_english, of_korean, false});
    }
    if (own.empty()) phrase.unsaid = std::move(english.own);
    return phrase;
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
      if (stands_at(english, at)) found.push_back(leaf_phrase(english, at, korean));
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
      const std::string_view korean_noun = kKoreanThings[i];
      const auto add = [&](std::string_view quality, std::string_view korean_quality) {
        const std::string_view article_text = article(kThings[i], quality.empty() ? noun : quality);
        const std::string_view blank = quality.empty() ? "" : " ";
        if (!stands_at(fmt::format("{}{}{}{}", article_text, quality, blank, noun), at)) return;
        const std::size_t quality_at = at + article_text.size(), noun_at = quality_at + quality.size() + blank.size();
        Phrase phrase{noun_at + noun.size(), fmt::format("{}{}{}", korean_quality, blank, korean_noun)};
        const Range quality_said{0, korean_quality.size()};
        const Range noun_said{korean_quality.size() + blank.size(), phrase.korean.size()};
        phrase.links.push_back({{at, quality_at}, noun_said, false});
        if (!quality.empty()) phrase.links.push_back({{quality_at, noun_at - 1}, quality_said, true});
        phrase.links.push_back({{noun_at, phrase.end}, noun_said, true});
        found.push_back(std::move(phrase));
      };
      add("", "");
      for (std::size_t q = 0; q < kQualities.size(); ++q) {
        if ((kThings[i].qualities >> q & 1u) != 0) add(kQualities[q], kKoreanQualities[q]);
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

/// The whole of an event; the full stops at the ends belong together.
std::optional<Phrase> event_phrase(std::string_view english) {
  if (!english.ends_with('.') || english.size() > kMaxEventBytes) return std::nullopt;
  english.remove_suffix(1);
  std::optional<Phrase> found;
  Translator translator(english);
  for (const Phrase& phrase : translator.phrases('S', 0)) {
    if (phrase.end != english.size()) continue;
    if (found && found->korean != phrase.korean) return std::nullopt;
    found = phrase;
  }
  if (!found) return std::nullopt;
  const std::size_t said = found->korean.size();
  found->links.push_back({{found->end, found->end + 1}, {said, said + 1}, false});
  found->korean += '.';
  return found;
}

/// The words of which the range holds a part.
std::vector<int> words_in(const Range& range, const std::vector<std::pair<std::size_t, std::size_t>>& words) {
  std::vector<int> found;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& [begin, end] = words[i];
    if (begin < range.end && range.begin < end) found.push_back(static_cast<int>(i));
  }
  return found;
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
  const auto phrase = event_phrase(english);
  return phrase ? std::optional(phrase->korean) : std::nullopt;
}

std::optional<ReferenceAlignment> microworld_alignment(std::string_view english) {
  const auto phrase = event_phrase(english);
  if (!phrase) return std::nullopt;
  const auto english_words = word_ranges(english), korean_words = word_ranges(phrase->korean);
  ReferenceAlignment alignment;
  for (const auto& [of_english, of_korean, sure] : phrase->links) {
    for (const int source : words_in(of_english, english_words)) {
      for (const int target : words_in(of_korean, korean_words)) {
        (sure ? alignment.sure : alignment.possible).emplace(source, target);
      }
    }
  }
  return alignment;
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
