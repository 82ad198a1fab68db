/// The rows of a search under way: internal to beam_search.cpp and exhaustive_search.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "models/generation/beam_search.h"
#include "models/generation/processed_rows.h"

namespace langzoo {

/// A step function's rows, with what a search must know of each besides: what its logits processors look at and the
/// source positions it has attended to.
///
/// Letters: R rows, B sources, V vocabulary.
class SearchRows {
 public:
  /// `greedy`: of each row's log-probabilities all but that of the token whose logit, processed, is largest are -inf.
  /// Throws std::invalid_argument where the options, the prompts and the step function do not fit.
  SearchRows(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options, bool greedy = false);

  /// Reads the prompts. Returns the log-probabilities (B,V) of the first token, processed as the options ask.
  torch::Tensor begin();

  /// Row i goes on with what row `rows[i]` held and with `tokens[i]`. Returns the log-probabilities (R,V) of the next.
  torch::Tensor advance(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& tokens);

  /// cp(X;Y) of each row (R), were it to end with the next token; undefined without a coverage penalty.
  torch::Tensor coverage_scores() const;

  /// Throws the std::runtime_error for a source whose logits leave nothing to choose.
  [[noreturn]] void nothing_to_choose(std::int64_t source) const;

  torch::Device device() const { return prompts_.ids.device(); }
  bool is_end(std::int64_t token) const;
  std::int64_t new_tokens() const { return rows_.new_tokens(); }

 private:
  torch::Tensor after_step(const torch::Tensor& logits);

  StepFunction& step_;
  const PaddedPrompts& prompts_;
  const BeamSearchOptions& options_;
  bool greedy_;
  ProcessedRows rows_;
  torch::Tensor coverage_, source_mask_;  ///< (R,S); only with a coverage penalty, the mask only where there is one
};

}  // namespace langzoo
