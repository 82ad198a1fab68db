#include "tokenizers/normalizers/simple_normalizers.h"

#include <algorithm>

#include <fmt/format.h>

#include "tokenizers/byte_level.h"
#include "tokenizers/json_field.h"
#include "tokenizers/normalizers/edits.h"
#include "tokenizers/normalizers/unicode_properties.h"
#include "tokenizers/utf8.h"

namespace langzoo {

void SequenceNormalizer::normalize(NormalizedText& text) const {
  for (const auto& step : steps_) step->normalize(text);
}

std::string SequenceNormalizer::to_json() const {
  std::string json = R"({"type":"Sequence","normalizers":[)";
  for (std::size_t i = 0; i < steps_.size(); ++i) json += (i > 0 ? "," : "") + steps_[i]->to_json();
  return json + "]}";
}

bool SequenceNormalizer::cuts_at_borders() const {
  return std::all_of(steps_.begin(), steps_.end(), [](const auto& step) { return step->cuts_at_borders(); }) &&
         (steps_.empty() ||
          std::all_of(steps_.begin(), steps_.end() - 1, [](const auto& step) { return step->keeps_borders(); }));
}

bool SequenceNormalizer::keeps_borders() const {
  return std::all_of(steps_.begin(), steps_.end(), [](const auto& step) { return step->keeps_borders(); });
}

void LowercaseNormalizer::normalize(NormalizedText& text) const {
  lowercase(text);
}

std::string LowercaseNormalizer::to_json() const {
  return R"({"type":"Lowercase"})";
}

void StripAccentsNormalizer::normalize(NormalizedText& text) const {
  remove_characters(text, is_combining_mark);
}

std::string StripAccentsNormalizer::to_json() const {
  return R"({"type":"StripAccents"})";
}

void PrependNormalizer::normalize(NormalizedText& text) const {
  text.prepend(prefix_);
}

std::string PrependNormalizer::to_json() const {
  return fmt::format(R"({{"type":"Prepend","prepend":{}}})", json_string(prefix_));
}

void StripNormalizer::normalize(NormalizedText& text) const {
  if (right_) {
    std::size_t end = text.text().size();
    while (end > 0) {
      std::size_t begin = end - 1;
      while (begin > 0 && (static_cast<unsigned char>(text.text()[begin]) & 0xC0) == 0x80) --begin;
      if (!is_white_space(decode_utf8(text.text(), begin).code_point)) break;
      end = begin;
    }
    text.transform(end, text.text().size(), {});
  }
  if (left_) {
    std::size_t begin = 0;
    while (begin < text.text().size()) {
      const Utf8Char c = decode_utf8(text.text(), begin);
      if (!is_white_space(c.code_point)) break;
      begin += c.length;
    }
    text.transform(0, begin, {});
  }
}

std::string StripNormalizer::to_json() const {
  return fmt::format(R"({{"type":"Strip","strip_left":{},"strip_right":{}}})", left_, right_);
}

void NmtNormalizer::normalize(NormalizedText& text) const {
  remove_characters(text, [](char32_t c) {
    return (c >= 0x1 && c <= 0x8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  });
  map_characters(text, [](char32_t c) -> char32_t {
    switch (c) {
      case 0x9:
      case 0xA:
      case 0xC:
      case 0xD:
      case 0x1680:
      case 0x2028:
      case 0x2029:
      case 0x2581:
      case 0xFEFF:
      case 0xFFFD:
        return ' ';
      default:
        return c >= 0x200B && c <= 0x200F ? U' ' : c;
    }
  });
}

std::string NmtNormalizer::to_json() const {
  return R"({"type":"Nmt"})";
}

void ByteLevelNormalizer::normalize(NormalizedText& text) const {
  Characters chars;
  const std::string& old = text.text();
  for (std::size_t at = 0; at < old.size(); ++at) {
    const bool first = (static_cast<unsigned char>(old[at]) & 0xC0) != 0x80;
    const std::string spelled = spell_bytes(std::string_view(old).substr(at, 1));
    chars->push_back({decode_utf8(spelled, 0).code_point, first ? 0 : 1});
  }
  text.transform(*chars);
}

std::string ByteLevelNormalizer::to_json() const {
  return R"({"type":"ByteLevel"})";
}

}  // namespace langzoo
