#include "tokenizers/text_pattern.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

template <class Visit>
void for_each_literal(std::string_view text, std::string_view literal, Visit&& visit) {
  if (literal.empty()) {
    for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).length) visit(Offset{at, at});
    visit(Offset{text.size(), text.size()});
    return;
  }
  for (std::size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, at + literal.size()))
    visit(Offset{at, at + literal.size()});
}

}  // namespace

void TextPattern::for_each_match(std::string_view text, const std::function<void(Offset)>& visit) const {
  if (text.empty()) return;
  if (!regex_) return for_each_literal(text, text_, visit);
  Regex::Matches matches = regex_->matches(text);
  while (const auto match = matches.next()) visit(*match);
}

std::string TextPattern::to_json() const {
  return fmt::format(R"({{"{}": {}}})", is_regex() ? "Regex" : "String", json_string(text_));
}

TextPattern read_text_pattern(const JsonField& field) {
  field.only({"String", "Regex"});
  if (field.has("String") == field.has("Regex")) field.fail("expected either String or Regex");
  if (field.has("String")) return TextPattern::literal(field.at("String").string());
  const JsonField regex = field.at("Regex");
  try {
    return TextPattern::regex(regex.string());
  } catch (const std::invalid_argument& error) {
    regex.fail(error.what());
  }
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  if (!from.empty() && text.find(from) == std::string::npos) return text;
  std::string replaced;
  std::size_t rest = 0;
  for_each_literal(text, from, [&](Offset match) {
    replaced.append(text, rest, match.begin - rest).append(to);
    rest = match.end;
  });
  return replaced.append(text, rest);
}

}  // namespace langzoo
