/// Analogy questions, "a is to b as c is to d", answered from word vectors.
/// Mikolov et al. 2013 (arXiv:1301.3781); Levy & Goldberg 2014 (W14-1618).
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "models/word_vectors/word_lookup.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

using AnalogyQuestion = std::array<std::string, 4>;  ///< a, b, c and the answer d

struct AnalogySection {
  std::string name;
  std::vector<AnalogyQuestion> questions;

  /// Whether it is of the syntactic half: in questions-words.txt these are the sections named gram...
  bool syntactic() const { return name.starts_with("gram"); }
};

/// Reads the format of word2vec's questions-words.txt: a line ": name" begins a section, every other one is four words.
/// Empty lines count for nothing. Throws FileError naming file and line.
std::vector<AnalogySection> read_analogies(const std::filesystem::path& path);

struct AnalogyScore {
  std::int64_t questions = 0;
  std::int64_t covered = 0;      ///< all four words are known; only these are asked
  std::int64_t correct_add = 0;  ///< 3CosAdd: the d with the largest cos(d,b) + cos(d,c) - cos(d,a)
  std::int64_t correct_mul = 0;  ///< 3CosMul: cos(d,b) cos(d,c) / (cos(d,a) + 0.001), cosines shifted to [0,1]

  AnalogyScore& operator+=(const AnalogyScore& other);
};

/// One score a section. The answer is sought among all words that exist but a, b and c, in any spelling; any spelling
/// of d is right; of equals the first row wins.
///
/// 3CosAdd gives the counts of gensim's evaluate_word_analogies. word2vec's compute-accuracy differs in three ways: it
/// leaves out of the answers one spelling of a, b and c each, so that with several spellings in the table the answer
/// may be the question; its words end after 50 bytes; its default threshold is every word, as restrict_vocab = 0.
std::vector<AnalogyScore> evaluate_analogies(const WordVectors& vectors, std::span<const AnalogySection> sections,
                                             const LookupOptions& options = {});

}  // namespace langzoo
