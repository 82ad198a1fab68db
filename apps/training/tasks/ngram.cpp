#include "apps/training/tasks/ngram.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/run_tokenizer.h"
#include "apps/training/stream_text.h"
#include "apps/training/tasks/lm.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/files/numbers.h"
#include "data/text/fingerprint.h"
#include "models/ngram/ngram_pruning.h"
#include "models/ngram/ngram_text.h"
#include "tokenizers/added_tokens.h"
#include "tokenizers/directory.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

constexpr auto kNoEnd = std::numeric_limits<std::uint64_t>::max();

/// Lines of a text, or words where lines are none.
std::uint64_t count_units(const NGramText& text, bool lines) {
  std::uint64_t words = 0, ends = 0;
  text.read({[] {}, [&](std::string_view) { ++words; }, [&] { ++ends; }});
  return lines ? ends : words;
}

/// What a run learns from: words, counted as they are read; or the tokens of another tokenizer, in memory.
struct NGramCorpus {
  std::optional<NGramText> train, valid;
  std::optional<StreamCorpus> tokens;
  std::string fingerprint;
};

/// Reads a large file without keeping what it has read.
struct BoundedModel {
  const NGramModel& model;
  mutable std::uint32_t read = 0;

  NGramState start() const { return model.start(); }
  const NGramVocabulary& words() const { return model.words(); }
  double log_probability(NGramState& state, std::int32_t word) const {
    constexpr std::uint32_t kWordsAtOnce = 4096;
    if (++read % kWordsAtOnce == 0) model.release_pages();
    return model.log_probability(state, word);
  }
};

/// One step, in which everything is counted.
class NGramTask : public TrainingTask {
 public:
  NGramTask(NGramCorpus corpus, const NGramLmConfig& config, const NGramOptions& options, std::int64_t max_words,
            bool lines, const TrainSetting& setting)
      : corpus_(std::move(corpus)),
        options_(options),
        prune_entropy_(config.prune_entropy),
        max_words_(max_words),
        lines_(lines),
        setting_(setting),
        model_(std::make_shared<NGramLmImpl>(config)) {}

  torch::nn::Module& model() override { return *model_; }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override {
    check_position(position, batches_per_epoch());
    position_ = position;
  }
  std::int64_t batches_per_epoch() const override { return 1; }
  std::string fingerprint() const override { return "ngram " + corpus_.fingerprint; }
  MicroBatch next() override { throw std::logic_error("an n-gram model has no batches"); }

  OwnStep own_step(double /*learning_rate*/) override {
    const auto file = setting_.out / "data" / kNGramFile;
    fs::create_directories(file.parent_path());
    const auto tokens = corpus_.tokens ? count_tokens(file) : count_words(file);
    position_ = following(position_, batches_per_epoch());
    return {0, 0, static_cast<std::int64_t>(tokens)};
  }

  EvalMetrics evaluate() override {
    if (corpus_.tokens) {
      if (!corpus_.tokens->valid) return {};
      return stream_metrics(model_->log_probabilities(*corpus_.tokens->valid->ids));
    }
    if (!corpus_.valid) return {};
    const auto result = evaluate_ngrams(BoundedModel{std::get<NGramModel>(model_->model())}, *corpus_.valid);
    EvalMetrics metrics;
    metrics["loss"] = {.value = result.nats_per_token(), .chart = MetricChart::kLoss};
    metrics["perplexity"] = {.value = result.perplexity()};
    return metrics;
  }

  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    if (corpus_.tokens) {
      corpus_.tokens->tokenizer->save(dir);
    } else {
      save_word_tokenizer(std::get<NGramModel>(model_->model()).words(), dir);
    }
  }

  /// What is counted stands in the model's folder, which is saved before the state.
  void load_state(const StateDict& state) override {
    TrainingTask::load_state(state);
    model_ = NGramLmImpl::load(setting_.out);
  }

  std::vector<ReportSample> samples() {
    // Each word asks for all of them: not where that would read a large file into memory.
    const auto& model = std::get<NGramModel>(model_->model());
    if (model.bytes().size() > options_.memory / 4 || !has_tokenizer(setting_.out)) return {};
    const auto tokenizer = load_run_tokenizer(setting_.out);
    GenerateOptions options;
    options.max_new_tokens = 40;
    options.num_return_sequences = 4;
    options.sampling.temperature = 0.8;
    options.seed = 1;
    std::vector<ReportSample> samples;
    for (const auto& ids : continue_ids(*model_, {*model_->prompt_start()}, options, torch::kCPU)) {
      samples.push_back({"", generated_text(*tokenizer, ids)});
    }
    return samples;
  }

 private:
  std::uint64_t count_words(const fs::path& file) {
    const auto report =
        train_ngrams(*corpus_.train, file, options_, {.max_words = max_words_, .limit = kMaxVocabularySize});
    auto model = NGramModel::load(file);
    if (prune_entropy_ > 0) {
      write_file_atomically(file, [&](std::ostream& out) { prune_by_entropy(model, prune_entropy_, out); });
      model = NGramModel::load(file);
    }
    say(model);
    model_->set_model(std::move(model), file);
    return report.tokens;
  }

  std::uint64_t count_tokens(const fs::path& file) {
    const auto& text = corpus_.tokens->train;
    const auto& tokenizer = *corpus_.tokens->tokenizer;
    const auto end = LineEncoder(tokenizer).end();
    NGramEstimator estimator(options_, file);
    for (std::size_t i = 0; i < text.ids->size(); ++i) {
      const auto id = (*text.ids)[i];
      if (i > 0) estimator.add(id);
      if (i == 0 || (lines_ && id == end && i + 1 < text.ids->size())) estimator.begin_sentence();
    }
    const auto words = static_cast<std::int32_t>(tokenizer.vocab_size());
    write_file_atomically(file, [&](std::ostream& out) { estimator.write(out, words, end, nullptr); });
    model_->set_model(NGramModel::load(file), file);
    say(std::get<NGramModel>(model_->model()));
    return static_cast<std::uint64_t>(text.predicted());
  }

  void say(const NGramModel& model) const {
    setting_.message(
        fmt::format("{} words; n-grams of 1, 2, ... words: {}", model.vocabulary(), fmt::join(model.counts(), ", ")));
  }

  const NGramCorpus corpus_;
  const NGramOptions options_;
  const double prune_entropy_;
  const std::int64_t max_words_;
  const bool lines_;
  const TrainSetting& setting_;
  std::shared_ptr<NGramLmImpl> model_;
  DataPosition position_;
};

class NGramSetup : public TaskSetup {
 public:
  NGramSetup() { text_.valid_fraction = 0; }

  void bind(RunConfig& config, TrainSetting& setting) override {
    auto& trainer = setting.trainer;
    trainer.optimizer = "own";
    trainer.schedule = "constant";
    trainer.warmup_steps = 0;
    trainer.max_epochs = 1;
    trainer.eval_every = trainer.save_every = 0;
    trainer.best_metric = "perplexity";
    config.bind("data", text_);
    config.bind("model", config_, {"model_type", "vocab_size", "eos_token_id", "mixture"});
    config.bind("train", [this](FieldVisitor& visit) {
      visit("memory", memory_, {.help = "for counting n-grams, beyond what the program begins with: 512M (K, M, G)"});
    });
    config.bind("task", [this](FieldVisitor& visit) { visit("model", kind_, {.help = "the kind of model"}); });
    config.hide("task.model");
  }
  std::vector<TrainFlag> flags() const override {
    return {{"--valid", "data.valid"}, {"--tokenizer", "data.tokenizer"}, {"--memory", "train.memory"}};
  }
  std::vector<std::string> data_keys() const override { return {"data.train", "data.valid", "data.tokenizer"}; }
  bool has_own_algorithm() const override { return true; }
  std::string needs_cpu() const override { return "n-grams are counted on the CPU"; }
  std::vector<std::string> metric_names() const override {
    if (text_.valid.empty() && text_.valid_fraction == 0 && text_.train != kMicroworld) return {};
    return {"loss", "perplexity"};
  }
  std::int64_t tokens_per_sequence() const override { return 0; }

  void complete(RunConfig& /*config*/) override {
    text_.make_paths_absolute();
    if (kind_ != "ngram") throw ConfigError(fmt::format("task.model = {}: this run is to be an ngram", kind_));
    memory_of(memory_, "train.memory");
  }
  std::vector<UnreadKeys> unread_keys() const override {
    const bool told = text_.train == kMicroworld || text_.valid == kMicroworld;
    return {{!told, "a text that microworld does not tell", {"data.microworld_bytes", "data.microworld_seed"}},
            {!text_.valid.empty() && !told, "a run with data.valid", {"data.valid_fraction"}},
            {most_words_of(text_.tokenizer).has_value(),
             fmt::format("data.tokenizer = {}", text_.tokenizer),
             {"data.max_tokens"}},
            {config_.smoothing != "add_k", fmt::format("model.smoothing = {}", config_.smoothing), {"model.k"}},
            {config_.smoothing != kStupidBackoff,
             fmt::format("model.smoothing = {}", config_.smoothing),
             {"model.backoff_factor"}},
            {!config_.smoothing.ends_with("kneser_ney"),
             fmt::format("model.smoothing = {}", config_.smoothing),
             {"model.prune", "model.prune_entropy", "model.discount_fallback"}},
            {true,
             "an n-gram model, which is counted at once,",
             {"train.optimizer", "train.learning_rate", "train.min_learning_rate", "train.schedule",
              "train.warmup_steps", "train.batch_size", "train.batch_tokens", "train.eval_every", "train.save_every",
              "train.log_every", "train.patience", "train.max_epochs"}}};
  }

  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    NGramOptions options = config_.options();
    options.memory = memory_of(memory_, "train.memory");
    try {
      NGramEstimator(options, setting.out / kNGramFile);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("model.{}", error.what()));
    }
    const auto max_words = most_words_of(text_.tokenizer);
    if (!max_words && config_.prune_entropy > 0) {
      throw ConfigError(fmt::format("model.prune_entropy = {}: needs data.tokenizer = words", config_.prune_entropy));
    }
    auto corpus = max_words ? open_words(setting.out) : open_tokens(setting);
    auto empty = config_;
    empty.vocab_size = 2;
    empty.order = 1;
    auto task = std::make_unique<NGramTask>(std::move(corpus), empty, options,
                                            static_cast<std::int64_t>(max_words.value_or(0)), text_.lines, setting);
    task_ = task.get();
    return task;
  }

  std::vector<ReportSample> samples() override { return task_->samples(); }

 private:
  NGramCorpus open_words(const fs::path& out) const {
    if (text_.train.empty())
      throw ConfigError("data.train is missing: a text file, a folder of .txt files, or microworld");
    const auto work = out / "data";
    const auto train = training_documents(text_, work).files, valid = validation_documents(text_, work).files;
    NGramCorpus corpus;
    auto begin_valid = kNoEnd;
    if (!valid.empty()) {
      corpus.valid.emplace(valid, text_.lines);
    } else if (text_.valid_fraction > 0) {
      const auto all = static_cast<double>(count_units({train, text_.lines}, text_.lines));
      begin_valid = static_cast<std::uint64_t>(all * (1 - text_.valid_fraction));
      corpus.valid.emplace(train, text_.lines, begin_valid);
    }
    corpus.train.emplace(train, text_.lines, 0, begin_valid);
    const auto print = [](const std::vector<fs::path>& files) { return text_fingerprint(files, 1).print; };
    corpus.fingerprint = fmt::format("text {:016x} validation {:016x} from {} lines {}", print(train), print(valid),
                                     begin_valid, text_.lines);
    return corpus;
  }

  NGramCorpus open_tokens(const TrainSetting& setting) const {
    NGramCorpus corpus;
    corpus.tokens = open_stream_corpus(text_, setting.out, setting.message);
    corpus.fingerprint = corpus.tokens->fingerprint;
    return corpus;
  }

  std::string kind_ = "ngram", memory_ = "1G";
  StreamTextOptions text_;
  NGramLmConfig config_;
  NGramTask* task_ = nullptr;
};

}  // namespace

std::unique_ptr<TaskSetup> ngram_setup() {
  return std::make_unique<NGramSetup>();
}

std::size_t memory_of(std::string_view text, std::string_view key) {
  auto digits = text;
  int shift = 0;
  for (const auto& [unit, bits] : {std::pair{'K', 10}, std::pair{'M', 20}, std::pair{'G', 30}}) {
    if (!digits.ends_with(unit)) continue;
    digits.remove_suffix(1);
    shift = bits;
    break;
  }
  std::uint64_t number = 0;
  const bool fits =
      read_number(digits, number) == NumberFault::kNone && number > 0 && number <= (kNoEnd >> 10 >> shift);
  if (!fits) throw ConfigError(fmt::format("{} = {}: expected bytes, such as 512M or 2G", key, text));
  return static_cast<std::size_t>(number << shift);
}

bool save_word_tokenizer(const NGramVocabulary& words, const fs::path& dir) {
  if (words.size() > kMaxVocabularySize) return false;
  // Falling counts, so that words keep their ids.
  std::vector<std::pair<std::string, std::uint64_t>> counts;
  for (std::size_t id = NGramVocabulary::kSentenceEnd + 1; id < words.size(); ++id) {
    counts.emplace_back(words.word(static_cast<std::int32_t>(id)), words.size() - id);
  }
  word_tokenizer(std::move(counts), 0)->save(dir);
  return true;
}

void check_word_tokenizer(const NGramLmImpl& lm, const Tokenizer& tokenizer, const fs::path& dir) {
  constexpr std::size_t kLooks = 10'000;
  const auto* const one = std::get_if<NGramModel>(&lm.model());
  const auto& words = one != nullptr ? one->words() : std::get<NGramMixture>(lm.model()).words();
  const auto size = tokenizer.vocab_size();
  bool same = static_cast<std::int64_t>(size) == lm.vocab_size();
  const bool has_words = one == nullptr || one->has_words();
  for (std::size_t id = 0; same && has_words && id < size; id += size / kLooks + 1) {
    const auto token = static_cast<TokenId>(id);
    same = tokenizer.has_token(token) && tokenizer.id_to_token(token) == words.word(token);
  }
  if (!same) throw FileError(dir, "the tokenizer's words are not the n-gram model's: it is another model's tokenizer");
}

}  // namespace langzoo
