#include "models/ngram/arpa.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "data/files/as_size.h"
#include "data/files/numbers.h"
#include "data/files/text_lines.h"
#include "data/files/utf8.h"
#include "models/ngram/backoff_trie.h"
#include "models/ngram/ngram_file.h"

namespace langzoo {

namespace {

constexpr float kMissingLog10 = -100;
/// How some tools write "<unk>".
constexpr std::string_view kLoudUnknown = "<UNK>";

/// The shortest digits that give the number back, without an exponent where it is not tiny.
void append(std::string& line, float number) {
  std::array<char, 64> digits{};
  const float size = std::abs(number);
  const bool plain = size == 0 || (size >= 1e-6F && size < 1e21F) || !std::isfinite(size);
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific);
  line.append(digits.data(), end.ptr);
}

/// Reads a file section by section.
class ArpaReader {
 public:
  explicit ArpaReader(const std::filesystem::path& path) : lines_(path) {}

  /// Whether the file has "</s>".
  bool convert(std::ostream& out) {
    read_header();
    BackoffTrie trie(static_cast<int>(counts_.size()));
    for (std::size_t length = 1; length <= counts_.size(); ++length) read_section(length, trie);
    if (line_ != "\\end\\") throw lines_.error(fmt::format("expected \\end\\ behind the {}-grams", counts_.size()));
    const auto complete = [&](std::int32_t word) {
      const auto ngram = trie.add(std::span(&word, 1));
      if (trie.has_probability(ngram)) return true;
      trie.set(ngram, kMissingLog10, 0);
      return false;
    };
    complete(NGramVocabulary::kUnknown);
    const bool has_end = complete(NGramVocabulary::kSentenceEnd);
    trie.write(out, words_);
    return has_end;
  }

 private:
  /// The next line that is not empty, without blanks around it. False at the end.
  bool next() {
    while (lines_.next(line_)) {
      const auto begin = line_.find_first_not_of(kSpaces);
      if (begin == std::string_view::npos) continue;
      line_ = line_.substr(begin, line_.find_last_not_of(kSpaces) + 1 - begin);
      return true;
    }
    line_ = {};
    return false;
  }

  /// What stands before \data\ is a comment.
  void read_header() {
    do {
      if (!next()) {
        if (lines_.number() == 0) throw lines_.error("is empty: this is no ARPA file");
        throw lines_.error("no line \\data\\: this is no ARPA file");
      }
    } while (line_ != "\\data\\");
    while (next() && line_.starts_with("ngram")) {
      const auto equals = line_.find('=');
      std::uint64_t length = 0, count = 0;
      const auto number = [](std::string_view text, std::uint64_t& value) {
        const auto parts = words_of(text);
        return parts.size() == 1 && read_number(parts[0], value) == NumberFault::kNone;
      };
      if (equals == std::string_view::npos || !number(line_.substr(5, equals - 5), length) ||
          !number(line_.substr(equals + 1), count)) {
        throw lines_.error("expected \"ngram N=COUNT\"");
      }
      if (length != counts_.size() + 1) {
        throw lines_.error(fmt::format("ngram {}: expected that of order {}", length, counts_.size() + 1));
      }
      if (length > static_cast<std::uint64_t>(kLargestNGramOrder)) {
        throw lines_.error(fmt::format("order {}: {} is the largest that is read", length, kLargestNGramOrder));
      }
      counts_.push_back(count);
    }
    if (counts_.empty()) throw lines_.error("expected \"ngram 1=COUNT\"");
  }

  void read_section(std::size_t length, BackoffTrie& trie) {
    if (line_ != fmt::format("\\{}-grams:", length)) throw lines_.error(fmt::format("expected \\{}-grams:", length));
    std::vector<std::int32_t> words(length);
    std::uint64_t read = 0;
    while (next() && !line_.starts_with('\\')) {
      std::string_view rest = line_;
      const float log10_p = log10_probability(take(rest));
      for (auto& word : words) {
        const auto text = take(rest);
        if (text.empty()) throw lines_.error(fmt::format("expected a probability and {} words", length));
        word = id_of(text, length, &word == words.data());
      }
      float backoff = 0;
      if (const auto text = take(rest); !text.empty()) backoff = log10_backoff(text, length);
      if (!take(rest).empty()) throw lines_.error(fmt::format("has more than {} words and two numbers", length));
      const auto ngram = trie.add(words);
      if (trie.has_probability(ngram)) throw lines_.error("the n-gram occurs twice");
      trie.set(ngram, log10_p, backoff);
      ++read;
    }
    if (read != counts_[length - 1]) {
      throw lines_.error(
          fmt::format("{} {}-grams end here, of which the header says {}", read, length, counts_[length - 1]));
    }
    if (line_.empty()) throw lines_.error("the file ends without \\end\\");
  }

  static std::string_view take(std::string_view& rest) {
    const auto begin = std::min(rest.find_first_not_of(kSpaces), rest.size());
    const auto end = std::min(rest.find_first_of(kSpaces, begin), rest.size());
    const auto part = rest.substr(begin, end - begin);
    rest.remove_prefix(end);
    return part;
  }

  float log10_probability(std::string_view text) const {
    float value = 0;
    const auto fault = read_number(text, value);
    const bool zero = fault == NumberFault::kNotFinite && value < 0;  // -inf
    if (fault != NumberFault::kNone && !zero) {
      throw lines_.error(fmt::format("the probability {}: {}", text, name_of(fault)));
    }
    if (value > 0) throw lines_.error(fmt::format("the probability is 10^{}, more than 1", text));
    return value;
  }

  float log10_backoff(std::string_view text, std::size_t length) const {
    float value = 0;
    const auto fault = read_number(text, value);
    const bool zero = fault == NumberFault::kNotFinite && value < 0;
    if (fault != NumberFault::kNone && !zero) {
      throw lines_.error(fmt::format("the back-off weight {}: {} (behind {} words)", text, name_of(fault), length));
    }
    if (value > kLargestLog10Backoff) throw lines_.error(fmt::format("the back-off weight is 10^{}: too large", text));
    if (length == counts_.size() && value != 0) {
      throw lines_.error(fmt::format("a back-off weight, {}, of one of the longest n-grams", text));
    }
    return value;
  }

  /// Words are those of the first section.
  std::int32_t id_of(std::string_view text, std::size_t length, bool first) {
    if (text == kSentenceStartText) {
      if (!first) throw lines_.error("<s> stands behind another word");
      return BackoffTrie::kStart;
    }
    if (text == kLoudUnknown && !has_unknown()) text = kUnknownText;
    if (length == 1) {
      if (!is_valid_utf8(text)) throw lines_.error("is not UTF-8");
      return words_.add(text);
    }
    const std::int32_t word = words_.find(text);
    if (word < 0) throw lines_.error(fmt::format("\"{}\" is not among the 1-grams", text));
    return word;
  }

  /// Whether "<unk>" is among the 1-grams, which are looked through: "<UNK>" then is a word like any other.
  bool has_unknown() {
    if (has_unknown_) return *has_unknown_;
    has_unknown_ = false;
    FileLines lines(lines_.path());
    bool among = false;
    for (std::string_view line; lines.next(line);) {
      const auto parts = words_of(line);
      if (parts.empty()) continue;
      if (among && parts[0].starts_with('\\')) break;
      among = among || parts[0] == "\\1-grams:";
      if (among && parts.size() > 1 && parts[1] == kUnknownText) has_unknown_ = true;
    }
    return *has_unknown_;
  }

  FileLines lines_;
  std::string_view line_;
  std::optional<bool> has_unknown_;
  std::vector<std::uint64_t> counts_;
  NGramVocabulary words_;
};

}  // namespace

void write_arpa(std::ostream& out, const NGramModel& model) {
  if (!model.is_backoff()) {
    throw std::invalid_argument("an ARPA file holds back-off models, and this one's smoothing is of another kind");
  }
  if (!model.has_words()) {
    throw std::invalid_argument("an ARPA file holds words, and this model is of a tokenizer's ids: train one of words");
  }
  const auto order = as_size(model.order());
  std::string text = "\\data\\\n";
  for (std::size_t i = 0; i < order; ++i) {
    text += fmt::format("ngram {}={}\n", i + 1, model.counts()[i] + (i == 0 ? 1 : 0));
  }
  const auto flush = [&] {
    out << text;
    text.clear();
  };
  const auto print = [&](std::span<const std::int32_t> words, float log10_p, float log10_backoff, bool longest) {
    append(text, log10_p);
    char separator = '\t';
    for (const std::int32_t word : words) {
      text += std::exchange(separator, ' ');
      text += word < 0 ? kSentenceStartText : model.words().word(word);
    }
    if (!longest) {
      text += '\t';
      append(text, log10_backoff);
    }
    text += '\n';
    if (text.size() > std::size_t{1} << 16) flush();
  };
  std::size_t section = 0;
  const auto begin_sections = [&](std::size_t last) {
    while (section < last) text += fmt::format("\n\\{}-grams:\n", ++section);
  };
  model.for_each_ngram([&](auto words, float log10_p, float log10_backoff, bool /*is_history*/) {
    begin_sections(words.size());
    print(words, log10_p, log10_backoff, section == order);
    // "<s>" stands where lmplz has it: behind "<unk>".
    constexpr std::int32_t kStart = BackoffTrie::kStart;
    if (section > 1 || words[0] != NGramVocabulary::kUnknown) return;
    print(std::span(&kStart, 1), model.start_log10_probability(), model.start_log10_backoff(), order == 1);
  });
  begin_sections(order);
  text += "\n\\end\\\n";
  flush();
}

bool convert_arpa(const std::filesystem::path& arpa, std::ostream& out) {
  return ArpaReader(arpa).convert(out);
}

NGramModel read_arpa(const std::filesystem::path& arpa) {
  std::ostringstream out;
  convert_arpa(arpa, out);
  return NGramModel(std::move(out).str());
}

}  // namespace langzoo
