/// CIDEr-D: how much a caption has in common with what several people said of the same picture, words that say little
/// counting little. Vedantam, Zitnick and Parikh, "CIDEr: Consensus-based Image Description Evaluation" (CVPR 2015,
/// https://arxiv.org/abs/1411.5726), section 5 and equations 3 to 6 with clipping and the penalty of length, as the
/// script ciderD of coco-caption has them.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace langzoo {

struct CiderScore {
  double score = 0;              ///< the mean of all; 10 where each caption is its one reference
  std::vector<double> captions;  ///< of each
};

/// With g(n,w) = tf (ln N - ln max(1, df)) of an n-gram w, df being how many of the N pictures have w in a reference,
/// a caption c and the references s of its picture get
///
///     10/4 sum_{n=1..4} mean_s exp(-(l_c - l_s)^2 / (2 6^2)) sum_w min(g_c, g_s) g_s / (|g_c| |g_s|),
///
/// l being the number of 2-grams, as in the script. Words are what stands between white space, as they are; the
/// script's callers put texts into small letters and leave out punctuation before. Of one picture all g are 0. Throws
/// std::invalid_argument for no captions, other numbers of them than of references, and a picture without one.
CiderScore cider_d(std::span<const std::string> captions, std::span<const std::vector<std::string>> references);

}  // namespace langzoo
