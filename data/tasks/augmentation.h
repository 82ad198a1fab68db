/// More training examples by putting words in the place of others that are used alike: TinyBERT's data augmentation
/// (Jiao et al. 2020, Algorithm 1). No torch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizers/encoding.h"

namespace langzoo {

struct AugmentationOptions {
  double replace = 0.4;     ///< p_t: probability that a word is replaced
  std::size_t copies = 20;  ///< N_a: how often it is tried; fewer come out where two are the same

  /// Throws std::invalid_argument.
  void validate() const;
};

/// What may stand in the place of each of the `words` of `text`: neighbours among word vectors, or what a masked language
/// model says there. Empty: nothing may.
using Replacements =
    std::function<std::vector<std::vector<std::string>>(std::string_view text, std::span<const Offset> words)>;

/// New texts, none of them `text` and no two the same, by (seed, number): the words of the text that have replacements
/// are each replaced with probability options.replace, by any of them; what stands between words stays.
/// Replacements are asked for once. Throws std::invalid_argument unless they are as many as the words.
std::vector<std::string> augmented_texts(std::string_view text, const Replacements& replacements,
                                         const AugmentationOptions& options, std::uint64_t seed, std::uint64_t number);

/// Where the words of a text stand: the longest runs of letters, numbers, marks and underscores.
std::vector<Offset> word_spans(std::string_view text);

}  // namespace langzoo
