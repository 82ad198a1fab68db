#include "data/tasks/tagged_text.h"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/metrics/entities.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

using nlohmann::json;

std::vector<std::string_view> columns_of(std::string_view line, bool tabs) {
  if (!tabs) return words_of(line);
  std::vector<std::string_view> columns;
  for (std::size_t at = 0; at <= line.size();) {
    const auto end = std::min(line.find('\t', at), line.size());
    columns.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return columns;
}

bool is_document_start(std::string_view line) {
  return line == "-DOCSTART-" || line.starts_with("-DOCSTART- ") || line.starts_with("-DOCSTART-\t");
}

bool is_blank_line(std::string_view line) {
  return line.find_first_not_of(kSpaces) == std::string_view::npos;
}

/// "# sent_id = 7", "# newdoc", "# newpar": those of CoNLL-U.
bool is_named_comment(std::string_view line) {
  const auto words = words_of(line);
  return words.size() > 1 && words[0] == "#" &&
         (words[1] == "newdoc" || words[1] == "newpar" ||
          (words.size() > 2 && (words[2] == "=" || (words[2] == "id" && words.size() > 3 && words[3] == "="))));
}

/// Where words and tags stand in a file of columns.
class ColumnLayout {
 public:
  /// `first_line` is a word's.
  ColumnLayout(std::string_view first_line, const TaggedTextOptions& options)
      : tabs_(first_line.find('\t') != std::string_view::npos) {
    const auto columns = columns_of(first_line, tabs_);
    number_ = columns.size();
    counted_ = number_ > 2 && (columns[0] == "1" || columns[0].starts_with("1-"));
    word_ = index_of(options.word_column, counted_ ? 1 : 0);
    if (!options.tags) return;
    if (number_ < 2 && options.tag_column.empty())
      throw std::runtime_error("has one column, expected a word and its tag");
    constexpr std::size_t kConllU = 10;
    tag_ = index_of(options.tag_column, !counted_ ? number_ - 1 : number_ == kConllU ? 3 : 2);
  }

  bool is_comment(std::string_view line) const {
    return line.starts_with('#') && (columns_of(line, tabs_).size() != number_ || is_named_comment(line));
  }

  /// Adds a line's word, if it is one.
  void add(std::string_view line, TaggedSentence& sentence) const {
    const auto columns = columns_of(line, tabs_);
    if (columns.size() != number_) {
      throw std::runtime_error(fmt::format("has {} columns, the lines before have {}", columns.size(), number_));
    }
    if (counted_ && columns[0].find_first_of("-.") != std::string_view::npos) return;
    sentence.words.push_back(value(columns[word_], "word"));
    if (tag_) sentence.tags.push_back(value(columns[*tag_], "tag"));
  }

 private:
  std::size_t index_of(const std::string& column, std::size_t otherwise) const {
    if (column.empty()) return otherwise;
    std::size_t number = 0;
    if (read_number(column, number) != NumberFault::kNone || number < 1 || number > number_) {
      throw std::runtime_error(fmt::format("has no column {}; the columns are 1 to {}", column, number_));
    }
    return number - 1;
  }
  static std::string value(std::string_view text, const char* what) {
    if (text.empty()) throw std::runtime_error(fmt::format("has an empty {}", what));
    return std::string(text);
  }

  bool tabs_, counted_ = false;
  std::size_t number_ = 0, word_ = 0;
  std::optional<std::size_t> tag_;
};

std::vector<std::string> json_list(const json& object, std::initializer_list<std::string> names) {
  for (const auto& name : names) {
    const auto found = object.find(name);
    if (found == object.end()) continue;
    const bool texts = found->is_array() && std::none_of(found->begin(), found->end(), [](const json& value) {
                         return value.is_structured() || value.is_null();
                       });
    if (!texts) throw std::runtime_error(fmt::format("field \"{}\" is no list of texts", name));
    std::vector<std::string> values;
    for (const auto& value : *found) {
      values.push_back(value.is_string() ? value.get<std::string>() : value.dump());
    }
    return values;
  }
  throw std::runtime_error(fmt::format("has no field \"{}\"", fmt::join(names, "\" or \"")));
}

TaggedSentence json_sentence(std::string_view line, const TaggedTextOptions& options) {
  const auto object = json::parse(line, nullptr, false);
  if (!object.is_object()) throw std::runtime_error("is not a JSON object");
  TaggedSentence sentence;
  sentence.words =
      options.word_column.empty() ? json_list(object, {"words", "tokens"}) : json_list(object, {options.word_column});
  if (options.tags) {
    sentence.tags =
        options.tag_column.empty() ? json_list(object, {"tags", "ner_tags"}) : json_list(object, {options.tag_column});
    if (sentence.tags.size() != sentence.words.size()) {
      throw std::runtime_error(fmt::format("has {} words and {} tags", sentence.words.size(), sentence.tags.size()));
    }
  }
  return sentence;
}

/// Puts sentences together, line by line.
class SentenceReader {
 public:
  explicit SentenceReader(const TaggedTextOptions& options) : options_(options) {}

  void add_json(std::string_view line, std::int64_t number) {
    if (is_blank_line(line)) return;
    sentence_ = json_sentence(line, options_);
    sentence_.line = number;
    if (options_.tags) return finish();
    sentences.push_back(std::exchange(sentence_, {}));  // an empty one too: what is said of them goes line by line
  }
  void add_plain(std::string_view line, std::int64_t number) {
    const auto words = words_of(line);
    sentences.push_back({{words.begin(), words.end()}, {}, number});
  }
  void add_word(std::string_view line, std::int64_t number) {
    if (is_blank_line(line) || is_document_start(line)) return finish();
    if (!layout_ && line.starts_with('#')) {
      if (is_named_comment(line)) return;
      early_.emplace_back(line, number);  // whether it is a comment, the first other line tells
      return;
    }
    if (!layout_) {
      layout_.emplace(line, options_);
      for (const auto& [text, at] : std::exchange(early_, {})) add_word(text, at);
    }
    if (sentence_.words.empty() && layout_->is_comment(line)) return;
    if (sentence_.words.empty()) sentence_.line = number;
    layout_->add(line, sentence_);
  }
  void finish() {
    if (!layout_ && !early_.empty()) {  // a sentence of words that begin with #
      layout_.emplace(early_.front().first, options_);
      for (const auto& [text, at] : std::exchange(early_, {})) add_word(text, at);
    }
    if (!sentence_.words.empty()) sentences.push_back(std::move(sentence_));
    sentence_ = {};
  }

  std::vector<TaggedSentence> sentences;

 private:
  const TaggedTextOptions& options_;
  std::optional<ColumnLayout> layout_;
  std::vector<std::pair<std::string, std::int64_t>> early_;
  TaggedSentence sentence_;
};

/// A tag as find_entities reads it: BILOU's L and U are IOBES's E and S, BMES's M is an I.
std::string iobes_tag(std::string_view tag) {
  std::string result(tag);
  if (result.empty() || (result.size() > 1 && result[1] != '-')) return result;
  if (result[0] == 'L') result[0] = 'E';
  if (result[0] == 'U') result[0] = 'S';
  if (result[0] == 'M') result[0] = 'I';
  return result;
}

std::vector<std::string_view> views_of(std::span<const std::string> texts) {
  return {texts.begin(), texts.end()};
}

/// The same entities, word i of [begin, end) with the letter that letter(i, begin, end) gives.
template <class Letter>
std::vector<std::string> respelled_tags(std::span<const std::string_view> tags, const Letter& letter) {
  std::vector<std::string> iobes;
  for (const auto tag : tags) iobes.push_back(iobes_tag(tag));
  std::vector<std::string> result(tags.size(), "O");
  for (const auto& [begin, end, type] : find_entities(views_of(iobes))) {
    // A letter alone has no type, which find_entities calls _.
    const auto behind = iobes[begin].size() > 1 ? "-" + std::string(type) : "";
    for (auto i = begin; i < end; ++i) result[i] = std::string(1, letter(i, begin, end)) + behind;
  }
  return result;
}

}  // namespace

std::vector<TaggedSentence> read_tagged_text(const std::filesystem::path& path, const TaggedTextOptions& options) {
  const auto suffix = path.extension();
  const bool json_lines = suffix == ".jsonl";
  const bool columns = options.tags || suffix == ".conll" || suffix == ".iob2" || suffix == ".tsv";
  SentenceReader reader(options);
  std::int64_t number = 0;
  for_each_line(path, [&](std::string_view line) {
    ++number;
    if (!is_valid_utf8(line)) throw std::runtime_error("is not UTF-8");
    if (json_lines) return reader.add_json(line, number);
    return columns ? reader.add_word(line, number) : reader.add_plain(line, number);
  });
  reader.finish();
  auto sentences = std::move(reader.sentences);
  if (sentences.empty()) throw FileError(path, "holds no sentences");
  if (!options.tags || options.spelling == TagSpelling::kAsWritten) return sentences;
  const auto respelled = options.spelling == TagSpelling::kBio ? bio_tags : iobes_tags;
  std::vector<std::string_view> all;
  for (const auto& sentence : sentences) all.insert(all.end(), sentence.tags.begin(), sentence.tags.end());
  if (!are_entity_tags(all)) return sentences;
  for (auto& sentence : sentences) sentence.tags = respelled(views_of(sentence.tags));
  return sentences;
}

bool are_entity_tags(std::span<const std::string_view> tags) {
  constexpr std::string_view kLetters = "BIESLUM";
  bool any = false;
  for (const auto tag : tags) {
    if (tag == "O") continue;
    const bool fits = !tag.empty() && kLetters.find(tag[0]) != std::string_view::npos &&
                      (tag.size() == 1 || (tag.size() > 2 && tag[1] == '-'));
    if (!fits) return false;
    any = true;
  }
  return any;
}

std::vector<std::string> bio_tags(std::span<const std::string_view> tags) {
  return respelled_tags(tags, [](std::size_t i, std::size_t begin, std::size_t) { return i == begin ? 'B' : 'I'; });
}

std::vector<std::string> iobes_tags(std::span<const std::string_view> tags) {
  return respelled_tags(tags, [](std::size_t i, std::size_t begin, std::size_t end) {
    if (end - begin == 1) return 'S';
    return i == begin ? 'B' : i + 1 == end ? 'E' : 'I';
  });
}

std::vector<EntitySpan> entity_spans(std::span<const std::string> words, std::span<const std::string> tags) {
  if (words.size() != tags.size())
    throw std::invalid_argument(fmt::format("{} words, {} tags", words.size(), tags.size()));
  std::vector<std::string> iobes;
  for (const auto& tag : tags) iobes.push_back(iobes_tag(tag));
  std::vector<EntitySpan> spans;
  for (const auto& [begin, end, type] : find_entities(views_of(iobes))) {
    spans.push_back(
        {std::string(type), begin, end, fmt::format("{}", fmt::join(words.subspan(begin, end - begin), " "))});
  }
  return spans;
}

std::vector<std::string> tag_set(std::span<const TaggedSentence> sentences) {
  std::set<std::string> tags;
  for (const auto& sentence : sentences) tags.insert(sentence.tags.begin(), sentence.tags.end());
  std::vector<std::string> result;
  if (tags.erase("O") > 0) result.emplace_back("O");
  result.insert(result.end(), tags.begin(), tags.end());
  return result;
}

}  // namespace langzoo
