#include "tokenizers/pre_tokenizers/pieces.h"

namespace langzoo {

namespace {

/// Whether `behavior` joins a piece with the one visited before it (from the end for MergedWithNext).
bool joins(SplitBehavior behavior, bool match, bool match_before) {
  if (behavior == SplitBehavior::Contiguous) return match == match_before;
  return behavior != SplitBehavior::Isolated && match && !match_before;
}

}  // namespace

void append_words(NormalizedText word, std::vector<Piece>& pieces, SplitBehavior behavior,
                  std::vector<NormalizedText>& words) {
  if (behavior == SplitBehavior::Removed) {
    std::erase_if(pieces, [](const Piece& piece) { return piece.match; });
  } else if (behavior == SplitBehavior::MergedWithNext) {
    std::size_t kept = pieces.size();  // pieces[kept..] are done
    bool match_before = false;
    for (std::size_t i = pieces.size(); i-- > 0;) {
      const Piece piece = pieces[i];
      if (kept < pieces.size() && joins(behavior, piece.match, match_before)) {
        pieces[kept].begin = piece.begin;
      } else {
        pieces[--kept] = piece;
      }
      match_before = piece.match;
    }
    pieces.erase(pieces.begin(), pieces.begin() + static_cast<std::ptrdiff_t>(kept));
  } else {
    std::size_t kept = 0;
    bool match_before = false;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const Piece piece = pieces[i];
      if (kept > 0 && joins(behavior, piece.match, match_before)) {
        pieces[kept - 1].end = piece.end;
      } else {
        pieces[kept++] = piece;
      }
      match_before = piece.match;
    }
    pieces.resize(kept);
  }
  for (const Piece& piece : pieces) {
    if (piece.begin == piece.end) continue;
    append_word(word, piece.begin, piece.end, words);
  }
}

}  // namespace langzoo
