#include "models/registry.h"

#include <algorithm>
#include <string>
#include <vector>

#include "data/files/file_error.h"
#include "models/albert/albert.h"
#include "models/bert/bert.h"
#include "models/captioner/captioner.h"
#include "models/deep_lstm/deep_lstm.h"
#include "models/distilbert/distilbert.h"
#include "models/electra/electra.h"
#include "models/elmo/elmo.h"
#include "models/ernie/ernie.h"
#include "models/fasttext/fasttext.h"
#include "models/glove/glove.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/image_tokens/image_tokens.h"
#include "models/kagnet/kagnet.h"
#include "models/ngram_lm/ngram_lm.h"
#include "models/noisy_channel/noisy_channel_model.h"
#include "models/ntm/ntm.h"
#include "models/ppmi_svd/ppmi_svd.h"
#include "models/rnn_lm/ar_lm.h"
#include "models/rnn_lm/rnn_lm.h"
#include "models/roberta/roberta.h"
#include "models/seq2seq/seq2seq.h"
#include "models/t5/t5.h"
#include "models/t5/t5_heads.h"
#include "models/tagger/tagger.h"
#include "models/transe/transe.h"
#include "models/transformer/transformer.h"
#include "models/transformer/transformer_lm.h"
#include "models/word2vec/word2vec.h"
#include "third_party/torch.h"

namespace langzoo {

namespace {

template <class Model>
std::shared_ptr<torch::nn::Module> make(std::string_view text, const std::string& origin) {
  return make_checked<Model>(config_from_json<typename Model::ContainedType::Config>(text, origin), origin).ptr();
}

template <class Model>
std::shared_ptr<torch::nn::Module> load(const std::filesystem::path& dir, LoadReport* report,
                                        const PretrainedOptions& options) {
  return from_pretrained<Model>(dir, report, options).ptr();
}

/// Its tables are of no size that a config gives.
template <>
std::shared_ptr<torch::nn::Module> load<NoisyChannelModule>(const std::filesystem::path& dir, LoadReport* /*report*/,
                                                            const PretrainedOptions& /*options*/) {
  return std::make_shared<NoisyChannelModuleImpl>(NoisyChannelModel::load(dir));
}
template <>
std::shared_ptr<torch::nn::Module> load<NGramLm>(const std::filesystem::path& dir, LoadReport* /*report*/,
                                                 const PretrainedOptions& /*options*/) {
  return NGramLmImpl::load(dir);
}

template <class Model>
constexpr RegisteredModel model(std::string_view model_type, std::string_view architecture, std::string_view program,
                                std::string_view description) {
  return {model_type,  architecture, program, description, Model::ContainedType::pretrained_traits,
          make<Model>, load<Model>};
}

// A new model adds one line.
constexpr RegisteredModel kModels[] = {
    model<Gpt2LmHeadModel>("gpt2", "GPT2LMHeadModel", "langzoo-gpt", "GPT-2, a decoder-only language model"),
    model<Gpt2Model>("gpt2", "GPT2Model", "langzoo-gpt", "GPT-2 without a head: tokens to hidden states"),
    model<Gpt2ForSequenceClassification>("gpt2", "GPT2ForSequenceClassification", "langzoo-gpt",
                                         "GPT-2: classification and regression of texts"),
    model<Gpt2DoubleHeadsModel>("gpt2", "GPT2DoubleHeadsModel", "langzoo-gpt", "GPT-2: multiple choice"),
    model<Gpt2ForTokenClassification>("gpt2", "GPT2ForTokenClassification", "langzoo-gpt", "GPT-2: tagging"),
    model<Gpt2ForQuestionAnswering>("gpt2", "GPT2ForQuestionAnswering", "langzoo-gpt",
                                    "GPT-2: answers as spans of a context"),
    model<OpenAiGptLmHeadModel>("openai-gpt", "OpenAIGPTLMHeadModel", "langzoo-gpt",
                                "GPT, a decoder-only language model"),
    model<OpenAiGptForSequenceClassification>("openai-gpt", "OpenAIGPTForSequenceClassification", "langzoo-gpt",
                                              "GPT: classification and regression of texts"),
    model<OpenAiGptDoubleHeadsModel>("openai-gpt", "OpenAIGPTDoubleHeadsModel", "langzoo-gpt", "GPT: multiple choice"),
    model<OpenAiGptModel>("openai-gpt", "OpenAIGPTModel", "langzoo-gpt", "GPT without a head: tokens to hidden states"),
    model<GptNeoForCausalLm>("gpt_neo", "GPTNeoForCausalLM", "langzoo-gpt",
                             "GPT-Neo, a language model of dense and locally banded layers"),
    model<GptNeoForSequenceClassification>("gpt_neo", "GPTNeoForSequenceClassification", "langzoo-gpt",
                                           "GPT-Neo: classification and regression of texts"),
    model<GptNeoForTokenClassification>("gpt_neo", "GPTNeoForTokenClassification", "langzoo-gpt", "GPT-Neo: tagging"),
    model<GptNeoForQuestionAnswering>("gpt_neo", "GPTNeoForQuestionAnswering", "langzoo-gpt",
                                      "GPT-Neo: answers as spans of a context"),
    model<GptNeoModel>("gpt_neo", "GPTNeoModel", "langzoo-gpt", "GPT-Neo without a head: tokens to hidden states"),
    model<Seq2Seq>("seq2seq", "Seq2Seq", "langzoo-seq2seq", "recurrent encoder-decoders"),
    model<TransformerMtModel>("transformer", "TransformerMTModel", "langzoo-transformer",
                              "Transformer encoder-decoders that are no MarianMTModel"),
    model<MarianMtModel>("marian", "MarianMTModel", "langzoo-transformer", "Transformer encoder-decoders"),
    model<T5ForConditionalGeneration>("t5", "T5ForConditionalGeneration", "langzoo-t5", "T5: text to text"),
    model<T5ForSequenceClassification>("t5", "T5ForSequenceClassification", "langzoo-t5",
                                       "T5: classification and regression of texts"),
    model<T5ForTokenClassification>("t5", "T5ForTokenClassification", "langzoo-t5", "T5, the encoder: tagging"),
    model<T5ForQuestionAnswering>("t5", "T5ForQuestionAnswering", "langzoo-t5", "T5: answers as spans of a context"),
    model<T5EncoderModel>("t5", "T5EncoderModel", "langzoo-t5", "T5's encoder: tokens to hidden states"),
    model<Mt5ForConditionalGeneration>("mt5", "MT5ForConditionalGeneration", "langzoo-t5", "mT5: text to text"),
    model<Mt5ForSequenceClassification>("mt5", "MT5ForSequenceClassification", "langzoo-t5",
                                        "mT5: classification and regression of texts"),
    model<Mt5ForTokenClassification>("mt5", "MT5ForTokenClassification", "langzoo-t5", "mT5, the encoder: tagging"),
    model<Mt5ForQuestionAnswering>("mt5", "MT5ForQuestionAnswering", "langzoo-t5",
                                   "mT5: answers as spans of a context"),
    model<Mt5EncoderModel>("mt5", "MT5EncoderModel", "langzoo-t5", "mT5's encoder: tokens to hidden states"),
    model<BertForMaskedLm>("bert", "BertForMaskedLM", "langzoo-bert", "BERT: masked language modelling"),
    model<BertForPreTraining>("bert", "BertForPreTraining", "langzoo-bert",
                              "BERT: masked LM and whether a segment follows another"),
    model<BertForNextSentencePrediction>("bert", "BertForNextSentencePrediction", "langzoo-bert",
                                         "BERT: whether a segment follows another"),
    model<BertForSequenceClassification>("bert", "BertForSequenceClassification", "langzoo-bert",
                                         "BERT: classification and regression of texts"),
    model<BertForMultipleChoice>("bert", "BertForMultipleChoice", "langzoo-bert", "BERT: multiple choice"),
    model<BertForTokenClassification>("bert", "BertForTokenClassification", "langzoo-bert", "BERT: tagging"),
    model<BertForQuestionAnswering>("bert", "BertForQuestionAnswering", "langzoo-bert",
                                    "BERT: answers as spans of a context"),
    model<BertModel>("bert", "BertModel", "langzoo-bert", "BERT without a head: tokens to hidden states"),
    model<RobertaForMaskedLm>("roberta", "RobertaForMaskedLM", "langzoo-bert", "RoBERTa: masked language modelling"),
    model<RobertaForSequenceClassification>("roberta", "RobertaForSequenceClassification", "langzoo-bert",
                                            "RoBERTa: classification and regression of texts"),
    model<RobertaForMultipleChoice>("roberta", "RobertaForMultipleChoice", "langzoo-bert", "RoBERTa: multiple choice"),
    model<RobertaForTokenClassification>("roberta", "RobertaForTokenClassification", "langzoo-bert",
                                         "RoBERTa: tagging"),
    model<RobertaForQuestionAnswering>("roberta", "RobertaForQuestionAnswering", "langzoo-bert",
                                       "RoBERTa: answers as spans of a context"),
    model<RobertaModel>("roberta", "RobertaModel", "langzoo-bert", "RoBERTa without a head: tokens to hidden states"),
    model<AlbertForMaskedLm>("albert", "AlbertForMaskedLM", "langzoo-bert", "ALBERT: masked language modelling"),
    model<AlbertForPreTraining>("albert", "AlbertForPreTraining", "langzoo-bert",
                                "ALBERT: masked LM and whether two segments are in order"),
    model<AlbertForSequenceClassification>("albert", "AlbertForSequenceClassification", "langzoo-bert",
                                           "ALBERT: classification and regression of texts"),
    model<AlbertForMultipleChoice>("albert", "AlbertForMultipleChoice", "langzoo-bert", "ALBERT: multiple choice"),
    model<AlbertForTokenClassification>("albert", "AlbertForTokenClassification", "langzoo-bert", "ALBERT: tagging"),
    model<AlbertForQuestionAnswering>("albert", "AlbertForQuestionAnswering", "langzoo-bert",
                                      "ALBERT: answers as spans of a context"),
    model<AlbertModel>("albert", "AlbertModel", "langzoo-bert", "ALBERT without a head: tokens to hidden states"),
    model<ElectraForMaskedLm>("electra", "ElectraForMaskedLM", "langzoo-bert",
                              "ELECTRA, the generator: masked language modelling"),
    model<ElectraForPreTraining>("electra", "ElectraForPreTraining", "langzoo-bert",
                                 "ELECTRA, the discriminator: which tokens are replaced"),
    model<ElectraForSequenceClassification>("electra", "ElectraForSequenceClassification", "langzoo-bert",
                                            "ELECTRA: classification and regression of texts"),
    model<ElectraForMultipleChoice>("electra", "ElectraForMultipleChoice", "langzoo-bert", "ELECTRA: multiple choice"),
    model<ElectraForTokenClassification>("electra", "ElectraForTokenClassification", "langzoo-bert",
                                         "ELECTRA: tagging"),
    model<ElectraForQuestionAnswering>("electra", "ElectraForQuestionAnswering", "langzoo-bert",
                                       "ELECTRA: answers as spans of a context"),
    model<ElectraModel>("electra", "ElectraModel", "langzoo-bert", "ELECTRA without a head: tokens to hidden states"),
    model<DistilBertForMaskedLm>("distilbert", "DistilBertForMaskedLM", "langzoo-bert",
                                 "DistilBERT: masked language modelling"),
    model<DistilBertForSequenceClassification>("distilbert", "DistilBertForSequenceClassification", "langzoo-bert",
                                               "DistilBERT: classification and regression of texts"),
    model<DistilBertForMultipleChoice>("distilbert", "DistilBertForMultipleChoice", "langzoo-bert",
                                       "DistilBERT: multiple choice"),
    model<DistilBertForTokenClassification>("distilbert", "DistilBertForTokenClassification", "langzoo-bert",
                                            "DistilBERT: tagging"),
    model<DistilBertForQuestionAnswering>("distilbert", "DistilBertForQuestionAnswering", "langzoo-bert",
                                          "DistilBERT: answers as spans of a context"),
    model<DistilBertModel>("distilbert", "DistilBertModel", "langzoo-bert",
                           "DistilBERT without a head: tokens to hidden states"),
    model<ErnieForPreTraining>("ernie-thu", "ErnieForPreTraining", "langzoo-ernie",
                               "ERNIE (Tsinghua): masked LM, next sentences, entities"),
    model<ErnieForEntityTyping>("ernie-thu", "ErnieForEntityTyping", "langzoo-ernie",
                                "ERNIE (Tsinghua): what names are of"),
    model<ErnieForRelationClassification>("ernie-thu", "ErnieForRelationClassification", "langzoo-ernie",
                                          "ERNIE (Tsinghua): how two names are related"),
    model<Transe>("transe", "TransE", "langzoo-ernie", "vectors of a knowledge graph's entities and relations"),
    model<KagNet>("kagnet", "KagNet", "langzoo-kagnet", "multiple choice by the paths of a knowledge graph"),
    model<FastTextForSequenceClassification>("fasttext", "FastTextForSequenceClassification", "langzoo-fasttext",
                                             "text classification by averaged word vectors"),
    model<Word2Vec>("word2vec", "Word2Vec", "langzoo-word2vec", "skip-gram and CBOW word vectors"),
    model<PpmiSvd>("ppmi-svd", "PpmiSvd", "langzoo-word2vec", "count-based word vectors"),
    model<Glove>("glove", "Glove", "langzoo-word2vec", "GloVe word vectors"),
    model<NoisyChannelModule>("noisy-channel", "NoisyChannel", "langzoo-noisy-channel",
                              "translation by IBM models and n-grams"),
    model<RnnLm>("rnn-lm", "RnnLM", "langzoo-lm", "recurrent language models"),
    model<ArLm>("ar-lm", "ArLM", "langzoo-lm", "a feed-forward language model over the last words"),
    model<TransformerLm>("transformer-lm", "TransformerLM", "langzoo-lm", "the Transformer's decoder alone"),
    model<ElmoLm>("elmo", "ElmoLM", "langzoo-lm", "ELMo: a bidirectional language model over letters"),
    model<ElmoModel>("elmo", "ElmoModel", "langzoo-lm", "ELMo without an output layer: words to the layers' states"),
    model<Captioner>("captioner", "ImageCaptioner", "langzoo-caption", "captions of pictures"),
    model<ImageTokens>("image-tokens", "ImageTokensModel", "langzoo-caption", "pictures of captions"),
    model<NGramLm>("ngram", "NGramLM", "langzoo-lm", "n-gram language models"),
    model<TaggerForTokenClassification>("tagger", "TaggerForTokenClassification", "langzoo-tagger",
                                        "recurrent taggers, with or without a CRF"),
    model<TaggerForSequenceClassification>("tagger", "TaggerForSequenceClassification", "langzoo-tagger",
                                           "recurrent text classifiers"),
    model<Ntm>("ntm", "NeuralTuringMachine", "langzoo-ntm", "a controller beside a memory that heads read and write"),
    model<DeepLstm>("deep-lstm", "DeepLSTM", "langzoo-ntm", "a deep LSTM whose layers all see input and output"),
};

/// What transformers called a class when T5's own files were written.
constexpr std::pair<std::string_view, std::string_view> kFormerNames[] = {
    {"T5WithLMHeadModel", "T5ForConditionalGeneration"}};

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// Of a config.json without model_type.
std::string model_type_of_architectures(const std::vector<std::string>& architectures,
                                        const std::filesystem::path& dir) {
  std::vector<std::string> known;
  for (const RegisteredModel& model : kModels) {
    known.emplace_back(model.architecture);
    if (std::find(architectures.begin(), architectures.end(), model.architecture) != architectures.end()) {
      return std::string(model.model_type);
    }
  }
  const auto named =
      architectures.empty() ? "no architectures either" : "of architectures only " + joined(architectures);
  throw FileError(dir / "config.json", "names no model_type, and " + named + "; known are " + joined(known));
}

}  // namespace

std::span<const RegisteredModel> registered_models() {
  return kModels;
}

const RegisteredModel* find_registered_model(std::string_view model_type, std::string_view architecture) {
  for (const auto& [former, name] : kFormerNames) {
    if (architecture == former) architecture = name;
  }
  const auto* const found = std::find_if(std::begin(kModels), std::end(kModels), [&](const RegisteredModel& model) {
    return model.model_type == model_type && (architecture.empty() || model.architecture == architecture);
  });
  return found == std::end(kModels) ? nullptr : found;
}

const RegisteredModel& registered_model(const std::filesystem::path& dir) {
  auto [model_type, architectures] = model_identity(dir);
  if (model_type.empty()) model_type = model_type_of_architectures(architectures, dir);
  const RegisteredModel* const usual = find_registered_model(model_type);
  if (usual != nullptr && architectures.empty()) return *usual;
  for (const auto& architecture : architectures) {
    const auto* const found = architecture.empty() ? nullptr : find_registered_model(model_type, architecture);
    if (found != nullptr) return *found;
  }
  std::vector<std::string> known;
  for (const RegisteredModel& model : kModels) {
    if (usual != nullptr && model.model_type == model_type) known.emplace_back(model.architecture);
    if (usual == nullptr && &model == find_registered_model(model.model_type)) known.emplace_back(model.model_type);
  }
  const auto wrong = usual == nullptr
                         ? "model_type: is \"" + model_type + "\", known are "
                         : "architectures: is \"" + joined(architectures) + "\", known of " + model_type + " are ";
  throw FileError(dir / "config.json", wrong + joined(known));
}

}  // namespace langzoo
