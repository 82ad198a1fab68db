#include "tokenizers/regex_syntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

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
        out_ += character_class();
        return;
      case '(':
        open_group();
        return;
      case ')':
        copy(1);
        atom_ = kNone;
        if (!groups_.empty()) {
          atom_ = groups_.back().start;
          ignore_case_ = groups_.back().ignore_case;
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
    bool ignore_case = ignore_case_, on = true;
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
          if (peek() == 'i') ignore_case = on;
          on = on && peek() != '-';
          out_ += peek() == 'm' ? 's' : peek();
          ++at_;
        }
        if (peek() == ')') {
          ignore_case_ = ignore_case;  // to the end of the group around it
          copy(1);
          atom_ = kNone;
          return;
        }
        if (peek() != '\0') copy(1);  // ':', '=', '!', '>'
      }
    }
    groups_.push_back({start, ignore_case_});
    ignore_case_ = ignore_case;
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
      if (in_class) {
        put_in_class(content, negated);
      } else {
        out_ += fmt::format("[{}{}]", negated ? "^" : "", content);
      }
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
        return set(in_class ? kWordInClass : kWord, true);
      case 'h':
        return set(kHexDigit, false);
      case 'H':
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
        return property(in_class);
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
  void property(bool in_class) {
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
    if (in_class && is_case(name)) refuse_case(fmt::format("\\p{{{}}}", written));
    const auto known =
        std::find_if(std::begin(kProperties), std::end(kProperties), [&](const auto& p) { return p.first == name; });
    if (known == std::end(kProperties)) return copy(end + 1 - at_);
    out_ += fmt::format("\\{}{{{}{}}}", peek(1), negation, known->second);
    at_ = end + 1;
  }

  /// A class as an atom of PCRE2, whose classes know neither intersections nor classes within: "[a[^b]&&c]" becomes
  /// "(?:(?=(?:[a]|[^b]))[c])".
  std::string character_class() {
    if (++depth_ > 100) unsupported("so deep a class");
    ++at_;
    const bool negated = peek() == '^';
    if (negated) {
      ++at_;
      if (depth_ > 1) refuse_case("a negated class");
    }
    const std::string before = std::exchange(out_, {});
    std::vector<std::string> before_members = std::exchange(members_, {});
    if (peek() == ']') {
      out_ += "\\]";
      ++at_;
    }
    std::string lookaheads;  // of the operands of an intersection but the last
    bool plain = true;
    for (bool at_end = false; !at_end;) {
      at_end = at_ >= in_.size() || peek() == ']';
      const bool intersected = looking_at("&&");
      if (!at_end && !intersected) {
        class_item();
        continue;
      }
      plain = plain && !intersected && members_.empty();
      if (plain && at_end) break;
      end_member();
      const std::string operand = members_.empty()       ? "(?!)"
                                  : members_.size() == 1 ? members_[0]
                                                         : fmt::format("(?:{})", fmt::join(members_, "|"));
      members_.clear();
      if (intersected) {
        refuse_case("an intersection");
        lookaheads += fmt::format("(?={})", operand);
        at_ += 2;
      } else {
        out_ = lookaheads.empty() ? operand : fmt::format("(?:{}{})", lookaheads, operand);
      }
    }
    if (plain) {
      out_ = (negated ? "[^" : "[") + out_;
      if (at_ < in_.size()) out_ += ']';  // else PCRE2 names the fault
    } else if (at_ >= in_.size()) {
      unsupported("a class without its end");
    } else if (negated) {
      out_ = fmt::format("(?:(?!{})(?s:.))", out_);
    }
    if (at_ < in_.size()) ++at_;
    --depth_;
    members_ = std::move(before_members);
    return std::exchange(out_, before);
  }

  /// What stands in a class: to out_ if a class of PCRE2 may hold it, else to members_.
  void class_item() {
    if (looking_at("[:") && in_.find(":]", at_) != kNone) {
      posix_class();
    } else if (peek() == '[') {
      // Oniguruma forgets what stands before the hyphen.
      const bool range = out_.size() > 1 && in_[at_ - 1] == '-' && in_[at_ - 2] != '\\';
      if (range) unsupported("a range that ends in a class");
      end_member();
      std::string nested = character_class();
      members_.push_back(std::move(nested));
    } else if (peek() == '\\') {
      escape(true);
    } else {
      if (peek() == '^' && out_.empty()) out_ += '\\';  // is a negation nowhere but after the class's bracket
      copy(decode_utf8(in_, at_).length);
    }
  }

  /// [:name:] or [:^name:] within a class.
  void posix_class() {
    const std::size_t end = in_.find(":]", at_);
    std::string_view name = in_.substr(at_ + 2, end - at_ - 2);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    constexpr std::pair<std::string_view, std::string_view> kClasses[] = {
        {"alpha", "\\p{Alphabetic}"},  {"lower", "\\p{Lowercase}"}, {"upper", "\\p{Uppercase}"},
        {"space", "\\p{White_Space}"}, {"digit", "\\p{Nd}"},        {"alnum", "\\p{Alphabetic}\\p{Nd}"},
        {"word", kWordInClass},        {"punct", "\\p{P}\\p{S}"},   {"xdigit", kHexDigit},
        {"ascii", "\\x{00}-\\x{7F}"},  {"blank", "\\p{Zs}\\t"},     {"cntrl", "\\p{Cc}"},
    };
    const auto known =
        std::find_if(std::begin(kClasses), std::end(kClasses), [&](const auto& c) { return c.first == name; });
    if (known == std::end(kClasses)) unsupported(fmt::format("the class {}", in_.substr(at_, end + 2 - at_)));
    if (is_case(name)) refuse_case(in_.substr(at_, end + 2 - at_));
    put_in_class(known->second, negated);
    at_ = end + 2;
  }

  static bool is_case(std::string_view property) {
    constexpr std::string_view kCases[] = {"lu",
                                           "ll",
                                           "lt",
                                           "upper",
                                           "uppercase",
                                           "uppercaseletter",
                                           "lower",
                                           "lowercase",
                                           "lowercaseletter",
                                           "titlecaseletter"};
    return std::find(std::begin(kCases), std::end(kCases), property) != std::end(kCases);
  }
  /// Oniguruma adds the other cases to a class once it is complete, PCRE2 to each of its parts.
  void refuse_case(std::string_view what) const {
    if (ignore_case_) unsupported(fmt::format("{} within a class beside the option 'i'", what));
  }

  void end_member() {
    if (!out_.empty()) members_.push_back('[' + std::exchange(out_, {}) + ']');
  }

  void put_in_class(std::string_view content, bool negated) {
    if (negated) {
      end_member();
      members_.push_back(fmt::format("[^{}]", content));
    } else {
      out_ += content;
    }
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = kNone;  // where in out_ that begins what a quantifier would repeat
  bool quantified_ = false;   // whether it has a quantifier already
  struct Group {
    std::size_t start;
    bool ignore_case;  // around it
  };
  std::vector<Group> groups_;
  bool ignore_case_ = false;
  int depth_ = 0;                     // of classes
  std::vector<std::string> members_;  // of a class: alternatives to what out_ holds of it
};

}  // namespace

std::string to_pcre2_syntax(std::string_view pattern) {
  return Translation(pattern).run();
}

}  // namespace langzoo
