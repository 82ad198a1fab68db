#include "data/metrics/cider.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

#include <fmt/format.h>

namespace langzoo {

namespace {

constexpr std::size_t kOrders = 4;
constexpr double kSigma = 6, kScale = 10;

/// An n-gram is its words with a space between, n-1 spaces.
using Counts = std::array<std::unordered_map<std::string, double>, kOrders>;

Counts counts_of(std::string_view text) {
  std::vector<std::string_view> words;
  constexpr std::string_view kWhite = " \t\r\n";
  for (auto begin = text.find_first_not_of(kWhite); begin != std::string_view::npos;) {
    const auto end = std::min(text.find_first_of(kWhite, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = text.find_first_not_of(kWhite, end);
  }
  Counts counts;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string ngram;
    for (std::size_t n = 0; n < kOrders && i + n < words.size(); ++n) {
      if (n > 0) ngram += ' ';
      ngram += words[i + n];
      ++counts[n][ngram];
    }
  }
  return counts;
}

/// The vectors of a text, by order.
struct Weighted {
  Counts weights;
  std::array<double, kOrders> norms{};
  double length = 0;
};

class Weighting {
 public:
  explicit Weighting(std::span<const std::vector<std::string>> references)
      : log_pictures_(std::log(static_cast<double>(references.size()))) {
    for (const auto& texts : references) {
      std::set<std::string> seen;
      for (const auto& text : texts) {
        for (const auto& order : counts_of(text)) {
          for (const auto& [ngram, count] : order) seen.insert(ngram);
        }
      }
      for (const auto& ngram : seen) ++pictures_with_[ngram];
    }
  }

  Weighted operator()(const std::string& text) const {
    Weighted result{.weights = counts_of(text)};
    for (const auto& [ngram, count] : result.weights[1]) result.length += count;
    for (std::size_t n = 0; n < kOrders; ++n) {
      double square = 0;
      for (auto& [ngram, weight] : result.weights[n]) {
        const auto found = pictures_with_.find(ngram);
        weight *= log_pictures_ - (found == pictures_with_.end() ? 0 : std::log(found->second));
        square += weight * weight;
      }
      result.norms[n] = std::sqrt(square);
    }
    return result;
  }

 private:
  double log_pictures_;
  std::unordered_map<std::string, double> pictures_with_;
};

double similarity(const Weighted& caption, const Weighted& reference) {
  double sum = 0;
  for (std::size_t n = 0; n < kOrders; ++n) {
    double product = 0;
    for (const auto& [ngram, weight] : caption.weights[n]) {
      const auto found = reference.weights[n].find(ngram);
      if (found != reference.weights[n].end()) product += std::min(weight, found->second) * found->second;
    }
    const double norms = caption.norms[n] * reference.norms[n];
    sum += norms == 0 ? product : product / norms;
  }
  const double difference = caption.length - reference.length;
  return sum / kOrders * std::exp(-difference * difference / (2 * kSigma * kSigma));
}

}  // namespace

CiderScore cider_d(std::span<const std::string> captions, std::span<const std::vector<std::string>> references) {
  if (captions.empty() || captions.size() != references.size()) {
    throw std::invalid_argument(
        fmt::format("CIDEr-D: {} captions, references of {} pictures", captions.size(), references.size()));
  }
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (references[i].empty()) throw std::invalid_argument(fmt::format("CIDEr-D: picture {} has no reference", i + 1));
  }
  const Weighting weighting(references);
  CiderScore result;
  for (std::size_t i = 0; i < captions.size(); ++i) {
    const auto caption = weighting(captions[i]);
    double sum = 0;
    for (const auto& reference : references[i]) sum += similarity(caption, weighting(reference));
    result.captions.push_back(kScale * sum / static_cast<double>(references[i].size()));
    result.score += result.captions.back();
  }
  result.score /= static_cast<double>(captions.size());
  return result;
}

}  // namespace langzoo
