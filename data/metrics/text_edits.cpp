#include "data/metrics/text_edits.h"

namespace langzoo {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_stop_or_comma(char c) {
  return c == '.' || c == ',';
}

/// Copies `text`; where `matches` holds of two neighbours, `write` writes both of them and neither is looked at again,
/// as a regular expression's matches do not overlap. Bytes do for characters: what is looked for is ASCII.
template <class Matches, class Write>
std::string replace_pairs(std::string_view text, const Matches& matches, const Write& write) {
  std::string replaced;
  replaced.reserve(text.size() + text.size() / 4);
  std::size_t at = 0;
  while (at + 1 < text.size()) {
    if (matches(text[at], text[at + 1])) {
      write(replaced, text[at], text[at + 1]);
      at += 2;
    } else {
      replaced += text[at++];
    }
  }
  return replaced.append(text.substr(at));
}

}  // namespace

bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
         (c >= ':' && c <= '@') || c == '/';
}

std::string separate_stops_and_dashes(std::string_view text) {
  const auto second_apart = [](std::string& out, char a, char b) { out += {a, ' ', b, ' '}; };
  const auto first_apart = [](std::string& out, char a, char b) { out += {' ', a, ' ', b}; };
  auto separated = replace_pairs(
      text, [](char a, char b) { return !is_digit(a) && is_stop_or_comma(b); }, second_apart);
  separated = replace_pairs(
      separated, [](char a, char b) { return is_stop_or_comma(a) && !is_digit(b); }, first_apart);
  return replace_pairs(
      separated, [](char a, char b) { return is_digit(a) && b == '-'; }, second_apart);
}

}  // namespace langzoo
