#include "data/metrics/rouge.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/porter_stemmer.h"
#include "data/metrics/python_text.h"

namespace langzoo {

namespace {

using Numbers = std::vector<std::uint32_t>;

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

/// The table of lengths of longest common subsequences of `a` with the words added so far, its last row: where it is
/// one longer than at the word before is a 0 bit of v. Hyyrö, "Bit-parallel LCS-length computation revisited" (2004):
/// V <- (V + (V & M)) | (V & ~M) for each word, M being where a has it. Blocks where a does not have it change by a
/// carry alone, so they are passed over.
class SubsequenceRow {
 public:
  static constexpr std::size_t kBits = 64;

  explicit SubsequenceRow(std::span<const std::uint32_t> a) : v_((a.size() + kBits - 1) / kBits, ~std::uint64_t{0}) {
    std::uint32_t words = 0;
    for (const auto word : a) words = std::max(words, word + 1);
    places_.resize(words);
    for (std::size_t i = 0; i < a.size(); ++i) {
      auto& blocks = places_[a[i]];
      if (blocks.empty() || blocks.back().index != i / kBits) blocks.push_back({i / kBits, 0});
      blocks.back().bits |= std::uint64_t{1} << i % kBits;
    }
  }

  void reset() { std::fill(v_.begin(), v_.end(), ~std::uint64_t{0}); }
  void add(std::uint32_t word) {
    if (word >= places_.size()) return;
    bool carry = false;
    std::size_t next = 0;
    const auto pass = [&](std::size_t end) {
      for (; carry && next < end; ++next) {
        carry = v_[next] == ~std::uint64_t{0};
        v_[next] |= v_[next] + 1;
      }
    };
    for (const auto& [index, bits] : places_[word]) {
      pass(index);
      next = index + 1;
      const std::uint64_t old = v_[index], added = old & bits, sum = old + added;
      const std::uint64_t carried = sum + (carry ? 1 : 0);
      carry = sum < old || carried < sum;
      v_[index] = carried | (old & ~bits);
    }
    pass(v_.size());
  }
  const std::vector<std::uint64_t>& v() const { return v_; }
  /// With the first n words of a.
  std::size_t length(std::size_t n) const { return length(v_.data(), n); }
  static std::size_t length(const std::uint64_t* v, std::size_t n) {
    std::size_t length = 0;
    for (; n >= kBits; n -= kBits) length += static_cast<std::size_t>(std::popcount(~*v++));
    return n == 0 ? length : length + static_cast<std::size_t>(std::popcount(~*v << (kBits - n)));
  }

 private:
  struct Block {
    std::size_t index;
    std::uint64_t bits;
  };
  std::vector<std::vector<Block>> places_;  ///< of each word
  std::vector<std::uint64_t> v_;
};

/// `row` is of `text`. Marks the words of `reference` in its longest common subsequence with `text`: of several that
/// which is found by walking back from the ends, where the lengths leave a choice along the reference.
void mark_common(const Numbers& reference, const Numbers& text, SubsequenceRow& row, std::vector<bool>& marked) {
  if (reference.size() * static_cast<std::uint64_t>(text.size()) > std::uint64_t{1} << 32) {
    throw std::invalid_argument("sentences of " + std::to_string(text.size()) + " and " +
                                std::to_string(reference.size()) + " words are too long for ROUGE-Lsum");
  }
  row.reset();
  const std::size_t width = row.v().size();
  std::vector<std::uint64_t> rows(width, ~std::uint64_t{0});  // of no word, of the first, the first two, ...
  for (const auto word : reference) {
    row.add(word);
    rows.insert(rows.end(), row.v().begin(), row.v().end());
  }
  // The lengths at (i,j) and (i-1,j) are kept: a step along the text changes them by a bit each, so that only one along
  // the reference counts the bits of a row.
  const auto length = [&](std::size_t i, std::size_t j) { return SubsequenceRow::length(&rows[i * width], j); };
  const auto grows = [&](std::size_t i, std::size_t j) -> std::size_t {  // from (i,j-1) to (i,j)
    constexpr auto kBits = SubsequenceRow::kBits;
    return ~rows[i * width + (j - 1) / kBits] >> (j - 1) % kBits & 1;
  };
  std::size_t i = reference.size(), j = text.size();
  std::size_t here = i > 0 && j > 0 ? length(i, j) : 0, above = i > 0 && j > 0 ? length(i - 1, j) : 0;
  while (i > 0 && j > 0) {
    const bool common = reference[i - 1] == text[j - 1];
    const bool along_text = common || here - grows(i, j) > above;
    if (common) marked[i - 1] = true;
    if (along_text) {
      here -= grows(i, j);
      above -= grows(i - 1, j);
      --j;
    }
    if (common || !along_text) {
      --i;
      here = above;
      above = i > 0 ? length(i - 1, j) : 0;
    }
  }
}

/// ROUGE-Lsum: of each sentence of the reference the words that are in a common subsequence with any sentence of the
/// text, each word counted at most as often as either side has it.
PrecisionRecall union_of_sentences(const std::vector<Numbers>& text, const std::vector<Numbers>& reference) {
  std::vector<std::uint32_t> left_in_text, left_in_reference;  // by word
  const auto count = [](const std::vector<Numbers>& sentences, std::vector<std::uint32_t>& left) {
    std::size_t words = 0;
    for (const auto& sentence : sentences) {
      words += sentence.size();
      for (const auto word : sentence) {
        if (word >= left.size()) left.resize(word + 1);
        ++left[word];
      }
    }
    return static_cast<double>(words);
  };
  const double in_text = count(text, left_in_text), in_reference = count(reference, left_in_reference);
  std::vector<std::vector<bool>> marked;
  for (const auto& sentence : reference) marked.emplace_back(sentence.size());
  for (const auto& sentence : text) {
    SubsequenceRow row(sentence);
    for (std::size_t r = 0; r < reference.size(); ++r) mark_common(reference[r], sentence, row, marked[r]);
  }
  double matches = 0;
  for (std::size_t r = 0; r < reference.size(); ++r) {
    for (std::size_t i = 0; i < reference[r].size(); ++i) {
      const auto word = reference[r][i];
      if (!marked[r][i] || word >= left_in_text.size() || left_in_text[word] == 0 || left_in_reference[word] == 0)
        continue;
      ++matches;
      --left_in_text[word];
      --left_in_reference[word];
    }
  }
  return precision_recall(matches, in_text, in_reference);
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

std::vector<std::string> Rouge::score_names() const {
  std::vector<std::string> names = {"rouge1", "rouge2", "rougeL"};
  if (types() > 3) names.emplace_back("rougeLsum");
  return names;
}

void Rouge::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                    std::span<double> statistics) const {
  const auto words = tokenize(hypothesis);
  NgramMatcher matcher;
  std::vector<PrecisionRecall> best(types());
  for (std::size_t r = 0; r < references.size(); ++r) {
    const auto reference_words = tokenize(references[r]);
    WordNumbers numbers;
    numbers.reset(words.size() + reference_words.size());
    const Numbers reference = numbered(numbers, reference_words), text = numbered(numbers, words);
    double matches[2];
    matcher.count(text, std::span(&reference, 1), matches);
    const auto in_text = static_cast<double>(text.size()), in_reference = static_cast<double>(reference.size());
    const auto keep_best = [&, first = r == 0](std::size_t type, const PrecisionRecall& result) {
      if (first || result.fmeasure > best[type].fmeasure) best[type] = result;
    };
    keep_best(0, precision_recall(matches[0], in_text, in_reference));
    keep_best(1, precision_recall(matches[1], in_text - 1, in_reference - 1));
    keep_best(2, precision_recall(static_cast<double>(common_subsequence(text, reference)), in_text, in_reference));
    if (types() > 3) keep_best(3, of_sentences(hypothesis, references[r]));
  }
  for (std::size_t type = 0; type < types(); ++type) {
    statistics[3 * type] = best[type].precision;
    statistics[3 * type + 1] = best[type].recall;
    statistics[3 * type + 2] = best[type].fmeasure;
  }
  statistics[3 * types()] = 1;
}

PrecisionRecall Rouge::of_sentences(std::string_view hypothesis, std::string_view reference) const {
  std::vector<std::vector<std::string>> words;  // of every sentence of both
  const auto split = [&](std::string_view text) {
    const auto& separator = options_.sentence_separator;
    for (std::size_t begin = 0; begin <= text.size();) {
      const auto end = std::min(text.find(separator, begin), text.size());
      words.push_back(tokenize(text.substr(begin, end - begin)));
      begin = end + separator.size();
    }
    return words.size();
  };
  const std::size_t sentences = split(hypothesis);
  split(reference);
  std::size_t total = 0;
  for (const auto& sentence : words) total += sentence.size();
  WordNumbers numbers;
  numbers.reset(total);
  std::vector<Numbers> sides[2];
  for (std::size_t i = 0; i < words.size(); ++i) sides[i < sentences ? 0 : 1].push_back(numbered(numbers, words[i]));
  return union_of_sentences(sides[0], sides[1]);
}

std::vector<PrecisionRecall> Rouge::results(std::span<const double> sums) const {
  std::vector<PrecisionRecall> means;
  const double segments = sums[3 * types()];
  for (std::size_t at = 0; at < 3 * types(); at += 3) {
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
  SubsequenceRow row(a);
  for (const auto word : b) row.add(word);
  return row.length(a.size());
}

}  // namespace langzoo
