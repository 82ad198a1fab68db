#include "apps/cli/word_vectors/model_dir.h"

#include <stdexcept>

#include "apps/cli/model_checks.h"
#include "data/files/files.h"
#include "models/glove/glove.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/word2vec/word2vec.h"
#include "models/word_vectors/formats.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Words that word2vec composes of n-grams.
class ComposedOfSubwords : public OutOfVocabulary {
 public:
  explicit ComposedOfSubwords(Word2Vec model) : model_(std::move(model)) {}
  torch::Tensor vector(std::string_view word) const override { return model_->subword_vector(word); }

 private:
  Word2Vec model_;
};

template <class Model>
WordVectors vectors_of(const fs::path& dir, const Vocabulary& vocabulary) {
  LoadReport report;
  const auto model = from_pretrained<Model>(dir, &report);
  show_load_report(dir, report);
  require_words(vocabulary, model->config().vocab_size, dir);
  return {vocabulary.words(), model->word_vectors()};
}

WordVectors word2vec_vectors(const fs::path& dir, const Vocabulary& vocabulary) {
  LoadReport report;
  const auto model = from_pretrained<Word2Vec>(dir, &report);
  show_load_report(dir, report);
  require_words(vocabulary, model->config().vocab_size, dir);
  std::shared_ptr<const OutOfVocabulary> composed;
  if (model->config().subwords) composed = std::make_shared<ComposedOfSubwords>(model);
  return {vocabulary.words(), model->word_vectors(vocabulary.words()), composed};
}

}  // namespace

void require_words(const Vocabulary& vocabulary, std::int64_t vocab_size, const fs::path& dir) {
  if (static_cast<std::int64_t>(vocabulary.size()) == vocab_size) return;
  throw FileError(dir / "vocab.tsv", "has " + std::to_string(vocabulary.size()) + " words, the model " +
                                         std::to_string(vocab_size) + " (config.json: vocab_size)");
}

WordVectors load_vectors(const fs::path& path) {
  if (!fs::is_directory(path)) return read_word_vectors(path);
  const auto type = model_type_of(path);
  const auto load = type == "word2vec"   ? word2vec_vectors
                    : type == "glove"    ? vectors_of<Glove>
                    : type == "ppmi-svd" ? vectors_of<PpmiSvd>
                                         : nullptr;
  if (load == nullptr) {
    throw FileError(path / "config.json",
                    "model_type " + type + " has no word vectors; word2vec, glove and ppmi-svd have");
  }
  const auto vocabulary = Vocabulary::load(path / "vocab.tsv");
  try {
    return load(path, vocabulary);
  } catch (const std::invalid_argument& error) {  // values that are no vectors
    throw FileError(path, error.what());
  }
}

}  // namespace langzoo
