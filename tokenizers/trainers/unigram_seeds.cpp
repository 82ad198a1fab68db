#include <algorithm>

#include "tokenizers/trainers/unigram_text.h"

namespace langzoo {

namespace {

/// A position of the text with its first three symbols, by which most of the sorting is done.
struct Suffix {
  std::uint64_t head;
  std::size_t begin;
};

/// Length of what two suffixes have in common, of at most `most` symbols and within their words.
std::size_t common_length(const std::uint32_t* a, const std::uint32_t* b, std::size_t most) {
  std::size_t length = 0;
  while (length < most && a[length] == b[length] && a[length] != UnigramText::kEnd) ++length;
  return length;
}

/// All positions, in the order of at most `max_length` symbols of their words.
std::vector<Suffix> sort_suffixes(const UnigramText& text, std::size_t max_length) {
  const std::uint32_t* const symbols = text.symbols.data();
  std::vector<Suffix> suffixes;
  suffixes.reserve(text.symbols.size());
  for (const UnigramText::Word& word : text.words) {
    for (std::size_t i = word.begin; i < word.begin + word.size; ++i) {
      std::uint64_t head = 0;
      for (std::size_t k = 0, at = i; k < 3; ++k) {
        head = head << 21 | symbols[at];
        if (symbols[at] != UnigramText::kEnd) ++at;
      }
      suffixes.push_back({head, i});
    }
  }
  std::sort(suffixes.begin(), suffixes.end(), [&](const Suffix& a, const Suffix& b) {
    if (a.head != b.head) return a.head < b.head;
    const std::size_t length = common_length(symbols + a.begin, symbols + b.begin, max_length);
    return length < max_length && symbols[a.begin + length] < symbols[b.begin + length];
  });
  return suffixes;
}

/// Keeps the pieces of the largest scores.
class BestPieces {
 public:
  explicit BestPieces(std::size_t most) : most_(most) {}

  /// Pieces come in the order of their strings, which decides between equal scores.
  void add(UnigramPiece piece) {
    pieces_.push_back({piece, next_++});
    if (pieces_.size() >= 2 * most_ + 1024) keep_best();
  }

  std::vector<UnigramPiece> release() {
    keep_best();
    std::sort(pieces_.begin(), pieces_.end(), goes_first);
    std::vector<UnigramPiece> best;
    best.reserve(pieces_.size());
    for (const Ranked& ranked : pieces_) best.push_back(ranked.piece);
    return best;
  }

 private:
  struct Ranked {
    UnigramPiece piece;
    std::size_t order;
  };
  static bool goes_first(const Ranked& a, const Ranked& b) {
    return a.piece.score != b.piece.score ? a.piece.score > b.piece.score : a.order < b.order;
  }
  void keep_best() {
    if (pieces_.size() <= most_) return;
    std::nth_element(pieces_.begin(), pieces_.begin() + static_cast<std::ptrdiff_t>(most_), pieces_.end(), goes_first);
    pieces_.resize(most_);
  }

  std::size_t most_;
  std::size_t next_ = 0;
  std::vector<Ranked> pieces_;
};

}  // namespace

std::vector<UnigramPiece> find_unigram_seeds(const UnigramText& text, std::size_t max_length, std::size_t most) {
  const std::uint32_t* const symbols = text.symbols.data();
  std::vector<std::uint32_t> word_of(text.symbols.size());
  std::vector<UnigramPiece> seeds;
  std::vector<bool> seen(text.alphabet.size());
  for (std::uint32_t w = 0; w < text.words.size(); ++w) {
    const UnigramText::Word& word = text.words[w];
    for (std::size_t i = word.begin; i < word.begin + word.size; ++i) {
      word_of[i] = w;
      if (seen[symbols[i]]) continue;
      seen[symbols[i]] = true;
      seeds.push_back({i, 1, static_cast<double>(text.counts[symbols[i]])});
    }
  }

  // In the order of the suffixes all that begin with one string stand together. The strings which the suffix at hand
  // begins with, and which others may still share, are open; each is closed by the first suffix without it.
  BestPieces best(most);
  struct Open {
    std::size_t begin, size;
    double count;
  };
  std::vector<Open> open;
  const auto close = [&](std::size_t common) {
    while (!open.empty() && open.back().size > common) {
      const Open closed = open.back();
      open.pop_back();
      if (closed.size >= 2 && closed.count >= 2) {
        best.add(
            {closed.begin, static_cast<std::uint32_t>(closed.size), closed.count * static_cast<double>(closed.size)});
      }
      if (common > 0 && (open.empty() || open.back().size < common)) open.push_back({closed.begin, common, 0});
      if (!open.empty()) open.back().count += closed.count;
    }
  };
  const std::uint32_t* previous = nullptr;
  for (const Suffix& suffix : sort_suffixes(text, max_length)) {
    const std::uint32_t* const at = symbols + suffix.begin;
    if (previous) close(common_length(previous, at, max_length));
    const UnigramText::Word& word = text.words[word_of[suffix.begin]];
    const std::size_t size = std::min(word.begin + word.size - suffix.begin, max_length);
    if (open.empty() || open.back().size < size) open.push_back({suffix.begin, size, 0});
    open.back().count += static_cast<double>(word.count);
    previous = at;
  }
  close(0);
  const std::vector<UnigramPiece> found = best.release();
  seeds.insert(seeds.end(), found.begin(), found.end());
  return seeds;
}

}  // namespace langzoo
