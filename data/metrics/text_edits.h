/// The replacements that the tokenizers of BLEU and TER are made of. Internal.
#pragma once

#include <string>
#include <string_view>

namespace langzoo {

/// Puts a space on both sides of every character of which `separate` holds.
template <class Predicate>
std::string spaced_out(std::string_view text, const Predicate& separate) {
  std::string spaced;
  spaced.reserve(text.size() + text.size() / 2);
  for (const char c : text) {
    if (separate(c)) {
      spaced += {' ', c, ' '};
    } else {
      spaced += c;
    }
  }
  return spaced;
}

inline void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string replaced;
  std::size_t rest = 0;
  for (; at != std::string::npos; at = text.find(from, rest)) {
    replaced.append(text, rest, at - rest).append(to);
    rest = at + from.size();
  }
  text = replaced.append(text, rest);
}

/// &quot; &amp; &lt; &gt; become what they stand for, in this order, as in the scripts of NIST: "&amp;lt;" becomes "<".
inline void unescape_entities(std::string& text) {
  if (text.find('&') == std::string::npos) return;
  replace_all(text, "&quot;", "\"");
  replace_all(text, "&amp;", "&");
  replace_all(text, "&lt;", "<");
  replace_all(text, "&gt;", ">");
}

/// The rules for Western languages of NIST's mteval-v13a. First, these stand alone: punctuation of ASCII, but for
/// apostrophes, hyphens, full stops and commas.
bool stands_alone(char c);
/// Then full stops and commas, but for those between digits, and hyphens after a digit.
std::string separate_stops_and_dashes(std::string_view text);

}  // namespace langzoo
