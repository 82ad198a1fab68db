/// Text to text from text alone: what an encoder-decoder reads of a text, and what it has to write. Span corruption of
/// T5 and the objectives it was compared with (Raffel et al. 2020, sections 3.1.4 and 3.3). Pure functions of text,
/// options and random numbers; no torch.
///
///     langzoo::Random random(seed, line);
///     const auto [inputs, targets] = langzoo::corrupt_spans(ids, sentinels, {}, random);
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "data/pretraining/masking.h"
#include "data/random/random.h"
#include "tokenizers/tokenizer.h"

namespace langzoo {

struct SpanCorruptionOptions {
  double noise_density = 0.15;          ///< share of the tokens that are to be restored
  double mean_noise_span_length = 3.0;  ///< tokens of a span, on average

  /// Throws std::invalid_argument naming the field.
  void validate() const;
};

/// How many tokens of a text are noise, in how many spans: halves are rounded to even, as Python does; a text of two
/// tokens or more has noise and something beside it. The spans are no more than there are tokens for, noise or not.
struct NoiseCounts {
  std::int64_t noise = 0, spans = 0;
};
NoiseCounts noise_counts(std::int64_t tokens, const SpanCorruptionOptions& options);

/// How long inputs and targets of a corrupted text are, their sentinels and end tokens counted: 512 and 114 of 568
/// tokens.
struct CorruptedLengths {
  std::int64_t inputs = 0, targets = 0;
};
CorruptedLengths corrupted_lengths(std::int64_t tokens, const SpanCorruptionOptions& options);
/// The most tokens whose corrupted inputs are no longer than `inputs`: 568 of 512. Throws std::invalid_argument where
/// there is no room for two tokens.
std::int64_t tokens_for_inputs(std::int64_t inputs, const SpanCorruptionOptions& options);
/// The most tokens that `sentinels` sentinels are enough for; at least 2.
std::int64_t tokens_for_sentinels(std::int64_t sentinels, const SpanCorruptionOptions& options);

/// Which tokens are noise (1): noise_counts() of them, in spans whose lengths, like those between them, are any that
/// add up, all with the same probability. The first tokens are none, the last are.
std::vector<std::uint8_t> noise_mask(std::int64_t tokens, const SpanCorruptionOptions& options, Random& random);

/// Without end tokens.
struct DenoisingPair {
  std::vector<std::int64_t> inputs, targets;
};

/// Span corruption: in the inputs sentinel i stands for the i-th span of noise, in the targets for what is kept before
/// it, so that "Thank you for inviting me" may become "Thank you <0>" and "<0> for inviting me". No closing sentinel.
/// Throws std::invalid_argument where there are not enough sentinels.
DenoisingPair corrupt_spans(std::span<const std::int64_t> ids, std::span<const std::int64_t> sentinels,
                            const SpanCorruptionOptions& options, Random& random);
/// The same by a given mask. Runs of noise beyond the sentinels throw.
DenoisingPair replace_spans(std::span<const std::int64_t> ids, std::span<const std::uint8_t> noise,
                            std::span<const std::int64_t> sentinels);

/// Prefix language modelling: cut in two at a random place, no half empty; of a single token the targets are.
DenoisingPair split_prefix(std::span<const std::int64_t> ids, Random& random);

/// I.i.d. denoising, as BERT's: chosen tokens of the inputs are masked, or random ones in their place
/// (MaskingOptions); the targets are the whole text.
DenoisingPair mask_inputs(std::span<const std::int64_t> ids, const MaskingVocabulary& vocabulary,
                          const MaskingOptions& options, Random& random);
/// T5's choice of these: of the noise 90 % is masked, 10 % random.
MaskingOptions iid_masking(double noise_density);

/// Deshuffling: the tokens in a random order, to be put into their own.
DenoisingPair shuffle_inputs(std::span<const std::int64_t> ids, Random& random);

/// The ids of <extra_id_0>, <extra_id_1>, ... as far as the vocabulary has them. Throws std::runtime_error where it
/// lacks the first.
std::vector<std::int64_t> sentinels_of(const Tokenizer& tokenizer);
/// "<extra_id_0>" and so on: what a tokenizer that is trained for span corruption is to have.
std::vector<std::string> sentinel_tokens(std::int64_t count);
inline constexpr std::int64_t kSentinels = 100;  ///< of T5

enum class DenoisingObjective { kSpanCorruption, kPrefixLm, kIid, kDeshuffling };
/// In the order of DenoisingObjective.
inline constexpr std::string_view kDenoisingObjectives[] = {"span_corruption", "prefix_lm", "iid_denoising",
                                                            "deshuffling"};

/// What any of the objectives needs to know.
struct DenoisingOptions {
  DenoisingObjective objective = DenoisingObjective::kSpanCorruption;
  SpanCorruptionOptions spans;          ///< the noise density is kIid's too
  std::int64_t vocab_size = 0;          ///< random tokens of kIid are below
  std::vector<std::int64_t> sentinels;  ///< the first one masks, of kIid

  /// For a vocabulary. Throws std::runtime_error as sentinels_of(), where the objective needs sentinels.
  static DenoisingOptions of(DenoisingObjective objective, const SpanCorruptionOptions& spans,
                             const Tokenizer& tokenizer);
  /// The most tokens of a text whose inputs are no longer than `inputs`, end token included, and whose sentinels
  /// suffice.
  std::int64_t most_tokens(std::int64_t inputs) const;
};
/// The pair that the objective makes of a text.
DenoisingPair denoising_pair(std::span<const std::int64_t> ids, const DenoisingOptions& options, Random& random);

/// Where a text of that many tokens is cut so that the sentinels suffice for each part: the parts' lengths, nearly
/// equal, one where none is needed.
std::vector<std::int64_t> parts_for_sentinels(std::int64_t tokens, const DenoisingOptions& options);

}  // namespace langzoo
