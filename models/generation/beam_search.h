/// Beam search over a step function: the likeliest continuations of a batch of prompts or sources.
///
/// A hypothesis is complete when it ends with an end token, when BeamSearchOptions::is_complete says so, or when it
/// holds max_new_tokens; |Y| counts its new tokens, the end token included. Beams under way are compared by their
/// log-probability, complete ones by their score. Two sets of rules, which differ in what completes and when the search
/// of a source ends:
///
/// - Hugging Face's gives the ids and scores of transformers 5.23: score log P / |Y|^length_penalty; an end token
///   counts only among the num_beams likeliest continuations of a step; early_stopping as documented below.
/// - The papers' (GNMT, Wu et al. 2016, section 7): score log P / lp(Y) + cp(X;Y) (penalties.h); every end token among
///   the (1 + number of end tokens) * num_beams likeliest continuations counts; the search ends when the best
///   num_return_sequences complete hypotheses are at least as good as anything that the beams can still become.
///
/// Logits processors (logits_processors.h) work on log-probabilities, as in transformers, which are not normalised
/// again. One beam under Hugging Face's rules is transformers' greedy search, where they work on logits (a repetition
/// penalty can then lead elsewhere) and the first end token is the end; its score is that of one beam.
///
/// Letters: K beams, G groups, U groups of all sources, V vocabulary.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/generation/generate.h"
#include "models/generation/penalties.h"
#include "models/generation/step.h"

namespace langzoo {

/// Which of the two sets.
enum class BeamRules { kHuggingFace, kPapers };

/// When the search of a source ends, once num_beams hypotheses are complete.
enum class EarlyStopping {
  /// Hugging Face: when the best beam, scored at its present length, is no better than the worst of them: a guess.
  /// The papers' rules: when it is certain.
  kFalse,
  /// At once (first come, first served).
  kTrue,
  /// Hugging Face only: as kFalse, but a positive length_penalty scores the best beam at max_new_tokens: certain.
  kNever,
};

/// num_return_sequences is at most num_beams.
struct BeamSearchOptions : DecodingOptions {
  std::int64_t num_beams = 4;  ///< of all groups together

  BeamRules rules = BeamRules::kHuggingFace;
  double length_penalty = 1.0;                                               ///< alpha; 0 compares log-probabilities
  LengthNormalization length_normalization = LengthNormalization::kAverage;  ///< kGnmt: the papers' rules only
  double coverage_penalty = 0;     ///< beta, the papers' rules only; needs a step function with attention()
  torch::Tensor source_mask = {};  ///< (B,S) bool, false on the source's padding: for the coverage; undefined: none
  EarlyStopping early_stopping = EarlyStopping::kFalse;
  /// Whether a hypothesis of these new ids is complete, though it ends with no end token: a stop string has appeared.
  /// Asked of every continuation that could go on; unset: never.
  std::function<bool(std::span<const std::int32_t> ids)> is_complete = {};
  /// With kTrue the search ends at num_beams * patience complete hypotheses (Kasai et al. 2022).
  double patience = 1.0;

  /// Diverse beam search (Vijayakumar et al. 2016): num_beams / G beams a group; in each step a group's log-probability
  /// of a token falls by diversity_penalty for every beam of an earlier group that has just chosen it. That is part of
  /// the beams' log-probabilities from then on.
  std::int64_t num_beam_groups = 1;
  double diversity_penalty = 0;

  /// Throws std::invalid_argument naming the field and its value.
  void validate() const;
};

struct Hypothesis {
  std::vector<std::int32_t> ids;  ///< the new ones, the end token included
  double score = 0;
  double log_probability = 0;  ///< sum over `ids`, as the processors and the diversity penalty left it
};

/// For every prompt its best hypotheses, best first: num_return_sequences, or fewer where no more exist. `step` is
/// fresh and was made for the mask of `prompts`; each prompt goes through it once. For an encoder-decoder the prompts
/// are the start tokens. Throws std::invalid_argument for options, a vocabulary or a capacity that do not fit, and
/// std::runtime_error naming the source whose logits leave no token to choose.
std::vector<std::vector<Hypothesis>> beam_search(StepFunction& step, const PaddedPrompts& prompts,
                                                 const BeamSearchOptions& options);

}  // namespace langzoo
