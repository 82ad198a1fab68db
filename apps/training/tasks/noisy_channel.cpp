#include "apps/training/tasks/noisy_channel.h"

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "data/files/config_error.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

struct Weight {
  double NoisyChannelOptions::*field;
  double step, least, most;
};
constexpr Weight kWeights[] = {{&NoisyChannelOptions::word_bonus, 1.0, -10, 10},
                               {&NoisyChannelOptions::language_weight, 0.25, 0.125, 4},
                               {&NoisyChannelOptions::jump_penalty, 0.25, 0, 4}};

std::vector<std::span<const TokenId>> targets_of(const ParallelCorpus& corpus) {
  std::vector<std::span<const TokenId>> targets;
  for (std::int64_t i = 0; i < corpus.size(); ++i) targets.push_back(corpus.target(i));
  return targets;
}

std::vector<Hypotheses> decode_through(const NoisyChannel& channel, std::span<const std::vector<TokenId>> sources,
                                       int n_best) {
  std::vector<Hypotheses> results(sources.size());
  std::atomic<std::size_t> next{0};  // sentences take very different times
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t /*begin*/, std::int64_t /*end*/) {
    for (std::size_t i = next++; i < sources.size(); i = next++) {
      for (auto& found : channel.translate(sources[i], n_best)) {
        auto& hypothesis = results[i].emplace_back();
        hypothesis.ids = std::move(found.words);
        hypothesis.score = found.score;
      }
    }
  });
  return results;
}

IbmTraining train_channel(const ParallelCorpus& corpus, const NoisyChannelTraining& training, const Message& message) {
  std::vector<TranslatedSentence> sentences;
  for (std::int64_t i = 0; i < corpus.size(); ++i) sentences.push_back({corpus.target(i), corpus.source(i)});
  IbmOptions options;
  options.model1_iterations = static_cast<int>(training.model1_iterations);
  options.model2_iterations = static_cast<int>(training.model2_iterations);
  options.max_words = static_cast<int>(training.max_words);
  options.progress = [&](int iteration, double log_likelihood) {
    const bool first = iteration < options.model1_iterations;
    message(fmt::format("Model {}, iteration {}: log-likelihood {:.1f}, {:.4f} a source token", first ? 1 : 2,
                        iteration + 1 - (first ? 0 : options.model1_iterations), log_likelihood,
                        log_likelihood / static_cast<double>(corpus.source_tokens())));
  };
  auto trained = train_ibm_model(sentences, options);
  if (trained.too_long > 0) {
    message(fmt::format("left out: {} pairs of more than {} tokens", trained.too_long, training.max_words));
  }
  return trained;
}

/// Gives the model the options that are best for the first pairs. Returns their BLEU; nothing where there are none.
std::optional<double> tune(NoisyChannelModel& model, const TranslationTokenizers& tokenizers,
                           const ParallelCorpus& corpus, std::int64_t pairs, const Message& message) {
  std::optional<double> best;
  std::vector<std::vector<TokenId>> sources;
  std::vector<std::string> references;
  for (std::int64_t i = 0; i < std::min(pairs, corpus.size()); ++i) {
    const auto source = corpus.source(i);
    sources.emplace_back(source.begin(), source.end());
    references.push_back(tokenizers.target().decode(corpus.target(i), true));
  }
  if (sources.empty()) return best;
  NoisyChannel channel(model.channel, model.language, model.options);
  // Whether these options are the best so far.
  const auto improves = [&](const NoisyChannelOptions& tried) {
    channel.set_options(tried);
    std::vector<std::string> hypotheses;
    for (const auto& found : decode_through(channel, sources, 1)) {
      hypotheses.push_back(text_of(tokenizers, found.front()));
    }
    const double bleu = text_scores(hypotheses, references, {}).bleu.score;
    message(fmt::format("language weight {}, word bonus {}, jump penalty {}: BLEU {:.2f}", tried.language_weight,
                        tried.word_bonus, tried.jump_penalty, bleu));
    if (best && bleu <= *best) return false;
    model.options = tried;
    best = bleu;
    return true;
  };
  improves(model.options);
  for (const double scale : {1.0, 0.5}) {
    for (const Weight& weight : kWeights) {
      const auto climb = [&](double step) {
        for (bool climbed = false;; climbed = true) {
          auto tried = model.options;
          const double value = tried.*weight.field += step;
          if (value < weight.least || value > weight.most || !improves(tried)) return climbed;
        }
      };
      if (!climb(scale * weight.step)) climb(-scale * weight.step);
    }
  }
  return best;
}

/// One step, in which everything is counted.
class NoisyChannelTask : public TrainingTask {
 public:
  NoisyChannelTask(PairCorpus corpus, const NoisyChannelTraining& training, PairFormat format,
                   const TrainSetting& setting)
      : corpus_(std::move(corpus)), training_(training), format_(format), setting_(setting), module_(training.model) {}

  torch::nn::Module& model() override { return *module_; }
  DataPosition position() const override { return position_; }
  void seek(const DataPosition& position) override {
    check_position(position, batches_per_epoch());
    position_ = position;
  }
  std::int64_t batches_per_epoch() const override { return 1; }
  std::string fingerprint() const override { return "noisy channel " + corpus_.fingerprint; }
  std::string loss_unit() const override { return "nats a source token"; }
  MicroBatch next() override { throw std::logic_error("a noisy channel has no batches"); }

  OwnStep own_step(double /*learning_rate*/) override {
    auto trained = train_noisy_channel(corpus_, training_, setting_.message);
    metrics_ = trained.metrics();
    module_->model = std::move(trained.model);
    position_ = following(position_, batches_per_epoch());
    const auto& pairs = corpus_.train;
    return {-trained.log_likelihoods.back(), pairs.source_tokens(), pairs.source_tokens() + pairs.target_tokens()};
  }

  EvalMetrics evaluate() override { return metrics_; }

  void save_model(const fs::path& dir) override {
    module_->model.save(dir);
    corpus_.tokenizers.save(dir);
    format_.save(dir);
  }

  /// What is counted stands in the model's folder, which is saved before the state.
  void load_state(const StateDict& state) override {
    TrainingTask::load_state(state);
    module_->model = NoisyChannelModel::load(setting_.out);
  }

 private:
  const PairCorpus corpus_;
  const NoisyChannelTraining training_;
  const PairFormat format_;
  const TrainSetting& setting_;
  NoisyChannelModule module_;
  EvalMetrics metrics_;
  DataPosition position_;
};

class NoisyChannelSetup : public TaskSetup {
 public:
  void bind(RunConfig& config, TrainSetting& setting) override {
    auto& trainer = setting.trainer;
    trainer.optimizer = "own";
    trainer.schedule = "constant";
    trainer.warmup_steps = 0;
    trainer.max_epochs = 1;
    trainer.eval_every = trainer.save_every = 0;
    trainer.best_metric = "bleu";
    corpus_.tokenizer = corpus_.target_tokenizer = "train:byteword:200000";
    config.bind("data", corpus_);
    config.bind("model", training_.model, {"model_type", "source_vocab_size", "target_vocab_size"});
    config.bind("train", training_);
  }
  std::vector<TrainFlag> flags() const override { return pair_flags(); }
  std::vector<std::string> data_keys() const override { return pair_data_keys(); }
  bool has_own_algorithm() const override { return true; }
  std::string needs_cpu() const override { return "a noisy channel is counted on the CPU"; }
  void complete(RunConfig& config) override {
    corpus_.make_paths_absolute();
    if (training_.tuning_pairs == 0) config.set_default("train.best_metric", "language_perplexity");
  }
  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = unread_pair_keys(corpus_);
    unread.push_back({true,
                      "a noisy channel, which is counted at once,",
                      {"train.optimizer", "train.learning_rate", "train.min_learning_rate", "train.schedule",
                       "train.warmup_steps", "train.batch_size", "train.batch_tokens", "train.eval_every",
                       "train.save_every", "train.log_every", "train.patience", "train.max_epochs"}});
    return unread;
  }
  std::vector<std::string> metric_names() const override {
    if (corpus_.valid.empty() && corpus_.valid_fraction == 0) return {};
    if (training_.tuning_pairs == 0) return {"language_perplexity"};
    return {"bleu", "language_perplexity"};
  }
  std::unique_ptr<TrainingTask> make_task(TrainSetting& setting) override {
    auto corpus = open_pair_corpus(corpus_, setting.out, setting.message);
    auto& model = training_.model;
    model.source_vocab_size = static_cast<std::int64_t>(corpus.tokenizers.source().vocab_size());
    model.target_vocab_size = static_cast<std::int64_t>(corpus.tokenizers.target().vocab_size());
    return std::make_unique<NoisyChannelTask>(std::move(corpus), training_, PairFormat{corpus_.keep_padding}, setting);
  }
  std::int64_t tokens_per_sequence() const override { return 0; }

 private:
  PairCorpusOptions corpus_;
  NoisyChannelTraining training_;
};

}  // namespace

void NoisyChannelTraining::for_each_field(FieldVisitor& visit) {
  visit("model1_iterations", model1_iterations, {.least = 1, .most = 1000, .help = "of expectation maximisation"});
  visit("model2_iterations", model2_iterations, {.least = 0, .most = 1000, .help = "after them; 0: Model 1"});
  visit("max_words", max_words,
        {.least = 1, .most = 1000, .help = "pairs with a longer sentence do not train the IBM models"});
  visit("tuning_pairs", tuning_pairs,
        {.least = 0, .most = 1e6, .help = "validation pairs that choose the weights; 0: they stay as they are"});
}

EvalMetrics TrainedNoisyChannel::metrics() const {
  EvalMetrics metrics;
  if (language_perplexity) metrics["language_perplexity"] = {.value = *language_perplexity};
  if (bleu) metrics["bleu"] = {*bleu, Direction::kHigherIsBetter};
  return metrics;
}

TrainedNoisyChannel train_noisy_channel(const PairCorpus& corpus, const NoisyChannelTraining& training,
                                        const Message& message) {
  const auto& tokenizers = corpus.tokenizers;
  auto channel = train_channel(corpus.train, training, message);
  auto config = training.model;
  config.source_vocab_size = static_cast<std::int64_t>(tokenizers.source().vocab_size());
  config.target_vocab_size = static_cast<std::int64_t>(tokenizers.target().vocab_size());
  TrainedNoisyChannel trained = {
      .model = {config.source_vocab_size, std::move(channel.model), config.language_of(targets_of(corpus.train)),
                config.options, config.modified},
      .log_likelihoods = std::move(channel.log_likelihoods)};
  if (!corpus.valid) return trained;
  auto& model = trained.model;
  trained.language_perplexity = model.language.perplexity(targets_of(*corpus.valid));
  const auto& counts = model.language.counts();
  message(fmt::format("language model: {} n-grams, perplexity {:.2f} of the validation targets",
                      std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}), *trained.language_perplexity));
  trained.bleu = tune(model, tokenizers, *corpus.valid, training.tuning_pairs, message);
  return trained;
}

NoisyChannelTranslator::NoisyChannelTranslator(NoisyChannelModel model, TranslationTokenizers tokenizers)
    : model_(std::move(model)),
      tokenizers_(std::move(tokenizers)),
      channel_(model_.channel, model_.language, model_.options, [this](TokenId id) { return copy_of(id); }) {}

void NoisyChannelTranslator::set_options(const NoisyChannelOptions& options) {
  channel_.set_options(options);
  model_.options = options;
}

std::vector<Hypotheses> NoisyChannelTranslator::translate(std::span<const std::vector<TokenId>> sources,
                                                          int n_best) const {
  return decode_through(channel_, sources, n_best);
}

NoisyChannelTranslator::UnknownTokens NoisyChannelTranslator::unknown_tokens(
    std::span<const std::vector<TokenId>> sources) const {
  UnknownTokens unknown;
  for (const auto& source : sources) {
    for (const TokenId id : source) {
      if (!channel_.knows(id)) ++(copy_of(id).empty() ? unknown.left_out : unknown.copied);
    }
  }
  return unknown;
}

/// What an unknown token of a source becomes: its text in the target's tokens, or where its text is not known the
/// target's unknown token.
std::vector<TokenId> NoisyChannelTranslator::copy_of(TokenId id) const {
  std::vector<TokenId> ids;
  if (id != tokenizers_.source().special_tokens().unk) {
    tokenizers_.target().encode(tokenizers_.source().decode(std::span(&id, 1)), ids);
  }
  const auto unk = tokenizers_.target().special_tokens().unk;
  if (ids.empty() && unk) ids.push_back(*unk);
  return ids;
}

/// The words of the source that its translation has unknown tokens for.
std::vector<std::string> NoisyChannelTranslator::copied_words(const std::string& source) const {
  std::vector<std::string> words;
  const auto unk = tokenizers_.target().special_tokens().unk;
  if (!unk) return words;
  const auto encoding = tokenizers_.source().encode(source, {.add_special_tokens = false});
  for (std::size_t i = 0; i < encoding.size(); ++i) {
    if (channel_.knows(encoding.ids[i])) continue;
    const auto copy = copy_of(encoding.ids[i]);
    if (std::find(copy.begin(), copy.end(), *unk) == copy.end()) continue;
    const auto& [begin, end] = encoding.offsets[i];
    const auto word = word_ranges(source.substr(begin, end - begin));
    words.push_back(word.empty() ? ""
                                 : source.substr(begin + word.front().first, word.back().second - word.front().first));
  }
  return words;
}

std::string NoisyChannelTranslator::text(const Hypothesis& hypothesis, const std::string& source) const {
  const auto& target = tokenizers_.target();
  const auto unk = target.special_tokens().unk;
  std::vector<TokenId> known;
  std::vector<std::size_t> places;  // of unknown words in the text of the others
  for (const TokenId id : hypothesis.ids) {
    if (id == unk) {
      places.push_back(target.decode(known, true).size());
    } else {
      known.push_back(id);
    }
  }
  auto text = target.decode(known, true);
  auto words = copied_words(source);
  words.resize(places.size(), target.id_to_token(unk.value_or(0)));
  for (std::size_t i = places.size(); i-- > 0;) {
    const auto at = std::min(places[i], text.size());
    const bool before_word = at < text.size() && std::ispunct(static_cast<unsigned char>(text[at])) == 0;
    text.insert(at, (at > 0 ? " " : "") + words[i] + (at == 0 && before_word ? " " : ""));
  }
  return text;
}

double NoisyChannelTranslator::language_perplexity(const ParallelCorpus& corpus) const {
  return model_.language.perplexity(targets_of(corpus));
}

std::unique_ptr<NoisyChannelTranslator> load_noisy_channel(const fs::path& dir) {
  auto model = NoisyChannelModel::load(dir);
  auto tokenizers = TranslationTokenizers::load(dir);
  check_vocabulary(dir, "source", tokenizers.source(), model.source_vocab_size);
  check_vocabulary(dir, "target", tokenizers.target(), model.target_vocab_size());
  return std::make_unique<NoisyChannelTranslator>(std::move(model), std::move(tokenizers));
}

EvalMetrics evaluate_noisy_channel(const NoisyChannelTranslator& translator, const EvaluationPairs& pairs) {
  EvalMetrics metrics;
  std::vector<std::string> hypotheses;
  const auto found = translator.translate(pairs.sources);
  for (const auto i : pairs.measured) hypotheses.push_back(translator.text(found[i].front(), pairs.all[i].source));
  text_scores(hypotheses, pairs.references, {}).add_to(metrics);
  metrics["language_perplexity"] = {.value = translator.language_perplexity(pairs.corpus)};
  return metrics;
}

std::unique_ptr<TaskSetup> noisy_channel_setup() {
  return std::make_unique<NoisyChannelSetup>();
}

}  // namespace langzoo
