/// Randomness of subword segmentation: BPE dropout (Provilkov et al. 2020), Unigram sampling (Kudo 2018).
#pragma once

#include <cstdint>

namespace langzoo {

/// Given to an encoding, it makes the segmentation random; without one encoding is deterministic, also where the
/// tokenizer's file names a dropout. The same state gives the same segmentations on every machine. Not for several
/// threads at a time.
struct SubwordSampling {
  double bpe_dropout = 0.1;      // probability that a merge is left out, in [0, 1]
  double unigram_alpha = 0.1;    // segmentations are drawn with probability ~ P(segmentation)^alpha
  std::uint64_t state = 0;       // set it to a seed; saved and restored it goes on as if nothing had happened

  /// The next number in [0, 1): SplitMix64 (Steele et al. 2014).
  double uniform() {
    std::uint64_t z = (state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
};

}  // namespace langzoo
