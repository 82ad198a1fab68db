#include "tokenizers/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::size_t kNone = std::string::npos;

/// Oniguruma's \w, which takes in marks and circled letters, and Latin-1's numbers too where it is not in a class.
constexpr std::string_view kWord = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}";
constexpr std::string_view kWordInClass = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
constexpr std::string_view kHexDigit = "0-9A-Fa-f";

/// Properties that PCRE2 knows under another name, spelled without case, spaces, '-' and '_'.
constexpr std::pair<std::string_view, std::string_view> kProperties[] = {
    // A script is that of the character, not one of those that it is used in.
    {"arabic", "sc:Arabic"},
    {"armenian", "sc:Armenian"},
    {"bengali", "sc:Bengali"},
    {"common", "sc:Common"},
    {"cyrillic", "sc:Cyrillic"},
    {"devanagari", "sc:Devanagari"},
    {"georgian", "sc:Georgian"},
    {"greek", "sc:Greek"},
    {"han", "sc:Han"},
    {"hangul", "sc:Hangul"},
    {"hebrew", "sc:Hebrew"},
    {"hiragana", "sc:Hiragana"},
    {"katakana", "sc:Katakana"},
    {"latin", "sc:Latin"},
    {"tamil", "sc:Tamil"},
    {"thai", "sc:Thai"},
    {"alpha", "Alphabetic"},
    {"lower", "Lowercase"},
    {"upper", "Uppercase"},
    {"space", "White_Space"},
    {"digit", "Nd"},
    {"other", "C"},
    {"control", "Cc"},
    {"format", "Cf"},
    {"unassigned", "Cn"},
    {"privateuse", "Co"},
    {"surrogate", "Cs"},
    {"letter", "L"},
    {"lowercaseletter", "Ll"},
    {"modifierletter", "Lm"},
    {"otherletter", "Lo"},
    {"titlecaseletter", "Lt"},
    {"uppercaseletter", "Lu"},
    {"mark", "M"},
    {"spacingmark", "Mc"},
    {"enclosingmark", "Me"},
    {"nonspacingmark", "Mn"},
    {"number", "N"},
    {"decimalnumber", "Nd"},
    {"letternumber", "Nl"},
    {"othernumber", "No"},
    {"punctuation", "P"},
    {"connectorpunctuation", "Pc"},
    {"dashpunctuation", "Pd"},
    {"closepunctuation", "Pe"},
    {"finalpunctuation", "Pf"},
    {"initialpunctuation", "Pi"},
    {"otherpunctuation", "Po"},
    {"openpunctuation", "Ps"},
    {"symbol", "S"},
    {"currencysymbol", "Sc"},
    {"modifiersymbol", "Sk"},
    {"mathsymbol", "Sm"},
    {"othersymbol", "So"},
    {"separator", "Z"},
    {"lineseparator", "Zl"},
    {"paragraphseparator", "Zp"},
    {"spaceseparator", "Zs"},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_hex_digit(char c) {
  return std::isxdigit(static_cast<unsigned char>(c)) != 0;
}

class Translation {
 public:
  explicit Translation(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) step();
    return std::move(out_);
  }

 private:
  [[noreturn]] void unsupported(std::string_view what) const {
    throw std::invalid_argument(fmt::format("{} (at byte {}) is not supported", what, at_));
  }
  bool looking_at(std::string_view text) const { return in_.substr(at_, text.size()) == text; }
  char peek(std::size_t ahead = 0) const { return at_ + ahead < in_.size() ? in_[at_ + ahead] : '\0'; }
  void copy(std::size_t count) {
    count = std::min(count, in_.size() - at_);
    out_ += in_.substr(at_, count);
    at_ += count;
  }
  /// Copies up to and with `end`, or all there is.
  void copy_through(char end) {
    const std::size_t found = in_.find(end, at_);
    copy(found == kNone ? in_.size() - at_ : found + 1 - at_);
  }
  void begin_atom() {
    atom_ = out_.size();
    quantified_ = false;
  }

  void step() {
    switch (peek()) {
      case '\\':
        begin_atom();
        escape(false);
        return;
      case '[':
        begin_atom();
        character_class(true);
        return;
      case '(':
        open_group();
        return;
      case ')':
        copy(1);
        atom_ = kNone;
        if (!groups_.empty()) {
          atom_ = groups_.back();
          groups_.pop_back();
        }
        quantified_ = false;
        return;
      case '|':
        copy(1);
        atom_ = kNone;
        return;
      case '*':
      case '+':
      case '?':
        simple_quantifier();
        return;
      case '{':
        interval();
        return;
      default:
        begin_atom();
        copy(decode_utf8(in_, at_).length);
    }
  }

  void open_group() {
    if (looking_at("(*")) unsupported("a verb '(*'");
    const std::size_t start = out_.size();
    if (looking_at("(?#")) {
      copy_through(')');
      return;
    }
    copy(1);
    if (peek() == '?') {
      copy(1);
      if (peek() == 'C') unsupported("a callout '(?C'");
      if (peek() == '~') unsupported("the absent operator '(?~'");
      if (peek() == '<' || peek() == 'P' || peek() == '\'') {
        copy(looking_at("<=") || looking_at("<!") ? 2 : 1);
      } else {
        while (std::isalpha(static_cast<unsigned char>(peek())) != 0 || peek() == '-') {
          // Oniguruma's (?m) lets the dot match a newline; its ^ and $ always match at lines.
          if (peek() != 'i' && peek() != 'm' && peek() != 'x' && peek() != '-') {
            unsupported(fmt::format("the option '{}'", peek()));
          }
          out_ += peek() == 'm' ? 's' : peek();
          ++at_;
        }
        if (peek() == ')') {
          copy(1);
          atom_ = kNone;
          return;
        }
        if (peek() != '\0') copy(1);  // ':', '=', '!', '>'
      }
    }
    groups_.push_back(start);
    atom_ = kNone;
  }

  /// A quantifier after a quantifier repeats the whole of what is before.
  void wrap() {
    out_.insert(atom_, "(?:");
    out_ += ')';
  }

  void simple_quantifier() {
    if (atom_ != kNone && quantified_) wrap();
    copy(1);
    if (peek() == '?' || peek() == '+') copy(1);  // reluctant, possessive
    quantified_ = true;
  }

  void interval() {
    std::size_t end = at_ + 1;
    while (end < in_.size() && is_digit(in_[end])) ++end;
    const bool low = end > at_ + 1;
    const bool comma = end < in_.size() && in_[end] == ',';
    const std::size_t high_begin = end + 1;
    if (comma) {
      ++end;
      while (end < in_.size() && is_digit(in_[end])) ++end;
    }
    const bool high = comma && end > high_begin;
    if (end >= in_.size() || in_[end] != '}' || (!low && !high)) {  // not an interval: itself
      begin_atom();
      out_ += "\\{";
      ++at_;
      return;
    }
    if (atom_ != kNone && quantified_) wrap();
    if (low) {
      copy(end + 1 - at_);
    } else {
      out_ += "{0";
      ++at_;
      copy(end + 1 - at_);
    }
    quantified_ = true;
    if (comma && peek() == '?') {
      copy(1);
    } else if (atom_ != kNone && (peek() == '+' || peek() == '?')) {  // {n,m}+ is not possessive, {n}? not reluctant
      wrap();
      copy(1);
    }
  }

  void escape(bool in_class) {
    const auto set = [&](std::string_view content, bool negated) {
      out_ += in_class ? std::string(content) : fmt::format("[{}{}]", negated ? "^" : "", content);
      at_ += 2;
    };
    const auto put = [&](std::string_view text) {
      out_ += text;
      at_ += 2;
    };
    const char c = peek(1);
    switch (c) {
      case 's':
        return put("\\p{White_Space}");
      case 'S':
        return put("\\P{White_Space}");
      case 'w':
        return set(in_class ? kWordInClass : kWord, false);
      case 'W':
        if (in_class) unsupported("\\W in a class");
        return set(kWord, true);
      case 'h':
        return set(kHexDigit, false);
      case 'H':
        if (in_class) unsupported("\\H in a class");
        return set(kHexDigit, true);
      case 'v':
        return put("\\x{0B}");
      case 'b':
        if (in_class) return put("\\x{08}");
        return put(fmt::format("(?:(?<=[{0}])(?![{0}])|(?<![{0}])(?=[{0}]))", kWord));
      case 'B':
        if (in_class) break;
        return put(fmt::format("(?:(?<=[{0}])(?=[{0}])|(?<![{0}])(?![{0}]))", kWord));
      case 'O':
        if (in_class) break;
        return put("(?s:.)");
      case 'u':
        return code_unit();
      case 'p':
      case 'P':
        return property();
      case 'k':
      case 'g':
        if (in_class) break;
        copy(2);
        if (peek() == '<') copy_through('>');
        return;
      case 'x':
        copy(2);
        if (peek() == '{') copy_through('}');
        return;
      case 'y':
      case 'Y':
        if (in_class) break;
        unsupported("a text segment boundary");
      default:
        break;
    }
    constexpr std::string_view kSame = "aAdDefGKnNrRtXzZc";
    const bool letter = std::isalpha(static_cast<unsigned char>(c)) != 0;
    if (letter && kSame.find(c) == kNone) return put(std::string_view(&c, 1));
    copy(1);
    if (at_ < in_.size()) copy(decode_utf8(in_, at_).length);
  }

  /// \uHHHH
  void code_unit() {
    const std::string_view digits = in_.substr(at_ + 2, 4);
    if (digits.size() < 4 || !std::all_of(digits.begin(), digits.end(), is_hex_digit))
      unsupported("\\u without 4 digits");
    out_ += fmt::format("\\x{{{}}}", digits);
    at_ += 6;
  }

  /// \p{name}, \p{^name}
  void property() {
    if (peek(2) != '{') return copy(2);
    const std::size_t end = in_.find('}', at_);
    if (end == kNone) return copy(in_.size() - at_);
    const std::string_view written = in_.substr(at_ + 3, end - at_ - 3);
    std::string name;
    for (const char c : written) {
      if (c != ' ' && c != '-' && c != '_') name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    const std::string_view negation = !name.empty() && name[0] == '^' ? "^" : "";
    name.erase(0, negation.size());
    const auto known =
        std::find_if(std::begin(kProperties), std::end(kProperties), [&](const auto& p) { return p.first == name; });
    if (known == std::end(kProperties)) return copy(end + 1 - at_);
    out_ += fmt::format("\\{}{{{}{}}}", peek(1), negation, known->second);
    at_ = end + 1;
  }

  /// A class, or, where it is not `outer`, one within another, which is written as a part of it.
  void character_class(bool outer) {
    if (outer) out_ += '[';
    ++at_;
    if (peek() == '^') {
      if (!outer) unsupported("a negated class within a class");
      copy(1);
    }
    if (peek() == ']') {
      out_ += "\\]";
      ++at_;
    }
    while (at_ < in_.size() && peek() != ']') {
      if (looking_at("&&")) unsupported("an intersection of classes");
      if (looking_at("[:") && in_.find(":]", at_) != kNone) {
        posix_class();
      } else if (peek() == '[') {
        if (++depth_ > 100) unsupported("so deep a class");
        character_class(false);
        --depth_;
      } else if (peek() == '\\') {
        escape(true);
      } else {
        copy(decode_utf8(in_, at_).length);
      }
    }
    if (at_ < in_.size()) {
      if (outer) out_ += ']';
      ++at_;
    }
  }

  /// [:name:] within a class.
  void posix_class() {
    const std::size_t end = in_.find(":]", at_) + 2;
    const std::string_view written = in_.substr(at_, end - at_);
    constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
        {"[:alpha:]", "\\p{Alphabetic}"},
        {"[:^alpha:]", "\\P{Alphabetic}"},
        {"[:lower:]", "\\p{Lowercase}"},
        {"[:^lower:]", "\\P{Lowercase}"},
        {"[:upper:]", "\\p{Uppercase}"},
        {"[:^upper:]", "\\P{Uppercase}"},
        {"[:space:]", "\\p{White_Space}"},
        {"[:^space:]", "\\P{White_Space}"},
        {"[:digit:]", "\\p{Nd}"},
        {"[:^digit:]", "\\P{Nd}"},
        {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
        {"[:word:]", kWordInClass},
        {"[:punct:]", "\\p{P}\\p{S}"},
        {"[:xdigit:]", kHexDigit},
        {"[:ascii:]", "\\x{00}-\\x{7F}"},
        {"[:blank:]", "\\p{Zs}\\t"},
        {"[:cntrl:]", "\\p{Cc}"},
    };
    const auto known =
        std::find_if(std::begin(kClasses), std::end(kClasses), [&](const auto& c) { return c.first == written; });
    if (known == std::end(kClasses)) unsupported(fmt::format("the class {}", written));
    out_ += known->second;
    at_ = end;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = kNone;  // where in out_ that begins what a quantifier would repeat
  bool quantified_ = false;   // whether it has a quantifier already
  std::vector<std::size_t> groups_;
  int depth_ = 0;
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern) {
  return Translation(pattern).run();
}

}  // namespace langzoo
