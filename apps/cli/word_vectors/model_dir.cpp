#include "apps/cli/word_vectors/model_dir.h"

#include <stdexcept>

#include "data/files/files.h"
#include "data/vocabulary.h"
#include "models/io/weights.h"
#include "models/pretrained.h"
#include "models/word_vectors/formats.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Shapes: -> (V,C).
torch::Tensor tensor_of(const StateDict& weights, const std::string& name, const fs::path& dir) {
  const auto* found = weights.find(name);
  if (found == nullptr) throw FileError(dir, "the weights have no " + name);
  return found->to(torch::kFloat32);
}

}  // namespace

WordVectors load_vectors(const fs::path& path) {
  if (!fs::is_directory(path)) return read_word_vectors(path);
  const auto type = model_type_of(path);
  if (type != "ppmi-svd") {
    throw FileError(path / "config.json", "model_type " + type + " has no word vectors; ppmi-svd has");
  }
  const auto vocabulary = Vocabulary::load(path / "vocab.tsv");
  try {
    return {vocabulary.words(), tensor_of(load_weights(path), "embeddings.weight", path)};
  } catch (const std::invalid_argument& error) {  // the parts do not fit each other
    throw FileError(path, error.what());
  }
}

}  // namespace langzoo
