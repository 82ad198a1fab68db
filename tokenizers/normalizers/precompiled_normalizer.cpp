#include "tokenizers/normalizers/precompiled_normalizer.h"

#include <stdexcept>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <utf8proc.h>

#include "tokenizers/base64.h"
#include "tokenizers/json_field.h"
#include "tokenizers/normalizers/edits.h"
#include "tokenizers/normalizers/unicode_properties.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::size_t kLongestCluster = 5;  // longer ones are looked up character by character

bool is_printable(char32_t c) {
  return c > 0x20 && c < 0x7F;
}

/// Whether `text` begins with a printable ASCII character or one that decomposes into one and marks.
bool begins_printable(std::string_view text) {
  if (text.empty()) return false;
  utf8proc_int32_t parts[32] = {};
  int boundary = 0;
  const auto first = static_cast<utf8proc_int32_t>(decode_utf8(text, 0).code_point);
  return utf8proc_decompose_char(first, parts, std::size(parts), UTF8PROC_DECOMPOSE, &boundary) > 0 &&
         is_printable(static_cast<char32_t>(parts[0]));
}

/// Adds the replacement of `old`, which is at least one character.
void replace(std::vector<NormalizedText::Char>& chars, std::string_view old, std::string_view with) {
  const auto old_count = static_cast<std::ptrdiff_t>(count_characters(old));
  std::ptrdiff_t count = 0;
  for (std::size_t at = 0; at < with.size(); ++count) {
    const Utf8Char c = decode_utf8(with, at);
    chars.push_back({c.code_point, count < old_count ? 0 : 1});
    at += c.length;
  }
  // What is dropped goes with the character before, where there is one.
  if (count < old_count && !chars.empty()) chars.back().change += static_cast<int>(count - old_count);
}

}  // namespace

PrecompiledNormalizer::PrecompiledNormalizer(std::string charsmap) : bytes_(std::move(charsmap)), map_(bytes_) {
  for (std::size_t byte = 1; byte < changes_.size(); ++byte) {
    const char character = static_cast<char>(byte);
    changes_[byte] = map_.find({&character, 1}).has_value();
  }
  cuts_ = !changes_[' '];
  keeps_ = cuts_;
  for (unsigned char byte = 0x21; byte < 0x7F && keeps_; ++byte) {
    const bool walked = map_.for_each_key(byte, [&](std::size_t size, std::string_view replacement) {
      keeps_ = keeps_ && size > 1 && begins_printable(replacement);
    });
    keeps_ = keeps_ && walked;
  }
}

void PrecompiledNormalizer::normalize(NormalizedText& text) const {
  const std::string_view old = text.text();
  const auto is_ascii = [&](std::size_t at) { return static_cast<unsigned char>(old[at]) < 0x80; };
  bool modified = false;
  Characters chars;
  const auto look_up = [&](std::size_t begin, std::size_t end) {
    const std::string_view part = old.substr(begin, end - begin);
    const auto found = map_.find(part);
    if (!found) return false;
    replace(*chars, part, *found);
    if (chars->size() > text.max_size()) {
      throw std::runtime_error(
          fmt::format("the charsmap makes more than {} characters of {} bytes", text.max_size(), old.size()));
    }
    return modified = true;
  };
  for (std::size_t at = 0; at < old.size();) {
    const bool alone = is_ascii(at) && old[at] != '\r' && (at + 1 == old.size() || is_ascii(at + 1));
    if (alone && !changes_[static_cast<unsigned char>(old[at])]) {
      chars->push_back({static_cast<unsigned char>(old[at++]), 0});
      continue;
    }
    const std::size_t end = grapheme_end(old, at);
    if (end - at <= kLongestCluster && look_up(at, end)) {
      at = end;
      continue;
    }
    while (at < end) {
      const Utf8Char c = decode_utf8(old, at);
      if (!look_up(at, at + c.length)) chars->push_back({c.code_point, 0});
      at += c.length;
    }
  }
  if (modified) text.transform(*chars);
}

std::string PrecompiledNormalizer::to_json() const {
  return fmt::format(R"({{"type":"Precompiled","precompiled_charsmap":{}}})", json_string(encode_base64(bytes_)));
}

}  // namespace langzoo
