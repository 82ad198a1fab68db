/// What of a step's logits is left before the next token is chosen: one list of logits processors for sampling and beam
/// search, in the order of transformers 5.23. Temperature, top-k and top-p come after them, in sampling alone
/// (sampler.h); beam search applies them to log-probabilities.
///
/// Every row is processed by itself: no row sees another or its padding.
///
/// Letters: R rows, S tokens a row holds so far (padding included), V vocabulary.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "models/generation/decoding_options.h"

namespace langzoo {

/// What processors may look at besides the logits. Rows come, go and change places between steps.
struct DecodingRows {
  torch::Tensor ids;                             ///< (R,S) int64: the prompt, padded on the left, then the new tokens
  torch::Tensor mask;                            ///< (R,S) bool, false on padding
  torch::Tensor unprocessed;                     ///< (R,V) as the model gave them; log-probabilities in beam search
  std::int64_t new_tokens = 0;                   ///< of S
  std::span<const std::int64_t> sources;         ///< by row: the prompt, or the source, it goes on from
  std::span<const std::int64_t> prompt_lengths;  ///< tokens of each prompt, by source
};

/// One rule. It holds no state of the rows: what it says depends on what it is given.
class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;

  /// -inf forbids a token. `logits` itself stays as it is. Shapes: (R,V) -> (R,V).
  virtual torch::Tensor process(const torch::Tensor& logits, const DecodingRows& rows) const = 0;

  /// Whether ids and mask are read: where no processor does, nobody keeps them, and they are undefined.
  virtual bool reads_ids() const { return true; }
};

/// The processors that `options` ask for, for logits like `logits` (R,V): repetition, n-grams, bad words, minimum
/// lengths, prefixes, forced tokens, suppressed tokens, the caller's own. Throws std::invalid_argument as
/// check_vocabulary does.
LogitsProcessors logits_processors(const DecodingOptions& options, const torch::Tensor& logits);

/// CTRL (Keskar et al. 2019, section 4.1) with the sign rule of `transformers`: the logit of a token that the row holds
/// is divided by `penalty` when positive and multiplied when negative, once however often the token stands there.
/// Prompt tokens count, padding does not (as in transformers since 5.x, also where the padding id is a real token).
/// Shapes: logits (R,V), ids (R,S) int64, mask (R,S) bool -> (R,V).
torch::Tensor penalize_repetition(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask,
                                  double penalty);

/// -inf for every token that would complete an n-gram the row already holds. n-grams that touch the padding do not
/// count (transformers counts them, so there a prompt's continuation can depend on its neighbours in the batch).
/// Shapes: as penalize_repetition.
torch::Tensor ban_repeated_ngrams(const torch::Tensor& logits, const torch::Tensor& ids, const torch::Tensor& mask,
                                  std::int64_t n);

}  // namespace langzoo
