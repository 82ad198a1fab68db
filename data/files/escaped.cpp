#include "data/files/escaped.h"

#include "data/files/config_error.h"

namespace langzoo {

namespace {

bool is_control(unsigned char c) {
  return c < 0x20 || c == 0x7f;
}

/// A character U+0080 to U+009F, in UTF-8.
bool is_wide_control(std::string_view text, std::size_t at) {
  if (text[at] != '\xc2' || at + 1 == text.size()) return false;
  const auto next = static_cast<unsigned char>(text[at + 1]);
  return next >= 0x80 && next < 0xa0;
}

}  // namespace

std::string escaped(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF", kNamed = "\t\n\r", kNames = "tnr";
  std::string shown;
  shown.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool wide = is_wide_control(text, at);
    const auto c = static_cast<unsigned char>(text[wide ? ++at : at]);
    if (const auto named = kNamed.find(text[at]); named != std::string_view::npos) {
      shown.append({'\\', kNames[named]});
    } else if (wide || is_control(c)) {
      shown.append({'\\', 'x', kDigits[c >> 4], kDigits[c & 15]});
    } else {
      shown += text[at];
    }
  }
  return shown;
}

ConfigError::ConfigError(const std::string& what) : std::invalid_argument(escaped(what)) {}

}  // namespace langzoo
