#include "apps/cli/base/html.h"

#include <fmt/format.h>

#include "apps/cli/base/json_output.h"

namespace langzoo {

const std::string_view kTextColors = R"css(
:root { --c0: #cfe3fb; --c1: #fde3bd; --c2: #cdeed3; --c3: #fbd3d8; --c4: #f6efb0; --c5: #e3d6f7; }
@media (prefers-color-scheme: dark) { :root { --c0: #24466b; --c1: #6a4a1c; --c2: #22553a; --c3: #6b2f3b; --c4: #5d5718;
  --c5: #4a3a70; } }
)css";

namespace {

constexpr const char* kStyle = R"css(
:root { --page: #f7f7f5; --card: #fff; --ink: #1d1f24; --soft: #6b7079; --line: #e4e4e0; }
@media (prefers-color-scheme: dark) { :root { --page: #14161a; --card: #1d2026; --ink: #e8e8e6; --soft: #9aa0aa;
  --line: #30343c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { font-size: 26px; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 15px; margin: 0 0 12px; }
.soft { color: var(--soft); }
.figures { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; margin: 24px 0 12px; }
@media (max-width: 640px) { .figures { grid-template-columns: repeat(2, 1fr); } main { padding: 20px 12px 40px; } }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px; min-width: 0; }
.figures b { display: block; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.figures span { font-size: 12.5px; color: var(--soft); }
.sections { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px;
  margin-top: 12px; align-items: start; }
table { width: 100%; border-collapse: collapse; font-size: 13.5px; }
td { padding: 4px 0; border-top: 1px solid var(--line); vertical-align: top; }
tr:first-child td { border-top: 0; }
td + td { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; padding-left: 16px; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 13.5px/1.55 ui-monospace, "SF Mono", Menlo,
  Consolas, monospace; }
footer { margin-top: 28px; font-size: 13px; color: var(--soft); }
)css";

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string html;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      default:
        html += static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return html;
}

std::string json_for_script(std::string_view json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

std::string html_page(const HtmlPage& page) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n";
  html += fmt::format("<title>{}</title>\n<style>{}{}</style>\n</head>\n<body>\n<main>\n", html_escaped(page.title),
                      kStyle, page.style);
  html +=
      fmt::format("<h1>{}</h1>\n<div class=\"soft\">{}</div>\n", html_escaped(page.title), html_escaped(page.subtitle));
  html += "<div class=\"figures\">\n";
  for (const auto& [name, value] : page.headline) {
    html +=
        fmt::format("<div class=\"card\"><b>{}</b><span>{}</span></div>\n", html_escaped(value), html_escaped(name));
  }
  html += "</div>\n" + page.body;
  return html + fmt::format("<footer>{}</footer>\n</main>\n</body>\n</html>\n", html_escaped(page.footer));
}

}  // namespace langzoo
