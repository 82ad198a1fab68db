#include "apps/cli/translation/attention_view.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/cli/tokenizer/visible_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr const char* kStyle = R"css(
:root { --heat: 31, 95, 191; }
@media (prefers-color-scheme: dark) { :root { --heat: 127, 178, 255; } }
.alignment { overflow-x: auto; margin-bottom: 12px; }
.alignment table { width: auto; border-collapse: separate; border-spacing: 2px; }
.alignment th { font-weight: 400; white-space: nowrap; }
.alignment tbody th { text-align: right; padding-right: 8px; }
.alignment thead th { vertical-align: bottom; height: 90px; width: 22px; padding: 0; }
.alignment thead span { writing-mode: vertical-rl; transform: rotate(180deg); }
.alignment td { width: 22px; height: 22px; min-width: 22px; border-radius: 3px; padding: 0;
  background: rgba(var(--heat), var(--a)); box-shadow: inset 0 0 0 1px rgba(var(--heat), .12); }
.alignment td:hover { box-shadow: 0 0 0 2px var(--ink); }
)css";

std::string view_html(const AttentionView& view) {
  std::string html = "<section class=\"card alignment\"><table><thead><tr><th></th>";
  for (const auto& token : view.source) html += fmt::format("<th><span>{}</span></th>", html_escaped(token));
  html += "</tr></thead><tbody>\n";
  for (std::size_t t = 0; t < view.target.size(); ++t) {
    const auto target = html_escaped(view.target[t]);
    html += fmt::format("<tr><th>{}</th>", target);
    for (std::size_t s = 0; s < view.source.size(); ++s) {
      const double weight = view.weights[t][s];
      html += fmt::format("<td style=\"--a:{:.3f}\" title=\"{} &larr; {}: {:.3f}\"></td>", weight, target,
                          html_escaped(view.source[s]), weight);
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></section>\n";
}

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

std::string attention_page(const std::string& title, const std::string& subtitle,
                           const std::vector<AttentionView>& views) {
  HtmlPage page;
  page.title = title;
  page.subtitle = subtitle;
  page.style = kStyle;
  for (const auto& view : views) page.body += view_html(view);
  page.footer =
      "A row is a token of the target, a column one of the source: the stronger the colour, the more they belong "
      "together. "
      "Written by langzoo.";
  return html_page(page);
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
