#include "data/metrics/entities.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "data/files/escaped.h"

namespace langzoo {

namespace {

/// Whether two tags that follow each other are to have the same type.
enum class Type { kSame, kOther, kAny };

/// Letters of a tag and of the one after it, of which one each is meant.
struct Pattern {
  std::string_view before, after;
  Type type;
};

struct SchemeRules {
  std::string_view letters;
  std::vector<Pattern> begins, goes_on, ends;
};

constexpr std::string_view kAnyLetter = "OBIESLU";

/// What seqeval's classes of the same names demand; the end is looked for where an entity does not go on.
const SchemeRules& rules_of(TagScheme scheme) {
  using enum Type;
  static const SchemeRules kIob1{
      "IOB",
      {{"O", "I", kAny}, {"I", "I", kOther}, {"B", "I", kAny}, {"I", "B", kSame}, {"B", "B", kSame}},
      {{"BI", "I", kSame}},
      {{"I", "I", kOther}, {"I", "OB", kAny}, {"B", "O", kAny}, {"B", "I", kOther}, {"B", "B", kSame}}};
  static const SchemeRules kIob2{"IOB",
                                 {{kAnyLetter, "B", kAny}},
                                 {{"BI", "I", kSame}},
                                 {{"I", "OB", kAny}, {"I", "I", kOther}, {"B", "OB", kAny}, {"B", "I", kOther}}};
  static const SchemeRules kIoe1{"IOE",
                                 {{"O", "I", kAny}, {"I", "I", kOther}, {"E", "I", kAny}, {"E", "E", kSame}},
                                 {{"I", "IE", kSame}},
                                 {{"I", "I", kOther}, {"I", "O", kAny}, {"I", "E", kOther}, {"E", "IE", kSame}}};
  static const SchemeRules kIoe2{
      "IOE", {{"OE", "IE", kAny}, {"I", "IE", kOther}}, {{"I", "IE", kSame}}, {{"E", kAnyLetter, kAny}}};
  static const SchemeRules kIobes{
      "IOBES", {{kAnyLetter, "BS", kAny}}, {{"BI", "IE", kSame}}, {{"SE", kAnyLetter, kAny}}};
  static const SchemeRules kBilou{
      "BILOU", {{kAnyLetter, "BU", kAny}}, {{"BI", "IL", kSame}}, {{"UL", kAnyLetter, kAny}}};
  switch (scheme) {
    case TagScheme::kIob1:
      return kIob1;
    case TagScheme::kIob2:
      return kIob2;
    case TagScheme::kIoe1:
      return kIoe1;
    case TagScheme::kIoe2:
      return kIoe2;
    case TagScheme::kIobes:
      return kIobes;
    default:
      return kBilou;
  }
}

struct Tag {
  char letter = 'O';
  std::string_view type;
};

constexpr std::string_view kNoType = "_";

Tag parse_tag(std::string_view text, std::string_view letters, bool strict) {
  const bool fits = !text.empty() && letters.find(text[0]) != std::string_view::npos &&
                    (text.size() == 1 || (text[1] == '-' && text[0] != 'O'));
  if (!fits) throw std::invalid_argument(fmt::format("{} is no tag of {}", escaped(text), letters));
  auto type = text.substr(std::min<std::size_t>(2, text.size()));
  if (strict) {  // seqeval's schemes know no dashes at the ends of a type
    while (type.starts_with('-')) type.remove_prefix(1);
    while (type.ends_with('-')) type.remove_suffix(1);
  }
  return {text[0], type.empty() ? kNoType : type};
}

bool matches(const std::vector<Pattern>& patterns, const Tag& before, const Tag& after) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const Pattern& pattern) {
    return pattern.before.find(before.letter) != std::string_view::npos &&
           pattern.after.find(after.letter) != std::string_view::npos &&
           (pattern.type == Type::kAny || (before.type == after.type) == (pattern.type == Type::kSame));
  });
}

/// `tags` have an O behind them.
std::vector<Entity> strict_entities(const std::vector<Tag>& tags, const SchemeRules& rules) {
  std::vector<Entity> entities;
  Tag before{'O', kNoType};
  for (std::size_t i = 0; i < tags.size();) {
    std::size_t end = i + 1;
    if (matches(rules.begins, before, tags[i])) {
      while (matches(rules.goes_on, tags[end - 1], tags[end])) ++end;
      if (matches(rules.ends, tags[end - 1], tags[end])) entities.push_back({i, end, tags[i].type});
    }
    i = end;
    before = tags[i - 1];
  }
  return entities;
}

/// Likewise. An entity ends before whatever cannot go on with it, and what cannot go on with anything begins one.
std::vector<Entity> lenient_entities(const std::vector<Tag>& tags) {
  std::vector<Entity> entities;
  Tag before{'O', kNoType};
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const auto& [letter, type] = tags[i];
    const bool closed = before.letter == 'E' || before.letter == 'S', changed = before.type != type;
    const bool opens = letter == 'B' || letter == 'S';
    const bool goes_on = !closed && !changed && !opens && letter != 'O';
    if (before.letter != 'O' && !goes_on) entities.push_back({begin, i, before.type});
    if (letter != 'O' && (opens || closed || changed || before.letter == 'O')) begin = i;
    before = tags[i];
  }
  return entities;
}

}  // namespace

std::vector<Entity> find_entities(std::span<const std::string_view> tags, std::optional<TagScheme> scheme) {
  std::vector<Tag> parsed;
  const auto letters = scheme ? rules_of(*scheme).letters : "OBIES";
  for (const auto tag : tags) parsed.push_back(parse_tag(tag, letters, scheme.has_value()));
  parsed.push_back({'O', kNoType});
  return scheme ? strict_entities(parsed, rules_of(*scheme)) : lenient_entities(parsed);
}

EntityScores score_entities(std::span<const TagSequence> predicted, std::span<const TagSequence> truth,
                            std::optional<TagScheme> scheme) {
  if (predicted.size() != truth.size()) {
    throw std::invalid_argument(fmt::format("sentences: {} predicted, {} true", predicted.size(), truth.size()));
  }
  std::map<std::string_view, LabelCounts> types;
  std::size_t right = 0, tags = 0;
  for (std::size_t s = 0; s < truth.size(); ++s) {
    const auto in_sentence = [s](const std::string& what) {
      return std::invalid_argument(fmt::format("sentence {}: {}", s + 1, what));
    };
    if (predicted[s].size() != truth[s].size()) {
      throw in_sentence(fmt::format("{} predicted tags, {} true ones", predicted[s].size(), truth[s].size()));
    }
    tags += truth[s].size();
    for (std::size_t i = 0; i < truth[s].size(); ++i) right += predicted[s][i] == truth[s][i] ? 1 : 0;
    try {
      const auto found = find_entities(predicted[s], scheme), real = find_entities(truth[s], scheme);
      for (const auto& entity : real) ++types[entity.type].truth;
      for (const auto& entity : found) {
        ++types[entity.type].predicted;
        if (std::binary_search(real.begin(), real.end(), entity)) ++types[entity.type].correct;
      }
    } catch (const std::invalid_argument& error) {
      throw in_sentence(error.what());
    }
  }
  EntityScores scores;
  static_cast<LabelAverages&>(scores) = average_labels(types);
  if (tags > 0) scores.accuracy = static_cast<double>(right) / static_cast<double>(tags);
  return scores;
}

}  // namespace langzoo
