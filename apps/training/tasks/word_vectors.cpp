#include "apps/training/tasks/word_vectors.h"

#include <cmath>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/text_corpus.h"
#include "data/files/text_lines.h"
#include "data/metrics/correlation.h"
#include "data/microworld/word_relations.h"
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
WordVectors vectors_of(const fs::path& dir, const Vocabulary& vocabulary, LoadReport* report) {
  const auto model = from_pretrained<Model>(dir, report);
  require_words(vocabulary, model->config().vocab_size, dir);
  return {vocabulary.words(), model->word_vectors()};
}

WordVectors word2vec_vectors(const fs::path& dir, const Vocabulary& vocabulary, LoadReport* report) {
  const auto model = from_pretrained<Word2Vec>(dir, report);
  require_words(vocabulary, model->config().vocab_size, dir);
  std::shared_ptr<const OutOfVocabulary> composed;
  if (model->config().subwords) composed = std::make_shared<ComposedOfSubwords>(model);
  return {vocabulary.words(), model->word_vectors(vocabulary.words()), composed};
}

bool begins_with_colon(const std::string& file) {
  FileLines lines(file);
  for (std::string_view line; lines.next(line);) {
    if (const auto words = words_of(line); !words.empty()) return words[0].starts_with(':');
  }
  return false;
}

void add_analogies(EvalMetrics& metrics, const WordVectors& vectors, const std::string& data) {
  AnalogyScore total;
  for (const auto& score : evaluate_analogies(vectors, open_analogies(data), {.ignore_case = true})) total += score;
  if (total.covered == 0) throw std::runtime_error(data + ": no question whose words the vectors know");
  const auto covered = static_cast<double>(total.covered);
  metrics["3cosadd"] = {static_cast<double>(total.correct_add) / covered, Direction::kHigherIsBetter};
  metrics["3cosmul"] = {static_cast<double>(total.correct_mul) / covered, Direction::kHigherIsBetter};
}

void add_similarities(EvalMetrics& metrics, const WordVectors& vectors, const std::string& data) {
  const auto [gold, cosine] = score_word_pairs(vectors, open_word_pairs(data), {.ignore_case = true});
  const double spearman = spearman_correlation(gold, cosine), pearson = pearson_correlation(gold, cosine);
  if (!std::isfinite(spearman)) {
    throw std::runtime_error(fmt::format("{}: {} pairs whose words the vectors know", data, gold.size()));
  }
  metrics["spearman"] = {spearman, Direction::kHigherIsBetter};
  metrics["pearson"] = {pearson, Direction::kHigherIsBetter};
}

}  // namespace

void require_words(const Vocabulary& vocabulary, std::int64_t vocab_size, const fs::path& dir) {
  if (static_cast<std::int64_t>(vocabulary.size()) == vocab_size) return;
  throw FileError(dir / "vocab.tsv", "has " + std::to_string(vocabulary.size()) + " words, the model " +
                                         std::to_string(vocab_size) + " (config.json: vocab_size)");
}

WordVectors load_word_vectors(const fs::path& path, LoadReport* report, LeftOutRows* left_out) {
  if (!fs::is_directory(path)) return read_word_vectors(path, {}, left_out);
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
    return load(path, vocabulary, report);
  } catch (const std::invalid_argument& error) {  // values that are no vectors
    throw FileError(path, error.what());
  }
}

std::vector<AnalogySection> open_analogies(const std::string& data) {
  if (data != kMicroworld) return read_analogies(data);
  std::vector<AnalogySection> sections;
  for (auto& [section, questions] : microworld_analogies()) sections.push_back({section, std::move(questions)});
  return sections;
}

std::vector<WordPair> open_word_pairs(const std::string& data) {
  if (data != kMicroworld) return read_word_pairs(data);
  std::vector<WordPair> pairs;
  for (const auto& [a, b, score] : microworld_similarities()) pairs.push_back({a, b, score});
  return pairs;
}

EvalMetrics evaluate_word_vectors(const WordVectors& vectors, const std::string& data) {
  EvalMetrics metrics;
  const bool both = data == kMicroworld, analogies = both || begins_with_colon(data);
  if (analogies) add_analogies(metrics, vectors, data);
  if (both || !analogies) add_similarities(metrics, vectors, data);
  return metrics;
}

}  // namespace langzoo
