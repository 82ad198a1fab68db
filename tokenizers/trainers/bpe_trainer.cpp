#include "tokenizers/trainers/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "tokenizers/utf8.h"

namespace langzoo {

namespace {

/// The tokens so far, and of how many characters the words have made each; 0: none yet, a special token.
class Tokens {
 public:
  std::optional<TokenId> find(const std::string& token) const {
    const auto found = ids_.find(token);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  /// The id of `token`, which is new or known.
  TokenId add(const std::string& token, std::uint32_t length) {
    const auto [entry, fresh] = ids_.emplace(token, static_cast<TokenId>(tokens_.size()));
    if (fresh) {
      tokens_.push_back(token);
      lengths_.push_back(0);
    }
    std::uint32_t& known = lengths_[static_cast<std::size_t>(entry->second)];
    if (known == 0) known = length;
    return entry->second;
  }
  std::size_t size() const { return tokens_.size(); }
  const std::string& operator[](TokenId id) const { return tokens_[static_cast<std::size_t>(id)]; }
  std::uint32_t length(TokenId id) const { return lengths_[static_cast<std::size_t>(id)]; }
  std::vector<std::string> release() { return std::move(tokens_); }

 private:
  std::vector<std::string> tokens_;
  std::vector<std::uint32_t> lengths_;
  std::unordered_map<std::string, TokenId> ids_;
};

template <class Visit>
void for_each_character(std::string_view text, Visit&& visit) {
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    at += c.length;
    visit(c.code_point, at == text.size());
  }
}

std::string spell(char32_t character) {
  std::string text;
  append_utf8(text, character);
  return text;
}

/// The characters that become tokens, by code point.
std::vector<char32_t> choose_alphabet(const std::vector<WordCount>& words, const BpeTrainerOptions& options) {
  std::map<char32_t, std::uint64_t> counts;
  for (const WordCount& word : words) {
    for_each_character(word.word, [&](char32_t c, bool) { counts[c] += word.count; });
  }
  for_each_character(options.initial_alphabet,
                     [&](char32_t c, bool) { counts[c] = std::numeric_limits<std::uint64_t>::max(); });
  std::vector<std::pair<char32_t, std::uint64_t>> kept(counts.begin(), counts.end());
  if (options.limit_alphabet && *options.limit_alphabet < kept.size()) {
    std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    kept.resize(*options.limit_alphabet);
    std::sort(kept.begin(), kept.end());
  }
  std::vector<char32_t> alphabet;
  for (const auto& [character, count] : kept) alphabet.push_back(character);
  return alphabet;
}

/// One distinct word: its symbols, which merging makes fewer, and how often the texts have it.
struct Word {
  std::size_t begin, size;
  std::int64_t count;
};

struct Words {
  std::vector<Word> words;
  std::vector<TokenId> symbols;  // of all words
};

/// The words as ids of their characters, whose forms with prefix and suffix become tokens here. Characters that are no
/// token are left out.
Words spell_words(const std::vector<WordCount>& counted, const BpeTrainerOptions& options, Tokens& tokens) {
  const auto key_of = [](char32_t c, bool first, bool last) { return c << 2 | (first ? 2u : 0u) | (last ? 1u : 0u); };
  std::unordered_map<char32_t, TokenId> ids;  // by key_of
  for (const WordCount& word : counted) {
    bool first = true;
    for_each_character(word.word, [&](char32_t c, bool last) {
      ids.emplace(key_of(c, first, last), 0);
      first = false;
    });
  }
  constexpr TokenId kLeftOut = -1;
  std::map<std::string, std::vector<TokenId*>> forms;
  for (auto& [key, id] : ids) {
    id = kLeftOut;
    std::string form = spell(key >> 2);
    if (!tokens.find(form)) continue;
    if (!(key & 2)) form.insert(0, options.continuing_subword_prefix);
    if (key & 1) form += options.end_of_word_suffix;
    forms[form].push_back(&id);
  }
  for (const auto& [form, places] : forms) {
    for (TokenId* const id : places) *id = tokens.add(form, 1);
  }

  Words spelled;
  for (const WordCount& word : counted) {
    const std::size_t begin = spelled.symbols.size();
    bool first = true;
    for_each_character(word.word, [&](char32_t c, bool last) {
      const TokenId id = ids.at(key_of(c, first, last));
      if (id != kLeftOut) spelled.symbols.push_back(id);
      first = false;
    });
    spelled.words.push_back({begin, spelled.symbols.size() - begin, static_cast<std::int64_t>(word.count)});
  }
  return spelled;
}

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
  Merger(Words words, const BpeTrainerOptions& options, Tokens& tokens)
      : options_(options), words_(std::move(words)), tokens_(tokens) {
    for (std::uint32_t word = 0; word < words_.words.size(); ++word) {
      const Word& w = words_.words[word];
      for (std::size_t i = w.begin + 1; i < w.begin + w.size; ++i) {
        add(make_pair(words_.symbols[i - 1], words_.symbols[i]), w.count, word);
      }
    }
    queue_new();
  }

  void run() {
    while (tokens_.size() < options_.vocab_size && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), goes_later);
      Candidate top = std::move(heap_.back());
      heap_.pop_back();
      const std::int64_t count = counts_.at(top.pair);
      if (top.count != count) {
        top.count = count;
        push(std::move(top));
        continue;
      }
      if (count < 1 || static_cast<std::uint64_t>(count) < options_.min_frequency) break;
      merge(top);
      if (options_.progress && merges_.size() % 64 == 0) options_.progress({.tokens = tokens_.size()});
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
    std::string_view rest = tokens_[right];
    if (rest.starts_with(options_.continuing_subword_prefix)) {
      rest.remove_prefix(options_.continuing_subword_prefix.size());
    }
    const TokenId result = tokens_.add(tokens_[left] + std::string(rest), tokens_.length(left) + tokens_.length(right));
    merges_.push_back({left, right, result});
    for (const std::uint32_t word : top.words) merge_in(word, merges_.back());
    queue_new();
  }

  void merge_in(std::uint32_t index, const BpeMerge& merge) {
    Word& word = words_.words[index];
    TokenId* const symbols = words_.symbols.data() + word.begin;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < word.size; ++i) {
      if (symbols[i] != merge.left || i + 1 == word.size || symbols[i + 1] != merge.right) {
        symbols[kept++] = symbols[i];
        continue;
      }
      if (kept > 0) {
        counts_[make_pair(symbols[kept - 1], merge.left)] -= word.count;
        if (may_grow(symbols[kept - 1], merge.result)) {
          add(make_pair(symbols[kept - 1], merge.result), word.count, index);
        }
      }
      ++i;
      if (i + 1 < word.size) {
        counts_[make_pair(merge.right, symbols[i + 1])] -= word.count;
        if (may_grow(merge.result, symbols[i + 1])) add(make_pair(merge.result, symbols[i + 1]), word.count, index);
      }
      symbols[kept++] = merge.result;
    }
    word.size = kept;
  }

  /// The reference compares so: two characters always may be joined, three or more where max_token_length is larger.
  bool may_grow(TokenId left, TokenId right) const {
    return !options_.max_token_length || tokens_.length(left) + tokens_.length(right) < *options_.max_token_length;
  }

  const BpeTrainerOptions& options_;
  Words words_;
  Tokens& tokens_;
  std::unordered_map<Pair, std::int64_t> counts_;
  std::unordered_map<Pair, std::vector<std::uint32_t>> new_;  // pairs to be put in line, and their words
  std::vector<Candidate> heap_;
  std::vector<BpeMerge> merges_;
};

}  // namespace

BpeOptions learn_bpe(const std::vector<WordCount>& words, const BpeTrainerOptions& options) {
  if (options.vocab_size > kMaxVocabularySize) {
    throw std::invalid_argument(
        fmt::format("vocab_size is {}, expected at most {}", options.vocab_size, kMaxVocabularySize));
  }
  Tokens tokens;
  for (const std::string& token : options.special_tokens) {
    if (token.empty()) throw std::invalid_argument("a special token is empty");
    tokens.add(token, 0);
  }
  for (const char32_t character : choose_alphabet(words, options)) tokens.add(spell(character), 1);
  Merger merger(spell_words(words, options, tokens), options, tokens);
  merger.run();
  return {.tokens = tokens.release(),
          .merges = merger.merges(),
          .unk_token = {},
          .continuing_subword_prefix = options.continuing_subword_prefix,
          .end_of_word_suffix = options.end_of_word_suffix};
}

}  // namespace langzoo
