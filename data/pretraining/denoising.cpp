#include "data/pretraining/denoising.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "data/files/as_size.h"

namespace langzoo {

namespace {

/// The lengths of `parts` parts of `total`, all above 0 and all ways to cut it with the same probability: the places
/// of the cuts are a random subset.
std::vector<std::int64_t> random_parts(std::int64_t total, std::int64_t parts, Random& random) {
  std::vector<std::uint8_t> ends(as_size(std::max<std::int64_t>(0, total - 1)), 0);
  std::fill_n(ends.begin(), std::min<std::int64_t>(parts - 1, std::ssize(ends)), std::uint8_t{1});
  for (std::size_t i = ends.size(); i > 1; --i) std::swap(ends[i - 1], ends[random.below(i)]);
  std::vector<std::int64_t> lengths = {1};
  for (const auto end : ends) {
    if (end != 0) {
      lengths.push_back(1);
    } else {
      ++lengths.back();
    }
  }
  return lengths;
}

/// Every run of tokens whose mark is `replaced` becomes one sentinel; the others stay.
std::vector<std::int64_t> with_sentinels(std::span<const std::int64_t> ids, std::span<const std::uint8_t> marks,
                                         std::uint8_t replaced, std::span<const std::int64_t> sentinels) {
  std::vector<std::int64_t> text;
  std::size_t next = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (marks[i] != replaced) {
      text.push_back(ids[i]);
    } else if (i == 0 || marks[i - 1] != replaced) {
      if (next == sentinels.size()) {
        throw std::invalid_argument(fmt::format("a text of {} tokens needs more sentinels than the {} there are",
                                                ids.size(), sentinels.size()));
      }
      text.push_back(sentinels[next++]);
    }
  }
  return text;
}

}  // namespace

void SpanCorruptionOptions::validate() const {
  if (!(noise_density > 0 && noise_density < 1)) {
    throw std::invalid_argument(fmt::format("noise_density is {}, expected above 0 and below 1", noise_density));
  }
  if (!(mean_noise_span_length >= 1 && mean_noise_span_length <= 1e6)) {
    throw std::invalid_argument(
        fmt::format("mean_noise_span_length is {}, expected at least 1", mean_noise_span_length));
  }
}

NoiseCounts noise_counts(std::int64_t tokens, const SpanCorruptionOptions& options) {
  if (tokens < 2) return {};
  NoiseCounts counts;
  counts.noise =
      std::clamp<std::int64_t>(std::llrint(static_cast<double>(tokens) * options.noise_density), 1, tokens - 1);
  const auto spans = std::llrint(static_cast<double>(counts.noise) / options.mean_noise_span_length);
  counts.spans = std::clamp<std::int64_t>(spans, 1, std::min(counts.noise, tokens - counts.noise));
  return counts;
}

CorruptedLengths corrupted_lengths(std::int64_t tokens, const SpanCorruptionOptions& options) {
  const auto [noise, spans] = noise_counts(tokens, options);
  return {tokens - noise + spans + 1, noise + spans + 1};
}

std::int64_t tokens_for_inputs(std::int64_t inputs, const SpanCorruptionOptions& options) {
  options.validate();
  if (corrupted_lengths(2, options).inputs > inputs) {
    throw std::invalid_argument(
        fmt::format("inputs of {} tokens have no room for a corrupted text: expected {} or more", inputs,
                    corrupted_lengths(2, options).inputs));
  }
  // Inputs hardly ever shrink as the text grows, and never by more than a span's sentinel and rounding: the answer is
  // near the one without rounding.
  const double kept = 1 - options.noise_density * (1 - 1 / options.mean_noise_span_length);
  auto tokens = static_cast<std::int64_t>(static_cast<double>(inputs) / kept) + 8;
  while (corrupted_lengths(tokens, options).inputs > inputs) --tokens;
  return tokens;
}

std::int64_t tokens_for_sentinels(std::int64_t sentinels, const SpanCorruptionOptions& options) {
  if (sentinels < 1) return 2;
  const double spans_per_token = options.noise_density / options.mean_noise_span_length;
  auto tokens = static_cast<std::int64_t>(static_cast<double>(sentinels + 1) / spans_per_token) + 8;
  while (tokens > 2 && noise_counts(tokens, options).spans > sentinels) --tokens;
  return tokens;
}

std::vector<std::uint8_t> noise_mask(std::int64_t tokens, const SpanCorruptionOptions& options, Random& random) {
  std::vector<std::uint8_t> mask;
  const auto [noise, spans] = noise_counts(tokens, options);
  if (spans == 0) return std::vector<std::uint8_t>(as_size(tokens), 0);
  const auto noise_lengths = random_parts(noise, spans, random);
  const auto kept_lengths = random_parts(tokens - noise, spans, random);
  for (std::size_t i = 0; i < noise_lengths.size(); ++i) {
    mask.insert(mask.end(), as_size(kept_lengths[i]), 0);
    mask.insert(mask.end(), as_size(noise_lengths[i]), 1);
  }
  return mask;
}

DenoisingPair replace_spans(std::span<const std::int64_t> ids, std::span<const std::uint8_t> noise,
                            std::span<const std::int64_t> sentinels) {
  if (noise.size() != ids.size()) {
    throw std::invalid_argument(fmt::format("{} tokens, a mask of {}", ids.size(), noise.size()));
  }
  return {with_sentinels(ids, noise, 1, sentinels), with_sentinels(ids, noise, 0, sentinels)};
}

DenoisingPair corrupt_spans(std::span<const std::int64_t> ids, std::span<const std::int64_t> sentinels,
                            const SpanCorruptionOptions& options, Random& random) {
  return replace_spans(ids, noise_mask(std::ssize(ids), options, random), sentinels);
}

DenoisingPair split_prefix(std::span<const std::int64_t> ids, Random& random) {
  const auto cut = ids.size() < 2 ? ids.size() : 1 + random.below(ids.size() - 1);
  const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(cut);
  return {{ids.begin(), middle}, {middle, ids.end()}};
}

DenoisingPair mask_inputs(std::span<const std::int64_t> ids, const MaskingVocabulary& vocabulary,
                          const MaskingOptions& options, Random& random) {
  DenoisingPair pair{{ids.begin(), ids.end()}, {ids.begin(), ids.end()}};
  const std::vector<std::uint8_t> special(ids.size(), 0);
  mask_tokens(pair.inputs, special, vocabulary, options, random);
  return pair;
}

MaskingOptions iid_masking(double noise_density) {
  return {.probability = noise_density, .masked = 0.9, .random = 0.1};
}

DenoisingPair shuffle_inputs(std::span<const std::int64_t> ids, Random& random) {
  DenoisingPair pair{{ids.begin(), ids.end()}, {ids.begin(), ids.end()}};
  for (std::size_t i = ids.size(); i > 1; --i) std::swap(pair.inputs[i - 1], pair.inputs[random.below(i)]);
  return pair;
}

std::vector<std::string> sentinel_tokens(std::int64_t count) {
  std::vector<std::string> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(fmt::format("<extra_id_{}>", i));
  return tokens;
}

std::vector<std::int64_t> sentinels_of(const Tokenizer& tokenizer) {
  std::vector<std::int64_t> ids;
  while (const auto id = tokenizer.token_to_id(fmt::format("<extra_id_{}>", ids.size()))) ids.push_back(*id);
  if (ids.empty()) {
    throw std::runtime_error(
        "the tokenizer has no sentinel <extra_id_0>: give one of T5's, whose folder has them beside spiece.model, or "
        "let train:KIND:N train one");
  }
  return ids;
}

DenoisingOptions DenoisingOptions::of(DenoisingObjective objective, const SpanCorruptionOptions& spans,
                                      const Tokenizer& tokenizer) {
  spans.validate();
  DenoisingOptions options{objective, spans, static_cast<std::int64_t>(tokenizer.vocab_size()), {}};
  if (objective == DenoisingObjective::kSpanCorruption || objective == DenoisingObjective::kIid) {
    options.sentinels = sentinels_of(tokenizer);
  }
  return options;
}

std::int64_t DenoisingOptions::most_tokens(std::int64_t inputs) const {
  if (objective != DenoisingObjective::kSpanCorruption) {
    if (inputs < 3) throw std::invalid_argument(fmt::format("inputs of {} tokens: expected 3 or more", inputs));
    return inputs - 1;
  }
  return std::min(tokens_for_inputs(inputs, spans), tokens_for_sentinels(std::ssize(sentinels), spans));
}

DenoisingPair denoising_pair(std::span<const std::int64_t> ids, const DenoisingOptions& options, Random& random) {
  switch (options.objective) {
    case DenoisingObjective::kPrefixLm:
      return split_prefix(ids, random);
    case DenoisingObjective::kIid:
      return mask_inputs(ids, {.size = options.vocab_size, .mask = options.sentinels.at(0)},
                         iid_masking(options.spans.noise_density), random);
    case DenoisingObjective::kDeshuffling:
      return shuffle_inputs(ids, random);
    case DenoisingObjective::kSpanCorruption:
      break;
  }
  return corrupt_spans(ids, options.sentinels, options.spans, random);
}

std::vector<std::int64_t> parts_for_sentinels(std::int64_t tokens, const DenoisingOptions& options) {
  if (options.objective != DenoisingObjective::kSpanCorruption ||
      noise_counts(tokens, options.spans).spans <= std::ssize(options.sentinels)) {
    return {tokens};
  }
  const auto most = tokens_for_sentinels(std::ssize(options.sentinels), options.spans);
  const auto parts = (tokens + most - 1) / most;
  std::vector<std::int64_t> lengths(as_size(parts), tokens / parts);
  for (std::int64_t i = 0; i < tokens % parts; ++i) ++lengths[as_size(i)];
  return lengths;
}

}  // namespace langzoo
