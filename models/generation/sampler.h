/// From logits to the next token: the logits processors of `transformers`, in its order, and the draw.
///
/// Letters: B rows, S tokens a row holds so far (padding included), V vocabulary.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace langzoo {

struct SamplingOptions {
  bool greedy = false;                    ///< the likeliest token; temperature, top_k and top_p play no part
  double temperature = 1.0;               ///< 0 means greedy
  std::int64_t top_k = 0;                 ///< 0 = off
  double top_p = 1.0;                     ///< 1 = off
  double repetition_penalty = 1.0;        ///< 1 = off
  std::int64_t no_repeat_ngram_size = 0;  ///< 0 = off

  /// Throws std::invalid_argument naming the field and its value.
  void validate() const;
  bool is_greedy() const { return greedy || temperature == 0; }
};

/// Every function takes logits (B,V) floating point and returns (B,V); `ids` (B,S) int64 and `mask` (B,S) bool are what
/// the rows hold so far, left padded, padding false. Each works row by row: no row sees another row or its padding.

/// CTRL (Keskar et al. 2019, section 4.1) with the sign rule of `transformers`: the logit of a token that the row holds
/// is divided by `penalty` when positive and multiplied when negative, once however often the token stands there.
/// Prompt tokens count, padding does not (as in transformers since 5.x, also where the padding id is a real token).
torch::Tensor penalize_repetition(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask,
                                  double penalty);

/// -inf for every token that would complete an n-gram the row already holds. n-grams that touch the padding do not
/// count (transformers counts them, so there a prompt's continuation can depend on its neighbours in the batch).
torch::Tensor ban_repeated_ngrams(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask,
                                  std::int64_t n);

/// Logits / temperature, shifted so that each row's largest is 0 and no temperature overflows.
torch::Tensor apply_temperature(const torch::Tensor& logits, double temperature);

/// -inf below the k-th largest logit; ties with it stay.
torch::Tensor keep_top_k(const torch::Tensor& logits, std::int64_t k);

/// Nucleus sampling (Holtzman et al. 2020): -inf outside the smallest set of likeliest tokens whose probabilities
/// reach `p`; at least one token stays.
torch::Tensor keep_top_p(const torch::Tensor& logits, double p);

/// Repetition penalty and n-grams: what greedy search and sampling share. Undefined `ids` are allowed when both are
/// off.
torch::Tensor apply_history(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask,
                            const SamplingOptions& options);

/// Temperature, then top-k, then top-p: what only sampling does.
torch::Tensor apply_filters(const torch::Tensor& logits, const SamplingOptions& options);

/// Draws one token a row by inverting its cumulative distribution at `uniforms` (B) float64 in [0,1).
/// Returns (B) int64; -1 where a row has no token of positive probability or holds a NaN.
torch::Tensor draw(const torch::Tensor& logits, const torch::Tensor& uniforms);

/// The likeliest token of each row (B) int64; -1 where there is none (all -inf, or a NaN).
torch::Tensor likeliest(const torch::Tensor& logits);

}  // namespace langzoo
