#include "data/metrics/ngram_matcher.h"

#include <algorithm>
#include <bit>

#include "tokenizers/hash.h"

namespace langzoo {

namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;

/// A power of two of which at most half is used.
std::size_t table_size(std::size_t entries) {
  return std::bit_ceil(std::max<std::size_t>(2 * entries, 16));
}

}  // namespace

void WordNumbers::reset(std::size_t words) {
  slots_.assign(table_size(words), {});
  words_.clear();
}

std::uint32_t WordNumbers::operator()(std::string_view word) {
  const auto hash = static_cast<std::uint32_t>(hash_bytes(word) >> 32);
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at].number != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].hash == hash && words_[slots_[at].number - 1] == word) return slots_[at].number - 1;
  }
  words_.push_back(word);
  slots_[at] = {hash, static_cast<std::uint32_t>(words_.size())};
  return slots_[at].number - 1;
}

std::vector<std::uint32_t> WordNumbers::operator()(std::span<const std::string_view> words) {
  std::vector<std::uint32_t> numbers(words.size());
  for (std::size_t i = 0; i < words.size(); ++i) numbers[i] = (*this)(words[i]);
  return numbers;
}

void NgramMatcher::reset(std::size_t ngrams) {
  slots_.assign(table_size(ngrams), 0);
  shift_ = 64 - std::countr_zero(slots_.size());
  ngrams_.clear();
}

std::uint32_t& NgramMatcher::slot_of(std::uint64_t key) {
  std::size_t at = key * 0x9E3779B97F4A7C15u >> shift_;
  while (slots_[at] != 0 && ngrams_[slots_[at] - 1].key != key) at = (at + 1) & (slots_.size() - 1);
  return slots_[at];
}

void NgramMatcher::add_reference(std::span<const std::uint32_t> reference, std::size_t n,
                                 std::span<std::uint32_t> prefixes) {
  const std::size_t ngrams = reference.size() - n + 1;
  for (std::size_t i = 0; i < ngrams; ++i) {
    const std::uint64_t key = std::uint64_t{prefixes[i]} << 32 | reference[i + n - 1];
    auto& slot = slot_of(key);
    if (slot == 0) {
      ngrams_.push_back({key});
      slot = static_cast<std::uint32_t>(ngrams_.size());
    }
    prefixes[i] = slot - 1;
    ++ngrams_[prefixes[i]].count;
  }
  for (std::size_t i = 0; i < ngrams; ++i) {
    auto& ngram = ngrams_[prefixes[i]];
    ngram.most = std::max(ngram.most, std::exchange(ngram.count, 0));
  }
}

double NgramMatcher::match(std::span<const std::uint32_t> text, std::size_t n, std::span<std::uint32_t> prefixes) {
  double matches = 0;
  for (std::size_t i = 0; i + n <= text.size(); ++i) {
    // What begins with something the references do not have is not in them either.
    if (prefixes[i] == kNone) continue;
    const auto slot = slot_of(std::uint64_t{prefixes[i]} << 32 | text[i + n - 1]);
    prefixes[i] = slot - 1;  // kNone where there is none
    if (slot != 0 && ngrams_[prefixes[i]].count < ngrams_[prefixes[i]].most) {
      ++ngrams_[prefixes[i]].count;
      ++matches;
    }
  }
  return matches;
}

void NgramMatcher::count(std::span<const std::uint32_t> text, std::span<const std::vector<std::uint32_t>> references,
                         std::span<double> matches) {
  std::size_t total = 0;
  for (const auto& reference : references) total += reference.size();
  reference_prefixes_.assign(total, 0);
  text_prefixes_.assign(text.size(), 0);
  std::fill(matches.begin(), matches.end(), 0.0);
  for (std::size_t n = 1; n <= matches.size(); ++n) {
    reset(total);
    std::span<std::uint32_t> prefixes = reference_prefixes_;
    for (const auto& reference : references) {
      if (reference.size() >= n) add_reference(reference, n, prefixes);
      prefixes = prefixes.subspan(reference.size());
    }
    matches[n - 1] = match(text, n, text_prefixes_);
    if (matches[n - 1] == 0) break;
  }
}

}  // namespace langzoo
