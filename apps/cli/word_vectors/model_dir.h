/// What --model means for word vectors.
#pragma once

#include <filesystem>

#include "apps/training/tasks/word_vectors.h"

namespace langzoo {

/// load_word_vectors() that tells the user what of a model was not as it should be.
WordVectors load_vectors(const std::filesystem::path& path);

}  // namespace langzoo
