#include "apps/training/families.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "apps/training/tasks/bit_sequences.h"
#include "apps/training/tasks/causal_lm.h"
#include "apps/training/tasks/classification.h"
#include "apps/training/tasks/electra.h"
#include "apps/training/tasks/elmo.h"
#include "apps/training/tasks/encoders.h"
#include "apps/training/tasks/entity_pretraining.h"
#include "apps/training/tasks/ernie.h"
#include "apps/training/tasks/example_kinds.h"
#include "apps/training/tasks/gpt.h"
#include "apps/training/tasks/kagnet.h"
#include "apps/training/tasks/lm.h"
#include "apps/training/tasks/ngram.h"
#include "apps/training/tasks/noisy_channel.h"
#include "apps/training/tasks/pictures/captioning.h"
#include "apps/training/tasks/pictures/image_tokens.h"
#include "apps/training/tasks/pretraining.h"
#include "apps/training/tasks/t5.h"
#include "apps/training/tasks/tagger.h"
#include "apps/training/tasks/text_to_text.h"
#include "apps/training/tasks/transe.h"
#include "apps/training/tasks/translation.h"
#include "apps/training/tasks/word_vectors.h"
#include "apps/training/tasks/word_vectors/training.h"
#include "data/files/config_error.h"
#include "data/files/file_error.h"
#include "models/captioner/captioner.h"
#include "models/deep_lstm/deep_lstm.h"
#include "models/elmo/elmo.h"
#include "models/fasttext/fasttext.h"
#include "models/glove/glove.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/image_tokens/image_tokens.h"
#include "models/ngram_lm/ngram_lm.h"
#include "models/noisy_channel/noisy_channel_model.h"
#include "models/ntm/ntm.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/rnn_lm/ar_lm.h"
#include "models/rnn_lm/rnn_lm.h"
#include "models/seq2seq/seq2seq.h"
#include "models/transe/transe.h"
#include "models/transformer/transformer.h"
#include "models/transformer/transformer_lm.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace fs = std::filesystem;

namespace {

std::unique_ptr<ModelConfig> seq2seq_config() {
  auto luong = Seq2SeqConfig::preset("luong");
  luong.embedding_size = luong.hidden_size = 256;
  luong.source_vocab_size = luong.target_vocab_size = luong.decoder_start_token_id = kFromTokenizer;
  luong.bos_token_id.reset();
  luong.eos_token_id.clear();
  luong.pad_token_id.reset();
  return ModelConfig::of(luong);
}

template <bool kNormalizeBefore>
std::unique_ptr<ModelConfig> transformer_config() {
  auto small = TransformerConfig::preset("iwslt-small");
  small.vocab_size = small.decoder_start_token_id = kFromTokenizer;
  small.eos_token_id.clear();
  small.pad_token_id.reset();
  small.forced_eos_token_id.clear();
  small.normalize_before = kNormalizeBefore;
  return ModelConfig::of(small);
}

/// A language model's, whose vocabulary is the text's.
template <class Config>
std::unique_ptr<ModelConfig> lm_config() {
  Config config;
  config.vocab_size = kFromTokenizer;
  return ModelConfig::of(config);
}

/// The published shape has 93.6M parameters without its output layer.
std::unique_ptr<ModelConfig> elmo_config() {
  ElmoConfig small;
  small.vocab_size = kFromTokenizer;
  small.filters = {{1, 32}, {2, 32}, {3, 64}, {4, 128}};
  small.highway_layers = 1;
  small.projection_size = 128;
  small.hidden_size = 512;
  return ModelConfig::of(small);
}

std::unique_ptr<ModelConfig> captioner_config() {
  CaptionerConfig config;
  config.vocab_size = config.decoder_start_token_id = kFromTokenizer;
  config.eos_token_id.clear();
  return ModelConfig::of(config);
}

std::unique_ptr<ModelConfig> image_tokens_config() {
  ImageTokensConfig config;
  config.vocab_size = config.pad_token_id = kFromTokenizer;
  config.eos_token_id.clear();
  return ModelConfig::of(config);
}

template <class Config>
std::unique_ptr<ModelConfig> own_defaults() {
  return ModelConfig::of(Config());
}

/// Of a model whose task decides how wide its inputs and outputs are.
template <class Config>
std::unique_ptr<ModelConfig> bit_sequence_config() {
  Config config;
  config.input_size = config.output_size = kFromTokenizer;
  return ModelConfig::of(config);
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

  std::vector<UnreadKeys> unread_keys() const override {
    auto unread = TranslationSetup::unread_keys();
    const auto who = "train.teacher_forcing = " + sampling_.schedule;
    unread.push_back({sampling_.schedule != "linear", who, {"train.teacher_forcing_c", "train.teacher_forcing_least"}});
    return unread;
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

/// Translation with Marian's keys. Whatever the wiring, one class makes it; what its folder is called is decided when
/// it is saved.
class TransformerSetup : public TranslationSetup {
 public:
  explicit TransformerSetup(std::unique_ptr<ModelConfig> config)
      : TranslationSetup(*find_registered_model("transformer"), std::move(config)) {}

  void bind(RunConfig& config, TrainSetting& setting) override {
    TranslationSetup::bind(config, setting);
    config.set_default("data.train", "microworld-ko");
  }

  void complete(RunConfig& config) override {
    TranslationSetup::complete(config);
    // One place of each side is the end token's, or the start token's.
    const auto most = std::stoll(config.value("model.max_position_embeddings")) - 1;
    for (const auto* const key : {"data.max_source", "data.max_target"}) {
      config.set_default(key, std::to_string(most));
      const auto tokens = std::stoll(config.value(key));
      if (tokens == 0 || tokens > most) {
        throw ConfigError(fmt::format("{} = {}: model.max_position_embeddings = {} leaves room for {} tokens", key,
                                      tokens, most + 1, most));
      }
    }
  }

  std::string notes() const override {
    return "Sizes and token ids that are null come from the tokenizers. With these keys the folder is a "
           "MarianMTModel;\n"
           "model.normalize_before, model.gated_feed_forward, other positions than sinusoidal and an untied softmax\n"
           "beside shared embeddings give it the model_type transformer, which transformers does not know.\n";
  }

 protected:
  void complete_config(ModelConfig& config, const TranslationTokenizers& tokenizers) const override {
    const auto fields = fields_in(config);
    const auto &source = tokenizers.source(), &target = tokenizers.target();
    const auto sources = static_cast<std::int64_t>(source.vocab_size());
    const auto targets = static_cast<std::int64_t>(target.vocab_size());
    fill_field(fields, "vocab_size", sources);
    const bool one_vocabulary = tokenizers.one_vocabulary();
    if (!one_vocabulary) {
      fill_field(fields, "decoder_vocab_size", targets);
      if (find_field(fields, "share_encoder_decoder_embeddings")->json() == "true") {
        throw ConfigError(
            "model.share_encoder_decoder_embeddings = true: the sides have vocabularies of their own, set "
            "it to false");
      }
    }
    // As Marian: what fills up is also what the decoder is first given.
    const auto& pad = target.special_tokens().pad;
    if (pad && source.special_tokens().pad == pad) fill_field(fields, "pad_token_id", *pad);
    fill_field(fields, "decoder_start_token_id", pad ? *pad : start_token_of(target, "data.tokenizer"));
    fill_field(fields, "eos_token_id", end_token_of(target, "data.tokenizer"));
    if (target.special_tokens().bos) fill_field(fields, "bos_token_id", *target.special_tokens().bos);
    require_vocabulary(config, "vocab_size", sources);
    require_vocabulary(config, "decoder_vocab_size", targets);
  }
};

template <bool kNormalizeBefore>
std::unique_ptr<TaskSetup> transformer_setup() {
  return std::make_unique<TransformerSetup>(transformer_config<kNormalizeBefore>());
}

/// `Setup` for the family of that name with its default config.
template <class Setup, class... Kind>
std::unique_ptr<TaskSetup> make_setup(std::string_view program, const Kind&... kind) {
  const auto& family = family_of_program(program);
  return std::make_unique<Setup>(family.model(), family.default_config(), kind...);
}

EvalMetrics evaluate_causal_lm(const Family& family, const fs::path& dir, const std::string& data,
                               const EvaluationOptions& options) {
  const auto lm = load_causal_lm(family.model(), dir, options);
  const auto text =
      open_evaluation_text(data, *lm.tokenizer, options.seed.value_or(microworld_seed_of(dir)), options.message);
  return text_nats(*lm.model, text, lm.model->n_positions(), lm.device).metrics();
}

EvalMetrics evaluate_lm(const Family& family, const fs::path& dir, const std::string& data,
                        const EvaluationOptions& options) {
  const auto lm = load_causal_lm(family.model(), dir, options);
  const auto text =
      open_stream_text(data, *lm.tokenizer, lines_of_run(dir), options.seed.value_or(microworld_seed_of(dir)));
  if (text.predicted() < 1) throw std::runtime_error(data + ": has no token to predict");
  return stream_metrics(stream_log_probabilities(*lm.model, *text.ids, {}, lm.device));
}

EvalMetrics evaluate_elmo(const Family& /*family*/, const fs::path& dir, const std::string& data,
                          const EvaluationOptions& options) {
  const auto lm = load_elmo(dir, options);
  const auto text = open_stream_text(data, *lm.tokenizer, lines_of_run(dir),
                                     options.seed.value_or(microworld_seed_of(dir)), /*with_forms=*/true);
  if (text.predicted() < 1) throw std::runtime_error(data + ": has no token to predict");
  return elmo_metrics(elmo_log_probabilities(*lm.model, text, options.batch_size, lm.device));
}

PairsOptions pairs_to_read(const fs::path& dir, const std::string& data, const EvaluationOptions& options) {
  auto reading = evaluation_pairs_of(dir);
  reading.data = data;
  reading.target = options.target;
  reading.task_seed = options.seed.value_or(reading.task_seed);
  return reading;
}

EvalMetrics evaluate_translation(const Family& family, const fs::path& dir, const std::string& data,
                                 const EvaluationOptions& options) {
  const auto translator = load_translator(family.model(), dir, options);
  const auto pairs =
      open_evaluation_pairs(pairs_to_read(dir, data, options), translator.tokenizers, max_tokens(*translator.model));
  auto metrics = target_nats(*translator.model, pairs.corpus, translator.special, translator.device).metrics();
  BeamSearchOptions greedy;
  greedy.num_beams = 1;
  std::vector<std::string> hypotheses;
  const auto found = decode_sources(translator, pairs.sources, greedy, kDecodeBatch);
  for (const auto i : pairs.measured) hypotheses.push_back(text_of(translator.tokenizers, found[i].front()));
  text_scores(hypotheses, pairs.references, {}).add_to(metrics);
  return metrics;
}

EvalMetrics evaluate_tasks(const Family& family, const fs::path& dir, const std::string& data,
                           const EvaluationOptions& options) {
  return evaluate_text_to_text(family.model(), dir, data, options, options.seed, options.message);
}

EvalMetrics evaluate_channel(const Family& /*family*/, const fs::path& dir, const std::string& data,
                             const EvaluationOptions& options) {
  const auto translator = load_noisy_channel(dir);
  return evaluate_noisy_channel(*translator,
                                open_evaluation_pairs(pairs_to_read(dir, data, options), translator->tokenizers()));
}

/// Of a kind of task that learns from examples.
EvalMetrics evaluate_example(const Family& /*family*/, const fs::path& dir, const std::string& data,
                             const EvaluationOptions& options) {
  return evaluate_example_model(dir, data, options, options.batch_size);
}

EvalMetrics evaluate_masked_lm(const Family& family, const fs::path& dir, const std::string& data,
                               const EvaluationOptions& options) {
  return evaluate_pretraining(family.model(), dir, data, options, options.batch_size, options.message);
}

EvalMetrics evaluate_discriminator(const Family& /*family*/, const fs::path& dir, const std::string& data,
                                   const EvaluationOptions& options) {
  return evaluate_electra(dir, data, options, options.batch_size, options.message);
}

EvalMetrics evaluate_entities(const Family& family, const fs::path& dir, const std::string& data,
                              const EvaluationOptions& options) {
  return evaluate_entity_pretraining(family.model(), dir, data, options, options.batch_size, options.message);
}

EvalMetrics evaluate_graph(const Family& family, const fs::path& dir, const std::string& data,
                           const EvaluationOptions& options) {
  return evaluate_transe(family.model(), dir, data, options);
}

EvalMetrics evaluate_vectors(const Family& /*family*/, const fs::path& dir, const std::string& data,
                             const EvaluationOptions& /*options*/) {
  return evaluate_word_vectors(load_word_vectors(dir), data);
}

/// `data` is a task's name; its lengths are those of the run.
EvalMetrics evaluate_bits(const Family& family, const fs::path& dir, const std::string& data,
                          const EvaluationOptions& options) {
  const auto loaded = load_model<BitSequenceModel>(family.model(), dir, options);
  auto task = bit_sequence_task_of_run(dir);
  task.name = data;
  const auto seed = options.seed.value_or(1);
  return measure_bits(*loaded.model,
                      {.format = task.format(),
                       .lengths = task.exact_lengths(),
                       .sequences = task.valid_sequences,
                       .seed = seed,
                       .batch_size = options.batch_size},
                      loaded.device)
      .metrics();
}

// A new family adds one line.
constexpr Family kFamilies[] = {
    {"gpt2", "GPT2LMHeadModel", "gpt", "causal-lm", [] { return gpt_config("gpt2"); },
     [] { return gpt_lm_setup("gpt2"); }, evaluate_causal_lm},
    {"gpt2", "GPT2ForSequenceClassification", "gpt", "classification", [] { return gpt_config("gpt2"); },
     [] { return gpt_finetuning_setup("gpt2", "classification"); }, evaluate_example},
    {"gpt2", "GPT2DoubleHeadsModel", "gpt", "multiple-choice", [] { return gpt_config("gpt2"); },
     [] { return gpt_finetuning_setup("gpt2", "choice"); }, evaluate_example},
    {"gpt2", "GPT2ForTokenClassification", "gpt", "tagging", [] { return gpt_config("gpt2"); },
     [] { return gpt_finetuning_setup("gpt2", "tagging"); }, evaluate_example},
    {"gpt2", "GPT2ForQuestionAnswering", "gpt", "question-answering", [] { return gpt_config("gpt2"); },
     [] { return gpt_finetuning_setup("gpt2", "qa"); }, evaluate_example},
    {"openai-gpt", "OpenAIGPTLMHeadModel", "gpt", "causal-lm", [] { return gpt_config("openai-gpt"); },
     [] { return gpt_lm_setup("openai-gpt"); }, evaluate_causal_lm},
    {"openai-gpt", "OpenAIGPTForSequenceClassification", "gpt", "classification",
     [] { return gpt_config("openai-gpt"); }, [] { return gpt_finetuning_setup("openai-gpt", "classification"); },
     evaluate_example},
    {"openai-gpt", "OpenAIGPTDoubleHeadsModel", "gpt", "multiple-choice", [] { return gpt_config("openai-gpt"); },
     [] { return gpt_finetuning_setup("openai-gpt", "choice"); }, evaluate_example},
    {"gpt_neo", "GPTNeoForCausalLM", "gpt", "causal-lm", [] { return gpt_config("gpt_neo"); },
     [] { return gpt_lm_setup("gpt_neo"); }, evaluate_causal_lm},
    {"gpt_neo", "GPTNeoForSequenceClassification", "gpt", "classification", [] { return gpt_config("gpt_neo"); },
     [] { return gpt_finetuning_setup("gpt_neo", "classification"); }, evaluate_example},
    {"gpt_neo", "GPTNeoForTokenClassification", "gpt", "tagging", [] { return gpt_config("gpt_neo"); },
     [] { return gpt_finetuning_setup("gpt_neo", "tagging"); }, evaluate_example},
    {"gpt_neo", "GPTNeoForQuestionAnswering", "gpt", "question-answering", [] { return gpt_config("gpt_neo"); },
     [] { return gpt_finetuning_setup("gpt_neo", "qa"); }, evaluate_example},
    {"seq2seq", "Seq2Seq", "seq2seq", "translation", seq2seq_config, [] { return make_setup<Seq2SeqSetup>("seq2seq"); },
     evaluate_translation},
    {"marian", "MarianMTModel", "transformer", "translation", transformer_config<false>, transformer_setup<false>,
     evaluate_translation},
    {"transformer", "TransformerMTModel", "transformer", "translation", transformer_config<true>,
     transformer_setup<true>, evaluate_translation},
    {"t5", "T5ForConditionalGeneration", "t5", kTextToText, [] { return t5_config("t5"); },
     [] { return text_to_text_setup("t5", kPairs); }, evaluate_tasks},
    {"mt5", "MT5ForConditionalGeneration", "t5", kTextToText, [] { return t5_config("mt5"); },
     [] { return text_to_text_setup("mt5", kPairs); }, evaluate_tasks},
    {"fasttext", "FastTextForSequenceClassification", "fasttext", "classification", own_defaults<FastTextConfig>,
     [] { return make_setup<ExampleSetup>("fasttext", classification()); }, evaluate_example},
    {"bert", "BertForMaskedLM", "bert", "masked-lm", [] { return encoder_config("bert"); },
     [] { return pretraining_setup("bert", "mlm"); }, evaluate_masked_lm},
    {"bert", "BertForPreTraining", "bert", "pretraining", [] { return encoder_config("bert"); },
     [] { return pretraining_setup("bert", "mlm+nsp"); }, evaluate_masked_lm},
    {"bert", "BertForSequenceClassification", "bert", "classification", [] { return encoder_config("bert"); },
     [] { return finetuning_setup("bert", "classification"); }, evaluate_example},
    {"bert", "BertForTokenClassification", "bert", "tagging", [] { return encoder_config("bert"); },
     [] { return finetuning_setup("bert", "tagging"); }, evaluate_example},
    {"bert", "BertForQuestionAnswering", "bert", "question-answering", [] { return encoder_config("bert"); },
     [] { return finetuning_setup("bert", "qa"); }, evaluate_example},
    {"bert", "BertForMultipleChoice", "bert", "multiple-choice", [] { return encoder_config("bert"); },
     [] { return finetuning_setup("bert", "choice"); }, evaluate_example},
    {"roberta", "RobertaForMaskedLM", "bert", "masked-lm", [] { return encoder_config("roberta"); },
     [] { return pretraining_setup("roberta", "mlm"); }, evaluate_masked_lm},
    {"roberta", "RobertaForSequenceClassification", "bert", "classification", [] { return encoder_config("roberta"); },
     [] { return finetuning_setup("roberta", "classification"); }, evaluate_example},
    {"roberta", "RobertaForTokenClassification", "bert", "tagging", [] { return encoder_config("roberta"); },
     [] { return finetuning_setup("roberta", "tagging"); }, evaluate_example},
    {"roberta", "RobertaForQuestionAnswering", "bert", "question-answering", [] { return encoder_config("roberta"); },
     [] { return finetuning_setup("roberta", "qa"); }, evaluate_example},
    {"roberta", "RobertaForMultipleChoice", "bert", "multiple-choice", [] { return encoder_config("roberta"); },
     [] { return finetuning_setup("roberta", "choice"); }, evaluate_example},
    {"albert", "AlbertForMaskedLM", "bert", "masked-lm", [] { return encoder_config("albert"); },
     [] { return pretraining_setup("albert", "mlm"); }, evaluate_masked_lm},
    {"albert", "AlbertForPreTraining", "bert", "pretraining", [] { return encoder_config("albert"); },
     [] { return pretraining_setup("albert", "mlm+sop"); }, evaluate_masked_lm},
    {"albert", "AlbertForSequenceClassification", "bert", "classification", [] { return encoder_config("albert"); },
     [] { return finetuning_setup("albert", "classification"); }, evaluate_example},
    {"albert", "AlbertForTokenClassification", "bert", "tagging", [] { return encoder_config("albert"); },
     [] { return finetuning_setup("albert", "tagging"); }, evaluate_example},
    {"albert", "AlbertForQuestionAnswering", "bert", "question-answering", [] { return encoder_config("albert"); },
     [] { return finetuning_setup("albert", "qa"); }, evaluate_example},
    {"albert", "AlbertForMultipleChoice", "bert", "multiple-choice", [] { return encoder_config("albert"); },
     [] { return finetuning_setup("albert", "choice"); }, evaluate_example},
    {"electra", "ElectraForPreTraining", "bert", "pretraining", [] { return encoder_config("electra"); },
     [] { return pretraining_setup("electra", "electra"); }, evaluate_discriminator},
    {"electra", "ElectraForMaskedLM", "bert", "masked-lm", [] { return encoder_config("electra"); },
     [] { return pretraining_setup("electra", "mlm"); }, evaluate_masked_lm},
    {"electra", "ElectraForSequenceClassification", "bert", "classification", [] { return encoder_config("electra"); },
     [] { return finetuning_setup("electra", "classification"); }, evaluate_example},
    {"electra", "ElectraForTokenClassification", "bert", "tagging", [] { return encoder_config("electra"); },
     [] { return finetuning_setup("electra", "tagging"); }, evaluate_example},
    {"electra", "ElectraForQuestionAnswering", "bert", "question-answering", [] { return encoder_config("electra"); },
     [] { return finetuning_setup("electra", "qa"); }, evaluate_example},
    {"electra", "ElectraForMultipleChoice", "bert", "multiple-choice", [] { return encoder_config("electra"); },
     [] { return finetuning_setup("electra", "choice"); }, evaluate_example},
    {"distilbert", "DistilBertForMaskedLM", "bert", "masked-lm", [] { return encoder_config("distilbert"); },
     [] { return pretraining_setup("distilbert", "mlm"); }, evaluate_masked_lm},
    {"distilbert", "DistilBertForSequenceClassification", "bert", "classification",
     [] { return encoder_config("distilbert"); }, [] { return finetuning_setup("distilbert", "classification"); },
     evaluate_example},
    {"distilbert", "DistilBertForTokenClassification", "bert", "tagging", [] { return encoder_config("distilbert"); },
     [] { return finetuning_setup("distilbert", "tagging"); }, evaluate_example},
    {"distilbert", "DistilBertForQuestionAnswering", "bert", "question-answering",
     [] { return encoder_config("distilbert"); }, [] { return finetuning_setup("distilbert", "qa"); },
     evaluate_example},
    {"distilbert", "DistilBertForMultipleChoice", "bert", "multiple-choice",
     [] { return encoder_config("distilbert"); }, [] { return finetuning_setup("distilbert", "choice"); },
     evaluate_example},
    {"captioner", "ImageCaptioner", "caption", "captioning", captioner_config,
     [] { return make_setup<CaptioningSetup>("caption"); }, evaluate_captioning},
    {"image-tokens", "ImageTokensModel", "caption", "image-generation", image_tokens_config,
     [] {
       return std::unique_ptr<TaskSetup>(
           std::make_unique<ImageTokensSetup>(*find_registered_model("image-tokens"), image_tokens_config()));
     },
     evaluate_image_tokens},
    {"transe", "TransE", "ernie", "link-prediction", own_defaults<TranseConfig>, transe_setup, evaluate_graph},
    {"ernie-thu", "ErnieForPreTraining", "ernie", "entity-pretraining", ernie_config,
     [] { return ernie_setup("pretrain"); }, evaluate_entities},
    {"ernie-thu", "ErnieForEntityTyping", "ernie", "entity-typing", ernie_config, [] { return ernie_setup("typing"); },
     evaluate_example},
    {"ernie-thu", "ErnieForRelationClassification", "ernie", "relation-classification", ernie_config,
     [] { return ernie_setup("relation"); }, evaluate_example},
    {"kagnet", "KagNet", "kagnet", "graph-choice", [] { return kagnet_config(); }, [] { return kagnet_setup(); },
     evaluate_example},
    {"word2vec", "Word2Vec", "word2vec", "word-vectors", own_defaults<Word2VecConfig>,
     [] { return word_vectors_setup("skipgram"); }, evaluate_vectors},
    {"ppmi-svd", "PpmiSvd", "word2vec", "word-vectors", own_defaults<PpmiSvdConfig>,
     [] { return word_vectors_setup("ppmi-svd"); }, evaluate_vectors},
    {"glove", "Glove", "word2vec", "word-vectors", own_defaults<GloveConfig>,
     [] { return word_vectors_setup("glove"); }, evaluate_vectors},
    {"noisy-channel", "NoisyChannel", "noisy-channel", "translation", own_defaults<NoisyChannelConfig>,
     noisy_channel_setup, evaluate_channel},
    {"rnn-lm", "RnnLM", "lm", "language-model", lm_config<RnnLmConfig>, [] { return lm_setup("lstm"); }, evaluate_lm},
    {"ar-lm", "ArLM", "lm", "language-model", lm_config<ArLmConfig>, [] { return lm_setup("ar"); }, evaluate_lm},
    {"transformer-lm", "TransformerLM", "lm", "language-model", lm_config<TransformerLmConfig>,
     [] { return lm_setup("transformer"); }, evaluate_lm},
    {"elmo", "ElmoLM", "lm", "language-model", elmo_config, [] { return lm_setup("elmo"); }, evaluate_elmo},
    {"ngram", "NGramLM", "lm", "language-model", own_defaults<NGramLmConfig>, ngram_setup, evaluate_lm},
    {"tagger", "TaggerForTokenClassification", "tagger", "tagging", [] { return tagger_config("tagging"); },
     [] { return tagger_setup("tagging"); }, evaluate_example},
    {"tagger", "TaggerForSequenceClassification", "tagger", "classification",
     [] { return tagger_config("classification"); }, [] { return tagger_setup("classification"); }, evaluate_example},
    {"ntm", "NeuralTuringMachine", "ntm", "bit-sequences", bit_sequence_config<NtmConfig>,
     [] { return bit_sequence_setup("ntm"); }, evaluate_bits},
    {"deep-lstm", "DeepLSTM", "ntm", "bit-sequences", bit_sequence_config<DeepLstmConfig>,
     [] { return bit_sequence_setup("lstm"); }, evaluate_bits},
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
