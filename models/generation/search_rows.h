/// The rows of a search under way: internal to beam_search.cpp and exhaustive_search.cpp.
#pragma once

#include <cstdint>
#include <vector>

#include "models/generation/beam_search.h"

namespace langzoo {

/// A step function's rows, with what a search must know of each besides: its source, the tokens it holds and the source
/// positions it has attended to.
///
/// Letters: R rows, B sources, V vocabulary.
class SearchRows {
 public:
  /// Throws std::invalid_argument where the options, the prompts and the step function do not fit.
  SearchRows(StepFunction& step, const PaddedPrompts& prompts, const BeamSearchOptions& options);

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
  /// New tokens that each row holds.
  std::int64_t made() const { return made_; }

 private:
  bool looks_back() const { return history_.repetition_penalty != 1 || history_.no_repeat_ngram_size > 0; }
  torch::Tensor after_step(const torch::Tensor& logits);
  torch::Tensor force_prefixes(const torch::Tensor& raw, const torch::Tensor& processed) const;
  void check_vocabulary(std::int64_t vocabulary) const;

  StepFunction& step_;
  const PaddedPrompts& prompts_;
  const BeamSearchOptions& options_;
  SamplingOptions history_;               ///< what apply_history reads
  torch::Tensor eos_;                     ///< end tokens (E) int64
  torch::Tensor ids_, mask_;              ///< (R, T + made): what rows hold; only when a processor looks back
  torch::Tensor coverage_, source_mask_;  ///< (R,S); only with a coverage penalty, the mask only where there is one
  std::vector<std::int64_t> sources_;     ///< by row
  std::int64_t made_ = 0;
  std::int64_t longest_prefix_ = 0;
};

}  // namespace langzoo
