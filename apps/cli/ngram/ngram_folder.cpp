#include "apps/cli/ngram/ngram_folder.h"

#include <iostream>

#include <fmt/format.h>

#include "apps/training/tasks/ngram.h"
#include "data/files/file_error.h"
#include "tokenizers/added_tokens.h"

namespace langzoo {

std::shared_ptr<NGramLmImpl> load_ngrams(const std::filesystem::path& dir) {
  const auto type = model_type_of(dir);
  if (!type.empty() && type != "ngram")
    throw FileError(dir, fmt::format("holds a model of type {}, and n-gram models are asked for", type));
  return NGramLmImpl::load(dir);
}

void save_words(const NGramVocabulary& words, const std::filesystem::path& dir) {
  if (save_word_tokenizer(words, dir)) return;
  std::cerr << fmt::format(
      "warning: {}: {} words are more than a tokenizer has, {}: eval, score and generate, which need one, cannot read "
      "the model\n",
      dir.string(), words.size(), kMaxVocabularySize);
}

}  // namespace langzoo
