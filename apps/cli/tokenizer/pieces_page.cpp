#include <algorithm>

#include <fmt/format.h>

#include "apps/cli/base/html.h"
#include "apps/cli/tokenizer/pieces.h"
#include "apps/cli/tokenizer/visible_text.h"

namespace langzoo {

namespace {

constexpr std::size_t kMostBytesShown = 24;

constexpr const char* kStyle = R"css(
.views { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 12px;
  align-items: start; }
.views.one { grid-template-columns: 1fr; }
.compared { margin-bottom: 12px; overflow-x: auto; }
.compared td { padding: 6px 0; white-space: nowrap; }
.compared td + td { padding-left: 24px; }
.compared .bar { width: 40%; }
@media (max-width: 640px) { .compared .bar { display: none; } }
.compared .bar div { background: var(--c0); border-radius: 4px; height: 14px; min-width: 2px; }
h2 .soft { font-weight: 400; margin-left: 8px; }
.text { font: 15px/1.3 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.p { display: inline-block; vertical-align: top; margin: 0 5px 7px 0; max-width: 100%; cursor: default; outline: none;
  unicode-bidi: isolate; }
.p b { display: block; font-weight: 400; padding: 1px 4px; border-radius: 4px; min-height: 1.4em; }
.p i { display: block; font: 10.5px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; color: var(--soft);
  padding-left: 4px; min-height: 1.5em; }
.c0 b { background: var(--c0); } .c1 b { background: var(--c1); } .c2 b { background: var(--c2); }
.c3 b { background: var(--c3); } .c4 b { background: var(--c4); } .c5 b { background: var(--c5); }
.added b { box-shadow: inset 0 0 0 1px var(--soft); font-size: 13px; line-height: 1.5; }
.dropped b { color: var(--soft); padding: 1px 0; }
.p:hover b, .p:focus b { box-shadow: 0 0 0 2px var(--ink); }
.p:hover::after, .p:focus::after { content: attr(data-about); position: fixed; left: 50%; bottom: 18px;
  transform: translateX(-50%); z-index: 1; max-width: calc(100vw - 24px); padding: 10px 16px; border-radius: 10px;
  background: var(--ink); color: var(--page); box-shadow: 0 6px 24px rgb(0 0 0 / .3); white-space: pre-wrap;
  overflow-wrap: anywhere; font: 13px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, monospace; pointer-events: none; }
footer { margin-bottom: 96px; }
)css";

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes.substr(0, kMostBytesShown)) {
    text += fmt::format("{}{:02X}", text.empty() ? "" : " ", static_cast<unsigned char>(c));
  }
  return bytes.size() > kMostBytesShown ? text + " …" : text;
}

std::string about(const TextPiece& piece) {
  std::string text;
  if (piece.id) text += fmt::format("id          {}\ntoken       {}\n", *piece.id, visible_text(piece.token));
  if (piece.text.empty()) return text + "stands for no text";
  if (!piece.id) text += "dropped by the tokenizer\n";
  return text + fmt::format("bytes       {}\ncharacters  {} to {}\nin bytes    {} to {}", hex(piece.text),
                            piece.characters.begin, piece.characters.end, piece.bytes.begin, piece.bytes.end);
}

std::string piece_html(const TextPiece& piece, std::size_t color) {
  const bool added = piece.id && piece.text.empty();
  const auto style = !piece.id ? "dropped" : added ? "added" : fmt::format("c{}", color % kTextColorCount);
  const auto label = visible_text(added ? std::string_view(piece.token) : piece.text);
  const auto end = piece.text.find('\n') == std::string_view::npos ? "" : "<br>\n";
  return fmt::format("<span class=\"p {}\" tabindex=\"0\" data-about=\"{}\"><b>{}</b><i>{}</i></span>{}", style,
                     html_escaped(about(piece)), html_escaped(label), piece.id ? std::to_string(*piece.id) : "", end);
}

std::string view(const TextPieces& pieces) {
  auto html = fmt::format(
      "<section class=\"card\"><h2>{}<span class=\"soft\">{} tokens, {} characters a token</span></h2>"
      "<div class=\"text\">\n",
      html_escaped(pieces.name), pieces.tokens(), pieces.characters_per_token());
  std::size_t color = 0;
  for (const auto& piece : pieces.pieces) {
    html += piece_html(piece, color);
    if (piece.id && !piece.text.empty()) ++color;
  }
  return html + "</div></section>\n";
}

std::string comparison(const std::vector<TextPieces>& all, std::size_t most) {
  std::string html =
      "<section class=\"card compared\"><table><tr class=\"soft\"><td>tokenizer</td><td>vocabulary</td><td>tokens</td>"
      "<td>characters a token</td><td class=\"bar\"></td></tr>\n";
  for (const auto& pieces : all) {
    html += fmt::format(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td class=\"bar\"><div style=\"width:{:.1f}%\"></div></td>"
        "</tr>\n",
        html_escaped(pieces.name), pieces.vocab_size, pieces.tokens(), pieces.characters_per_token(),
        100.0 * static_cast<double>(pieces.tokens()) / static_cast<double>(std::max<std::size_t>(most, 1)));
  }
  return html + "</table></section>\n";
}

}  // namespace

std::string pieces_page(std::string_view text, const std::vector<TextPieces>& all) {
  HtmlPage page;
  page.title = "langzoo-tokenizer";
  page.style = std::string(kTextColors) + kStyle;
  page.footer = "Hover over a piece, or go to it with the Tab key, to see what it is. Written by langzoo.";
  const auto figure = [&](const char* name, std::size_t n) { page.headline.emplace_back(name, fmt::format("{}", n)); };
  figure("characters", all[0].characters);
  figure("bytes", text.size());
  if (all.size() == 1) {
    page.subtitle = all[0].name;
    figure("tokens", all[0].tokens());
    page.headline.emplace_back("characters a token", all[0].characters_per_token());
    page.body = "<div class=\"views one\">\n" + view(all[0]) + "</div>\n";
  } else {
    page.subtitle = "one text, several tokenizers";
    const auto fewer = [](const TextPieces& a, const TextPieces& b) { return a.tokens() < b.tokens(); };
    const auto [least, most] = std::minmax_element(all.begin(), all.end(), fewer);
    figure("tokens at least", least->tokens());
    figure("tokens at most", most->tokens());
    page.body = comparison(all, most->tokens()) + "<div class=\"views\">\n";
    for (const auto& pieces : all) page.body += view(pieces);
    page.body += "</div>\n";
  }
  return html_page(page);
}

}  // namespace langzoo
