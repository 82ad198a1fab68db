/// The addition task of Zaremba and Sutskever, "Learning to execute" (2014), in the form of the Keras example and of
/// the book "Deep Learning from Scratch 2": "57+5" is to become "62".
#pragma once

#include <cstdint>
#include <memory>

#include "data/parallel/parallel_text.h"

namespace langzoo {

/// How many pairs there are of which none is another, or another with its numbers exchanged.
inline constexpr std::int64_t kMostAdditionPairs = 500'500;

/// `count` different sums, decided by the seed: of each number the length is drawn first, 1 to 3 digits, then a number
/// of that length; a sum already made, in either order, is drawn again. (So small numbers are far more frequent than
/// among all sums, but soon exhausted: of 50,000 sums 55 are of two one-digit numbers.) Spaces fill sources up to 7
/// characters and targets to 4, when padding is kept. Throws std::invalid_argument for a count outside [0,
/// kMostAdditionPairs].
std::unique_ptr<SentencePairs> addition_pairs(std::uint64_t seed, std::int64_t count, bool keep_padding);

}  // namespace langzoo
