#include "tokenizers/utf8.h"

#include <algorithm>

namespace langzoo {

void append_utf8(std::string& text, char32_t code_point) {
  const auto push = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    push(code_point);
  } else if (code_point < 0x800) {
    push(0xC0 | code_point >> 6);
    push(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    push(0xE0 | code_point >> 12);
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  } else {
    push(0xF0 | code_point >> 18);
    push(0x80 | (code_point >> 12 & 0x3F));
    push(0x80 | (code_point >> 6 & 0x3F));
    push(0x80 | (code_point & 0x3F));
  }
}

std::string sanitize_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bad = find_invalid_utf8(text, at);
    out.append(text.substr(at, bad - at));
    if (bad == text.size()) break;
    append_utf8(out, 0xFFFD);
    at = bad + decode_utf8(text, bad).length;
  }
  return out;
}

std::size_t complete_utf8_length(std::string_view text) {
  const std::size_t look = std::min<std::size_t>(3, text.size());
  for (std::size_t back = look; back >= 1; --back) {
    const std::size_t at = text.size() - back;
    const unsigned lead = static_cast<unsigned char>(text[at]);
    if (lead < 0xC2 || lead > 0xF4) continue;
    const Utf8Char c = decode_utf8(text, at);
    const std::size_t expected = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (!c.valid && c.length == back && back < expected) return at;
  }
  return text.size();
}

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) {
    at += decode_utf8(text, at).length;
  }
  return count;
}

std::vector<Offset> to_character_offsets(std::string_view text, std::span<const Offset> byte_offsets) {
  std::vector<std::size_t> starts;  // of every character, and the end of the text
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).length) starts.push_back(at);
  starts.push_back(text.size());
  std::vector<Offset> offsets;
  offsets.reserve(byte_offsets.size());
  for (const Offset& bytes : byte_offsets) {
    const auto begin = std::upper_bound(starts.begin(), starts.end(), bytes.begin) - starts.begin() - 1;
    const auto end = std::lower_bound(starts.begin(), starts.end(), bytes.end) - starts.begin();
    offsets.push_back(
        {static_cast<std::size_t>(begin), static_cast<std::size_t>(bytes.end > bytes.begin ? end : begin)});
  }
  return offsets;
}

}  // namespace langzoo
