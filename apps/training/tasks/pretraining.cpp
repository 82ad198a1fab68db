#include "apps/training/tasks/pretraining.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>

#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "apps/training/model_task.h"
#include "apps/training/saved_run.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "data/microworld/knowledge.h"
#include "data/microworld/tasks.h"
#include "data/text/causal_lm.h"
#include "third_party/torch.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

/// Documents of sentences.
TextFormat sentences_in(const MaskingKeys& keys, const TextTeller& tell) {
  const auto language =
      keys.microworld_language == "korean" ? MicroworldLanguage::kKorean : MicroworldLanguage::kEnglish;
  return {.open_or_build = open_or_build_sentences,
          .special_tokens = {},
          .character_tokens = {},
          .tokens_only = false,
          .tell = tell ? tell : [language](std::uint64_t seed, std::uint64_t bytes) {
            return microworld_documents(seed, bytes, language);
          }};
}

bool judges(SentenceTask task) {
  return task == SentenceTask::kNextSentence || task == SentenceTask::kSentenceOrder;
}

std::string name_of(SentenceTask task) {
  return task == SentenceTask::kNextSentence ? "nsp" : "sop";
}

std::int64_t asked(const torch::Tensor& labels) {
  return labels.ne(kIgnoredTarget).sum().item<std::int64_t>();
}

}  // namespace

void for_all_batches(const PretrainingDataset& examples, torch::Device device, const PretrainingEvaluation& evaluation,
                     const std::function<void(const PretrainingBatch&)>& visit) {
  const c10::InferenceMode inference;
  const auto at_once = evaluation.batch_size, most = evaluation.most;
  const auto count = most > 0 ? std::min(examples.num_examples(), most) : examples.num_examples();
  for (std::int64_t begin = 0; begin < count; begin += at_once) {
    if (!is_own_part(evaluation.ranks, begin / at_once)) continue;
    std::vector<PretrainingExample> batch;
    for (auto i = begin; i < std::min(count, begin + at_once); ++i) batch.push_back(examples.example(0, i));
    visit(to_device(pretraining_batch(batch, examples.special().pad), device));
  }
}

void MaskingKeys::for_each_field(FieldVisitor& visit) {
  visit("max_length", max_length, {.least = 4, .most = 1 << 20, .help = "tokens of an example, special ones included"});
  visit("examples", examples,
        {.choices = {"packed", "pairs"},
         .help = "sentences in a row up to the length, or pairs of segments; nsp and sop have pairs"});
  visit("short_examples", short_examples,
        {.least = 0, .most = 1, .help = "share of the pairs that are shorter than data.max_length"});
  visit("mask_probability", mask_probability, {.above = 0, .below = 1, .help = "share of the tokens to be predicted"});
  visit("mask_replace_prob", mask_replace_prob,
        {.least = 0, .most = 1, .help = "share of these that the mask token replaces"});
  visit("random_replace_prob", random_replace_prob,
        {.least = 0, .most = 1, .help = "share of these that any token replaces; the rest stays as it is"});
  visit("max_masked", max_masked, {.least = 0, .help = "tokens to be predicted of an example at most; 0: any number"});
  visit("whole_words", whole_words, {.help = "all pieces of a word are hidden, or none"});
  visit("phrases", phrases,
        {.help = "a file of names and phrases, one a line, each hidden as a whole or not at all (knowledge masking of "
                 "Baidu's ERNIE), or microworld, its own; empty: none"});
  visit("max_ngram", max_ngram, {.least = 1, .most = 16, .help = "neighbouring words hidden together at most"});
  visit("prefer_rare", prefer_rare,
        {.least = 0,
         .most = 4,
         .help = "rare tokens are hidden more often, by this power of their counts; 0: all alike"});
  visit("dynamic_masking", dynamic_masking, {.help = "each epoch hides others"});
  visit("microworld_language", microworld_language,
        {.choices = {"english", "korean"}, .help = "in which microworld tells its stories"});
}

PretrainingOptions MaskingKeys::options(SentenceTask sentences) const {
  PretrainingOptions options;
  options.sentences = judges(sentences) ? sentences : examples == "pairs" ? SentenceTask::kPair : SentenceTask::kPacked;
  options.max_length = max_length;
  options.short_examples = short_examples;
  options.masking.probability = mask_probability;
  options.masking.masked = mask_replace_prob;
  options.masking.random = random_replace_prob;
  options.masking.most = max_masked;
  options.masking.whole_words = whole_words;
  options.masking.max_ngram = max_ngram;
  options.prefer_rare = prefer_rare;
  options.dynamic_masking = dynamic_masking;
  return options;
}

PretrainingOptions MaskingKeys::options(SentenceTask sentences, const Tokenizer& tokenizer) const {
  auto with_phrases = options(sentences);
  if (phrases.empty()) return with_phrases;
  with_phrases.phrases = known_phrases(phrases == kMicroworld ? microworld_phrases() : read_file(phrases), tokenizer);
  if (with_phrases.phrases->matcher.empty())
    throw FileError(phrases, "has no phrase that the tokenizer knows (data.phrases): expected one a line");
  return with_phrases;
}

TokenInputs inputs_of(const PretrainingBatch& batch) {
  return {.ids = batch.ids,
          .token_type_ids = batch.type_ids,
          .attention_mask = torch::arange(batch.ids.size(1), batch.ids.device()) < batch.lengths.unsqueeze(1)};
}

EvalMetrics evaluate_pretraining(MaskedLm& model, const PretrainingDataset& examples, torch::Device device,
                                 const PretrainingEvaluation& evaluation, const PretrainingReader& read) {
  auto* const judge = judges(examples.options().sentences) ? dynamic_cast<PretrainingModel*>(&model) : nullptr;
  double nats = 0, sentence_nats = 0;
  std::int64_t tokens = 0, right = 0, sentences = 0, right_sentences = 0;
  for_all_batches(examples, device, evaluation, [&](const PretrainingBatch& batch) {
    const auto inputs = read ? read(batch) : inputs_of(batch);
    const auto labels = batch.labels.flatten();
    const auto places = labels.ne(kIgnoredTarget).nonzero().flatten();
    const auto wanted = labels.index_select(0, places);
    const auto log_probs = model.logits_at(inputs, places).log_softmax(-1, torch::kFloat32);
    nats -= log_probs.gather(1, wanted.unsqueeze(1)).sum(torch::kFloat64).item<double>();
    right += log_probs.argmax(-1).eq(wanted).sum().item<std::int64_t>();
    tokens += wanted.numel();
    if (judge == nullptr) return;
    const auto sentence = judge->pretraining_logits(inputs).sentence.log_softmax(-1, torch::kFloat32);
    sentence_nats -= sentence.gather(1, batch.sentence_labels.unsqueeze(1)).sum(torch::kFloat64).item<double>();
    right_sentences += sentence.argmax(-1).eq(batch.sentence_labels).sum().item<std::int64_t>();
    sentences += batch.ids.size(0);
  });
  double of_all[] = {nats,          static_cast<double>(tokens),    static_cast<double>(right),
                     sentence_nats, static_cast<double>(sentences), static_cast<double>(right_sentences)};
  sum_over(evaluation.ranks, of_all);
  nats = of_all[0], sentence_nats = of_all[3];
  tokens = std::llround(of_all[1]), right = std::llround(of_all[2]);
  sentences = std::llround(of_all[4]), right_sentences = std::llround(of_all[5]);
  const auto mean = [](double sum, std::int64_t count) {
    return sum / static_cast<double>(std::max<std::int64_t>(1, count));
  };
  const auto share = [&](std::int64_t count, std::int64_t all) {
    return Metric{.value = mean(static_cast<double>(count), all), .direction = Direction::kHigherIsBetter};
  };
  const auto loss = mean(nats, tokens), sentence_loss = mean(sentence_nats, sentences);
  EvalMetrics metrics = {
      {"loss", {.value = loss + sentence_loss, .chart = MetricChart::kLoss}},
      {"perplexity", {.value = std::exp(loss)}},
      {"accuracy", share(right, tokens)},
  };
  if (judge != nullptr) {
    metrics["sentence_loss"] = {.value = sentence_loss};
    metrics["sentence_accuracy"] = share(right_sentences, sentences);
  }
  return metrics;
}

EvalMetrics evaluate_pretraining(const RegisteredModel& registered, const fs::path& dir, const std::string& data,
                                 const DeviceOptions& options, std::int64_t batch_size, const Message& message) {
  auto loaded = load_model<MaskedLm>(registered, dir, options);
  loaded.tokenizer = load_model_tokenizer(dir, loaded.model->vocab_size());
  const bool judged = dynamic_cast<PretrainingModel*>(loaded.model.get()) != nullptr;
  const auto sentences = !judged                             ? SentenceTask::kPacked
                         : registered.model_type == "albert" ? SentenceTask::kSentenceOrder
                                                             : SentenceTask::kNextSentence;
  TokenizedText text;
  const auto examples =
      evaluation_examples(dir, data, *loaded.tokenizer, loaded.model->n_positions(), sentences, text, {}, message);
  return evaluate_pretraining(*loaded.model, examples, loaded.device, {.batch_size = batch_size, .most = 0});
}

PretrainingDataset evaluation_examples(const fs::path& dir, const std::string& data, const Tokenizer& tokenizer,
                                       std::int64_t n_positions, SentenceTask sentences, TokenizedText& text,
                                       const TextTeller& tell, const Message& message) {
  MaskingKeys masking;
  read_run_section(dir, "data", masking);
  masking.max_length = std::min(masking.max_length, n_positions);
  text = open_text(data, tokenizer, microworld_seed_of(dir), sentences_in(masking, tell), message);
  return {text.tokens, tokenizer, masking.options(sentences, tokenizer), /*seed=*/1};
}

std::string fingerprint_of(const PretrainingOptions& options) {
  const auto& masking = options.masking;
  return fmt::format("examples {} of {} short {} masks {} {} {} {} {} {} {} {}", static_cast<int>(options.sentences),
                     options.max_length, options.short_examples, masking.probability, masking.most, masking.masked,
                     masking.random, masking.whole_words, masking.max_ngram, options.prefer_rare,
                     options.dynamic_masking) +
         (options.phrases ? fmt::format(" phrases {:016x}", options.phrases->fingerprint) : "");
}

class PretrainingSetup::Task : public ModelTask<MaskedLm, PretrainingSetup::Data, PretrainingBatch> {
 public:
  Task(std::shared_ptr<MaskedLm> model, PretrainingSetup::Data data, const TrainSetting& setting)
      : ModelTask(std::move(model), std::move(data), setting),
        judge_(judges(data_.train.options().sentences) ? dynamic_cast<PretrainingModel*>(model_.get()) : nullptr) {
    batches_ = pretraining_batches(data_.train, batch_.batch_size, kPrepareAhead, rank_);
  }

  std::string fingerprint() const override {
    return fmt::format("pretraining {} {} batch {} seed {}", data_.corpus.fingerprint,
                       fingerprint_of(data_.train.options()), batch_size_of_all(), seed_);
  }
  std::vector<LossTerm> loss_terms() const override {
    if (judge_ == nullptr) return {{"mlm"}};
    return {{"mlm"}, {name_of(data_.train.options().sentences)}};
  }
  MicroBatch next() override {
    const auto batch = batches_->next();
    const auto tokens = batch.lengths.sum().item<std::int64_t>();
    std::vector<std::int64_t> counts = {asked(batch.labels)};
    if (judge_ != nullptr) counts.push_back(asked(batch.sentence_labels));
    return {counts, tokens, [this, batch = to_device(batch, device_)]() -> std::vector<torch::Tensor> {
              if (judge_ == nullptr) return {model_->loss_sum(inputs_of(batch), batch.labels)};
              const auto loss = judge_->pretraining_loss(inputs_of(batch), batch.labels, batch.sentence_labels);
              return {loss.masked_lm, loss.sentence};
            }};
  }
  EvalMetrics evaluate() override {
    return data_.valid ? evaluate_pretraining(*model_, *data_.valid, device_, {.ranks = ranks_}) : EvalMetrics{};
  }
  void save_model(const fs::path& dir) override {
    model_->save_pretrained(dir);
    data_.corpus.tokenizer->save(dir);
  }

 private:
  PretrainingModel* const judge_;
};

void PretrainingSetup::bind(RunConfig& config, TrainSetting& setting) {
  setting.batch.batch_size = 32;
  setting.trainer.learning_rate = 5e-4;
  config.bind("data", corpus_);
  config.bind("data", masking_);
  config.bind("model", *config_, decided());
  config.set_default("data.train", kMicroworld);
}

void PretrainingSetup::complete(RunConfig& config) {
  corpus_.make_paths_absolute();
  if (!masking_.phrases.empty() && masking_.phrases != kMicroworld)
    masking_.phrases = absolute_if_there(masking_.phrases);
  ModelSetup::complete(config);
  try {
    masking_.options(sentences_).validate();
  } catch (const std::invalid_argument& error) {
    throw ConfigError(fmt::format("data: {}", error.what()));
  }
}

std::vector<UnreadKeys> PretrainingSetup::unread_keys() const {
  const bool told = is_microworld_text(corpus_.train) || is_microworld_text(corpus_.valid);
  const bool packed = masking_.options(sentences_).sentences == SentenceTask::kPacked;
  return {{!told,
           "a text that microworld does not tell",
           {"data.microworld_bytes", "data.microworld_seed", "data.microworld_language"}},
          {!corpus_.valid.empty() && !told, "a run with data.valid", {"data.valid_fraction"}},
          {judges(sentences_), "a run that judges pairs of segments", {"data.examples"}},
          {packed, "data.examples = packed", {"data.short_examples"}}};
}

std::vector<std::string> PretrainingSetup::metric_names() const {
  std::vector<std::string> names = {"loss", "perplexity", "accuracy"};
  if (judges(sentences_)) names.insert(names.end(), {"sentence_loss", "sentence_accuracy"});
  return names;
}

void PretrainingSetup::complete_model(const Tokenizer& tokenizer) {
  complete_vocabulary(*config_, "vocab_size", tokenizer);
  complete_special_tokens(*config_, tokenizer);
}

PretrainingSetup::Data PretrainingSetup::open_data(const TrainSetting& setting) {
  auto corpus = open_text_corpus(corpus_, setting.out, setting.message, sentences_in(masking_, teller()));
  complete_model(*corpus.tokenizer);
  const auto options = masking_.options(sentences_, *corpus.tokenizer);
  if (options.phrases && options.phrases->left_out > 0) {
    setting.message(fmt::format("{}: left out: {} phrases of words that the tokenizer does not know", masking_.phrases,
                                options.phrases->left_out));
  }
  const auto open = [&](const TokenView& tokens, std::uint64_t seed) {
    try {
      return PretrainingDataset(tokens, *corpus.tokenizer, options, seed);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("data: {}", error.what()));
    }
  };
  auto train = open(corpus.train.tokens, setting.trainer.seed);
  std::unique_ptr<PretrainingDataset> valid;
  if (corpus.valid) valid = std::make_unique<PretrainingDataset>(open(corpus.valid->tokens, 1));
  setting.message(fmt::format("{} examples{}", train.num_examples(),
                              valid ? fmt::format(", {} to validate", valid->num_examples()) : ""));
  return {std::move(corpus), std::move(train), std::move(valid)};
}

void PretrainingSetup::require_fitting(const TokenModel& model) const {
  if (masking_.max_length > model.n_positions()) {
    throw ConfigError(
        fmt::format("data.max_length = {}: the model takes {} tokens", masking_.max_length, model.n_positions()));
  }
  if (model.n_segments() == 1 && masking_.options(sentences_).sentences != SentenceTask::kPacked) {
    throw ConfigError(fmt::format("model.type_vocab_size = 1: {} are of two segments",
                                  judges(sentences_) ? "examples of " + name_of(sentences_) : "pairs (data.examples)"));
  }
}

std::unique_ptr<TrainingTask> PretrainingSetup::make_task(TrainSetting& setting) {
  auto data = open_data(setting);
  auto model = make<MaskedLm>(setting);
  require_fitting(*model);
  return std::make_unique<Task>(std::move(model), std::move(data), setting);
}

}  // namespace langzoo
