/// Text generation over a step function: greedy search and sampling, in batches, one token a row and step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "models/generation/decoding_options.h"
#include "models/generation/sampler.h"
#include "models/generation/step.h"

namespace langzoo {

/// Prompts as one rectangle: every row ends at the right edge, `mask` is false on the padding before it.
struct PaddedPrompts {
  torch::Tensor ids;   ///< (B,T) int64
  torch::Tensor mask;  ///< (B,T) bool
};

/// Throws std::invalid_argument when there is no prompt, or an empty one (named by its index).
PaddedPrompts pad_left(std::span<const std::vector<std::int32_t>> prompts, std::int32_t pad_id);

/// Throws std::invalid_argument naming the lengths unless `step` holds the prompts and all new tokens but the last,
/// which is never read.
void check_capacity(const StepFunction& step, const PaddedPrompts& prompts, std::int64_t max_new_tokens);

struct GenerateOptions : DecodingOptions {
  SamplingOptions sampling;  ///< of what the logits processors leave
  std::uint64_t seed = 0;
  /// Index of the first prompt in the whole input. A sequence's random numbers are decided by (seed, its index in the
  /// whole input, the sample's index), so any split into batches draws the same.
  std::uint64_t first_sequence = 0;

  /// Throws std::invalid_argument naming the field and its value.
  void validate() const;
};

/// Called for every new token, its row's tokens in order; true ends the row (a stop string has appeared).
using OnToken = std::function<bool(std::size_t row, std::int32_t id)>;

/// The new ids of each row: B * num_return_sequences rows, the samples of one prompt next to each other. A row ends
/// with an end token (which it then holds), when `on_token` says so, or after max_new_tokens. `step` is fresh and was
/// made for the mask of `prompts`; the prompt goes through it once, whatever the number of samples. It must hold T +
/// max_new_tokens - 1 tokens: std::invalid_argument names the lengths otherwise. Throws std::runtime_error when a row's
/// logits leave no token to choose.
std::vector<std::vector<std::int32_t>> generate(StepFunction& step, const PaddedPrompts& prompts,
                                                const GenerateOptions& options, const OnToken& on_token = {});

}  // namespace langzoo
