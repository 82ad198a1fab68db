#include "models/generation/exhaustive_search.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "models/generation/search_rows.h"

namespace langzoo {
namespace {

constexpr std::int64_t kMostHypotheses = 1 << 20;

/// A hypothesis that may grow, one a row.
struct Partial {
  std::int64_t source;
  std::vector<std::int32_t> ids;
  float log_probability = 0;
};

void keep_best(std::vector<Hypothesis>& hypotheses, std::int64_t count) {
  std::stable_sort(hypotheses.begin(), hypotheses.end(),
                   [](const Hypothesis& a, const Hypothesis& b) { return a.score > b.score; });
  if (std::ssize(hypotheses) > count) hypotheses.resize(count);
}

}  // namespace

std::vector<std::vector<Hypothesis>> exhaustive_search(StepFunction& step, const PaddedPrompts& prompts,
                                                       const BeamSearchOptions& given) {
  auto options = given;
  options.num_beams = std::max(given.num_beams, given.num_return_sequences);
  options.num_beam_groups = 1;
  options.diversity_penalty = 0;
  options.early_stopping = EarlyStopping::kFalse;
  options.patience = 1;
  options.validate();
  const c10::InferenceMode guard;
  SearchRows rows(step, prompts, options);
  std::vector<Partial> partial;
  for (std::int64_t source = 0; source < prompts.ids.size(0); ++source) partial.push_back({source, {}, 0});
  std::vector<std::vector<Hypothesis>> result(partial.size());
  auto log_probabilities = rows.begin();  // (R,V)
  for (std::int64_t length = 1;; ++length) {
    const auto vocabulary = log_probabilities.size(1);
    if (std::ssize(partial) > kMostHypotheses / vocabulary) {
      throw std::invalid_argument(fmt::format(
          "exhaustive search: {} hypotheses of {} tokens, each with {} continuations, are too many: {} at most",
          partial.size(), length - 1, vocabulary, kMostHypotheses));
    }
    const auto next = log_probabilities.to(at::kFloat).cpu().contiguous();
    const auto coverage = rows.coverage_scores();
    const auto cp = coverage.defined() ? coverage.to(at::kFloat).cpu() : at::zeros({next.size(0)}, at::kFloat);
    const auto lp = static_cast<float>(length_normalizer(options.length_normalization, options.length_penalty, length));
    std::vector<Partial> longer;
    std::vector<std::int64_t> parents, tokens;
    for (std::int64_t row = 0; row < std::ssize(partial); ++row) {
      for (std::int64_t token = 0; token < vocabulary; ++token) {
        const float p = next.const_data_ptr<float>()[row * vocabulary + token];
        if (std::isnan(p)) rows.nothing_to_choose(partial[row].source);
        if (p == -std::numeric_limits<float>::infinity()) continue;
        auto grown = partial[row];
        grown.ids.push_back(static_cast<std::int32_t>(token));
        grown.log_probability += p;
        if (length == options.max_new_tokens || rows.is_end(token) ||
            (options.is_complete && options.is_complete(grown.ids))) {
          const float score = grown.log_probability / lp + cp.const_data_ptr<float>()[row];
          result[grown.source].push_back({std::move(grown.ids), score, grown.log_probability});
        } else {
          longer.push_back(std::move(grown));
          parents.push_back(row);
          tokens.push_back(token);
        }
      }
    }
    for (auto& hypotheses : result) keep_best(hypotheses, options.num_return_sequences);
    partial = std::move(longer);
    if (partial.empty()) break;
    log_probabilities = rows.advance(parents, tokens);
  }
  for (std::size_t b = 0; b < result.size(); ++b) {
    if (result[b].empty()) rows.nothing_to_choose(static_cast<std::int64_t>(b));
  }
  return result;
}

}  // namespace langzoo
