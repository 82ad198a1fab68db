#include "apps/cli/ngram/ngram_folder.h"

#include <fmt/format.h>

#include "data/files/file_error.h"

namespace langzoo {

std::shared_ptr<NGramLmImpl> load_ngrams(const std::filesystem::path& dir) {
  const auto type = model_type_of(dir);
  if (!type.empty() && type != "ngram")
    throw FileError(dir, fmt::format("holds a model of type {}, and n-gram models are asked for", type));
  return NGramLmImpl::load(dir);
}

}  // namespace langzoo
