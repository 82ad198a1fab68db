#include "models/word2vec/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace langzoo {

namespace {

constexpr double kRange = 0x1p32;  // of 32 random bits

std::uint32_t limit_of(double probability) {
  return static_cast<std::uint32_t>(std::clamp(std::round(probability * kRange), 0.0, kRange - 1));
}

}  // namespace

Subsampler::Subsampler(std::span<const std::int64_t> counts, double threshold) {
  const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
  for (const auto count : counts) {
    double keep = 1;
    if (threshold > 0 && count > 0) {
      const double excess = static_cast<double>(count) / (threshold * total);  // f/t
      keep = std::min(1.0, (std::sqrt(excess) + 1) / excess);
    }
    limits_.push_back(limit_of(keep));
  }
}

double Subsampler::keep_probability(std::int64_t word) const {
  return (limits_.at(static_cast<std::size_t>(word)) + 1.0) / kRange;
}

void Subsampler::keep(std::span<const std::int32_t> sentence, Random& random, std::vector<std::int32_t>& kept) const {
  // Written whether it stays or not: no branch to mispredict.
  auto size = kept.size();
  kept.resize(size + sentence.size());
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < sentence.size(); ++i) {
    bits = i % 2 == 0 ? random.next() : bits >> 32;
    const auto word = sentence[i];
    kept[size] = word;
    size += static_cast<std::uint32_t>(bits) <= limits_[static_cast<std::size_t>(word)];
  }
  kept.resize(size);
}

NegativeSampler::NegativeSampler(std::span<const std::int64_t> counts, double power) {
  std::vector<double> share;
  for (const auto count : counts) share.push_back(count > 0 ? std::pow(static_cast<double>(count), power) : 0.0);
  const double total = std::accumulate(share.begin(), share.end(), 0.0);
  if (!(total > 0)) throw std::invalid_argument("negative sampling needs a word with a positive count");
  const auto n = share.size();
  std::vector<std::int32_t> small, large;
  for (std::size_t i = 0; i < n; ++i) {
    share[i] *= static_cast<double>(n) / total;
    (share[i] < 1 ? small : large).push_back(static_cast<std::int32_t>(i));
  }
  // Each slot holds probability 1/n: what a rare word leaves of its slot is given to a frequent one.
  slots_.resize(n);
  while (!small.empty() && !large.empty()) {
    const auto rare = static_cast<std::size_t>(small.back());
    const auto frequent = static_cast<std::size_t>(large.back());
    small.pop_back();
    slots_[rare] = {limit_of(share[rare]), large.back()};
    share[frequent] -= 1 - share[rare];
    if (share[frequent] < 1) small.push_back(large.back()), large.pop_back();
  }
  for (const auto& rest : {small, large}) {
    for (const auto i : rest) slots_[static_cast<std::size_t>(i)] = {std::numeric_limits<std::uint32_t>::max(), i};
  }
}

std::vector<double> NegativeSampler::probabilities() const {
  const auto n = static_cast<double>(slots_.size());
  std::vector<double> p(slots_.size());
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const double own = slots_[i].limit / kRange;
    p[i] += own / n;
    p[static_cast<std::size_t>(slots_[i].alias)] += (1 - own) / n;
  }
  return p;
}

}  // namespace langzoo
