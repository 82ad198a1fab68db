/// Where trainers cut texts: internal.
#pragma once

#include <cstddef>
#include <string_view>

namespace langzoo {

/// is_border() of pipeline.h, without the pipeline.
inline bool is_word_border(std::string_view text, std::size_t at) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7F; };
  return at > 0 && at + 1 < text.size() && text[at] == ' ' && is_printable(text[at - 1]) && is_printable(text[at + 1]);
}

}  // namespace langzoo
