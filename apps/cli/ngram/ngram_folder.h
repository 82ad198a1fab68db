/// Opens the folders that verbs of n-gram models are given.
#pragma once

#include <filesystem>
#include <memory>

#include "models/ngram_lm/ngram_lm.h"

namespace langzoo {

/// Throws FileError for a folder that holds another model, naming it.
std::shared_ptr<NGramLmImpl> load_ngrams(const std::filesystem::path& dir);
/// Saves the words as the tokenizer of the model in `dir`, or tells the user what cannot be done without one.
void save_words(const NGramVocabulary& words, const std::filesystem::path& dir);

}  // namespace langzoo
