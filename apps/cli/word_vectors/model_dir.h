/// What --model means for word vectors.
#pragma once

#include <filesystem>

#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// The vectors of a file (word2vec text or binary, fastText's .vec, GloVe), or of a model folder: config.json with its
/// model_type, model.safetensors, vocab.tsv. Throws FileError.
WordVectors load_vectors(const std::filesystem::path& path);

}  // namespace langzoo
