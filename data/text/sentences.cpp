#include "data/text/sentences.h"

#include <algorithm>
#include <array>
#include <string>

#include "data/metrics/python_text.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

constexpr std::u32string_view kEnds = U".!?\u2026", kWideEnds = U"\u3002\uFF01\uFF1F",
                              kClosing = U"\"')]\u00BB\u2019\u201D\u300D\u300F\uFF09";
/// Before a name.
constexpr std::array<std::string_view, 10> kTitles = {"mr", "mrs", "ms", "dr", "prof", "st", "mme", "mlle", "vs", "cf"};

bool is_one_of(std::u32string_view set, char32_t c) {
  return set.find(c) != std::u32string_view::npos;
}

/// Of Latin, Greek or Cyrillic; other scripts have no case to go by.
bool is_lower_case(std::string_view character, char32_t c) {
  const bool ascii = c >= U'a' && c <= U'z';
  const bool further = (c >= 0xDF && c <= 0x24F && c != 0xF7) || (c >= 0x386 && c <= 0x52F);
  return ascii || (further && python_lower(character) == character);
}

/// Whether the "." at `at` belongs to the word before it, in a sentence from `begin` on.
bool is_abbreviation(std::string_view text, std::size_t begin, std::size_t at) {
  constexpr std::size_t kLongest = 4;  // bytes
  auto letters = text.substr(begin, at - begin);
  if (letters.size() > kLongest) letters.remove_prefix(letters.size() - kLongest - 1);
  if (const auto space = letters.find_last_of(" \t\n\r"); space != std::string_view::npos) {
    letters.remove_prefix(space + 1);
  }
  if (letters.empty() || letters.size() > kLongest) return false;
  const auto lower = python_lower(letters);
  const auto first = decode_utf8(letters, 0);
  if (first.length == letters.size()) return first.valid && lower != letters;  // a capital
  return std::find(kTitles.begin(), kTitles.end(), lower) != kTitles.end();
}

}  // namespace

std::vector<std::pair<std::size_t, std::size_t>> sentence_ranges(std::string_view text) {
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t begin = kNone, end = 0;  // of the sentence so far, blanks after it left out
  enum class State { kInside, kEnded, kBlankAfterEnd } state = State::kInside;
  const auto close = [&] {
    if (begin != kNone) ranges.emplace_back(begin, end);
    begin = kNone;
    state = State::kInside;
  };
  for (std::size_t at = 0; at < text.size();) {
    const auto c = decode_utf8(text, at);
    const auto next = at + c.length;
    if (is_python_space(c.code_point)) {
      if (state == State::kEnded) state = State::kBlankAfterEnd;
      at = next;
      continue;
    }
    if (state == State::kBlankAfterEnd) {
      if (is_lower_case(text.substr(at, c.length), c.code_point)) {
        state = State::kInside;
      } else {
        close();
      }
    }
    if (is_one_of(kEnds, c.code_point)) {
      const bool after_end = end > 0 && end == at && state == State::kEnded;
      const bool lone = c.code_point == U'.' && !after_end && (next >= text.size() || text[next] != '.');
      state = lone && begin != kNone && is_abbreviation(text, begin, at) ? State::kInside : State::kEnded;
    } else if (!(state == State::kEnded && is_one_of(kClosing, c.code_point))) {
      state = State::kInside;
    }
    if (begin == kNone) begin = at;
    end = next;
    if (is_one_of(kWideEnds, c.code_point)) {
      while (end < text.size()) {
        const auto closing = decode_utf8(text, end);
        if (!is_one_of(kClosing, closing.code_point) && !is_one_of(kWideEnds, closing.code_point)) break;
        end += closing.length;
      }
      close();
      at = end;
      continue;
    }
    at = next;
  }
  close();
  return ranges;
}

}  // namespace langzoo
