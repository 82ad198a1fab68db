#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/cli/base/program.h"
#include "apps/cli/corpus.h"
#include "apps/cli/word_vectors/training.h"
#include "data/files/files.h"
#include "data/files/text_source.h"
#include "data/microworld/microworld.h"
#include "data/microworld/word_relations.h"
#include "models/pretrained.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Words of text between two looks at the learning rate: own steps are quick, a graph is large.
constexpr std::int64_t kOwnStepWords = 100'000, kGraphWords = 1'000, kSoftmaxGraphWords = 200;
/// The report seeks neighbours among the most frequent words: looking through all of a large table takes a copy of it.
constexpr std::int64_t kReportWords = 50'000;

class WordVectorsTraining : public TrainFamily {
 public:
  void bind(RunConfig& config, TrainSetting& setting) override {
    auto& o = options_;
    auto& t = setting.trainer;
    t.optimizer = "own";
    t.schedule = "linear";
    t.learning_rate = 0.025;
    t.min_learning_rate = 0.025e-4;
    t.max_epochs = 5;
    t.max_steps = 1'000'000'000;
    t.weight_decay = t.clip_norm = 0;
    t.eval_every = 0;
    t.save_every = 5'000;
    setting.batch.batch_tokens = kOwnStepWords;
    config.bind("model.kind", o.kind, "skipgram, cbow, glove or ppmi-svd",
                one_of({"skipgram", "cbow", "glove", "ppmi-svd"}));
    config.bind("model.objective", o.objective,
                "of skipgram and cbow: ns (negative sampling), hs (hierarchical softmax) or softmax",
                one_of({"ns", "hs", "softmax"}));
    config.bind("model.dim", o.dim, "width of the vectors", between(1, 1 << 16));
    config.bind("model.window", o.window, "words on either side that count as neighbours", between(1, 1000));
    config.bind("model.negative", o.negative, "negative words for each example of ns", between(0, 1000));
    config.bind("model.sample", o.sample, "threshold of subsampling frequent words; 0: none", between(0, 1));
    config.bind("model.sampling_power", o.sampling_power, "negatives are drawn by count to this power", between(0, 1));
    config.bind("model.full_input_gradient", o.full_input_gradient,
                "cbow: every word of the window takes the whole error, not its share");
    config.bind("model.subwords", o.subwords, "compose words of character n-grams, which gives unseen words a vector");
    config.bind("model.min_n", o.min_n, "characters of the shortest n-gram", between(1, 64));
    config.bind("model.max_n", o.max_n, "characters of the longest", between(1, 64));
    config.bind("model.buckets", o.buckets, "rows that the n-grams share", between(1, 1 << 30));
    config.bind("model.distance_weighting", o.distance_weighting,
                "glove, ppmi-svd: a pair at distance d counts 1/d, not 1");
    config.bind("model.x_max", o.x_max, "glove: counts from here on weigh alike", at_least(1e-9));
    config.bind("model.alpha", o.alpha, "glove: smaller ones weigh (count / x_max)^alpha", between(0, 10));
    config.bind("model.context_smoothing", o.context_smoothing, "ppmi-svd: power of the context counts", between(0, 1));
    config.bind("model.shift", o.shift, "ppmi-svd: log2 of it is taken off", at_least(1));
    config.bind("model.eigenvalue_weight", o.eigenvalue_weight, "ppmi-svd: power of the singular values",
                between(0, 1));
    config.bind("model.add_contexts", o.add_contexts, "ppmi-svd: add each word's vector as a context");
    config.bind("data.train", o.data,
                "a file or a folder of .txt files, words separated by white space; or microworld");
    config.bind("data.microworld_bytes", o.microworld_bytes, "text that microworld tells", between(1000, 1LL << 40));
    config.bind("data.microworld_seed", o.microworld_seed, "which stories it tells");
    config.bind("data.min_count", o.min_count, "rarer words are left out", at_least(1));
    config.bind("data.max_vocabulary", o.max_vocabulary, "keep so many words, the most frequent; 0: all", at_least(0));
    config.bind("data.lines", o.lines, "a line's end ends a sentence; false: running text");
    config.bind("data.counting_memory_mb", o.counting_memory_mb,
                "glove, ppmi-svd: megabytes for counting; the rest goes to the disk", at_least(1));
    config.bind("train.init", o.init, "a model folder to go on from, with new text: its vocabulary is extended");
    config.bind("train.deterministic", o.deterministic, "the same bytes for a seed, whatever the number of threads");
  }

  std::vector<TrainFlag> flags() const override {
    return {{"--model", "model.kind"},
            {"--objective", "model.objective"},
            {"--dim", "model.dim"},
            {"--window", "model.window"},
            {"--negative", "model.negative"},
            {"--min-count", "data.min_count"},
            {"--sample", "model.sample"},
            {"--epochs", "train.max_epochs"},
            {"--learning-rate", "train.learning_rate"},
            {"--subwords", "model.subwords"},
            {"--init", "train.init"},
            {"--deterministic", "train.deterministic"}};
  }

  void complete(RunConfig& config) override {
    const auto& o = options_;
    if (!o.init.empty()) {
      const auto before = Word2VecConfig::from_json(read_config(o.init, Word2VecImpl::pretrained_traits()),
                                                    (fs::path(o.init) / "config.json").string());
      config.set_default("model.kind", before.architecture);
      config.set_default("model.objective", before.objective);
      config.set_default("model.dim", before.dim);
      config.set_default("model.subwords", before.subwords);
      config.set_default("model.min_n", before.min_n);
      config.set_default("model.max_n", before.max_n);
      config.set_default("model.buckets", before.buckets);
    }
    if (o.kind == "cbow" || o.kind == "glove") config.set_default("train.learning_rate", 0.05);
    if (o.kind == "glove") {
      config.set_default("model.window", 15);
      config.set_default("train.max_epochs", 25);
      config.set_default("train.schedule", "constant");
    }
    if (o.kind == "ppmi-svd") {
      config.set_default("model.distance_weighting", false);
      config.set_default("train.max_epochs", 1);
    }
    if (!is_word2vec()) {
      if (o.subwords) throw UsageError(fmt::format("--subwords: {} has none; skipgram and cbow have", o.kind));
      if (!o.init.empty()) throw UsageError(fmt::format("--init: {} cannot go on from another model", o.kind));
      if (o.kind == "ppmi-svd" && config.value("train.optimizer") != "own") {
        throw UsageError("train.optimizer: ppmi-svd is computed, not optimised; leave it at own");
      }
    } else if (o.objective == "softmax") {
      config.set_default("train.optimizer", "adamw");
      config.set_default("train.learning_rate", 0.001);
    }
    if (config.value("train.optimizer") != "own") {
      config.set_default("train.batch_tokens", o.objective == "softmax" ? kSoftmaxGraphWords : kGraphWords);
    }
    config.set_default("train.min_learning_rate", config.value("train.learning_rate").get<double>() * 1e-4);
  }

  std::string unit() const override { return "words"; }
  std::int64_t tokens_per_sequence() const override { return 0; }  // train.batch_tokens is the task's own matter

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    const WordVectorsSetting shared{options_, setting, setting.batch.batch_tokens};
    if (shared.step_words < 1) throw UsageError("train.batch_tokens = 0: a step needs words");
    auto text = prepare(setting, shared.step_words);
    release_freed_memory();
    const auto make = is_word2vec()              ? make_word2vec_task
                      : options_.kind == "glove" ? make_glove_task
                                                 : make_ppmi_svd_task;
    auto task = make(std::move(text), shared);
    task_ = task.get();
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
  bool is_word2vec() const { return options_.kind == "skipgram" || options_.kind == "cbow"; }

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

  /// The vocabulary (a resumed run keeps its own) and the ids, kept in the output folder.
  WordText prepare(const TrainSetting& setting, std::int64_t step_words) const {
    if (options_.data.empty()) throw UsageError("--data is missing: a file, a folder of .txt files, or microworld");
    const auto dir = setting.out / "data";
    fs::create_directories(dir);
    const auto documents = find_documents(dir, setting.resume);
    const auto threads = static_cast<std::size_t>(at::get_num_threads());
    const auto vocabulary_path = setting.out / "vocab.tsv";
    Vocabulary vocabulary;
    if (setting.resume && fs::exists(vocabulary_path)) {
      vocabulary = Vocabulary::load(vocabulary_path);
    } else {
      VocabularyOptions counting;
      counting.min_count = options_.min_count;
      counting.max_size = options_.max_vocabulary;
      counting.threads = threads;
      setting.message("counting words");
      vocabulary = options_.init.empty() ? count_words(documents, counting)
                                         : extend_vocabulary(Vocabulary::load(fs::path(options_.init) / "vocab.tsv"),
                                                             documents, counting);
      vocabulary.save(vocabulary_path);
    }
    WordCorpusOptions reading;
    reading.lines = options_.lines;
    reading.threads = threads;
    // Small enough for threads to share a step evenly.
    reading.block_words = std::min(reading.block_words, step_words);
    auto corpus = WordCorpus::open_or_build(documents, vocabulary, dir / "words.bin", reading);
    setting.message(
        fmt::format("{} words of {} kinds in {} sentences", corpus.words(), vocabulary.size(), corpus.sentences()));
    return {std::move(vocabulary), std::move(corpus)};
  }

  WordVectorsOptions options_;
  WordVectorsTask* task_ = nullptr;
};

}  // namespace

std::vector<std::string> WordText::frequent_words(std::int64_t count) const {
  const auto& words = vocabulary.words();
  return {words.begin(), words.begin() + std::min<std::ptrdiff_t>(std::ssize(words), count)};
}

CoOccurrenceFile count_co_occurrences(const WordText& text, const WordVectorsSetting& setting, bool shuffle) {
  CoOccurrenceOptions counting;
  counting.window = setting.options.window;
  counting.distance_weighting = setting.options.distance_weighting;
  counting.memory_bytes = setting.options.counting_memory_mb << 20;
  counting.seed = setting.train.trainer.seed;
  counting.shuffle = shuffle;
  counting.threads = static_cast<std::size_t>(at::get_num_threads());
  setting.train.message("counting co-occurrences");
  auto file = CoOccurrenceFile::open_or_build(text.corpus, static_cast<std::int64_t>(text.vocabulary.size()),
                                              setting.train.out / "data" / "co_occurrences.bin", counting);
  setting.train.message(fmt::format("{} pairs of words meet", file.entries()));
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
