#include <algorithm>
#include <numeric>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/types.h>

#include "apps/training/freed_memory.h"
#include "apps/training/tasks/word_vectors.h"
#include "apps/training/tasks/word_vectors/training.h"
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
  explicit WordVectorsTraining(const std::string& kind) { options_.kind = kind; }

  void bind(RunConfig& config, TrainSetting& setting) override {
    setting_ = &setting;
    bind_word_vectors(config, options_, setting);
  }
  std::vector<TrainFlag> flags() const override { return word_vectors_flags(); }
  bool has_own_algorithm() const override { return true; }
  bool heeds_init() const override { return true; }
  void complete(RunConfig& config) override {
    if (options_.data != kMicroworld) options_.data = absolute_if_there(options_.data);
    complete_word_vectors(config, options_, *setting_);
  }
  std::vector<UnreadKeys> unread_keys() const override { return word_vectors_unread(options_); }
  std::string notes() const override { return word_vectors_notes(); }
  std::string needs_cpu() const override {
    if (setting_->trainer.optimizer == "own") return "train.optimizer = own runs on the CPU; adamw and sgd run on any";
    return options_.deterministic ? "train.deterministic keeps its promise on the CPU only" : "";
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
      throw std::runtime_error(
          fmt::format("{}: {} (data.min_count = {})", options_.data, error.what(), options_.min_count));
    }
  }

  Vocabulary count(const std::vector<fs::path>& documents, std::size_t threads) const {
    VocabularyOptions counting;
    counting.min_count = options_.min_count;
    counting.max_size = options_.max_vocabulary;
    counting.threads = threads;
    counting.too_long = [&](std::uint64_t words) {
      setting_->message(
          fmt::format("left out: {} {} of more than {} bytes", words, words == 1 ? "word" : "words", kMaxWordBytes));
    };
    if (!extends_model(options_, *setting_)) return of_text([&] { return count_words(documents, counting); });
    const fs::path init = setting_->init;
    const auto before = Vocabulary::load(init / "vocab.tsv");
    require_words(before, initial_config(init).vocab_size, init);
    return of_text([&] { return extend_vocabulary(before, documents, counting); });
  }

  /// The vocabulary (a resumed run keeps its own) and the ids, kept in the output folder. Decides how many words a step
  /// takes where the settings leave that open.
  WordText prepare(TrainSetting& setting) const {
    if (options_.data.empty())
      throw ConfigError("data.train is missing: a file, a folder of .txt files, or microworld");
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
    setting.message(fmt::format("{} words of {} kinds in {} sentences", corpus.words(), vocabulary.words().size(),
                                corpus.sentences()));
    if (step_words == 0 && options_.is_word2vec()) {
      const auto epochs = std::clamp<std::int64_t>(setting.trainer.max_epochs, 1, kMostStepWords);
      // Each rank takes its blocks of a step, several so that all take about as many.
      const auto world = setting.rank.world, least = world == 1 ? kLeastStepWords : 4 * kLeastStepWords * world;
      step_words = std::clamp(corpus.words() / kLeastSteps * epochs, least, kMostStepWords * world);
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

void WordVectorsTask::seek(const DataPosition& position) {
  check_position(position, batches_per_epoch());
  position_ = position;
}

WordVectors WordVectorsTask::vectors(std::int64_t words) {
  return text_.frequent(words, [this](const auto& first) { return vectors_of(first); });
}

std::pair<std::int64_t, std::int64_t> WordVectorsTask::blocks(const Rank& rank) const {
  const auto first = position_.batch * blocks_a_step_;
  const auto count = std::min(blocks_a_step_, blocks_ - first);
  return {first + count * rank.index / rank.world, first + count * (rank.index + 1) / rank.world};
}

void WordVectorsTask::advance() {
  position_ = following(position_, batches_per_epoch());
}

void tell_report(const TrainSetting& setting, const LoadReport& report) {
  if (const auto summary = report.summary(); !summary.empty()) {
    setting.message(fmt::format("note: {}: {}", setting.init, summary));
  }
}

void begin_with_vectors(const WordText& text, const TrainSetting& setting, const std::vector<torch::Tensor>& tables) {
  LoadReport report;
  LeftOutRows left_out;
  const auto vectors = load_word_vectors(setting.init, &report, &left_out);
  tell_report(setting, report);
  for (const auto& what : left_out.in_words()) setting.message(fmt::format("{}: left out: {}", setting.init, what));
  const auto& words = text.vocabulary.words();
  std::vector<std::int64_t> rows, known;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto found = vectors.find(words[i]);
    if (found < 0) continue;
    rows.push_back(static_cast<std::int64_t>(i));
    known.push_back(found);
  }
  const torch::NoGradGuard no_grad;
  const auto share = vectors.vectors().index_select(0, torch::tensor(known)) / static_cast<double>(tables.size());
  for (auto table : tables) table.index_copy_(0, torch::tensor(rows), share);
  setting.message(fmt::format("{} of {} words begin with the vectors in {}, the others as usual", rows.size(),
                              words.size(), setting.init));
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
  setting.train.message(fmt::format("{} pairs of words", file.entries()));
  return file;
}

std::unique_ptr<TaskSetup> word_vectors_setup(const std::string& kind) {
  return std::make_unique<WordVectorsTraining>(kind);
}

}  // namespace langzoo
