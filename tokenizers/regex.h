/// Regular expressions as tokenizer.json writes them (Oniguruma's syntax, what Python's `tokenizers` uses), run by
/// PCRE2.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tokenizers/encoding.h"

namespace langzoo {

/// Compiled once; one object may serve any number of threads.
///
/// `\s`, `\w`, `\b`, `\h`, `\v`, `(?m)`, chained quantifiers and classes within classes (`[a-z&&[^b]]`) mean what they
/// do in Oniguruma, which has no difference of classes (`--`). Properties (`\p{L}`) are those of PCRE2's Unicode
/// version, and (?i) knows no folding into several characters. What PCRE2 cannot express (the absent operator, say) is
/// an error, never another meaning.
class Regex {
 public:
  /// Throws std::invalid_argument with the reason and its place.
  explicit Regex(std::string_view pattern);
  ~Regex();
  Regex(Regex&& other) noexcept;
  Regex& operator=(Regex&& other) noexcept;

  const std::string& pattern() const { return pattern_; }

  class Matches;
  /// The matches in `text`, which must be valid UTF-8 and outlive the result.
  Matches matches(std::string_view text) const;

 private:
  struct Code;

  std::string pattern_;
  std::unique_ptr<const Code> code_;
};

/// Goes over the matches in a text from left to right. They do not overlap; an empty one is left out where the match
/// before it ends, and an empty text has none.
class Regex::Matches {
 public:
  /// The next match, none after the last. Throws std::runtime_error where the pattern backtracks out of all proportion
  /// to the text: no pattern can hang.
  std::optional<Offset> next();

 private:
  friend class Regex;
  Matches(const Regex& regex, std::string_view text) : regex_(&regex), text_(text) {}

  std::optional<Offset> search();
  void check_clock();

  const Regex* regex_;
  std::string_view text_;
  std::size_t from_ = 0;  // of the next search
  std::optional<std::size_t> last_end_;
  std::size_t calls_ = 0;  // of PCRE2
  std::chrono::steady_clock::time_point deadline_{};
};

}  // namespace langzoo
