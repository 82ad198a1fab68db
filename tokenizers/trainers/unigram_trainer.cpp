#include "tokenizers/trainers/unigram_trainer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/added_tokens.h"
#include "tokenizers/parallel.h"
#include "tokenizers/trainers/unigram_lattice.h"
#include "tokenizers/trainers/unigram_text.h"

namespace langzoo {

namespace {

/// A piece expected less often is dropped; a character counts as often at least.
constexpr double kLeastExpected = 0.5;
/// The last pruning leaves this many times vocab_size, of which the best are taken at the end.
constexpr double kSurplus = 1.1;
/// So many words or pieces a thread takes at a time.
constexpr std::size_t kBatch = 512;

/// d/dx log Gamma(x) for x > 0: the recurrence up to 7, then the asymptotic series around x - 1/2.
double digamma(double x) {
  double result = 0;
  for (; x < 7; ++x) result -= 1 / x;
  x -= 0.5;
  const double y = 1 / (x * x);
  return result + std::log(x) + y * (1.0 / 24 - y * (7.0 / 960 - y * (31.0 / 8064 - y * (127.0 / 30720))));
}

class Trainer {
 public:
  Trainer(const UnigramText& text, const UnigramTrainerOptions& options)
      : text_(text),
        options_(options),
        surplus_size_(static_cast<std::size_t>(kSurplus * static_cast<double>(options.vocab_size))) {
    double characters = 0;
    for (const UnigramText::Word& word : text.words) characters += static_cast<double>(word.count) * word.size;
    unit_ = std::ldexp(1.0, std::min(30, 61 - std::ilogb(std::max(characters, 1.0))));
    pieces_ = find_unigram_seeds(text, options.max_piece_length, options.seed_size);
    double sum = 0;
    for (UnigramPiece& piece : pieces_) sum += piece.score = std::max(piece.score, kLeastExpected);
    for (UnigramPiece& piece : pieces_) piece.score = std::log(piece.score / sum);
  }

  std::vector<UnigramPiece> run() {
    while (true) {
      for (std::size_t i = 0; i < options_.n_sub_iterations; ++i) maximize(expect());
      if (options_.progress) options_.progress({.tokens = pieces_.size()});
      if (pieces_.size() <= surplus_size_) return std::move(pieces_);
      prune();
    }
  }

 private:
  /// Calls work(lattice, i, thread) for i in [0, size) on all threads.
  template <class Work>
  void for_each(const UnigramTrie& trie, std::size_t size, const Work& work) const {
    std::atomic<std::size_t> next = 0;
    run_on_threads(threads(), [&](std::size_t thread) {
      UnigramLattice lattice(trie, pieces_);
      for (std::size_t begin; (begin = next.fetch_add(kBatch)) < size;) {
        for (std::size_t i = begin; i < std::min(begin + kBatch, size); ++i) work(lattice, i, thread);
      }
    });
  }

  /// By thread and piece. Sums are kept as integers, so that they do not depend on who adds what first.
  using Sums = std::vector<std::vector<std::uint64_t>>;
  Sums make_sums() const { return Sums(threads(), std::vector<std::uint64_t>(pieces_.size())); }
  static std::vector<std::uint64_t> add_up(Sums sums) {
    for (std::size_t t = 1; t < sums.size(); ++t) {
      std::transform(sums[0].begin(), sums[0].end(), sums[t].begin(), sums[0].begin(), std::plus<>());
    }
    return std::move(sums[0]);
  }
  std::size_t threads() const { return std::max<std::size_t>(options_.threads, 1); }

  /// The E step: how often each piece is expected in the text, in units.
  std::vector<std::uint64_t> expect() const {
    const UnigramTrie trie(text_, pieces_);
    Sums sums = make_sums();
    for_each(trie, text_.words.size(), [&](UnigramLattice& lattice, std::size_t i, std::size_t thread) {
      const UnigramText::Word& word = text_.words[i];
      const double weight = static_cast<double>(word.count) * unit_;
      lattice.expect(text_.symbols.data() + word.begin, word.size, [&](std::uint32_t piece, double share) {
        sums[thread][piece] += static_cast<std::uint64_t>(share * weight + 0.5);
      });
    });
    return add_up(std::move(sums));
  }

  /// The M step, with the digamma function in the place of the logarithm (a Dirichlet process prior, which favours few
  /// pieces: Liang and Klein 2007).
  void maximize(const std::vector<std::uint64_t>& expected) {
    std::vector<UnigramPiece> kept;
    double sum = 0;
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      double count = static_cast<double>(expected[i]) / unit_;
      if (pieces_[i].size == 1) count = std::max(count, kLeastExpected);
      if (count < kLeastExpected) continue;
      kept.push_back({pieces_[i].begin, pieces_[i].size, count});
      sum += count;
    }
    const double log_sum = digamma(sum);
    for (UnigramPiece& piece : kept) piece.score = digamma(piece.score) - log_sum;
    pieces_ = std::move(kept);
  }

  /// Drops the pieces whose loss lowers the text's likelihood least. The loss is estimated: in the best segmentations
  /// every occurrence of the piece would become the best segmentation of the piece itself.
  void prune() {
    const UnigramTrie trie(text_, pieces_);
    Sums sums = make_sums();
    for_each(trie, text_.words.size(), [&](UnigramLattice& lattice, std::size_t i, std::size_t thread) {
      const UnigramText::Word& word = text_.words[i];
      for (const std::uint32_t piece : lattice.best(text_.symbols.data() + word.begin, word.size).pieces) {
        sums[thread][piece] += word.count;
      }
    });
    const std::vector<std::uint64_t> counts = add_up(std::move(sums));
    double total = 0;
    for (const std::uint64_t count : counts) total += static_cast<double>(count);

    constexpr double kKeep = std::numeric_limits<double>::infinity(), kDrop = -kKeep;
    std::vector<double> losses(pieces_.size(), kKeep);  // of characters
    for_each(trie, pieces_.size(), [&](UnigramLattice& lattice, std::size_t i, std::size_t) {
      const UnigramPiece& piece = pieces_[i];
      if (piece.size == 1) return;
      const auto instead = lattice.best(text_.symbols.data() + piece.begin, piece.size, static_cast<std::uint32_t>(i));
      const auto count = static_cast<double>(counts[i]);
      losses[i] = kDrop;
      if (count == 0 || instead.score >= piece.score) return;
      const double new_total = total + count * static_cast<double>(instead.pieces.size() - 1);
      double log_probability = 0;
      for (const std::uint32_t part : instead.pieces) {
        log_probability += std::log((static_cast<double>(counts[part]) + count) / new_total);
      }
      losses[i] = count * (std::log(count / total) - log_probability);
    });

    std::vector<std::size_t> order(pieces_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return losses[a] > losses[b]; });
    order.resize(std::max(surplus_size_,
                          static_cast<std::size_t>(options_.shrinking_factor * static_cast<double>(pieces_.size()))));
    while (losses[order.back()] == kDrop) order.pop_back();
    std::sort(order.begin(), order.end());
    std::vector<UnigramPiece> kept;
    for (const std::size_t i : order) kept.push_back(pieces_[i]);
    pieces_ = std::move(kept);
  }

  const UnigramText& text_;
  const UnigramTrainerOptions& options_;
  std::size_t surplus_size_;
  double unit_;  // expected counts are sums of this part of one
  std::vector<UnigramPiece> pieces_;
};

void check(const UnigramTrainerOptions& options) {
  const auto require = [](bool met, const char* name, auto value, const char* expected) {
    if (!met) throw std::invalid_argument(fmt::format("{} is {}, expected {}", name, value, expected));
  };
  require(options.vocab_size <= kMaxVocabularySize, "vocab_size", options.vocab_size, "at most 2097152");
  require(options.character_coverage > 0 && options.character_coverage <= 1, "character_coverage",
          options.character_coverage, "more than 0 and at most 1");
  require(options.shrinking_factor > 0 && options.shrinking_factor < 1, "shrinking_factor", options.shrinking_factor,
          "a number between 0 and 1");
  require(options.n_sub_iterations > 0, "n_sub_iterations", options.n_sub_iterations, "at least 1");
  require(options.max_piece_length > 0 && options.max_piece_length <= kMaxUnigramWord, "max_piece_length",
          options.max_piece_length, "1 to 4096");
}

}  // namespace

UnigramOptions learn_unigram(const std::vector<WordCount>& words, const UnigramTrainerOptions& options) {
  check(options);
  UnigramOptions learned;
  std::unordered_set<std::string_view> special;
  for (const std::string& token : options.special_tokens) {
    if (token.empty()) throw std::invalid_argument("a special token is empty");
    if (!special.insert(token).second) continue;
    if (token == options.unk_token) learned.unk_id = static_cast<TokenId>(learned.pieces.size());
    learned.pieces.emplace_back(token, 0.0);
  }
  if (options.unk_token && !learned.unk_id) {
    throw std::invalid_argument(fmt::format("unk_token '{}' is none of the special tokens", *options.unk_token));
  }
  const UnigramText text = make_unigram_text(words, options.initial_alphabet, options.character_coverage);
  const std::size_t characters = text.alphabet.size() - 1;
  if (options.vocab_size < special.size() + characters) {
    throw std::invalid_argument(fmt::format("vocab_size is {}, expected at least {} ({} special tokens, {} characters)",
                                            options.vocab_size, special.size() + characters, special.size(),
                                            characters));
  }
  if (characters == 0) return learned;

  // The characters and, as far as there is room, the most probable of the others.
  std::vector<std::pair<std::string, double>> chosen, others;
  for (const UnigramPiece& piece : Trainer(text, options).run()) {
    std::string spelled = text.spell(piece.begin, piece.size);
    if (!special.contains(spelled)) (piece.size == 1 ? chosen : others).emplace_back(std::move(spelled), piece.score);
  }
  const auto goes_first = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  std::sort(others.begin(), others.end(), goes_first);
  others.resize(std::min(others.size(), options.vocab_size - special.size() - chosen.size()));
  chosen.insert(chosen.end(), others.begin(), others.end());
  std::sort(chosen.begin(), chosen.end(), goes_first);
  learned.pieces.insert(learned.pieces.end(), chosen.begin(), chosen.end());
  return learned;
}

}  // namespace langzoo
