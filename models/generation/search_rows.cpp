#include "models/generation/search_rows.h"

#include <ATen/ATen.h>
#include <fmt/core.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace langzoo {
namespace {

constexpr double kDrop = -std::numeric_limits<double>::infinity();

}  // namespace

SearchRows::SearchRows(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options)
    : step_(step), prompts_(prompts), options_(options) {
  check_capacity(step, prompts, options.max_new_tokens);
  const auto sources = prompts.ids.size(0);
  if (!options.prefixes.empty() && std::ssize(options.prefixes) != sources) {
    throw std::invalid_argument(fmt::format("prefixes: {} for {} sources", options.prefixes.size(), sources));
  }
  for (const auto& prefix : options.prefixes) longest_prefix_ = std::max(longest_prefix_, std::ssize(prefix));
  history_.repetition_penalty = options.repetition_penalty;
  history_.no_repeat_ngram_size = options.no_repeat_ngram_size;
  eos_ = at::tensor(std::vector<std::int64_t>(options.eos_token_ids.begin(), options.eos_token_ids.end()), at::kLong)
             .to(device());
  if (looks_back()) {
    ids_ = prompts.ids;
    mask_ = prompts.mask;
  }
  sources_.resize(static_cast<std::size_t>(sources));
  for (std::size_t b = 0; b < sources_.size(); ++b) sources_[b] = static_cast<std::int64_t>(b);
}

torch::Tensor SearchRows::begin() {
  const auto logits = step_.step(prompts_.ids);  // (B,V)
  check_vocabulary(logits.size(1));
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
  for (auto* held : {&ids_, &mask_, &coverage_, &source_mask_}) {
    if (held->defined()) *held = held->index_select(0, index);
  }
  if (looks_back()) {
    ids_ = at::cat({ids_, next.unsqueeze(1)}, 1);
    mask_ = at::cat({mask_, at::ones_like(ids_.narrow(1, 0, 1), mask_.options())}, 1);
  }
  if (longest_prefix_ > 0) {
    std::vector<std::int64_t> sources;
    for (const auto row : rows) sources.push_back(sources_[row]);
    sources_ = std::move(sources);
  }
  ++made_;
  return after_step(step_.step(next.unsqueeze(1)));
}

/// Log-probabilities (R,V) from logits (R,V), processed in transformers' order.
torch::Tensor SearchRows::after_step(const torch::Tensor& logits) {
  if (coverage_.defined()) coverage_ = coverage_ + step_.attention();
  const auto raw = logits.log_softmax(1);
  auto result = raw;
  if (looks_back()) result = apply_history(raw, ids_, mask_, history_);
  if (made_ < options_.min_new_tokens && eos_.numel() > 0) result = result.index_fill(1, eos_, kDrop);
  return made_ < longest_prefix_ ? force_prefixes(raw, result) : result;
}

/// Where a row's prefix goes on, its next token alone keeps its probability.
torch::Tensor SearchRows::force_prefixes(const torch::Tensor& raw, const torch::Tensor& processed) const {
  std::vector<std::int64_t> forced;
  for (const auto source : sources_) {
    const auto& prefix = options_.prefixes[source];
    forced.push_back(made_ < std::ssize(prefix) ? prefix[made_] : -1);
  }
  const auto token = at::tensor(forced, at::kLong).to(device()).unsqueeze(1);  // (R,1)
  const auto index = token.clamp_min(0);
  const auto only = at::full_like(raw, kDrop).scatter(1, index, raw.gather(1, index));
  return at::where(token >= 0, only, processed);
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
      source, made_));
}

void SearchRows::check_vocabulary(std::int64_t vocabulary) const {
  const auto check = [&](const char* field, std::int32_t id) {
    if (id >= vocabulary) {
      throw std::invalid_argument(fmt::format("{}: {} is outside the model's vocabulary of {}", field, id, vocabulary));
    }
  };
  for (const auto id : options_.eos_token_ids) check("eos_token_ids", id);
  for (const auto& prefix : options_.prefixes) {
    for (const auto id : prefix) check("prefixes", id);
  }
}

}  // namespace langzoo
