/// Sentence pairs for encoder-decoders: what --data, --valid and --tokenizer mean, for every family that translates.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "apps/cli/translation/translation.h"
#include "apps/training/run_config.h"
#include "data/parallel/parallel_corpus.h"
#include "data/parallel/parallel_text.h"
#include "data/parallel/word_alignment.h"

namespace langzoo {

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

  void for_each_field(FieldVisitor& visit);
};

/// Tells the user what takes time, and what was left out.
using Message = std::function<void(const std::string&)>;

struct PairCorpus {
  TranslationTokenizers tokenizers;
  ParallelCorpus train;
  std::optional<ParallelCorpus> valid;
};

/// The tokenizers are those in `dir` when it holds some (a resumed run keeps its own), else they are made as `options`
/// say and saved there. Throws UsageError for impossible options, FileError and std::runtime_error for bad data.
PairCorpus open_pair_corpus(const PairCorpusOptions& options, const std::filesystem::path& dir, const Message& message);

struct PairsOptions {
  std::string data, target;
  bool keep_padding = false;
  std::string source_key = "source", target_key = "target";
  std::uint64_t task_seed = 1;
  std::int64_t task_pairs = 50'000;
  std::int64_t task_skip = 0;  ///< made before them and passed over: another part of what the seed decides
};

/// Declares --data, which is returned, and what says how to read it.
CLI::Option* add_pairs_flags(CLI::App& app, PairsOptions& options);

/// Whether the model in `dir` (a training's --out, or the folder best in it) was trained on kept padding.
bool trained_with_padding(const std::filesystem::path& dir);

/// The pairs of a file, of two files of lines where `target` is given, or of a task by its name. Throws UsageError for
/// a target beside a task.
std::unique_ptr<SentencePairs> open_pairs(const PairsOptions& options);

/// The alignments of `pairs`, which are all of open_pairs(options): those of `file`, or those that the task knows;
/// nothing where nobody does.
std::optional<std::vector<ReferenceAlignment>> reference_alignments(const PairsOptions& options,
                                                                    const std::filesystem::path& file,
                                                                    std::span<const SentencePair> pairs);

}  // namespace langzoo
