#include "tokenizers/trainers/byte_level_bpe_trainer.h"

#include <algorithm>
#include <array>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "tokenizers/byte_level.h"

namespace langzoo {

namespace {

struct BytesHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view bytes) const { return std::hash<std::string_view>{}(bytes); }
};

using PieceCounts = std::unordered_map<std::string, std::uint64_t, BytesHash, std::equal_to<>>;

void count_pieces(std::string_view text, bool add_prefix_space, PieceCounts& counts) {
  std::string spaced;
  if (add_prefix_space && !text.empty() && text[0] != ' ') {
    spaced.assign(1, ' ').append(text);
    text = spaced;
  }
  for_each_gpt2_piece(text, [&](std::size_t begin, std::size_t end) {
    const std::string_view piece = text.substr(begin, end - begin);
    const auto found = counts.find(piece);
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(piece, 1);
    }
  });
}

/// The distinct pieces of all texts with their counts; every thread counts for itself, and the sums are the same
/// however the texts were dealt out.
PieceCounts count_pieces(const TextSource& next, const ByteLevelBpeTrainerOptions& options,
                         ByteLevelBpeProgress& progress) {
  std::mutex mutex;
  bool ended = false;
  std::exception_ptr error;
  PieceCounts total;
  const auto work = [&] {
    PieceCounts counts;
    try {
      std::string text;
      while (true) {
        {
          const std::lock_guard lock(mutex);
          if (ended || !next(text)) {
            ended = true;
            break;
          }
          progress.bytes_read += text.size();
          if (options.progress) options.progress(progress);
        }
        count_pieces(text, options.add_prefix_space, counts);
      }
      const std::lock_guard lock(mutex);
      if (total.empty()) {
        total = std::move(counts);
      } else {
        for (const auto& [piece, count] : counts) total[piece] += count;
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      ended = true;
      if (!error) error = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> workers;
    for (std::size_t t = 1; t < options.threads; ++t) workers.emplace_back(work);
    work();
  }
  if (error) std::rethrow_exception(error);
  return total;
}

/// One distinct piece: its symbols now, and how often the texts have it.
struct Word {
  std::size_t begin;
  std::uint32_t size;
  std::int64_t count;
};

using Pair = std::uint64_t;

Pair make_pair(TokenId left, TokenId right) {
  return static_cast<Pair>(static_cast<std::uint32_t>(left)) << 32 | static_cast<std::uint32_t>(right);
}

/// A pair with the words that may hold it and its count when it was put in line.
struct Candidate {
  std::int64_t count;
  Pair pair;
  std::vector<std::uint32_t> words;
};

/// The heap's order: the larger count first, of equal ones the smaller pair.
bool goes_later(const Candidate& a, const Candidate& b) {
  return a.count != b.count ? a.count < b.count : a.pair > b.pair;
}

/// The merging itself. A candidate's count is checked when its turn comes and renewed if it has changed, so that counts
/// are kept up to date without searching the heap.
///
/// Two different pairs can spell the same token, whose neighbours then are counted as one pair but stand in line twice,
/// each time with words of their own; both turns make a merge of the same pair, and the later one's rank counts.
class Merger {
 public:
  Merger(const PieceCounts& pieces, std::vector<std::string>& tokens, std::unordered_map<std::string, TokenId>& ids)
      : tokens_(tokens), ids_(ids) {
    std::array<TokenId, 256> byte_ids;
    for (int b = 0; b < 256; ++b) {
      byte_ids[static_cast<std::size_t>(b)] = ids.at(spell_bytes(std::string(1, static_cast<char>(b))));
    }
    for (const auto& [piece, count] : pieces) {
      const auto word = static_cast<std::uint32_t>(words_.size());
      words_.push_back({symbols_.size(), static_cast<std::uint32_t>(piece.size()), static_cast<std::int64_t>(count)});
      for (std::size_t i = 0; i < piece.size(); ++i) {
        symbols_.push_back(byte_ids[static_cast<unsigned char>(piece[i])]);
        if (i > 0) add(make_pair(symbols_[symbols_.size() - 2], symbols_.back()), words_.back().count, word);
      }
    }
    queue_new();
  }

  void run(const ByteLevelBpeTrainerOptions& options, ByteLevelBpeProgress progress) {
    while (tokens_.size() < options.vocab_size && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), goes_later);
      Candidate top = std::move(heap_.back());
      heap_.pop_back();
      const std::int64_t count = counts_.at(top.pair);
      if (top.count != count) {
        top.count = count;
        push(std::move(top));
        continue;
      }
      if (count < 1 || static_cast<std::uint64_t>(count) < options.min_frequency) break;
      merge(top);
      progress.tokens = tokens_.size();
      if (options.progress && merges_.size() % 64 == 0) options.progress(progress);
    }
  }

  /// The merges by rank, each pair once.
  std::vector<BpeMerge> merges() const {
    std::unordered_map<Pair, std::size_t> last;
    for (std::size_t i = 0; i < merges_.size(); ++i) last[make_pair(merges_[i].left, merges_[i].right)] = i;
    std::vector<BpeMerge> once;
    for (std::size_t i = 0; i < merges_.size(); ++i) {
      if (last.at(make_pair(merges_[i].left, merges_[i].right)) == i) once.push_back(merges_[i]);
    }
    return once;
  }

 private:
  void push(Candidate candidate) {
    heap_.push_back(std::move(candidate));
    std::push_heap(heap_.begin(), heap_.end(), goes_later);
  }

  void add(Pair pair, std::int64_t count, std::uint32_t word) {
    counts_[pair] += count;
    std::vector<std::uint32_t>& words = new_[pair];
    if (words.empty() || words.back() != word) words.push_back(word);
  }

  void queue_new() {
    for (auto& [pair, words] : new_) {
      const std::int64_t count = counts_.at(pair);
      if (count > 0) push({count, pair, std::move(words)});
    }
    new_.clear();
  }

  void merge(const Candidate& top) {
    const auto left = static_cast<TokenId>(top.pair >> 32), right = static_cast<TokenId>(top.pair);
    const std::string token = tokens_[static_cast<std::size_t>(left)] + tokens_[static_cast<std::size_t>(right)];
    const auto [known, fresh] = ids_.emplace(token, static_cast<TokenId>(tokens_.size()));
    if (fresh) tokens_.push_back(token);
    merges_.push_back({left, right, known->second});
    for (const std::uint32_t word : top.words) merge_in(word, merges_.back());
    queue_new();
  }

  void merge_in(std::uint32_t index, const BpeMerge& merge) {
    Word& word = words_[index];
    TokenId* const symbols = symbols_.data() + word.begin;
    std::uint32_t kept = 0;
    for (std::uint32_t i = 0; i < word.size; ++i) {
      if (symbols[i] != merge.left || i + 1 == word.size || symbols[i + 1] != merge.right) {
        symbols[kept++] = symbols[i];
        continue;
      }
      if (kept > 0) {
        counts_[make_pair(symbols[kept - 1], merge.left)] -= word.count;
        add(make_pair(symbols[kept - 1], merge.result), word.count, index);
      }
      ++i;
      if (i + 1 < word.size) {
        counts_[make_pair(merge.right, symbols[i + 1])] -= word.count;
        add(make_pair(merge.result, symbols[i + 1]), word.count, index);
      }
      symbols[kept++] = merge.result;
    }
    word.size = kept;
  }

  std::vector<std::string>& tokens_;
  std::unordered_map<std::string, TokenId>& ids_;
  std::vector<TokenId> symbols_;  // of all words
  std::vector<Word> words_;
  std::unordered_map<Pair, std::int64_t> counts_;
  std::unordered_map<Pair, std::vector<std::uint32_t>> new_;  // pairs to be put in line, and their words
  std::vector<Candidate> heap_;
  std::vector<BpeMerge> merges_;
};

}  // namespace

std::unique_ptr<ByteLevelBpe> train_byte_level_bpe(const TextSource& next, const ByteLevelBpeTrainerOptions& options) {
  ByteLevelBpeModel model;
  std::unordered_map<std::string, TokenId> ids;
  const auto add = [&](const std::string& token) {
    if (ids.emplace(token, static_cast<TokenId>(model.tokens.size())).second) model.tokens.push_back(token);
    return ids.at(token);
  };
  for (const std::string& token : options.special_tokens) {
    const TokenId id = add(token);
    model.added_tokens.push_back({token, id});
    if (token == "<|endoftext|>") model.special_tokens = {.bos = id, .eos = id, .unk = id};
  }
  std::vector<std::string> alphabet;
  for (int b = 0; b < 256; ++b) alphabet.push_back(spell_bytes(std::string(1, static_cast<char>(b))));
  std::sort(alphabet.begin(), alphabet.end());  // UTF-8 sorts by code point
  for (const std::string& byte : alphabet) add(byte);
  if (options.vocab_size < model.tokens.size() || options.vocab_size > kMaxVocabularySize) {
    throw std::invalid_argument(fmt::format("vocab_size is {}, expected {} (256 bytes and the special tokens) to {}",
                                            options.vocab_size, model.tokens.size(), kMaxVocabularySize));
  }

  ByteLevelBpeProgress progress;
  const PieceCounts pieces = count_pieces(next, options, progress);
  Merger merger(pieces, model.tokens, ids);
  merger.run(options, progress);
  model.merges = merger.merges();
  model.add_prefix_space = options.add_prefix_space;
  return std::make_unique<ByteLevelBpe>(std::move(model));
}

}  // namespace langzoo
