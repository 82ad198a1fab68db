#include "tokenizers/cl100k.h"

#include "tokenizers/piece_characters.h"

namespace langzoo {

namespace {

bool is_newline(char c) {
  return c == '\r' || c == '\n';
}

/// The end of the contraction at the apostrophe p, in either case, or p.
const char* after_contraction(const char* p, const char* end) {
  const auto lower = [&](std::ptrdiff_t i) -> char {
    if (end - p <= i) return 0;
    return p[i] >= 'A' && p[i] <= 'Z' ? static_cast<char>(p[i] - 'A' + 'a') : p[i];
  };
  const char a = lower(1), b = lower(2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return p + 2;
  if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return p + 3;
  if (a == '\xC5' && b == '\xBF') return p + 3;  // U+017F, the long s, is another case of s
  return p;
}

/// The end of the run of `kind` at p, of at most `most` characters.
const char* run_end(const char* p, const char* end, PieceClass kind, int most = -1) {
  while (p < end && most != 0) {
    const PieceCharacter c = piece_character_at(p);
    if (c.kind != kind) break;
    p += c.length;
    --most;
  }
  return p;
}

}  // namespace

std::size_t cl100k_piece_end(std::string_view text, std::size_t begin) {
  const char* const base = text.data();
  const char* const end = base + text.size();
  const char* const p = base + begin;
  const auto at = [&](const char* q) { return static_cast<std::size_t>(q - base); };
  if (*p == '\'') {
    const char* const after = after_contraction(p, end);
    if (after != p) return at(after);
  }
  const PieceCharacter first = piece_character_at(p);
  const char* const second = p + first.length;
  if (first.kind == PieceClass::kLetter) return at(run_end(second, end, PieceClass::kLetter));
  if (first.kind == PieceClass::kNumber) return at(run_end(p, end, PieceClass::kNumber, 3));
  if (!is_newline(*p)) {
    const char* const letters = run_end(second, end, PieceClass::kLetter);
    if (letters != second) return at(letters);
  }
  const char* const others = *p == ' ' ? second : p;
  if (const char* q = run_end(others, end, PieceClass::kOther); q != others) {
    while (q < end && is_newline(*q)) ++q;
    return at(q);
  }
  // White space up to its last line break. Without one all of it at the end of the text, else all but its last
  // character, which may belong to the next piece.
  const char* last = p;
  const char* after_break = p;
  const char* q = p;
  while (q < end) {
    const PieceCharacter c = piece_character_at(q);
    if (c.kind != PieceClass::kSpace) break;
    last = q;
    q += c.length;
    if (is_newline(*last)) after_break = q;
  }
  if (after_break != p) return at(after_break);
  return at(q == end || last == p ? q : last);
}

}  // namespace langzoo
