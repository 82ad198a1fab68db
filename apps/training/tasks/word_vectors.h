/// Word vectors of every family: opening what was trained, and measuring it by analogies and by people's judgement.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/training/metric.h"
#include "data/words/vocabulary.h"
#include "models/pretrained.h"
#include "models/word_vectors/analogy.h"
#include "models/word_vectors/formats.h"
#include "models/word_vectors/similarity.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// The vectors of a file (word2vec text or binary, fastText's .vec, GloVe), or of a model folder: config.json with its
/// model_type, model.safetensors, vocab.tsv. Throws FileError. `report`: what of a folder's model was not as it should
/// be, and yet could be loaded; `left_out`: rows of a file.
WordVectors load_word_vectors(const std::filesystem::path& path, LoadReport* report = nullptr,
                              LeftOutRows* left_out = nullptr);

/// Throws FileError unless the vocabulary of model folder `dir` has as many words as its config.json says.
void require_words(const Vocabulary& vocabulary, std::int64_t vocab_size, const std::filesystem::path& dir);

/// Those of a file (models/word_vectors), or of microworld by its name.
std::vector<AnalogySection> open_analogies(const std::string& data);
std::vector<WordPair> open_word_pairs(const std::string& data);

/// How well vectors do on `data`: a file of analogies (its first line begins with a colon), which gives 3cosadd and
/// 3cosmul, fractions of the questions whose words are known; one of judged word pairs, which gives the correlations
/// spearman and pearson; or microworld, which has both. Upper and lower case are one. Throws std::runtime_error where
/// the words of no question, or of fewer than two pairs, are known.
EvalMetrics evaluate_word_vectors(const WordVectors& vectors, const std::string& data);

}  // namespace langzoo
