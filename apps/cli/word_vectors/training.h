/// Training of word vectors on the command line: one text, one vocabulary, a task for each kind of model.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "apps/cli/base/program.h"
#include "apps/cli/train_verb.h"
#include "data/co_occurrence.h"
#include "data/vocabulary.h"
#include "data/word_corpus.h"
#include "models/pretrained.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// The keys of a run that are not the trainer's.
struct WordVectorsOptions {
  std::string kind = "skipgram";  ///< skipgram, cbow, glove or ppmi-svd
  std::string objective = "ns";
  std::int64_t dim = 100, window = 5;
  std::int64_t negative = 5;
  double sample = 1e-3, sampling_power = 0.75;
  bool full_input_gradient = true;
  bool subwords = false;
  std::int64_t min_n = 3, max_n = 6, buckets = 2'000'000;
  // Of the kinds that count first.
  bool distance_weighting = true;
  double x_max = 100, alpha = 0.75;
  double context_smoothing = 0.75, shift = 1, eigenvalue_weight = 0.5;
  bool add_contexts = false;

  std::string data;                           ///< a file, a folder, or "microworld"
  std::int64_t microworld_bytes = 4'000'000;  ///< before its words are put apart
  std::uint64_t microworld_seed = 1;
  std::int64_t min_count = 5, max_vocabulary = 0;
  bool lines = true;
  std::int64_t counting_memory_mb = 1024;
  std::string init;
  bool deterministic = false;
};

/// A text made ready: its words counted, its sentences as ids.
struct WordText {
  Vocabulary vocabulary;
  WordCorpus corpus;

  /// The most frequent words, `count` at most.
  std::vector<std::string> frequent_words(std::int64_t count) const;
};

class WordVectorsTask : public TrainingTask {
 public:
  /// Those of the most frequent words as they are now, `words` at most.
  virtual WordVectors vectors(std::int64_t words) = 0;
};

/// What the shared preparation hands to a kind's task.
struct WordVectorsSetting {
  const WordVectorsOptions& options;
  const TrainSetting& train;
  std::int64_t step_words;  ///< of the text, for each step
};

/// Co-occurrences of the text, kept in the output folder.
CoOccurrenceFile count_co_occurrences(const WordText& text, const WordVectorsSetting& setting, bool shuffle);

/// Throw UsageError for a model that cannot be, std::runtime_error for a text that cannot be learned from.
std::unique_ptr<WordVectorsTask> make_word2vec_task(WordText text, const WordVectorsSetting& setting);
std::unique_ptr<WordVectorsTask> make_glove_task(WordText text, const WordVectorsSetting& setting);
std::unique_ptr<WordVectorsTask> make_ppmi_svd_task(WordText text, const WordVectorsSetting& setting);

/// A model with random or zero weights. Throws UsageError for an impossible configuration.
template <class Model, class Config>
Model new_model(const Config& config) {
  try {
    config.validate();
  } catch (const std::invalid_argument& error) {
    throw UsageError(error.what());
  }
  Model model{nullptr};
  construct_checked("model", [&] { model = Model(config); });
  return model;
}

/// The verb `train` of langzoo-word2vec.
std::unique_ptr<Verb> word_vectors_train_verb();

}  // namespace langzoo
