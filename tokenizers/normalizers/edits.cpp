#include "tokenizers/normalizers/edits.h"

namespace langzoo {

void lowercase(NormalizedText& text) {
  const std::string_view old = text.text();
  if (ascii_end(old) == old.size()) {
    text.map_ascii([](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
    return;
  }
  Characters chars;
  for (std::size_t at = 0; at < old.size();) {
    const Utf8Char c = decode_utf8(old, at);
    at += c.length;
    if (c.code_point == 0x130) {  // I with a dot above: the one whose lower case is two characters
      chars->push_back({'i', 0});
      chars->push_back({0x307, 1});
    } else {
      chars->push_back({to_lower(c.code_point), 0});
    }
  }
  text.transform(*chars);
}

}  // namespace langzoo
