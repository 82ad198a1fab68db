#include "models/ngram/backoff_trie.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "data/files/as_size.h"
#include "models/ngram/ngram_file.h"

namespace langzoo {

BackoffTrie::BackoffTrie(int order) : order_(as_size(order)), ngrams_(1), levels_(order_ + 1), slots_(1 << 10) {
  ngrams_[0].log10_p = 0;
  ngrams_[0].is_history = true;
}

std::uint64_t BackoffTrie::key(NGram history, std::int32_t word) {
  return NGramFile::key(history, word);
}

std::size_t BackoffTrie::slot_of(NGram history, std::int32_t word) const {
  std::size_t at = key(history, word) >> 20 & (slots_.size() - 1);
  while (slots_[at] != 0 && (ngrams_[slots_[at]].history != history || ngrams_[slots_[at]].word != word)) {
    at = (at + 1) & (slots_.size() - 1);
  }
  return at;
}

BackoffTrie::NGram BackoffTrie::find_or_add(NGram history, std::int32_t word, std::size_t length) {
  std::size_t at = slot_of(history, word);
  if (slots_[at] != 0) return slots_[at];
  if (ngrams_.size() >= std::numeric_limits<std::uint32_t>::max() - 1) throw std::length_error("too many n-grams");
  if (2 * ngrams_.size() > slots_.size()) {
    slots_.assign(2 * slots_.size(), 0);
    for (std::size_t i = 1; i < ngrams_.size(); ++i) {
      slots_[slot_of(ngrams_[i].history, ngrams_[i].word)] = static_cast<NGram>(i);
    }
    at = slot_of(history, word);
  }
  const auto ngram = static_cast<NGram>(ngrams_.size());
  slots_[at] = ngram;
  ngrams_.push_back({.history = history, .word = word});
  ngrams_[history].is_history = true;
  levels_[length].push_back(ngram);
  return ngram;
}

BackoffTrie::NGram BackoffTrie::add(std::span<const std::int32_t> words) {
  NGram ngram = 0;
  for (std::size_t i = 0; i < words.size(); ++i) ngram = find_or_add(ngram, words[i], i + 1);
  return ngram;
}

void BackoffTrie::set(NGram ngram, float log10_p, float log10_backoff) {
  ngrams_[ngram].log10_p = log10_p;
  ngrams_[ngram].log10_backoff = log10_backoff;
  ngrams_[ngram].is_history = ngrams_[ngram].is_history || log10_backoff != 0;
}

void BackoffTrie::complete() {
  for (std::size_t length = 1; length <= order_; ++length) complete(length);
}

/// Where shorter ones are: the ending of h w is the longest of h's endings that w follows, or w, or nothing.
void BackoffTrie::complete(std::size_t length) {
  for (const NGram ngram : levels_[length]) {
    Record& record = ngrams_[ngram];
    float backed_off = 0;
    record.suffix = 0;
    for (NGram history = record.history; history != 0 && record.suffix == 0;) {
      if (history != record.history) backed_off += ngrams_[history].log10_backoff;
      history = ngrams_[history].suffix;
      record.suffix = find(history, record.word);
    }
    record.log10_lower = backed_off + ngrams_[record.suffix].log10_p;
    if (!has_probability(ngram))
      record.log10_p = std::min(0.0F, ngrams_[record.history].log10_backoff + record.log10_lower);
  }
}

template <class Visit>
void BackoffTrie::for_each_history(std::size_t length, const Visit& visit) {
  auto& level = levels_[length];
  std::stable_sort(level.begin(), level.end(),
                   [&](NGram a, NGram b) { return ngrams_[a].history < ngrams_[b].history; });
  for (auto begin = level.begin(); begin != level.end();) {
    const NGram history = ngrams_[*begin].history;
    const auto end = std::find_if(begin, level.end(), [&](NGram ngram) { return ngrams_[ngram].history != history; });
    visit(history, std::span<const NGram>(begin, end));
    begin = end;
  }
}

/// That a text goes on so: "<s>" is as frequent as "</s>".
double BackoffTrie::log10_probability_of(NGram history) const {
  double sum = 0;
  for (; history != 0; history = ngrams_[history].history) {
    const bool start = ngrams_[history].word == kStart;
    const NGram word = start ? find(0, NGramVocabulary::kSentenceEnd) : history;
    sum += static_cast<double>(ngrams_[word].log10_p);
  }
  return sum;
}

namespace {

double power_of_10(float exponent) {
  return std::pow(10.0, static_cast<double>(exponent));
}

/// What is left over for words that were not seen, by the history and by the one without its first word.
struct LeftOver {
  double p = 1, lower = 1;
  double backoff() const { return p > 0 && lower > 0 ? p / lower : 1; }
};

}  // namespace

void BackoffTrie::prune(double threshold) {
  complete();
  std::vector<bool> kept(ngrams_.size(), true), continued(ngrams_.size(), false);
  const auto left_over = [&](std::span<const NGram> ngrams) {
    LeftOver left;
    for (const NGram ngram : ngrams) {
      left.p -= power_of_10(ngrams_[ngram].log10_p);
      left.lower -= power_of_10(ngrams_[ngram].log10_lower);
    }
    return left;
  };
  for (std::size_t length = order_; length > 1; --length) {
    for_each_history(length, [&](NGram history, std::span<const NGram> ngrams) {
      const double of_history = std::pow(10.0, log10_probability_of(history));
      const LeftOver now = left_over(ngrams);
      for (const NGram ngram : ngrams) {
        if (!continued[ngram]) {
          const double p = power_of_10(ngrams_[ngram].log10_p), lower = power_of_10(ngrams_[ngram].log10_lower);
          const LeftOver without{now.p + p, now.lower + lower};
          // Equation 7: what the text's words lose when this one is backed off to, and others with another weight.
          const double change = std::log(without.backoff() / now.backoff());
          const double loss = -of_history * (p * std::log(lower * without.backoff() / p) + now.p * change);
          kept[ngram] = std::expm1(loss) >= threshold;
        }
        if (kept[ngram]) continued[history] = true;
      }
    });
  }
  keep_only(kept);
  for (std::size_t length = 1; length <= order_; ++length) {
    complete(length);
    if (length == 1) continue;
    for_each_history(length, [&](NGram history, std::span<const NGram> ngrams) {
      ngrams_[history].log10_backoff = static_cast<float>(std::log10(left_over(ngrams).backoff()));
    });
  }
}

void BackoffTrie::keep_only(const std::vector<bool>& kept) {
  for (auto& level : levels_) std::erase_if(level, [&](NGram ngram) { return !kept[ngram]; });
  std::fill(slots_.begin(), slots_.end(), 0);
  for (Record& record : ngrams_) {
    record.is_history = false;
    record.log10_backoff = 0;
  }
  for (const auto& level : levels_) {
    for (const NGram ngram : level) {
      slots_[slot_of(ngrams_[ngram].history, ngrams_[ngram].word)] = ngram;
      ngrams_[ngrams_[ngram].history].is_history = true;
    }
  }
}

void BackoffTrie::write(std::ostream& out, const NGramVocabulary& words) {
  complete();
  NGramFile::Parts parts;
  std::vector<NGramFile::Node> nodes{{0, 0, NGramFile::kSeveral}};
  std::vector<NGramFile::Entry> entries;
  constexpr std::int32_t kNone = NGramFile::kSeveral - 1;
  std::vector<std::int32_t> only(ngrams_.size(), kNone);  // word, of those that follow an n-gram
  for (const auto& level : levels_) {
    for (const NGram ngram : level) {
      auto& word = only[ngrams_[ngram].history];
      word = word == kNone ? ngrams_[ngram].word : NGramFile::kSeveral;
    }
  }
  std::vector<NGramFile::Unigram> unigrams(words.size());
  auto& header = parts.header;
  parts.levels.resize(order_ + 1);
  std::size_t sorted = 0;  // entries
  for (std::size_t length = 1; length <= order_; ++length) {
    parts.levels[length].first_node = nodes.size();
    for (const NGram ngram : levels_[length]) {
      Record& record = ngrams_[ngram];
      const std::uint32_t suffix = ngrams_[record.suffix].node;
      record.node = suffix;
      if (record.is_history && length < order_) {
        record.node = static_cast<std::uint32_t>(nodes.size());
        nodes.push_back({record.log10_backoff, suffix, only[ngram]});
      }
      if (length > 1) {
        entries.push_back({NGramFile::key(ngrams_[record.history].node, record.word), record.log10_p, record.node});
      } else if (record.word == kStart) {
        header.start = record.node;
        header.start_log10_p = record.log10_p;
      } else {
        unigrams[as_size(record.word)] = {record.log10_p, record.node};
      }
    }
    std::sort(entries.begin() + static_cast<std::ptrdiff_t>(sorted), entries.end(),
              [](const auto& a, const auto& b) { return a.key < b.key; });
    sorted = entries.size();
    parts.levels[length].ngrams = length == 1 ? words.size() : levels_[length].size();
  }
  header.order = static_cast<std::uint32_t>(order_);
  header.vocabulary = static_cast<std::uint32_t>(words.size());
  header.sentence_end = static_cast<std::uint32_t>(NGramVocabulary::kSentenceEnd);
  header.nodes = nodes.size();
  parts.words = &words;
  parts.unigrams = unigrams;
  std::size_t node = 0, entry = 0;
  parts.next_node = [&] { return nodes[node++]; };
  parts.next_entry = [&] { return entries[entry++]; };
  NGramFile::write(out, std::move(parts));
}

}  // namespace langzoo
