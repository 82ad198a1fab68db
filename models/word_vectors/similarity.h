/// Word pairs that people judged for similarity, as WordSim-353 and RG-65, beside a model's cosines.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "models/word_vectors/word_lookup.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

struct WordPair {
  std::string a, b;
  double score;  ///< on the test set's own scale
};

/// Reads lines "a TAB b TAB score", with spaces where there is no tab; those that begin with # and empty ones count for
/// nothing. Throws FileError naming file and line.
std::vector<WordPair> read_word_pairs(const std::filesystem::path& path);

/// Of the pairs whose words both have a vector, in their order. How well the two agree is a matter of correlation:
/// data/metrics/correlation.h.
struct PairScores {
  std::vector<double> gold, cosine;
};

/// Words outside the table count where the model can compose them.
PairScores score_word_pairs(const WordVectors& vectors, std::span<const WordPair> pairs,
                            const LookupOptions& options = {});

}  // namespace langzoo
