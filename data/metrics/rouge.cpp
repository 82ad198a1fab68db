#include "data/metrics/rouge.h"

#include <algorithm>
#include <bit>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/porter_stemmer.h"
#include "data/metrics/python_text.h"

namespace langzoo {

namespace {

using Numbers = std::vector<std::uint32_t>;

constexpr std::size_t kTypes = 3;

/// The words of `text` as numbers.
Numbers numbered(WordNumbers& numbers, const std::vector<std::string>& words) {
  return numbers(std::vector<std::string_view>(words.begin(), words.end()));
}

PrecisionRecall precision_recall(double matches, double in_hypothesis, double in_reference) {
  PrecisionRecall result;
  result.precision = matches / std::max(in_hypothesis, 1.0);
  result.recall = matches / std::max(in_reference, 1.0);
  const double sum = result.precision + result.recall;
  if (sum > 0) result.fmeasure = 2 * result.precision * result.recall / sum;
  return result;
}

}  // namespace

std::vector<std::string> Rouge::tokenize(std::string_view text) const {
  std::vector<std::string> tokens;
  std::string token;
  const auto finish = [&] {
    if (!token.empty()) tokens.push_back(options_.stem && token.size() > 3 ? porter_stem(token) : token);
    token.clear();
  };
  for (const char c : python_lower(text)) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
      token += c;
    } else {
      finish();
    }
  }
  finish();
  return tokens;
}

void Rouge::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                    std::span<double> statistics) const {
  const auto words = tokenize(hypothesis);
  NgramMatcher matcher;
  std::vector<PrecisionRecall> best(kTypes);
  for (std::size_t r = 0; r < references.size(); ++r) {
    const auto reference_words = tokenize(references[r]);
    WordNumbers numbers;
    numbers.reset(words.size() + reference_words.size());
    const Numbers reference = numbered(numbers, reference_words), text = numbered(numbers, words);
    double matches[kTypes];
    matcher.count(text, std::span(&reference, 1), std::span(matches).first(2));
    matches[2] = static_cast<double>(common_subsequence(text, reference));
    for (std::size_t type = 0; type < kTypes; ++type) {
      const double shorter = type == 1 ? 1 : 0;  // bigrams are one fewer than words
      const auto result = precision_recall(matches[type], static_cast<double>(text.size()) - shorter,
                                           static_cast<double>(reference.size()) - shorter);
      if (r == 0 || result.fmeasure > best[type].fmeasure) best[type] = result;
    }
  }
  for (std::size_t type = 0; type < kTypes; ++type) {
    statistics[3 * type] = best[type].precision;
    statistics[3 * type + 1] = best[type].recall;
    statistics[3 * type + 2] = best[type].fmeasure;
  }
  statistics[3 * kTypes] = 1;
}

std::vector<PrecisionRecall> Rouge::results(std::span<const double> sums) const {
  std::vector<PrecisionRecall> means;
  const double segments = sums[3 * kTypes];
  for (std::size_t at = 0; at < 3 * kTypes; at += 3) {
    means.push_back({sums[at] / segments, sums[at + 1] / segments, sums[at + 2] / segments});
  }
  return means;
}

std::vector<double> Rouge::scores(std::span<const double> sums) const {
  std::vector<double> scores;
  for (const auto& result : results(sums)) scores.push_back(result.fmeasure);
  return scores;
}

std::size_t common_subsequence(std::span<const std::uint32_t> a, std::span<const std::uint32_t> b) {
  // Hyyrö, "Bit-parallel LCS-length computation revisited" (2004): V <- (V + (V & M)) | (V & ~M) for each word of b, M
  // being where a has it. Blocks where a does not have it change by a carry alone, so they are passed over.
  constexpr std::size_t kBits = 64;
  struct Block {
    std::size_t index;
    std::uint64_t bits;
  };
  std::uint32_t words = 0;
  for (const auto word : a) words = std::max(words, word + 1);
  std::vector<std::vector<Block>> places(words);
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto& blocks = places[a[i]];
    if (blocks.empty() || blocks.back().index != i / kBits) blocks.push_back({i / kBits, 0});
    blocks.back().bits |= std::uint64_t{1} << i % kBits;
  }
  std::vector<std::uint64_t> v((a.size() + kBits - 1) / kBits, ~std::uint64_t{0});
  for (const auto word : b) {
    if (word >= words) continue;
    bool carry = false;
    std::size_t next = 0;
    for (const auto& [index, bits] : places[word]) {
      for (; carry && next < index; ++next) {
        carry = v[next] == ~std::uint64_t{0};
        v[next] |= v[next] + 1;
      }
      next = index + 1;
      const std::uint64_t old = v[index], added = old & bits, sum = old + added;
      const std::uint64_t carried = sum + (carry ? 1 : 0);
      carry = sum < old || carried < sum;
      v[index] = carried | (old & ~bits);
    }
    for (; carry && next < v.size(); ++next) {
      carry = v[next] == ~std::uint64_t{0};
      v[next] |= v[next] + 1;
    }
  }
  std::size_t length = 0;
  for (const auto block : v) length += static_cast<std::size_t>(std::popcount(~block));
  return length;
}

}  // namespace langzoo
