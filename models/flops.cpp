#include "models/flops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "models/albert/albert.h"
#include "models/bert/bert.h"
#include "models/distilbert/distilbert.h"
#include "models/electra/electra.h"
#include "models/elmo/elmo.h"
#include "models/fasttext/fasttext.h"
#include "models/gpt/gpt.h"
#include "models/gpt/gpt_neo.h"
#include "models/gpt/openai_gpt.h"
#include "models/rnn_lm/ar_lm.h"
#include "models/rnn_lm/rnn_lm.h"
#include "models/roberta/roberta.h"
#include "models/seq2seq/seq2seq_config.h"
#include "models/t5/t5_config.h"
#include "models/tagger/tagger.h"
#include "models/transformer/transformer_config.h"
#include "models/transformer/transformer_lm.h"
#include "models/word2vec/word2vec.h"

namespace langzoo {

namespace {

// Forward passes. Letters: T and S tokens, C and F widths, L layers, V vocabulary, E embedding.

double product(double rows, double in, double out) {
  return 2 * rows * in * out;
}
/// Scores of S keys for T queries, and the mean of the values.
double attention(double T, double S, double C) {
  return 2 * product(T, S, C);
}
double self_attention(double T, double C) {
  return 4 * product(T, C, C) + attention(T, T, C);
}
double feed_forward(double T, double C, double F, bool gated = false) {
  return (gated ? 3 : 2) * product(T, C, F);
}
/// One layer of a Transformer without an encoder to attend to.
double block(double T, double C, double F) {
  return self_attention(T, C) + feed_forward(T, C, F);
}

bool has_head(const RegisteredModel& model, std::string_view head) {
  return model.architecture.ends_with(head);
}

/// What reads an encoder's states of width C.
double encoder_head(const RegisteredModel& model, const EncoderBaseConfig& config, double C, double E,
                    const RowLengths& row, bool pooler) {
  const double T = row.target, predicted = row.predicted.value_or(T), V = static_cast<double>(config.vocab_size);
  const auto labels = static_cast<double>(config.labels.size());
  if (has_head(model, "ForMaskedLM")) return product(predicted, C, E) + product(predicted, E, V);
  if (has_head(model, "ForPreTraining"))
    return product(predicted, C, E) + product(predicted, E, V) + product(1, C, C) + product(1, C, 2);
  if (has_head(model, "ForTokenClassification")) return product(T, C, labels);
  if (has_head(model, "ForQuestionAnswering")) return product(T, C, 2);
  if (has_head(model, "ForSequenceClassification")) return product(1, C, C) + product(1, C, labels);
  return pooler || has_head(model, "ForMultipleChoice") ? product(1, C, C) : 0;
}

double forward(const RegisteredModel& model, const Gpt2Config& c, const RowLengths& row) {
  const double T = row.target, C = static_cast<double>(c.n_embd);
  const auto F = static_cast<double>(c.n_inner.value_or(4 * c.n_embd));
  const double out = has_head(model, "LMHeadModel") || has_head(model, "DoubleHeadsModel")
                         ? product(T, C, static_cast<double>(c.vocab_size))
                         : 0;
  return static_cast<double>(c.n_layer) * block(T, C, F) + out;
}

double forward(const RegisteredModel& model, const OpenAiGptConfig& c, const RowLengths& row) {
  const double T = row.target, C = static_cast<double>(c.n_embd);
  const double out =
      has_head(model, "ForSequenceClassification") ? 0 : product(T, C, static_cast<double>(c.vocab_size));
  return static_cast<double>(c.n_layer) * block(T, C, 4 * C) + out;
}

double forward(const RegisteredModel& model, const GptNeoConfig& c, const RowLengths& row) {
  const double T = row.target, C = static_cast<double>(c.hidden_size);
  const double out = has_head(model, "ForCausalLM") ? product(T, C, static_cast<double>(c.vocab_size)) : 0;
  return static_cast<double>(c.num_layers) * block(T, C, static_cast<double>(c.inner_width())) + out;
}

double gates_of(const std::string& cell) {
  return cell == "lstm" ? 4 : cell == "gru" ? 3 : 1;
}
/// A recurrent layer over T steps.
double recurrent(double T, double in, double H, double gates) {
  return product(T, in, gates * H) + product(T, H, gates * H);
}

/// Of an adaptive softmax the head alone, which frequent words need; of a sampled one the drawn words.
double forward(const RegisteredModel& /*model*/, const RnnLmConfig& c, const RowLengths& row) {
  const double T = row.target;
  double flops = 0, in = static_cast<double>(c.embedding_size);
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    const auto H = static_cast<double>(c.layer_width(layer));
    flops += recurrent(T, in, H, gates_of(c.cell));
    in = H;
  }
  auto words = c.sampled_softmax > 0 ? c.sampled_softmax + 1 : c.vocab_size;
  if (!c.adaptive_cutoffs.empty()) words = c.adaptive_cutoffs.front() + std::ssize(c.adaptive_cutoffs);
  return flops + product(T, in, static_cast<double>(words));
}

double forward(const RegisteredModel& /*model*/, const ArLmConfig& c, const RowLengths& row) {
  const double T = row.target, in = static_cast<double>(c.order * c.embedding_size);
  const double H = static_cast<double>(c.hidden_size), V = static_cast<double>(c.vocab_size);
  return product(T, in, H) + product(T, H, V) + (c.direct ? product(T, in, V) : 0);
}

double forward(const RegisteredModel& /*model*/, const TransformerLmConfig& c, const RowLengths& row) {
  const double T = row.target, C = static_cast<double>(c.d_model);
  return static_cast<double>(c.decoder_layers) * block(T, C, static_cast<double>(c.decoder_ffn_dim)) +
         product(T, C, static_cast<double>(c.vocab_size));
}

double forward(const RegisteredModel& /*model*/, const TransformerConfig& c, const RowLengths& row) {
  const double S = row.source, T = row.target, C = static_cast<double>(c.d_model);
  const double encoder =
      self_attention(S, C) + feed_forward(S, C, static_cast<double>(c.encoder_ffn_dim), c.gated_feed_forward);
  const double cross = 2 * product(T, C, C) + 2 * product(S, C, C) + attention(T, S, C);
  const double decoder =
      self_attention(T, C) + cross + feed_forward(T, C, static_cast<double>(c.decoder_ffn_dim), c.gated_feed_forward);
  return static_cast<double>(c.encoder_layers) * encoder + static_cast<double>(c.decoder_layers) * decoder +
         product(T, C, static_cast<double>(c.target_vocab_size()));
}

double forward(const RegisteredModel& model, const T5Config& c, const RowLengths& row) {
  const double S = row.source, T = row.target, C = static_cast<double>(c.d_model), F = static_cast<double>(c.d_ff);
  const auto heads = static_cast<double>(c.num_heads * c.d_kv);
  const auto attend = [&](double queries, double keys) {
    return 2 * product(queries, C, heads) + 2 * product(keys, C, heads) + attention(queries, keys, heads);
  };
  const double encoder = attend(S, S) + feed_forward(S, C, F, c.is_gated());
  const double decoder = attend(T, T) + attend(T, S) + feed_forward(T, C, F, c.is_gated());
  const bool writes = has_head(model, "ForConditionalGeneration");
  if (has_head(model, "EncoderModel") || has_head(model, "ForTokenClassification")) {
    // It has one row of tokens only, which is the encoder's.
    return static_cast<double>(c.num_layers) * (attend(T, T) + feed_forward(T, C, F, c.is_gated()));
  }
  return static_cast<double>(c.num_layers) * encoder + static_cast<double>(c.decoder_layers()) * decoder +
         (writes ? product(T, C, static_cast<double>(c.vocab_size)) : 0);
}

/// The bidirectional language model, or its layers alone. Words are as long as the longest may be.
double forward(const RegisteredModel& model, const ElmoConfig& c, const RowLengths& row) {
  const double T = row.target, P = static_cast<double>(c.projection_size), H = static_cast<double>(c.hidden_size);
  const auto M = static_cast<double>(c.max_characters), filters = static_cast<double>(c.filter_count());
  double flops = filters == P ? 0 : product(T, filters, P);
  for (const auto& filter : c.filters) {
    const auto width = static_cast<double>(filter[0]);
    flops +=
        product(T * (M - width + 1), width * static_cast<double>(c.character_size), static_cast<double>(filter[1]));
  }
  flops += static_cast<double>(c.highway_layers) * 2 * product(T, filters, filters);
  const double layer = 2 * product(T, P, 4 * H) + (H == P ? 0 : product(T, H, P));
  const double words = static_cast<double>(c.sampled_softmax > 0 ? c.sampled_softmax + 1 : c.vocab_size);
  const bool predicts = has_head(model, "LM");
  return flops + 2 * (static_cast<double>(c.layers) * layer + (predicts ? product(T, P, words) : 0));
}

/// Features of another model are there already.
double tagger_encoder(const TaggerEncoderConfig& c, const RowLengths& row) {
  const double T = row.target, H = static_cast<double>(c.hidden_size), directions = c.bidirectional ? 2 : 1;
  const auto letter = static_cast<double>(c.character_embedding_size), F = static_cast<double>(c.character_hidden_size);
  double in = static_cast<double>(c.embedding_size + c.feature_width), flops = 0;
  if (c.characters == "cnn") flops += product(T * row.characters, static_cast<double>(c.character_width) * letter, F);
  if (c.characters == "lstm") flops += 2 * recurrent(T * row.characters, letter, F / 2, 4);
  if (c.characters != "none") in += F;
  for (std::int64_t layer = 0; layer < c.layers; ++layer) {
    flops += directions * recurrent(T, in, H, gates_of(c.cell));
    in = directions * H;
  }
  return flops;
}

double forward(const RegisteredModel& /*model*/, const TaggerConfig& c, const RowLengths& row) {
  const double T = row.target, labels = static_cast<double>(c.labels.size());
  const auto W = static_cast<double>(c.encoded_width()), between = static_cast<double>(c.projection_size);
  return tagger_encoder(c, row) +
         (between > 0 ? product(T, W, between) + product(T, between, labels) : product(T, W, labels));
}

double forward(const RegisteredModel& /*model*/, const TaggerClassifierConfig& c, const RowLengths& row) {
  const double T = row.target, W = static_cast<double>(c.encoded_width());
  const double attention = c.pooling == "attention" ? product(T, W, W) + 2 * product(T, W, 1) : 0;
  return tagger_encoder(c, row) + attention + product(1, W, static_cast<double>(c.labels.size()));
}

/// What attends from T states of width H to S of width W.
double attention_of(const Seq2SeqConfig& c, double T, double S, double H, double W) {
  const double mean = product(T, S, W);
  const auto A = static_cast<double>(c.attention_size);
  if (c.attention == "dot") return product(T, S, W) + mean;
  if (c.attention == "general") return product(S, W, H) + product(T, S, H) + mean;
  if (c.attention == "additive") return product(S, W, A) + product(T, H, A) + product(T * S, A, 1) + mean;
  return 0;
}

double forward(const RegisteredModel& /*model*/, const Seq2SeqConfig& c, const RowLengths& row) {
  const double S = row.source, T = row.target, gates = gates_of(c.cell), E = static_cast<double>(c.embedding_size);
  const auto H = static_cast<double>(c.hidden_size), encoder_width = static_cast<double>(c.encoder_width());
  const auto W = static_cast<double>(c.source_width());
  double flops = 0, in = E;
  for (std::int64_t layer = 0; layer < c.encoder_layers; ++layer) {
    const bool both = c.encoder == "bidirectional" || (c.encoder == "gnmt" && layer == 0);
    flops += (both ? 2 : 1) * recurrent(S, in, encoder_width, gates);
    in = (both ? 2 : 1) * encoder_width;
  }
  const double context = c.attends_before_step() ? W : c.peeky ? encoder_width : 0;  // input to every layer
  for (std::int64_t layer = 0; layer < c.decoder_layers; ++layer) {
    const double below = layer > 0 ? H : E + (c.input_feeding ? H : 0);
    flops += recurrent(T, below + context, H, gates);
  }
  flops += attention_of(c, T, S, H, W);
  if (c.output == "tanh") flops += product(T, W + H, H);
  if (c.output == "maxout") flops += product(T, H + E + W, 2 * static_cast<double>(c.maxout_size));
  return flops + product(T, static_cast<double>(c.readout_width()), static_cast<double>(c.target_vocab_size));
}

double forward(const RegisteredModel& model, const BertConfig& c, const RowLengths& row) {
  const auto C = static_cast<double>(c.hidden_size);
  return static_cast<double>(c.num_hidden_layers) * block(row.target, C, static_cast<double>(c.intermediate_size)) +
         encoder_head(model, c, C, C, row, c.add_pooling_layer);
}

double forward(const RegisteredModel& model, const AlbertConfig& c, const RowLengths& row) {
  const auto C = static_cast<double>(c.hidden_size), E = static_cast<double>(c.embedding_size);
  const auto layers = static_cast<double>(c.num_hidden_layers * c.inner_group_num);
  return product(row.target, E, C) + layers * block(row.target, C, static_cast<double>(c.intermediate_size)) +
         encoder_head(model, c, C, E, row, c.add_pooling_layer);
}

/// In pretraining the generator, of the usual quarter of the width, reads the row as well.
double forward(const RegisteredModel& model, const ElectraConfig& c, const RowLengths& row) {
  const auto C = static_cast<double>(c.hidden_size), E = static_cast<double>(c.embedding_size);
  const double T = row.target,
               stack = (E == C ? 0 : product(T, E, C)) +
                       static_cast<double>(c.num_hidden_layers) * block(T, C, static_cast<double>(c.intermediate_size));
  if (!has_head(model, "ForPreTraining")) return stack + encoder_head(model, c, C, E, row, false);
  const auto* const masked = find_registered_model(model.model_type, "ElectraForMaskedLM");
  return stack + product(T, C, C) + product(T, C, 1) + forward(*masked, c.generator(0.25), row);
}

double forward(const RegisteredModel& model, const DistilBertConfig& c, const RowLengths& row) {
  const auto C = static_cast<double>(c.dim);
  return static_cast<double>(c.n_layers) * block(row.target, C, static_cast<double>(c.hidden_dim)) +
         encoder_head(model, c, C, C, row, false);
}

double forward(const RegisteredModel& /*model*/, const FastTextConfig& c, const RowLengths& /*row*/) {
  return product(1, static_cast<double>(c.dim), static_cast<double>(c.labels.size()));
}

/// For each word of the text window + 1 words beside it in the mean, the window's width being drawn.
double forward(const RegisteredModel& /*model*/, const Word2VecConfig& c, const RowLengths& row) {
  const double outputs = c.objective == "ns"   ? static_cast<double>(c.negative + 1)
                         : c.objective == "hs" ? std::log2(std::max<double>(2, static_cast<double>(c.vocab_size)))
                                               : static_cast<double>(c.vocab_size);
  const double examples = c.skip_gram() ? static_cast<double>(c.window + 1) : 1;
  return product(row.target * examples, static_cast<double>(c.dim), outputs);
}

template <class Config>
double forward_of(const RegisteredModel& model, const ModelConfig& config, const RowLengths& row) {
  return forward(model, config.as<Config>(), row);
}
double forward_of_tagger(const RegisteredModel& model, const ModelConfig& config, const RowLengths& row) {
  return has_head(model, "ForTokenClassification") ? forward(model, config.as<TaggerConfig>(), row)
                                                   : forward(model, config.as<TaggerClassifierConfig>(), row);
}
double counted(const RegisteredModel& /*model*/, const ModelConfig& /*config*/, const RowLengths& /*row*/) {
  return 0;
}

struct Formula {
  std::string_view model_type;
  double (*forward)(const RegisteredModel& model, const ModelConfig& config, const RowLengths& row);
};

// A new family adds one line.
constexpr std::array kFormulas = {Formula{"gpt2", forward_of<Gpt2Config>},
                                  Formula{"openai-gpt", forward_of<OpenAiGptConfig>},
                                  Formula{"gpt_neo", forward_of<GptNeoConfig>},
                                  Formula{"rnn-lm", forward_of<RnnLmConfig>},
                                  Formula{"ar-lm", forward_of<ArLmConfig>},
                                  Formula{"transformer-lm", forward_of<TransformerLmConfig>},
                                  Formula{"marian", forward_of<TransformerConfig>},
                                  Formula{"transformer", forward_of<TransformerConfig>},
                                  Formula{"t5", forward_of<T5Config>},
                                  Formula{"mt5", forward_of<Mt5Config>},
                                  Formula{"seq2seq", forward_of<Seq2SeqConfig>},
                                  Formula{"bert", forward_of<BertConfig>},
                                  Formula{"roberta", forward_of<RobertaConfig>},
                                  Formula{"albert", forward_of<AlbertConfig>},
                                  Formula{"electra", forward_of<ElectraConfig>},
                                  Formula{"distilbert", forward_of<DistilBertConfig>},
                                  Formula{"elmo", forward_of<ElmoConfig>},
                                  Formula{"tagger", forward_of_tagger},
                                  Formula{"fasttext", forward_of<FastTextConfig>},
                                  Formula{"word2vec", forward_of<Word2VecConfig>},
                                  Formula{"glove", counted},
                                  Formula{"ppmi-svd", counted},
                                  Formula{"ngram", counted},
                                  Formula{"noisy-channel", counted}};

}  // namespace

std::optional<double> training_flops(const RegisteredModel& model, const ModelConfig& config, const RowLengths& row) {
  const auto* const found = std::find_if(kFormulas.begin(), kFormulas.end(),
                                         [&](const Formula& f) { return f.model_type == model.model_type; });
  if (found == kFormulas.end()) return std::nullopt;
  return 3 * found->forward(model, config, row);
}

}  // namespace langzoo
