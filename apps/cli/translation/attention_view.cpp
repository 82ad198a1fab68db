#include "apps/cli/translation/attention_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "apps/cli/tokenizer/visible_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> characters;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = decode_utf8(text, at).length;
    characters.push_back(text.substr(at, length));
    at += length;
  }
  return characters;
}

/// Two cells of a terminal.
std::string padded(const std::string& text, std::size_t cells) {
  const auto width = display_width(text);
  return text + std::string(cells > width ? cells - width : 0, ' ');
}

}  // namespace

AttentionMaps to_maps(const AttentionView& view, const std::string& title, const std::string& name) {
  AttentionMap map{.name = name,
                   .title = name,
                   .about = "How much each token of the target belongs with each of the source.",
                   .queries = view.target,
                   .keys = view.source};
  for (const auto& row : view.weights) {
    for (const double weight : row) map.weights.push_back(static_cast<float>(weight));
  }
  return {.title = title, .maps = {std::move(map)}};
}

std::string attention_text(const AttentionView& view) {
  constexpr const char* kShades[] = {"  ", "░░", "▒▒", "▓▓", "██"};
  constexpr std::size_t kMostCharacters = 16;
  std::vector<std::vector<std::string>> columns;
  std::size_t height = 0, margin = 0;
  for (const auto& token : view.source) {
    columns.push_back(characters_of(token));
    columns.back().resize(std::min(columns.back().size(), kMostCharacters));
    height = std::max(height, columns.back().size());
  }
  for (const auto& token : view.target) margin = std::max(margin, display_width(token));
  std::string text;
  for (std::size_t line = 0; line < height; ++line) {
    text += std::string(margin + 2, ' ');
    for (const auto& column : columns) {
      const auto blank = height - column.size();
      text += padded(line < blank ? "" : column[line - blank], 2);
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  for (std::size_t t = 0; t < view.target.size(); ++t) {
    text += std::string(margin - display_width(view.target[t]), ' ') + view.target[t] + "  ";
    for (const double weight : view.weights[t]) {
      text += kShades[std::clamp(static_cast<int>(std::lround(weight * 4)), 0, 4)];
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
  }
  return text;
}

}  // namespace langzoo
