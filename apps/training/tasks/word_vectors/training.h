/// Training of word vectors: one text, one vocabulary, a task for each kind of model.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "apps/training/tasks/word_vectors/train_options.h"
#include "data/files/config_error.h"
#include "data/words/co_occurrence.h"
#include "data/words/vocabulary.h"
#include "data/words/word_corpus.h"
#include "models/pretrained.h"
#include "models/word_vectors/word_vectors.h"

namespace langzoo {

/// A text made ready: its words counted, its sentences as ids.
struct WordText {
  Vocabulary vocabulary;
  WordCorpus corpus;

  /// Shapes: the first N words of the vocabulary -> (N or more,C), on the CPU.
  using VectorsOfFirst = std::function<torch::Tensor(const std::vector<std::string>& words)>;
  /// Those of the most frequent words, `count` at most. In a vocabulary that was extended these are not the first.
  WordVectors frequent(std::int64_t count, const VectorsOfFirst& vectors_of) const;
};

/// What the tasks of all kinds have in common: a text, or what was counted of it, in blocks, of which a step takes
/// some. Vectors are judged when they are trained (tasks/word_vectors.h), not on the way.
class WordVectorsTask : public TrainingTask {
 public:
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override;
  std::int64_t batches_per_epoch() const override { return (blocks_ + blocks_a_step_ - 1) / blocks_a_step_; }
  std::string unit() const override { return "words"; }
  EvalMetrics evaluate() override { return {}; }
  /// Those of the most frequent words as they are now, `words` at most.
  WordVectors vectors(std::int64_t words);

 protected:
  explicit WordVectorsTask(WordText text) : text_(std::move(text)) {}
  void set_blocks(std::int64_t blocks, std::int64_t a_step) { blocks_ = blocks, blocks_a_step_ = a_step; }
  std::int64_t blocks_a_step() const { return blocks_a_step_; }
  /// The blocks [first, last) of the step that are this rank's.
  std::pair<std::int64_t, std::int64_t> blocks(const Rank& rank = {}) const;
  void advance();  ///< to the next step
  /// As WordText::VectorsOfFirst.
  virtual torch::Tensor vectors_of(const std::vector<std::string>& first) = 0;

  WordText text_;
  DataPosition position_;

 private:
  std::int64_t blocks_ = 1, blocks_a_step_ = 1;
};

/// Of a Model, which is saved with its words.
template <class Model>
class WordVectorsModelTask : public WordVectorsTask {
 public:
  torch::nn::Module& model() override { return *model_; }
  void save_model(const std::filesystem::path& dir) override {
    model_->save_pretrained(dir);
    text_.vocabulary.save(dir / "vocab.tsv");
  }

 protected:
  WordVectorsModelTask(Model model, WordText text) : WordVectorsTask(std::move(text)), model_(std::move(model)) {}
  Model model_;
};

/// What the shared preparation hands to a kind's task.
struct WordVectorsSetting {
  const WordVectorsOptions& options;
  const TrainSetting& train;
  std::int64_t step_words;  ///< of the text, for each step of word2vec
};

/// Says what of the model in train.init was not as it should be.
void tell_report(const TrainSetting& setting, const LoadReport& report);
/// Gives the words of `text` that the vectors of train.init know these: the sum of `tables`, whose first rows are the
/// words', is theirs then. Says how many. Throws FileError for what holds no vectors.
void begin_with_vectors(const WordText& text, const TrainSetting& setting, const std::vector<torch::Tensor>& tables);

/// Co-occurrences of the text, kept in the output folder.
CoOccurrenceFile count_co_occurrences(const WordText& text, const WordVectorsSetting& setting, bool shuffle);

/// Throw ConfigError for a model that cannot be, std::runtime_error for a text that cannot be learned from.
std::unique_ptr<WordVectorsTask> make_word2vec_task(WordText text, const WordVectorsSetting& setting);
std::unique_ptr<WordVectorsTask> make_glove_task(WordText text, const WordVectorsSetting& setting);
std::unique_ptr<WordVectorsTask> make_ppmi_svd_task(WordText text, const WordVectorsSetting& setting);

/// A model with random or zero weights. Throws ConfigError for an impossible configuration.
template <class Model, class Config>
Model new_model(const Config& config) {
  try {
    config.validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(error.what());
  }
  return make_checked<Model>(config, "model");
}

/// Training on a text of words: the sections `data` and `model` of WordVectorsOptions. `kind` is model.kind where a run
/// does not say: skipgram, cbow, glove or ppmi-svd.
std::unique_ptr<TaskSetup> word_vectors_setup(const std::string& kind = WordVectorsOptions{}.kind);

}  // namespace langzoo
