/// The entities that a text names as what a model restores beside hidden tokens: ERNIE's denoising entity auto-encoder
/// (Zhang et al. 2019, https://arxiv.org/abs/1905.07129, section 3.4).
#pragma once

#include <span>
#include <string>

#include <torch/types.h>

#include "data/knowledge/phrase_matcher.h"
#include "data/pretraining/pretraining.h"

namespace langzoo {

/// Names as a tokenizer writes them, each with its place in the list; those that have no tokens, or unknown ones, are
/// left out.
PhraseMatcher name_tokens(std::span<const std::string> names, const Tokenizer& tokenizer);

/// The entities that a pretraining batch names, and how the model reads them: of each name 5 % are
/// another entity of the batch, 15 % none, the rest as they are.
struct EntityBatch {
  torch::Tensor ids;         ///< (B,T) int64: as the model reads them, -1 where there is none
  torch::Tensor candidates;  ///< (K) int64: the entities of the batch, each once
  torch::Tensor labels;      ///< (B,T) int64: which candidate is named, -100 elsewhere
};
/// Names are found in what the tokens were before they were hidden.
EntityBatch entity_batch(const PretrainingBatch& batch, const PhraseMatcher& names, Random& random);

}  // namespace langzoo
