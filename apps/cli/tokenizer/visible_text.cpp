#include "apps/cli/tokenizer/visible_text.h"

#include <algorithm>

#include <fmt/format.h>
#include <utf8proc.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

bool is_mark(utf8proc_category_t category) {
  return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME;
}

/// Of a letter's neighbours that join it: U+200C and U+200D, variation selectors being marks.
bool is_joiner(char32_t c) {
  return c == 0x200C || c == 0x200D;
}

std::string visible_character(char32_t c, bool first) {
  switch (c) {
    case ' ':
      return "·";
    case '\t':
      return "→";
    case '\n':
      return "⏎";
    default:
      break;
  }
  std::string character;
  append_utf8(character, c);
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  if (category == UTF8PROC_CATEGORY_ZS) return "␣";
  if (first && is_mark(category)) return "◌" + character;
  const bool hidden = category >= UTF8PROC_CATEGORY_ZL && category != UTF8PROC_CATEGORY_CO;
  if (hidden && (first || !is_joiner(c))) return fmt::format("<U+{:04X}>", static_cast<std::uint32_t>(c));
  return character;
}

}  // namespace

std::string visible_text(std::string_view text) {
  std::string visible;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = decode_utf8(text, at);
    if (c.valid) {
      visible += visible_character(c.code_point, at == 0);
    } else {
      for (const char byte : text.substr(at, c.length)) {
        visible += fmt::format("<{:02X}>", static_cast<unsigned char>(byte));
      }
    }
    at += c.length;
  }
  return visible;
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto c = decode_utf8(text, at);
    width += static_cast<std::size_t>(std::max(0, utf8proc_charwidth(static_cast<utf8proc_int32_t>(c.code_point))));
    at += c.length;
  }
  return width;
}

}  // namespace langzoo
