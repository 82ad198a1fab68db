#include "models/generation/search_rows.h"

#include <ATen/ATen.h>
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "models/generation/sampler.h"

namespace langzoo {

SearchRows::SearchRows(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options, bool greedy)
    : step_(step), prompts_(prompts), options_(options), greedy_(greedy), rows_(prompts, options) {
  check_capacity(step, prompts, options.max_new_tokens);
}

torch::Tensor SearchRows::begin() {
  const auto logits = step_.step(prompts_.ids);  // (B,V)
  if (options_.coverage_penalty != 0) {
    const auto attention = step_.attention();
    if (!attention.defined()) throw std::invalid_argument("coverage_penalty: the model has no attention over a source");
    source_mask_ = options_.source_mask;
    if (source_mask_.defined() && source_mask_.sizes() != attention.sizes()) {
      throw std::invalid_argument(fmt::format("source_mask is of another shape than the attention ({},{})",
                                              attention.size(0), attention.size(1)));
    }
    coverage_ = at::zeros_like(attention);
  }
  return after_step(logits);
}

torch::Tensor SearchRows::advance(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& tokens) {
  const auto index = at::tensor(rows, at::kLong).to(device());
  const auto next = at::tensor(tokens, at::kLong).to(device());
  step_.reorder(index);
  rows_.reorder(rows, index);
  rows_.append(next);
  for (auto* held : {&coverage_, &source_mask_}) {
    if (held->defined()) *held = held->index_select(0, index);
  }
  return after_step(step_.step(next.unsqueeze(1)));
}

/// Log-probabilities (R,V) from logits (R,V), processed.
torch::Tensor SearchRows::after_step(const torch::Tensor& logits) {
  if (coverage_.defined()) coverage_ = coverage_ + step_.attention();
  const auto scores = rows_.process(logits.log_softmax(1));
  if (!greedy_) return scores;
  // -1, nothing to choose, is left to the search.
  const auto chosen = likeliest(rows_.process(logits)).clamp_min(0).unsqueeze(1);  // (R,1)
  return at::full_like(scores, -std::numeric_limits<double>::infinity()).scatter_(1, chosen, scores.gather(1, chosen));
}

torch::Tensor SearchRows::coverage_scores() const {
  if (!coverage_.defined()) return {};
  return coverage_score(coverage_, source_mask_, options_.coverage_penalty);
}

bool SearchRows::is_end(std::int64_t token) const {
  const auto& ends = options_.eos_token_ids;
  return std::find(ends.begin(), ends.end(), token) != ends.end();
}

void SearchRows::nothing_to_choose(std::int64_t source) const {
  throw std::runtime_error(fmt::format(
      "source {} has no token to choose after {} new ones: the model's logits are not numbers, or all are banned",
      source, new_tokens()));
}

}  // namespace langzoo
