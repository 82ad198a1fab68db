/// The settings of a training of word vectors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "apps/training/task_setup.h"
#include "models/glove/glove.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

/// The keys of a run that are not the trainer's.
struct WordVectorsOptions {
  // The section `model`.
  std::string kind = "skipgram";  ///< skipgram, cbow, glove or ppmi-svd
  /// Of each kind its config. What several have, dim and window, is word2vec's; what the text decides is unset.
  Word2VecConfig word2vec;
  GloveConfig glove;
  PpmiSvdConfig ppmi_svd;
  bool distance_weighting = true;  ///< of the kinds that count first

  // The section `data`.
  std::string data;                           ///< a file, a folder, or "microworld"
  std::int64_t microworld_bytes = 4'000'000;  ///< before its words are put apart
  std::uint64_t microworld_seed = 1;
  std::int64_t min_count = 5, max_vocabulary = 0;
  bool lines = true;
  std::int64_t counting_memory_mb = 1024;

  bool deterministic = false;

  bool is_word2vec() const { return kind == "skipgram" || kind == "cbow"; }
};

/// Binds `options`, and changes defaults of the section `train`. Those are skipgram's.
void bind_word_vectors(RunConfig& config, WordVectorsOptions& options, TrainSetting& setting);
std::vector<TrainFlag> word_vectors_flags();
/// What the kind and its settings make no use of.
std::vector<UnreadKeys> word_vectors_unread(const WordVectorsOptions& options);
/// The defaults of the other kinds and objectives, for the help.
std::string word_vectors_notes();
/// Gives the kind its own defaults, and those of what train.init names unless the run is resumed. Throws ConfigError
/// for settings that contradict each other, FileError for a train.init that holds no vectors.
void complete_word_vectors(RunConfig& config, const WordVectorsOptions& options, const TrainSetting& setting);

/// Whether the run goes on with the whole model that train.init names, its vocabulary extended; otherwise with vectors
/// for the words that are known there.
bool extends_model(const WordVectorsOptions& options, const TrainSetting& setting);
/// Throws ConfigError naming the setting where the rows of such a model, in `dir`, are not what is wanted.
void require_settings_of(const Word2VecConfig& before, const Word2VecConfig& wanted, const std::string& dir);
/// config.json of such a model. Throws FileError.
Word2VecConfig initial_config(const std::filesystem::path& dir);

}  // namespace langzoo
