#include "tokenizers/normalizers/bert_normalizer.h"

#include <algorithm>

#include <fmt/format.h>

#include "tokenizers/normalizers/edits.h"
#include "tokenizers/normalizers/unicode_normalizer.h"
#include "tokenizers/normalizers/unicode_properties.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// The blocks that BERT's authors list; Hangul and kana are not among them.
bool is_chinese(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0x2F800 && c <= 0x2FA1F);
}

void clean(NormalizedText& text) {
  remove_characters(
      text, [](char32_t c) { return c == 0 || c == 0xFFFD || (is_other(c) && c != '\t' && c != '\n' && c != '\r'); });
  map_characters(text, [](char32_t c) { return is_white_space(c) ? U' ' : c; });
}

void space_ideographs(NormalizedText& text) {
  bool found = false;
  Characters chars;
  const std::string_view old = text.text();
  for (std::size_t at = 0; at < old.size();) {
    const Utf8Char c = decode_utf8(old, at);
    at += c.length;
    if (is_chinese(c.code_point)) {
      found = true;
      chars->push_back({' ', 0});
      chars->push_back({c.code_point, 1});
      chars->push_back({' ', 1});
    } else {
      chars->push_back({c.code_point, 0});
    }
  }
  if (found) text.transform(*chars);
}

}  // namespace

void BertNormalizer::normalize(NormalizedText& text) const {
  const bool ascii = ascii_end(text.text()) == text.text().size();
  if (ascii) {  // no ideograph, no accent
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
    if (options_.clean_text && std::any_of(text.text().begin(), text.text().end(), is_control)) clean(text);
    if (options_.lowercase) lowercase(text);
    return;
  }
  if (options_.clean_text) clean(text);
  if (options_.handle_chinese_chars) space_ideographs(text);
  if (options_.strip_accents.value_or(options_.lowercase)) {
    normalize_unicode(text, UnicodeForm::Nfd);
    remove_characters(text, is_nonspacing_mark);
  }
  if (options_.lowercase) lowercase(text);
}

std::string BertNormalizer::to_json() const {
  const std::string strip = options_.strip_accents ? fmt::format("{}", *options_.strip_accents) : "null";
  return fmt::format(
      R"({{"type":"BertNormalizer","clean_text":{},"handle_chinese_chars":{},"strip_accents":{},"lowercase":{}}})",
      options_.clean_text, options_.handle_chinese_chars, strip, options_.lowercase);
}

}  // namespace langzoo
