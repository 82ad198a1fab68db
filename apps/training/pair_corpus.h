/// Sentence pairs for encoder-decoders: what data.train, data.valid and data.tokenizer mean, for every family that
/// learns to write one text from another.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/training/message.h"
#include "apps/training/run_tokenizer.h"
#include "data/parallel/parallel_corpus.h"
#include "data/parallel/parallel_text.h"
#include "data/parallel/word_alignment.h"
#include "models/io/config_fields.h"

namespace langzoo {

/// Whether `data` names no file but a task that makes pairs itself: addition, dates, microworld-ko.
bool is_pair_task(const std::string& data);
/// Whether it names a file of JSON lines, by its name or its first line, or what cannot be asked, as a pipe.
bool may_be_json_lines(const std::string& data);

/// The section `data` of a run configuration.
struct PairCorpusOptions {
  std::string train;  ///< a file of pairs, or of sources; addition, dates or microworld-ko
  std::string train_target;
  std::string valid, valid_target;  ///< likewise; empty: the last part of `train`
  std::string tokenizer = "train:bytebpe:8000";
  std::string target_tokenizer;  ///< empty: one for both sides
  double valid_fraction = 0.1;
  std::int64_t max_source = 0, max_target = 0;
  bool keep_padding = false;
  std::string source_key = "source", target_key = "target";  ///< of JSON lines
  std::int64_t task_pairs = 50'000;
  std::uint64_t task_seed = 1;
  bool keep_texts = false;  ///< as well as ids, for SubwordSampler; not a key

  void for_each_field(FieldVisitor& visit);
  /// Files by their absolute paths, so that a run goes on from whatever directory.
  void make_paths_absolute();
};

struct PairCorpus {
  TranslationTokenizers tokenizers;
  ParallelCorpus train;
  std::optional<ParallelCorpus> valid;
  /// Of the ids of all pairs and of the tokenizers, whatever the files are called: what a resumed run compares.
  std::string fingerprint;
};

/// The tokenizers are those in `dir` when it holds some (a resumed run keeps its own), else they are made as `options`
/// say and saved there. Throws ConfigError for impossible options, FileError and std::runtime_error for bad data.
PairCorpus open_pair_corpus(const PairCorpusOptions& options, const std::filesystem::path& dir, const Message& message);

/// Where pairs come from, and how they are read.
struct PairsOptions {
  std::string data, target;
  bool keep_padding = false;
  std::string source_key = "source", target_key = "target";
  std::uint64_t task_seed = 1;
  std::int64_t task_pairs = 50'000;
  std::int64_t task_skip = 0;  ///< made before them and passed over: another part of what the seed decides
};

/// The pairs of a file, of two files of lines where `target` is given, or of a task by its name. Throws ConfigError for
/// a target beside a task.
std::unique_ptr<SentencePairs> open_pairs(const PairsOptions& options);

/// The alignments of `pairs`, which are all of open_pairs(options): those of `file`, or those that the task knows;
/// nothing where nobody does.
std::optional<std::vector<ReferenceAlignment>> reference_alignments(const PairsOptions& options,
                                                                    const std::filesystem::path& file,
                                                                    std::span<const SentencePair> pairs);

/// How the pairs were read that a model learned from, which its evaluation must do alike: task.json in a model's folder
/// goes where the model goes.
struct PairFormat {
  bool keep_padding = false;

  void for_each_field(FieldVisitor& visit);
  void save(const std::filesystem::path& dir) const;
  /// Of a folder without task.json, which earlier versions wrote: what the run.json in it, or in the folder above it
  /// (it is the folder best), says. Throws FileError and std::runtime_error for a damaged task.json or run.json.
  static PairFormat load(const std::filesystem::path& dir);
};

/// What is read where nobody says how much: of made up pairs those that follow the ones of a training with its
/// defaults.
PairsOptions evaluation_pairs_defaults();
/// For the model in `dir`: read as its run read them; of made up pairs those that follow the run's own.
PairsOptions evaluation_pairs_of(const std::filesystem::path& dir);

}  // namespace langzoo
