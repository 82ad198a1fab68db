#include "apps/training/families.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/tasks/causal_lm.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/translation.h"
#include "apps/training/tasks/word_vectors.h"
#include "data/files/config_error.h"
#include "data/files/files.h"
#include "models/fasttext/fasttext.h"
#include "models/glove/glove.h"
#include "models/gpt/gpt.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/seq2seq/seq2seq.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<ModelConfig> gpt_config() {
  // Small enough to learn something on a laptop; the published shapes are presets.
  Gpt2Config small;
  small.n_layer = small.n_head = 4;
  small.n_embd = small.n_positions = 256;
  // The published vocabulary is GPT-2's own; a run has its tokenizer's.
  small.vocab_size = kFromTokenizer;
  small.bos_token_id.reset();
  small.eos_token_id.reset();
  return ModelConfig::of(small);
}

std::unique_ptr<ModelConfig> seq2seq_config() {
  auto luong = Seq2SeqConfig::preset("luong");
  luong.embedding_size = luong.hidden_size = 256;
  luong.source_vocab_size = luong.target_vocab_size = luong.decoder_start_token_id = kFromTokenizer;
  luong.bos_token_id.reset();
  luong.eos_token_id.reset();
  luong.pad_token_id.reset();
  return ModelConfig::of(luong);
}

template <class Config>
std::unique_ptr<ModelConfig> own_defaults() {
  return ModelConfig::of(Config());
}

/// Translation, and the keys of scheduled sampling.
class Seq2SeqSetup : public TranslationSetup {
 public:
  using TranslationSetup::TranslationSetup;

  void bind(RunConfig& config, TrainSetting& setting) override {
    TranslationSetup::bind(config, setting);
    config.bind("train", [this](FieldVisitor& visit) {
      visit("teacher_forcing", sampling_.schedule,
            {.choices = {"constant", "linear", "inverse_sigmoid"},
             .help = "the probability of the true token before, rather than the model's own: constant (k), linear "
                     "(max(least, k - c step)) or inverse_sigmoid (k / (k + exp(step / k)))"});
      visit("teacher_forcing_k", sampling_.k, {.least = 0, .help = "k"});
      visit("teacher_forcing_c", sampling_.c, {.least = 0, .help = "c"});
      visit("teacher_forcing_least", sampling_.least, {.least = 0, .most = 1, .help = "least"});
    });
  }

  void complete(RunConfig& config) override {
    TranslationSetup::complete(config);
    try {
      sampling_.validate();
    } catch (const std::invalid_argument& error) {
      throw ConfigError(fmt::format("train.teacher_forcing: {}", error.what()));
    }
  }

  std::string notes() const override {
    return "Sizes and token ids that are null come from the tokenizers. The presets plain, bahdanau, luong, local-p "
           "and\n"
           "gnmt are the papers' wirings.\n";
  }

 protected:
  void set_up_model(EncoderDecoder& model) const override {
    dynamic_cast<Seq2SeqImpl&>(model).set_scheduled_sampling(sampling_);
  }

 private:
  ScheduledSampling sampling_;
};

/// `Setup` for the family of that name with its default config.
template <class Setup>
std::unique_ptr<TaskSetup> make_setup(std::string_view program) {
  const auto& family = family_of_program(program);
  return std::make_unique<Setup>(family.model(), family.default_config());
}

EvalMetrics evaluate_causal_lm(const Family& family, const fs::path& dir, const std::string& data,
                               const EvaluationOptions& options) {
  const auto lm = load_causal_lm(family.model(), dir, options);
  const auto text = open_evaluation_text(data, *lm.tokenizer, options.seed);
  return text_nats(*lm.model, text, lm.model->n_positions(), lm.device).metrics();
}

EvalMetrics evaluate_translation(const Family& family, const fs::path& dir, const std::string& data,
                                 const EvaluationOptions& options) {
  const auto translator = load_translator(family.model(), dir, options);
  auto reading = evaluation_pairs_defaults();
  reading.data = data;
  reading.target = options.target;
  reading.task_seed = options.seed;
  reading.keep_padding = PairFormat::load(dir).keep_padding;
  const auto pairs = open_evaluation_pairs(reading, translator.tokenizers);
  auto metrics = target_nats(*translator.model, pairs.corpus, translator.special, translator.device).metrics();
  BeamSearchOptions greedy;
  greedy.num_beams = 1;
  std::vector<std::string> hypotheses;
  for (const auto& found : decode_sources(translator, pairs.sources, greedy, kDecodeBatch)) {
    hypotheses.push_back(text_of(translator.tokenizers, found.front()));
  }
  text_scores(hypotheses, pairs.references, {}).add_to(metrics);
  return metrics;
}

EvalMetrics evaluate_classification(const Family& /*family*/, const fs::path& dir, const std::string& data,
                                    const EvaluationOptions& options) {
  const auto classifier = load_classifier(dir, options);
  const ClassificationOptions columns;
  const auto rows = read_labelled_text(data, columns.text_column, columns.label_column);
  return evaluate_classifier(*classifier.model, encode_labelled(data, rows, *classifier.tokenizer, *classifier.model),
                             options.device);
}

EvalMetrics evaluate_vectors(const Family& /*family*/, const fs::path& dir, const std::string& data,
                             const EvaluationOptions& /*options*/) {
  return evaluate_word_vectors(load_word_vectors(dir), data);
}

// A new family adds one line.
constexpr Family kFamilies[] = {
    {"gpt2", "GPT2LMHeadModel", "gpt", "causal-lm", gpt_config, [] { return make_setup<CausalLmSetup>("gpt"); },
     evaluate_causal_lm},
    {"seq2seq", "Seq2Seq", "seq2seq", "translation", seq2seq_config, [] { return make_setup<Seq2SeqSetup>("seq2seq"); },
     evaluate_translation},
    {"fasttext", "FastTextForSequenceClassification", "fasttext", "classification", own_defaults<FastTextConfig>,
     [] { return make_setup<ClassificationSetup>("fasttext"); }, evaluate_classification},
    {"word2vec", "Word2Vec", "word2vec", "word-vectors", own_defaults<Word2VecConfig>, nullptr, evaluate_vectors},
    {"ppmi-svd", "PpmiSvd", "word2vec", "word-vectors", own_defaults<PpmiSvdConfig>, nullptr, evaluate_vectors},
    {"glove", "Glove", "word2vec", "word-vectors", own_defaults<GloveConfig>, nullptr, evaluate_vectors},
};

const Family* find_family(std::string_view model_type, std::string_view architecture = {}) {
  const auto* const found = std::find_if(std::begin(kFamilies), std::end(kFamilies), [&](const Family& family) {
    return family.model_type == model_type && (architecture.empty() || family.architecture == architecture);
  });
  return found == std::end(kFamilies) ? nullptr : found;
}

}  // namespace

const RegisteredModel& Family::model() const {
  const auto* const found = find_registered_model(model_type, architecture);
  if (found == nullptr) throw std::logic_error(fmt::format("{} is not registered", architecture));
  return *found;
}

std::span<const Family> families() {
  return kFamilies;
}

const Family& family_in(const fs::path& dir) {
  const auto& model = registered_model(dir);
  const auto* found = find_family(model.model_type, model.architecture);
  // A model without a head: the usual one's, whose loading says what is missing.
  if (found == nullptr) found = find_family(model.model_type);
  if (found == nullptr) throw FileError(dir, fmt::format("{} is not a model to train", model.architecture));
  return *found;
}

const Family& family_of_program(std::string_view program) {
  const auto* const found = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                         [&](const Family& family) { return family.program == program; });
  if (found == std::end(kFamilies)) throw std::invalid_argument(fmt::format("no family has the program {}", program));
  return *found;
}

EvalMetrics evaluate(const fs::path& dir, const std::string& data, const EvaluationOptions& options) {
  const auto& family = family_in(dir);
  return family.evaluate(family, dir, data, options);
}

}  // namespace langzoo
