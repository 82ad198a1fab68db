#include "data/metrics/bleu.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include <fmt/format.h>

#include "data/metrics/ngram_matcher.h"
#include "data/metrics/python_text.h"

namespace langzoo {

namespace {

/// The logarithm of a precision of zero, by sacreBLEU's definition.
constexpr double kLogOfZero = -9999999999;

double default_smooth_value(BleuSmoothing smoothing) {
  return smoothing == BleuSmoothing::kFloor ? 0.1 : 1.0;
}

bool takes_value(BleuSmoothing smoothing) {
  return smoothing == BleuSmoothing::kFloor || smoothing == BleuSmoothing::kAddK;
}

std::string tokenized(const BleuOptions& options, std::string_view text) {
  if (!options.lowercase) return tokenize_for_bleu(options.tokenizer, python_rstrip(text));
  const auto lower = python_lower(text);
  return tokenize_for_bleu(options.tokenizer, python_rstrip(lower));
}

/// Of the reference lengths the one closest to `length`, of two the shorter.
std::size_t closest_length(std::span<const std::vector<std::uint32_t>> references, std::size_t length) {
  const auto distance = [&](std::size_t other) { return other > length ? other - length : length - other; };
  std::size_t closest = references.front().size();
  for (const auto& reference : references) {
    const auto candidate = reference.size();
    const auto a = distance(candidate), b = distance(closest);
    if (a < b || (a == b && candidate < closest)) closest = candidate;
  }
  return closest;
}

}  // namespace

Bleu::Bleu(BleuOptions options) : options_(options) {
  if (options_.max_order == 0) throw std::invalid_argument("max_order: 0");
  if (!options_.smooth_value) return;
  if (!takes_value(options_.smoothing)) {
    throw std::invalid_argument("smooth_value: only the smoothing methods floor and add-k have one");
  }
  if (!std::isfinite(*options_.smooth_value) || *options_.smooth_value < 0) {
    throw std::invalid_argument(
        fmt::format("smooth_value: {} is not a finite number from 0 on", *options_.smooth_value));
  }
}

std::string Bleu::settings() const {
  std::string smoothing = "none";
  if (options_.smoothing == BleuSmoothing::kFloor) smoothing = "floor";
  if (options_.smoothing == BleuSmoothing::kAddK) smoothing = "add-k";
  if (options_.smoothing == BleuSmoothing::kExp) smoothing = "exp";
  if (takes_value(options_.smoothing)) {
    smoothing += fmt::format("[{:.2f}]", options_.smooth_value.value_or(default_smooth_value(options_.smoothing)));
  }
  return fmt::format("case:{}|eff:{}|tok:{}|smooth:{}", options_.lowercase ? "lc" : "mixed",
                     options_.effective_order ? "yes" : "no", name_of(options_.tokenizer), smoothing);
}

void Bleu::measure(std::string_view hypothesis, std::span<const std::string_view> references,
                   std::span<double> statistics) const {
  const auto text = tokenized(options_, hypothesis);
  const auto words = split_words(text);
  std::vector<std::string> reference_texts(references.size());
  std::vector<std::vector<std::string_view>> reference_words(references.size());
  std::size_t all_words = words.size();
  for (std::size_t r = 0; r < references.size(); ++r) {
    reference_texts[r] = tokenized(options_, references[r]);
    reference_words[r] = split_words(reference_texts[r]);
    all_words += reference_words[r].size();
  }
  WordNumbers numbers;
  numbers.reset(all_words);
  std::vector<std::vector<std::uint32_t>> numbered(references.size());
  for (std::size_t r = 0; r < references.size(); ++r) numbered[r] = numbers(reference_words[r]);

  statistics[0] = static_cast<double>(words.size());
  statistics[1] = static_cast<double>(closest_length(numbered, words.size()));
  NgramMatcher().count(numbers(words), numbered, statistics.subspan(2, options_.max_order));
  const auto totals = statistics.subspan(2 + options_.max_order);
  for (std::size_t i = 0; i < options_.max_order && i < words.size(); ++i) {
    totals[i] = static_cast<double>(words.size() - i);
  }
}

BleuScore Bleu::result(std::span<const double> sums) const {
  const auto orders = options_.max_order;
  BleuScore result;
  const double sys_len = sums[0], ref_len = sums[1];
  result.sys_len = static_cast<std::int64_t>(sys_len);
  result.ref_len = static_cast<std::int64_t>(ref_len);
  result.counts.assign(sums.begin() + 2, sums.begin() + 2 + static_cast<std::ptrdiff_t>(orders));
  result.totals.assign(sums.begin() + 2 + static_cast<std::ptrdiff_t>(orders), sums.end());
  result.precisions.assign(orders, 0.0);
  if (sys_len < ref_len) result.brevity_penalty = sys_len > 0 ? std::exp(1 - ref_len / sys_len) : 0.0;
  if (std::all_of(result.counts.begin(), result.counts.end(), [](double count) { return count == 0; })) return result;

  const double value = options_.smooth_value.value_or(default_smooth_value(options_.smoothing));
  double halved = 1;
  std::size_t averaged = orders;
  for (std::size_t i = 0; i < orders; ++i) {
    auto &count = result.counts[i], &total = result.totals[i], &precision = result.precisions[i];
    if (options_.smoothing == BleuSmoothing::kAddK && i > 0) count += value, total += value;
    if (total == 0) break;
    if (options_.effective_order) averaged = i + 1;
    if (count > 0) {
      precision = 100. * count / total;
    } else if (options_.smoothing == BleuSmoothing::kExp) {
      halved *= 2;
      precision = 100. / (halved * total);
    } else if (options_.smoothing == BleuSmoothing::kFloor) {
      precision = 100. * value / total;
    }
  }
  double log_sum = 0;
  for (std::size_t i = 0; i < averaged; ++i) {
    log_sum += result.precisions[i] == 0 ? kLogOfZero : std::log(result.precisions[i]);
  }
  result.score = result.brevity_penalty * std::exp(log_sum / static_cast<double>(averaged));
  return result;
}

}  // namespace langzoo
