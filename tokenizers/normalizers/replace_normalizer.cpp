#include "tokenizers/normalizers/replace_normalizer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/json_field.h"
#include "tokenizers/normalizers/edits.h"

namespace langzoo {

namespace {

bool is_printable(char c) {
  return c > 0x20 && c < 0x7F;
}

}  // namespace

ReplaceNormalizer::ReplaceNormalizer(std::string pattern, std::string content)
    : pattern_(std::move(pattern)), content_(std::move(content)) {
  if (pattern_.empty()) {
    regex_.emplace("");
    return;
  }
  const std::size_t space = pattern_.find(' ', 1);
  const bool only_spaces = pattern_.find_first_not_of(' ') == std::string::npos;
  // A border cannot be within a match: it is before a single space.
  cuts_ = space == std::string::npos || only_spaces;
  keeps_ = only_spaces ? pattern_.size() > 1
                       : cuts_ && pattern_[0] != ' ' && !content_.empty() && is_printable(content_.front()) &&
                             is_printable(content_.back());
}

ReplaceNormalizer::ReplaceNormalizer(Regex pattern, std::string content)
    : regex_(std::move(pattern)), content_(std::move(content)) {
  cuts_ = keeps_ = regex_->pattern() == " {2,}";
}

void ReplaceNormalizer::normalize(NormalizedText& text) const {
  Scratch<Offset> ranges;
  if (regex_) {
    Regex::Matches matches = regex_->matches(text.text());
    while (const auto match = matches.next()) ranges->push_back(*match);
  } else {
    const std::string& old = text.text();
    for (std::size_t at = old.find(pattern_); at != std::string::npos; at = old.find(pattern_, at + pattern_.size())) {
      ranges->push_back({at, at + pattern_.size()});
    }
  }
  text.replace(*ranges, content_);
}

std::string ReplaceNormalizer::to_json() const {
  const bool is_regex = regex_ && !regex_->pattern().empty();
  return fmt::format(R"({{"type":"Replace","pattern":{{"{}":{}}},"content":{}}})", is_regex ? "Regex" : "String",
                     json_string(is_regex ? regex_->pattern() : pattern_), json_string(content_));
}

}  // namespace langzoo
