#include "apps/training/tasks/text_to_text.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "apps/training/model_task.h"
#include "apps/training/pair_corpus.h"
#include "apps/training/run_tokenizer.h"
#include "apps/training/saved_run.h"
#include "data/files/config_error.h"
#include "data/files/cpus.h"
#include "data/files/files.h"
#include "data/files/text_lines.h"
#include "data/text/fingerprint.h"
#include "tokenizers/utf8.h"

namespace langzoo {

namespace fs = std::filesystem;

/// Examples as ids.
struct EncodedTexts {
  std::vector<std::vector<TokenId>> sources;         ///< of all
  ParallelCorpus corpus;                             ///< of those whose target fits, and has tokens
  std::vector<std::vector<std::string>> references;  ///< of all
};

namespace {

constexpr std::int64_t kMostDenoised = 1000;  ///< examples that an evaluation looks at
constexpr const char* kPairMetrics[] = {"bleu", "chrf", "exact_match"};

/// What begins, ends and fills up texts, and stands for what was cut out of them, in a tokenizer that is trained.
std::vector<std::string> special_tokens(std::int64_t sentinels) {
  std::vector<std::string> tokens = {"<pad>", "</s>", "<unk>"};
  for (auto& token : sentinel_tokens(sentinels)) tokens.push_back(std::move(token));
  return tokens;
}

/// Training and validation rows of one seed are from different stories.
std::uint64_t training_seed(std::uint64_t seed) {
  return 2 * seed;
}
std::uint64_t validation_seed(std::uint64_t seed) {
  return 2 * seed + 1;
}

/// The task of a file of pairs, or of what makes pairs.
TextTask pair_task(const std::string& data, const std::string& valid) {
  return {kPairs, data, valid, "{source}", "{target}", {std::begin(kPairMetrics), std::end(kPairMetrics)}, 1};
}
bool is_of_pairs(const TextTask& task) {
  return task.name == kPairs && task.input == "{source}" && task.target == "{target}";
}

std::vector<TextExample> read_pair_examples(const std::string& data, const MadeUpRows& made_up, std::int64_t skipped,
                                            const Message& message) {
  const auto pairs =
      open_pairs({.data = data, .task_seed = made_up.seed, .task_pairs = made_up.count, .task_skip = skipped});
  std::vector<TextExample> examples;
  std::int64_t empty = 0;
  for (SentencePair pair; pairs->next(pair);) {
    for (const std::string_view side : {pair.source, pair.target}) {
      if (!is_valid_utf8(side))
        throw std::runtime_error(fmt::format("{}: line {}: is not UTF-8", pairs->name(), pair.line));
    }
    if (has_words(pair.source) && has_words(pair.target)) {
      examples.push_back({std::move(pair.source), std::move(pair.target), {}, pair.line});
    } else {
      ++empty;
    }
  }
  if (const auto what = pairs->left_out(); !what.empty()) message(fmt::format("left out: {}", what));
  if (empty > 0) message(fmt::format("left out: {} pairs of which a side is empty", empty));
  if (examples.empty()) throw std::runtime_error(fmt::format("{}: no pair is left", pairs->name()));
  return examples;
}

struct SplitExamples {
  std::vector<TextExample> train, valid;
};

struct SplitOptions {
  MadeUpRows made_up;
  double valid_fraction = 0.1;
  bool train = true;  ///< whether the training examples are asked for
};

/// What a task has to learn from, and what is set aside.
SplitExamples read_split(const TextTask& task, const SplitOptions& options, const Message& message) {
  const auto count = options.made_up.count;
  const auto held_out = std::max<std::int64_t>(1, count / 10);
  const auto read = [&](const std::string& data, bool validation) {
    if (is_of_pairs(task)) {  // of one stream: sums that are learned from are not asked for again
      return read_pair_examples(data, {options.made_up.seed, validation ? held_out : count}, validation ? count : 0,
                                message);
    }
    std::int64_t left_out = 0;
    const MadeUpRows rows = validation ? MadeUpRows{validation_seed(options.made_up.seed), held_out}
                                       : MadeUpRows{training_seed(options.made_up.seed), count};
    auto examples = read_text_examples(task, data, rows, left_out);
    if (left_out > 0)
      message(fmt::format("task {}: {}: left out: {} rows without a target", task.name, data, left_out));
    return examples;
  };
  SplitExamples split;
  const bool made_up = is_microworld_table(task.data) || (is_of_pairs(task) && is_pair_task(task.data));
  if (!task.valid.empty() || made_up) {
    if (options.train) split.train = read(task.data, false);
    if (!task.valid.empty() || options.valid_fraction > 0)
      split.valid = read(task.valid.empty() ? task.data : task.valid, true);
    return split;
  }
  split.train = read(task.data, false);
  const auto size = static_cast<double>(split.train.size());
  const auto kept = static_cast<std::ptrdiff_t>(size * (1 - options.valid_fraction));
  if (kept == std::ssize(split.train)) return split;
  if (kept == 0) {
    throw std::runtime_error(fmt::format(
        "task {}: {}: of {} nothing can be set aside for validation; \"valid\" names a file of its own", task.name,
        task.data, split.train.size() == 1 ? "1 example" : fmt::format("{} examples", split.train.size())));
  }
  split.valid.assign(std::make_move_iterator(split.train.begin() + kept), std::make_move_iterator(split.train.end()));
  split.train.resize(static_cast<std::size_t>(kept));
  return split;
}

/// How many of the tokens are among `ids`.
std::int64_t count_of(const std::vector<std::int64_t>& ids, TokenView tokens) {
  constexpr std::size_t kAtOnce = 1 << 16;
  std::vector<bool> wanted(tokens.vocab_size());
  for (const auto id : ids) wanted[static_cast<std::size_t>(id)] = true;
  std::int64_t count = 0;
  std::vector<std::int64_t> part;
  for (std::size_t begin = 0; begin < tokens.size(); begin += part.size()) {
    part.resize(std::min(kAtOnce, tokens.size() - begin));
    tokens.read(begin, part);
    count +=
        std::count_if(part.begin(), part.end(), [&](std::int64_t id) { return wanted[static_cast<std::size_t>(id)]; });
  }
  return count;
}

struct Limits {
  std::int64_t max_source = 0, max_target = 0;  ///< end tokens included; 0: no bound
};

EncodedTexts encode_texts(const TextTask& task, const std::vector<TextExample>& examples, const Tokenizer& tokenizer,
                          const Limits& limits, const Message& message, bool measured) {
  const auto encode_all = [&](std::string TextExample::*side) {
    std::vector<std::string_view> texts;
    for (const auto& example : examples) texts.emplace_back(example.*side);
    try {
      return tokenizer.encode_batch(texts, available_cpus());
    } catch (const std::runtime_error&) {  // which one it was
      for (const auto& example : examples) {
        std::vector<TokenId> ids;
        try {
          tokenizer.encode(example.*side, ids);
        } catch (const std::runtime_error& error) {
          throw std::runtime_error(
              fmt::format("task {}: {}: line {}: {}", task.name, task.data, example.line, error.what()));
        }
      }
      throw;
    }
  };
  EncodedTexts encoded;
  encoded.sources = encode_all(&TextExample::input);
  const auto targets = encode_all(&TextExample::target);
  std::int64_t cut = 0, long_targets = 0, empty = 0;
  for (std::size_t i = 0; i < examples.size(); ++i) {
    auto& source = encoded.sources[i];
    if (limits.max_source > 0 && std::ssize(source) >= limits.max_source) {
      source.resize(static_cast<std::size_t>(limits.max_source - 1));
      ++cut;
    }
    encoded.references.push_back(examples[i].references());
    if (limits.max_target > 0 && std::ssize(targets[i]) >= limits.max_target) {
      ++long_targets;
    } else if (source.empty() || targets[i].empty()) {
      ++empty;
    } else {
      encoded.corpus.add(source, targets[i]);
    }
  }
  const char* const of_loss = measured ? " of the loss" : "";  // the model writes for them all the same
  const auto tell = [&](std::int64_t count, const std::string& what) {
    if (count > 0) message(fmt::format("task {}: {} of {} {}", task.name, count, examples.size(), what));
  };
  tell(cut, fmt::format("sources cut to {} tokens (data.max_source)", limits.max_source));
  tell(long_targets, fmt::format("targets have more than {} tokens and are left out{} (data.max_target)",
                                 limits.max_target, of_loss));
  tell(empty, fmt::format("examples have a side without tokens and are left out{}", of_loss));
  return encoded;
}

/// What the model writes for sources, and how well that is. `nats` alone where nothing is to be written.
TaskScores score_task(const Translator& translator, const TextTask& task, const EncodedTexts& encoded,
                      BeamSearchOptions search, std::int64_t batch_size, std::int64_t most) {
  TaskScores scores;
  scores.name = task.name;
  if (encoded.corpus.size() > 0) {
    scores.nats = target_nats(*translator.model, encoded.corpus, translator.special, translator.device);
  }
  const auto count =
      static_cast<std::size_t>(most > 0 ? std::min(most, std::ssize(encoded.sources)) : std::ssize(encoded.sources));
  scores.examples = static_cast<std::int64_t>(count);
  const auto sources = std::span(encoded.sources).first(count);
  for (const auto& found : decode_sources(translator, sources, std::move(search), batch_size)) {
    scores.texts.push_back(text_of(translator.tokenizers, found.front()));
  }
  for (const auto& source : sources) scores.inputs.push_back(translator.tokenizers.source().decode(source, true));
  const auto threads = static_cast<std::size_t>(at::get_num_threads());
  for (const auto& metric : task.metrics) {
    for (auto& score : score_texts(metric, scores.texts, std::span(encoded.references).first(count), threads)) {
      const auto same = [&](const TextScore& other) { return other.name == score.name; };
      if (std::none_of(scores.scores.begin(), scores.scores.end(), same)) scores.scores.push_back(std::move(score));
    }
  }
  return scores;
}

void add_nats(TargetNats& sum, const TargetNats& part) {
  sum.nats += part.nats;
  sum.tokens += part.tokens;
}

/// "task.metric" of several tasks, the metric's own name of one; and loss and perplexity of all.
EvalMetrics metrics_of(const std::vector<TaskScores>& tasks, bool named) {
  TargetNats nats;
  for (const auto& task : tasks) add_nats(nats, task.nats);
  auto metrics = nats.tokens > 0 ? nats.metrics() : EvalMetrics();
  for (const auto& task : tasks) {
    for (const auto& [name, value] : task.scores)
      metrics[named ? fmt::format("{}.{}", task.name, name) : name] = {value, Direction::kHigherIsBetter};
  }
  if (named && tasks.size() > 1) metrics["score"] = {mean_score(tasks), Direction::kHigherIsBetter};
  return metrics;
}

/// Names of the scores of a task's metrics, each once.
std::vector<std::string> score_names_of(const TextTask& task) {
  std::vector<std::string> names;
  for (const auto& metric : task.metrics) {
    for (auto& name : text_score_names(metric)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace

void TextToTextKeys::for_each_field(FieldVisitor& visit) {
  visit(
      "objective", objective,
      {.choices = {kPairs, kDenoisingObjectives[0], kDenoisingObjectives[1], kDenoisingObjectives[2],
                   kDenoisingObjectives[3]},
       .help = "what is learned: pairs (data.train is source TAB target), or of a text what was cut out of it, how it "
               "goes on, what it was before tokens were masked, or before it was shuffled"});
  visit("tasks", tasks, {.help = "a JSON file of tasks to be mixed, or microworld; in place of data.train"});
  visit("noise_density", noise_density,
        {.above = 0, .below = 1, .help = "share of the tokens that are cut out, or masked"});
  visit("mean_noise_span_length", mean_noise_span_length,
        {.least = 1, .most = 1e6, .help = "tokens cut out in a row, on average"});
  visit("sentinels", sentinels,
        {.least = 1, .most = 10'000, .help = "tokens <extra_id_0>, ... that a tokenizer trained by the run has"});
  visit("max_source", max_source,
        {.least = 0,
         .most = 1 << 24,
         .help = "tokens of a source, its end token included; longer ones are cut, 0: no bound; of a text all have so "
                 "many"});
  visit("max_target", max_target,
        {.least = 0, .most = 1 << 24, .help = "likewise of a target; examples with longer ones are left out"});
  visit("mixing", mixing,
        {.choices = {kMixingNames[0], kMixingNames[1], kMixingNames[2]},
         .help = "how often a task is drawn from: proportional to its examples, to their number^(1/temperature), or "
                 "all equally, times its weight"});
  visit("mixing_limit", mixing_limit, {.least = 0, .help = "examples of a task that count for that; 0: all"});
  visit("mixing_temperature", mixing_temperature, {.least = 1, .most = 1e6, .help = "of mixing temperature"});
  visit("generated", generated,
        {.least = 0, .help = "validation examples of each task for which every evaluation writes, greedily; 0: none"});
  visit("task_examples", task_examples, {.least = 10, .most = 1e9, .help = "examples of a task that microworld makes"});
  visit("task_seed", task_seed, {.help = "which ones those are"});
}

DenoisingObjective TextToTextKeys::denoising_objective() const {
  const auto* const found = std::find(std::begin(kDenoisingObjectives), std::end(kDenoisingObjectives), objective);
  if (found == std::end(kDenoisingObjectives))
    throw ConfigError(
        fmt::format("objective {}: expected one of {}", objective, fmt::join(kDenoisingObjectives, ", ")));
  return static_cast<DenoisingObjective>(found - std::begin(kDenoisingObjectives));
}

MixingOptions TextToTextKeys::mixing_options() const {
  const auto* const found = std::find(std::begin(kMixingNames), std::end(kMixingNames), mixing);
  return {static_cast<MixingKind>(found - std::begin(kMixingNames)), mixing_limit, mixing_temperature};
}

std::vector<TextTask> open_text_tasks(const std::string& tasks) {
  return tasks == kMicroworld ? microworld_text_tasks() : read_text_tasks(tasks);
}

BeamSearchOptions TaskEvaluationOptions::greedy() {
  BeamSearchOptions options;
  options.num_beams = 1;
  return options;
}

double mean_score(const std::vector<TaskScores>& tasks) {
  double sum = 0;
  for (const auto& task : tasks) sum += task.scores.empty() ? 0 : task.scores[0].value;
  return sum / static_cast<double>(tasks.size());
}

std::vector<TaskScores> evaluate_text_tasks(const Translator& translator, const std::vector<TextTask>& tasks,
                                            const TaskEvaluationOptions& options) {
  std::vector<TaskScores> all;
  for (const auto& task : tasks) {
    auto split = read_split(task, {options.made_up, options.valid_fraction, options.train_data}, options.message);
    auto& examples = options.train_data ? split.train : split.valid;
    if (options.most > 0 && options.most < std::ssize(examples))
      examples.resize(static_cast<std::size_t>(options.most));
    if (examples.empty()) throw std::runtime_error(fmt::format("task {}: has no examples to measure", task.name));
    const auto encoded = encode_texts(task, examples, translator.tokenizers.source(),
                                      {options.max_source, options.max_target}, options.message, /*measured=*/true);
    all.push_back(score_task(translator, task, encoded, options.search, options.batch_size, 0));
  }
  return all;
}

TaskEvaluationOptions task_evaluation_of(const fs::path& dir) {
  TextToTextKeys keys;
  TextCorpusOptions corpus;
  read_run_section(dir, "data", keys);
  read_run_section(dir, "data", corpus);
  TaskEvaluationOptions options;
  options.max_source = keys.max_source;
  options.max_target = keys.max_target;
  options.valid_fraction = corpus.valid_fraction > 0 ? corpus.valid_fraction : options.valid_fraction;
  options.made_up = {keys.task_seed, keys.task_examples};
  return options;
}

TargetNats evaluate_denoising(const Translator& translator, const fs::path& dir, const std::string& data,
                              const Message& message) {
  TextToTextKeys keys;
  read_run_section(dir, "data", keys);
  if (!keys.denoises()) keys.objective = kDenoisingObjectives[0];
  if (message) message(fmt::format("{}: read as a text, of which {} is measured", data, keys.objective));
  const auto& tokenizer = translator.tokenizers.source();
  const auto text = open_text(data, tokenizer, microworld_seed_of(dir), {}, message);
  const DenoisingDataset examples(text.tokens,
                                  DenoisingOptions::of(keys.denoising_objective(), keys.spans(), tokenizer),
                                  keys.source_tokens(), tokenizer.special_tokens().eos, /*seed=*/1);
  std::vector<std::int64_t> numbers;
  for (std::int64_t i = 0; i < std::min(kMostDenoised, examples.num_examples()); ++i) numbers.push_back(i);
  return target_nats(*translator.model, examples.examples(0, numbers), translator.special, translator.device);
}

bool holds_pairs(const std::string& data) {
  if (is_pair_task(data) || may_be_json_lines(data)) return true;
  if (data == kMicroworld || !fs::is_regular_file(data)) return false;
  FileLines lines(data);
  for (std::string_view line; lines.next(line);) {
    if (has_words(line)) return line.find('\t') != std::string_view::npos;
  }
  return false;
}

EvalMetrics evaluate_text_to_text(const RegisteredModel& registered, const fs::path& dir, const std::string& data,
                                  const DeviceOptions& options, std::optional<std::uint64_t> seed,
                                  const Message& message) {
  const auto translator = load_translator(registered, dir, options);
  auto evaluation = task_evaluation_of(dir);
  if (seed) evaluation.made_up.seed = *seed;
  if (message) evaluation.message = message;
  if (fs::path(data).extension() == ".json") {
    return metrics_of(evaluate_text_tasks(translator, read_text_tasks(data), evaluation), /*named=*/true);
  }
  if (!holds_pairs(data)) return evaluate_denoising(translator, dir, data, message).metrics();
  return metrics_of(evaluate_text_tasks(translator, {pair_text_task(data)}, evaluation), /*named=*/false);
}

TextTask pair_text_task(const std::string& data) {
  return pair_task(data, is_pair_task(data) ? "" : data);
}

/// What runs on text and runs on tasks have in common.
class TextToTextSetup::Task : public ModelTask<EncoderDecoder, Translator, ParallelBatch> {
 public:
  Task(Translator translator, const TrainSetting& setting)
      : Task(std::shared_ptr(translator.model), translator, setting) {}
  ~Task() override { batches_.reset(); }

  std::string unit() const override { return "target tokens"; }
  MicroBatch next() override {
    const auto step = this->step();
    const auto batch = batches_->next();
    const auto targets = batch.labels.ge(0).sum().item<std::int64_t>();
    if (batch.pairs.empty()) return MicroBatch::nothing();
    MicroBatch micro(targets, targets, [this, step, batch = to_device(batch, device_)] {
      model_->set_training_step(step);
      return model_->loss_sum(batch.source, batch.source_lengths, batch.decoder_input, batch.labels);
    });
    micro.num_sources = batch.source_lengths.sum().item<std::int64_t>();
    return micro;
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.tokenizers.save(dir);
  }
  virtual std::vector<ReportSample> samples() { return {}; }

 protected:
  const Tokenizer& tokenizer() const { return data_.tokenizers.source(); }
  std::string batch_name() const {
    return batch_.batch_tokens > 0 ? fmt::format("target tokens {} in {} parts", batch_.batch_tokens, step_batches())
                                   : fmt::format("{}", batch_size_of_all());
  }
  std::int64_t target_tokens() const { return std::max<std::int64_t>(1, batch_.batch_tokens / step_batches()); }

 private:
  Task(std::shared_ptr<EncoderDecoder> model, Translator& translator, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(translator), setting) {}
};

class TextToTextSetup::DenoisingTask : public TextToTextSetup::Task {
 public:
  struct Data {
    TextCorpus corpus;  ///< without its tokenizer
    DenoisingDataset train;
    std::optional<DenoisingDataset> valid;
    std::string name;  ///< of the objective, for the fingerprint
  };

  DenoisingTask(Translator translator, Data data, const TrainSetting& setting)
      : Task(std::move(translator), setting), text_(std::move(data)) {
    batches_ = denoising_batches(text_.train, data_.special, examples_a_batch(), kPrepareAhead, rank_);
    if (!text_.valid) return;
    std::vector<std::int64_t> numbers;
    for (std::int64_t i = 0; i < std::min(kMostDenoised, text_.valid->num_examples()); ++i) numbers.push_back(i);
    valid_ = text_.valid->examples(0, numbers);
  }
  ~DenoisingTask() override { batches_.reset(); }

  std::string fingerprint() const override {
    return fmt::format("denoising {} {} batch of {} seed {}", text_.corpus.fingerprint, text_.name, batch_name(),
                       seed_);
  }
  EvalMetrics evaluate() override {
    if (valid_.size() == 0) return {};
    return target_nats(*model_, valid_, data_.special, device_, ranks_).metrics();
  }

 private:
  std::int64_t examples_a_batch() const {
    if (batch_.batch_tokens == 0) return batch_.batch_size;
    const std::vector<std::int64_t> first = {0};
    const auto targets = text_.train.examples(0, first).target_tokens() + 1;
    return std::max<std::int64_t>(1, target_tokens() / targets / rank_.world);
  }

  const Data text_;
  ParallelCorpus valid_;
};

class TextToTextSetup::MixtureTask : public TextToTextSetup::Task {
 public:
  struct Data {
    std::vector<TextTask> tasks;
    ParallelCorpus train;  ///< of all, task by task
    TaskEnds ends;
    std::vector<double> rates;
    std::vector<EncodedTexts> valid;  ///< of each; empty: none
    std::int64_t generated = 0;
    bool named = false;
  };

  MixtureTask(Translator translator, Data data, const TrainSetting& setting)
      : Task(std::move(translator), setting), mixture_(std::move(data)) {
    batches_ = mixture_batches(mixture_.train, data_.special, mixture_.ends, mixture_.rates, limits(), seed_,
                               kPrepareAhead, rank_);
  }
  ~MixtureTask() override { batches_.reset(); }

  std::string fingerprint() const override {
    return fmt::format("text to text pairs {} {:016x} ends {} rates {:.6f} tokenizer {:016x} batch of {} seed {}",
                       mixture_.train.size(), mixture_.train.fingerprint(), fmt::join(mixture_.ends, ","),
                       fmt::join(mixture_.rates, ","), tokenizer_fingerprint(tokenizer()), batch_name(), seed_);
  }
  EvalMetrics evaluate() override {
    if (mixture_.valid.empty()) return {};
    if (mixture_.generated == 0) {
      TargetNats nats;
      for (const auto& valid : mixture_.valid)
        add_nats(nats, target_nats(*model_, valid.corpus, data_.special, device_, ranks_));
      return nats.metrics();
    }
    std::vector<TaskScores> scores;
    for (std::size_t i = 0; i < mixture_.tasks.size(); ++i) scores.push_back(written(i, mixture_.generated));
    return metrics_of(scores, mixture_.named);
  }
  std::vector<ReportSample> samples() override {
    constexpr std::int64_t kSamples = 4;
    std::vector<ReportSample> samples;
    model().eval();
    for (std::size_t i = 0; i < mixture_.valid.size(); ++i) {
      const auto scores = written(i, kSamples);
      for (std::size_t k = 0; k < scores.texts.size(); ++k) {
        samples.push_back(
            {scores.inputs[k], fmt::format("\n{}\n(wanted: {})", scores.texts[k], mixture_.valid[i].references[k][0])});
      }
    }
    return samples;
  }

 private:
  BatchLimits limits() const {
    if (batch_.batch_tokens == 0) return {.sentences = batch_size_of_all()};
    return limits_by_target_tokens(pair_lengths(mixture_.train, data_.special), target_tokens());
  }
  /// Not much longer than the longest target, which an early model would be.
  TaskScores written(std::size_t task, std::int64_t count) const {
    const auto& valid = mixture_.valid[task];
    auto search = TaskEvaluationOptions::greedy();
    std::int64_t longest = 1;
    for (std::int64_t i = 0; i < valid.corpus.size(); ++i)
      longest = std::max(longest, std::ssize(valid.corpus.target(i)));
    search.max_new_tokens = longest + 1;
    return score_task(data_, mixture_.tasks[task], valid, search, kDecodeBatch, count);
  }

  const Data mixture_;
};

TextToTextSetup::TextToTextSetup(const RegisteredModel& registered, std::unique_ptr<ModelConfig> config,
                                 std::string objective)
    : ModelSetup(registered, std::move(config)),
      usual_objective_(std::move(objective)),
      run_{std::string(registered.model_type), kTextToText} {
  keys_.objective = usual_objective_;
  corpus_.tokenizer = "train:unigram:8000";
}

void TextToTextSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting_ = &setting;
  setting.batch.batch_size = 32;
  setting.trainer.weight_decay = 0;
  if (usual_objective_ == kPairs) {
    setting.trainer.learning_rate = 5e-4;
    setting.trainer.schedule = "linear";
  }
  config.bind("data", corpus_);
  config.bind("data", keys_);
  config.describe(
      "data.train",
      "a text: a file, a folder of .txt files, or microworld; of data.objective pairs TSV (source TAB target), "
      "JSON lines, addition, dates or microworld-ko; empty, as data.tasks: microworld");
  config.describe("data.valid", "as data.train; empty: the last part of it, or what microworld tells next");
  config.bind("train", [this](FieldVisitor& visit) {
    visit("z_loss", z_loss_,
          {.least = 0,
           .most = 1,
           .help = "weight of the squared logarithm of the softmax's denominator, of training alone; T5's is 1e-4"});
  });
  config.bind("model", *config_);
  config.bind("task", run_);
}

std::vector<TrainFlag> TextToTextSetup::flags() const {
  std::vector<TrainFlag> flags = {
      {"--tasks", "data.tasks"}, {"--valid", "data.valid"}, {"--tokenizer", "data.tokenizer"}};
  if (usual_objective_ == kPairs) {
    flags.push_back({"--model", "train.init"});
  } else {
    flags.push_back({"--objective", "data.objective"});
  }
  return flags;
}

void TextToTextSetup::complete(RunConfig& config) {
  // Who names neither text nor tasks learns microworld's.
  if (corpus_.train.empty() && keys_.tasks.empty()) {
    config.set_default(usual_objective_ == kPairs ? "data.tasks" : "data.train", kMicroworld);
  }
  if (!corpus_.train.empty() && !keys_.tasks.empty()) {
    throw ConfigError(fmt::format("data.tasks = {}: the run has data.train = {} as well; name one of them", keys_.tasks,
                                  corpus_.train));
  }
  if (!keys_.tasks.empty()) {
    if (config.given("data.objective") && keys_.denoises())
      throw ConfigError(fmt::format("data.objective = {}: tasks are pairs", keys_.objective));
    keys_.objective = kPairs;
    if (!corpus_.valid.empty()) throw ConfigError("data.valid: tasks name their validation data themselves");
    if (keys_.tasks != kMicroworld) keys_.tasks = absolute_if_there(keys_.tasks);
    tasks_ = open_text_tasks(keys_.tasks);
  } else if (keys_.denoises()) {
    corpus_.make_paths_absolute();
  } else {
    for (auto* data : {&corpus_.train, &corpus_.valid}) {
      if (!is_pair_task(*data)) *data = absolute_if_there(*data);
    }
    tasks_ = {pair_task(corpus_.train, corpus_.valid)};
  }
  corpus_.tokenizer = absolute_tokenizer(corpus_.tokenizer);
  if (setting_->trainer.optimizer == "adafactor") {
    // As T5's authors: relative steps for pretraining, a constant rate for a trained model; no bound of the gradient.
    config.set_default("train.schedule", "constant");
    config.set_default("train.clip_norm", "0");
    config.set_default("train.learning_rate", keys_.denoises() ? "0.01" : "0.001");
    if (!keys_.denoises()) config.set_default("train.adafactor.relative_step", "false");
  }
  ModelSetup::complete(config);
  if (keys_.denoises() && keys_.max_source == 0 && !setting_->resume)
    throw ConfigError("data.max_source = 0: a text's examples have so many tokens; name how many");
  try {
    keys_.mixing_options().validate();
    keys_.spans().validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("data.{}", error.what()));
  }
}

std::vector<UnreadKeys> TextToTextSetup::unread_keys() const {
  const bool denoises = keys_.denoises();
  const bool spans = denoises && keys_.denoising_objective() == DenoisingObjective::kSpanCorruption;
  const bool noise = spans || (denoises && keys_.denoising_objective() == DenoisingObjective::kIid);
  const bool told = denoises && (is_microworld_text(corpus_.train) || is_microworld_text(corpus_.valid));
  const bool trains = corpus_.tokenizer == "char" || corpus_.tokenizer.starts_with("train:");
  bool made_up = false;
  for (const auto& task : tasks_) made_up = made_up || is_microworld_table(task.data) || is_pair_task(task.data);
  const auto objective = fmt::format("data.objective = {}", keys_.objective);
  return {{!told, "a text that microworld does not tell", {"data.microworld_bytes", "data.microworld_seed"}},
          {!corpus_.valid.empty() && !told, "a run with data.valid", {"data.valid_fraction"}},
          {!noise, objective, {"data.noise_density"}},
          {!spans, objective, {"data.mean_noise_span_length"}},
          {denoises, objective, {"data.max_target", "data.generated"}},
          {!trains, "a tokenizer that is there already", {"data.sentinels"}},
          {tasks_.size() < 2,
           "a run without several tasks",
           {"data.mixing", "data.mixing_limit", "data.mixing_temperature"}},
          {keys_.mixing != kMixingNames[1], "data.mixing = " + keys_.mixing, {"data.mixing_temperature"}},
          {keys_.mixing == kMixingNames[2], "data.mixing = " + keys_.mixing, {"data.mixing_limit"}},
          {!made_up, "a run whose examples come from files", {"data.task_examples", "data.task_seed"}}};
}

std::vector<std::string> TextToTextSetup::metric_names() const {
  std::vector<std::string> names = {"loss", "perplexity"};
  if (keys_.denoises() || keys_.generated == 0) return names;
  const bool named = !keys_.tasks.empty();
  for (const auto& task : tasks_) {
    for (const auto& name : score_names_of(task)) names.push_back(named ? fmt::format("{}.{}", task.name, name) : name);
  }
  if (named && tasks_.size() > 1) names.emplace_back("score");
  return names;
}

std::string TextToTextSetup::notes() const {
  return "Sizes and token ids that are null come from the tokenizer. A file of tasks is {\"tasks\": [{\"name\", "
         "\"data\", "
         "\"valid\",\n"
         "\"input\", \"target\", \"metrics\": [...], \"weight\"}]}: data is TSV or CSV with a header, JSON lines, or "
         "SQuAD's "
         "JSON, input\n"
         "and target are templates with {column}; metrics are " +
         fmt::format("{}", fmt::join(text_metric_names(), ", ")) +
         ".\ntrain.optimizer = adafactor has T5's learning rates where nothing is said of them.\n";
}

Translator TextToTextSetup::make_translator(TranslationTokenizers tokenizers, const TrainSetting& setting) const {
  const auto& tokenizer = tokenizers.source();
  const auto fields = fields_in(*config_);
  const auto& special = tokenizer.special_tokens();
  complete_vocabulary(*config_, "vocab_size", tokenizer);
  fill_field(fields, "eos_token_id", end_token_of(tokenizer, "data.tokenizer"));
  if (special.pad) fill_field(fields, "pad_token_id", *special.pad);
  // As T5: what fills up is also what the decoder is first given.
  fill_field(fields, "decoder_start_token_id",
             special.pad ? *special.pad : start_token_of(tokenizer, "data.tokenizer"));
  Translator translator;
  translator.device = setting.device;
  translator.model = make<EncoderDecoder>(setting);
  translator.model->set_z_loss(z_loss_);
  translator.tokenizers = std::move(tokenizers);
  translator.special = parallel_special_tokens(*translator.model, translator.tokenizers);
  return translator;
}

std::unique_ptr<TextToTextSetup::Task> TextToTextSetup::make_denoising_task(TrainSetting& setting) {
  const auto tokens = special_tokens(keys_.sentinels);
  auto corpus = open_text_corpus(corpus_, setting.out, setting.message,
                                 {.special_tokens = tokens, .character_tokens = tokens, .ends_texts = true});
  const auto objective = keys_.denoising_objective();
  const auto open = [&](const TokenView& text, std::uint64_t seed) {
    try {
      return DenoisingDataset(text, DenoisingOptions::of(objective, keys_.spans(), *corpus.tokenizer),
                              keys_.source_tokens(), corpus.tokenizer->special_tokens().eos, seed);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data.max_source = {}: {}", keys_.max_source, error.what()));
    }
  };
  if (objective == DenoisingObjective::kSpanCorruption || objective == DenoisingObjective::kIid) {
    std::vector<std::int64_t> sentinels;
    try {
      sentinels = sentinels_of(*corpus.tokenizer);
    } catch (const std::runtime_error& error) {
      throw ConfigError(fmt::format("data.tokenizer = {}: {}", corpus_.tokenizer, error.what()));
    }
    const auto spans = keys_.spans();
    if (objective == DenoisingObjective::kSpanCorruption &&
        tokens_for_sentinels(std::ssize(sentinels), spans) < tokens_for_inputs(keys_.max_source, spans)) {
      setting.message(
          fmt::format("examples are shorter than data.max_source = {} allows: the tokenizer has {} sentinels",
                      keys_.max_source, sentinels.size()));
    }
    if (const auto own = count_of(sentinels, corpus.train.tokens); own > 0) {
      setting.message(
          fmt::format("warning: {}: holds sentinels itself, {} times, which cannot be told from those "
                      "that stand for what is cut out",
                      corpus_.train, own));
    }
  }
  auto train = open(corpus.train.tokens, setting.trainer.seed);
  std::optional<DenoisingDataset> valid;
  if (corpus.valid && corpus.valid->tokens.size() > 2) valid = open(corpus.valid->tokens, 1);
  setting.message(fmt::format("{} examples of {} tokens", train.num_examples(), train.tokens_per_example()));
  auto translator = make_translator({std::move(corpus.tokenizer), nullptr}, setting);
  const auto name = fmt::format("{} {} {} source {}", keys_.objective, keys_.noise_density,
                                keys_.mean_noise_span_length, keys_.max_source);
  return std::make_unique<DenoisingTask>(
      std::move(translator), DenoisingTask::Data{std::move(corpus), std::move(train), std::move(valid), name}, setting);
}

std::unique_ptr<TextToTextSetup::Task> TextToTextSetup::make_mixture_task(TrainSetting& setting) {
  std::vector<SplitExamples> splits;
  for (const auto& task : tasks_) {
    splits.push_back(
        read_split(task, {{keys_.task_seed, keys_.task_examples}, corpus_.valid_fraction}, setting.message));
  }
  auto tokenizer = find_tokenizer(setting.out);
  if (!tokenizer) {
    const auto spec = parse_tokenizer_spec(corpus_.tokenizer, "data.tokenizer");
    std::size_t split = 0, next = 0;
    bool target = false;
    const TextSource texts = [&](std::string& text) {
      while (split < splits.size() && next == splits[split].train.size()) ++split, next = 0;
      if (split == splits.size()) return false;
      const auto& example = splits[split].train[next];
      text = target ? example.target : example.input;
      next += target ? 1 : 0;
      target = !target;
      return true;
    };
    tokenizer = make_tokenizer(spec, texts, {.special_tokens = special_tokens(keys_.sentinels), .ends_texts = true},
                               setting.message);
    tokenizer->save(setting.out);
  }
  MixtureTask::Data data;
  data.tasks = tasks_;
  data.generated = keys_.generated;
  data.named = !keys_.tasks.empty();
  const Limits limits{keys_.max_source, keys_.max_target};
  std::vector<std::int64_t> sizes;
  std::vector<double> weights;
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    const auto encoded =
        encode_texts(tasks_[i], splits[i].train, *tokenizer, limits, setting.message, /*measured=*/false);
    if (encoded.corpus.size() == 0)
      throw std::runtime_error(
          fmt::format("task {}: no example of {} is left to learn from", tasks_[i].name, tasks_[i].data));
    for (std::int64_t pair = 0; pair < encoded.corpus.size(); ++pair) data.train.add_pair_of(encoded.corpus, pair);
    data.ends.push_back(data.train.size());
    sizes.push_back(encoded.corpus.size());
    weights.push_back(tasks_[i].weight);
    if (!splits[i].valid.empty()) {
      data.valid.push_back(
          encode_texts(tasks_[i], splits[i].valid, *tokenizer, limits, setting.message, /*measured=*/true));
      if (data.valid.back().corpus.size() == 0) {
        throw std::runtime_error(fmt::format("task {}: no example is left to validate on", tasks_[i].name));
      }
    }
  }
  data.rates = mixing_rates(sizes, weights, keys_.mixing_options());
  for (std::size_t i = 0; i < tasks_.size(); ++i) {
    setting.message(
        fmt::format("task {}: {} examples, {:.1f} % of what is drawn", tasks_[i].name, sizes[i], 100 * data.rates[i]));
  }
  splits.clear();
  auto translator = make_translator({std::move(tokenizer), nullptr}, setting);
  return std::make_unique<MixtureTask>(std::move(translator), std::move(data), setting);
}

std::unique_ptr<TrainingTask> TextToTextSetup::make_task(TrainSetting& setting) {
  if (corpus_.train == kMicroworld || keys_.tasks == kMicroworld)
    setting.message(fmt::format("learns from microworld, {}", keys_.denoises() ? "its stories" : "its tasks"));
  auto task = keys_.denoises() ? make_denoising_task(setting) : make_mixture_task(setting);
  task_ = task.get();
  return task;
}

std::vector<ReportSample> TextToTextSetup::samples() {
  return task_->samples();
}

}  // namespace langzoo
