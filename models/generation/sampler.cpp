#include "models/generation/sampler.h"

#include <ATen/ATen.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "models/generation/option_check.h"

namespace langzoo {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

}  // namespace

void SamplingOptions::validate() const {
  require_option(std::isfinite(temperature) && temperature >= 0, "temperature", temperature, "finite and not negative");
  require_option(top_k >= 0, "top_k", static_cast<double>(top_k), "positive, or 0 for no limit");
  require_option(top_p > 0 && top_p <= 1, "top_p", top_p, "in (0, 1]");
}

torch::Tensor apply_temperature(const torch::Tensor& logits, double temperature) {
  return (logits - logits.amax(1, true)) / temperature;
}

torch::Tensor keep_top_k(const torch::Tensor& logits, std::int64_t k) {
  if (k >= logits.size(1)) return logits;
  const auto largest = std::get<0>(logits.topk(k, 1, true, true));
  return logits.masked_fill(logits < largest.narrow(1, k - 1, 1), kNever);
}

torch::Tensor keep_top_p(const torch::Tensor& logits, double p) {
  // The nucleus is small nearly always: sort the likeliest 1024 tokens, and all of them only where those miss p.
  constexpr std::int64_t kUsual = 1024;
  const auto vocabulary = logits.size(1);
  const auto normalizer = logits.logsumexp(1, true);
  for (auto k = std::min(vocabulary, kUsual);; k = vocabulary) {
    const auto [value, index] = logits.topk(k, 1, true, true);  // (B,k)
    const auto probability = (value - normalizer).exp();
    const auto reached = probability.cumsum(1, at::kDouble);
    if (k < vocabulary && (reached.select(1, k - 1) < p).any().item<bool>()) continue;
    // A token stays while those before it have not reached p; the first has none before it.
    const auto kept = value.masked_fill(reached - probability >= p, kNever);
    return at::full_like(logits, kNever).scatter(1, index, kept);
  }
}

torch::Tensor apply_filters(const torch::Tensor& logits, const SamplingOptions& options) {
  auto result = logits;
  if (options.temperature != 1) result = apply_temperature(result, options.temperature);
  if (options.top_k > 0) result = keep_top_k(result, options.top_k);
  if (options.top_p < 1) result = keep_top_p(result, options.top_p);
  return result;
}

torch::Tensor draw(const torch::Tensor& logits, const torch::Tensor& uniforms) {
  const auto reached = logits.softmax(1).cumsum(1, at::kDouble);  // (B,V)
  const auto total = reached.select(1, -1);
  // The first token whose cumulative probability exceeds the target; its own probability is then positive.
  const auto target = (uniforms * total).unsqueeze(1);
  const auto token = at::searchsorted(reached, target, /*out_int32=*/false, /*right=*/true).squeeze(1);
  return token.masked_fill(at::logical_not(total > 0), -1);
}

torch::Tensor likeliest(const torch::Tensor& logits) {
  const auto [value, token] = logits.max(1);
  return token.masked_fill(at::logical_not(value > kNever), -1);
}

torch::Tensor likeliest(const torch::Tensor& hidden, Linear& head) {
  if (const auto token = head->argmax(hidden)) return at::full({1}, *token, at::kLong);
  return likeliest(head(hidden).to(at::kFloat));
}

}  // namespace langzoo
