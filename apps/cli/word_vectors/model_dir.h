/// What --model means for word vectors.
#pragma once

#include <filesystem>

#include "data/words/vocabulary.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// The vectors of a file (word2vec text or binary, fastText's .vec, GloVe), or of a model folder: config.json with its
/// model_type, model.safetensors, vocab.tsv. Throws FileError.
WordVectors load_vectors(const std::filesystem::path& path);

/// Throws FileError unless the vocabulary of model folder `dir` has as many words as its config.json says.
void require_words(const Vocabulary& vocabulary, std::int64_t vocab_size, const std::filesystem::path& dir);

}  // namespace langzoo
