#include <algorithm>
#include <numeric>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include "apps/cli/base/figures.h"
#include "apps/cli/base/program.h"
#include "apps/cli/train_verb.h"
#include "apps/cli/word_vectors/model_dir.h"
#include "apps/cli/word_vectors/training.h"
#include "apps/training/text_corpus.h"
#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/microworld/microworld.h"
#include "data/microworld/word_relations.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Words of text that a step of an own algorithm takes: the learning rate falls a hundred times or more in a run, as
/// far as blocks of text allow, and threads are not started for little.
constexpr std::int64_t kLeastStepWords = 2'000, kMostStepWords = 100'000, kLeastSteps = 100;
/// The report seeks neighbours among the most frequent words: looking through all of a large table takes a copy of it.
constexpr std::int64_t kReportWords = 50'000;

class WordVectorsTraining : public TaskSetup {
 public:
  void bind(RunConfig& config, TrainSetting& setting) override {
    setting_ = &setting;
    bind_word_vectors(config, options_, setting);
  }
  std::vector<TrainFlag> flags() const override { return word_vectors_flags(); }
  bool has_own_algorithm() const override { return true; }
  void complete(RunConfig& config) override {
    if (options_.data != kMicroworld) options_.data = absolute_if_there(options_.data);
    complete_word_vectors(config, options_, setting_->resume);
  }
  std::string notes() const override { return word_vectors_notes(); }
  std::string needs_cpu() const override {
    if (setting_->trainer.optimizer == "own") return "train.optimizer = own runs on the CPU; adamw and sgd run on any";
    return options_.deterministic ? "--deterministic keeps its promise on the CPU only" : "";
  }

  std::int64_t tokens_per_sequence() const override { return 0; }  // train.batch_tokens is the task's own matter

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto text = prepare(setting);
    release_freed_memory();
    const WordVectorsSetting shared{options_, setting, setting.batch.batch_tokens};
    const auto make = options_.is_word2vec()     ? make_word2vec_task
                      : options_.kind == "glove" ? make_glove_task
                                                 : make_ppmi_svd_task;
    auto task = make(std::move(text), shared);
    task_ = task.get();
    // Counting gives the same on any number of threads; sums of LibTorch's do not.
    if (options_.deterministic) at::set_num_threads(1);
    return task;
  }

  std::vector<ReportSample> samples() override {
    const auto vectors = task_->vectors(kReportWords);
    std::vector<ReportSample> samples;
    // Not the most frequent words, whose neighbours say little.
    for (std::size_t i = std::min<std::size_t>(100, vectors.size() / 4); i < vectors.size() && samples.size() < 10;
         i += std::max<std::size_t>(1, i / 2)) {
      std::vector<std::string> near;
      const auto& word = vectors.words()[i];
      for (const auto& neighbor : vectors.nearest(vectors.vectors()[static_cast<std::int64_t>(i)], 8, {word})) {
        near.push_back(fmt::format("{} {:.2f}", neighbor.word, neighbor.similarity));
      }
      samples.push_back({word + ": ", fmt::format("{}", fmt::join(near, ", "))});
    }
    return samples;
  }

 private:
  /// The text's files; microworld is told into `dir` first. A resumed run keeps what it was told.
  std::vector<fs::path> find_documents(const fs::path& dir, bool resume) const {
    if (options_.data != kMicroworld) return find_text_files(options_.data);
    const auto text = dir / "microworld.txt";
    if (!resume || !fs::exists(text)) {
      const auto told =
          microworld_text(options_.microworld_seed, static_cast<std::uint64_t>(options_.microworld_bytes));
      write_file_atomically(text, microworld_words(told));
      write_file_atomically(dir / "microworld-analogies.txt", analogies_text(microworld_analogies()));
      write_file_atomically(dir / "microworld-similarity.tsv", similarities_text(microworld_similarities()));
    }
    return {text};
  }

  /// What `read` makes of the text; an error that names no file gets the text's name.
  template <class Read>
  auto of_text(const Read& read) const {
    try {
      return read();
    } catch (const FileError&) {
      throw;
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("{}: {} (--min-count {})", options_.data, error.what(), options_.min_count));
    }
  }

  Vocabulary count(const std::vector<fs::path>& documents, std::size_t threads) const {
    VocabularyOptions counting;
    counting.min_count = options_.min_count;
    counting.max_size = options_.max_vocabulary;
    counting.threads = threads;
    if (options_.init.empty()) return of_text([&] { return count_words(documents, counting); });
    const auto config = initial_config(options_.init);
    const auto before = Vocabulary::load(fs::path(options_.init) / "vocab.tsv");
    require_words(before, config.vocab_size, options_.init);
    return of_text([&] { return extend_vocabulary(before, documents, counting); });
  }

  /// The vocabulary (a resumed run keeps its own) and the ids, kept in the output folder. Decides how many words a step
  /// takes where the settings leave that open.
  WordText prepare(TrainSetting& setting) const {
    if (options_.data.empty()) throw UsageError("--data is missing: a file, a folder of .txt files, or microworld");
    const auto dir = setting.out / "data";
    fs::create_directories(dir);
    const auto documents = find_documents(dir, setting.resume);
    const auto threads = static_cast<std::size_t>(at::get_num_threads());
    const auto vocabulary_path = setting.out / "vocab.tsv";
    WordCorpusOptions reading;
    reading.lines = options_.lines;
    reading.threads = threads;
    auto& step_words = setting.batch.batch_tokens;
    // Small enough for threads to share a step evenly.
    if (step_words > 0) reading.block_words = std::min(reading.block_words, step_words);
    Vocabulary vocabulary;
    if (setting.resume && fs::exists(vocabulary_path)) {
      vocabulary = Vocabulary::load(vocabulary_path);
    } else {
      setting.message("counting words");
      vocabulary = count(documents, threads);
      vocabulary.save(vocabulary_path);
    }
    auto corpus = of_text([&] { return WordCorpus::open_or_build(documents, vocabulary, dir / "words.bin", reading); });
    setting.message(fmt::format("{} of {} in {}", counted(corpus.words(), "word", "words"),
                                counted(std::ssize(vocabulary.words()), "kind", "kinds"),
                                counted(corpus.sentences(), "sentence", "sentences")));
    if (step_words == 0 && options_.is_word2vec()) {
      const auto epochs = std::clamp<std::int64_t>(setting.trainer.max_epochs, 1, kMostStepWords);
      step_words = std::clamp(corpus.words() / kLeastSteps * epochs, kLeastStepWords, kMostStepWords);
    }
    return {std::move(vocabulary), std::move(corpus)};
  }

  WordVectorsOptions options_;
  TrainSetting* setting_ = nullptr;
  WordVectorsTask* task_ = nullptr;
};

}  // namespace

WordVectors WordText::frequent(std::int64_t count, const VectorsOfFirst& vectors_of) const {
  const auto& counts = vocabulary.counts();
  std::vector<std::int64_t> rows(counts.size());
  std::iota(rows.begin(), rows.end(), 0);
  std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
    return counts[static_cast<std::size_t>(a)] > counts[static_cast<std::size_t>(b)];
  });
  if (std::ssize(rows) > count) rows.resize(static_cast<std::size_t>(count));
  std::vector<std::string> words;
  for (const auto row : rows) words.push_back(vocabulary.words()[static_cast<std::size_t>(row)]);
  const auto first = vocabulary.words().begin();
  const auto table = vectors_of({first, first + *std::max_element(rows.begin(), rows.end()) + 1});
  return {std::move(words), table.index_select(0, torch::tensor(rows))};
}

CoOccurrenceFile count_co_occurrences(const WordText& text, const WordVectorsSetting& setting, bool shuffle) {
  CoOccurrenceOptions counting;
  counting.window = setting.options.word2vec.window;
  counting.distance_weighting = setting.options.distance_weighting;
  counting.memory_bytes = setting.options.counting_memory_mb << 20;
  counting.seed = setting.train.trainer.seed;
  counting.shuffle = shuffle;
  counting.threads = static_cast<std::size_t>(at::get_num_threads());
  setting.train.message("counting co-occurrences");
  auto file = CoOccurrenceFile::open_or_build(text.corpus, static_cast<std::int64_t>(text.vocabulary.size()),
                                              setting.train.out / "data" / "co_occurrences.bin", counting);
  setting.train.message(fmt::format("{} of words", counted(file.entries(), "pair", "pairs")));
  return file;
}

std::unique_ptr<Verb> word_vectors_train_verb() {
  const std::string examples =
      "train --data text.txt --out vectors\n"
      "train --data text.txt --model cbow --dim 200 --window 8 --negative 25 --epochs 15 --out vectors\n"
      "train --data text.txt --model skipgram --subwords --out vectors\n"
      "train --data text.txt --model glove --window 10 --epochs 15 --out vectors\n"
      "train --data text.txt --model ppmi-svd --window 2 --out vectors\n"
      "train --data more.txt --init vectors --out more\n"
      "train --data microworld --out world\n"
      "train --out vectors --resume\n";
  return std::make_unique<TrainVerb>("word2vec", examples, [] { return std::make_unique<WordVectorsTraining>(); });
}

}  // namespace langzoo
