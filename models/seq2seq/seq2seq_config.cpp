#include "models/seq2seq/seq2seq_config.h"

#include <algorithm>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/generation_config.h"

namespace langzoo {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument("seq2seq config: " + what);
}

}  // namespace

Seq2SeqConfig Seq2SeqConfig::preset(const std::string& name) {
  Seq2SeqConfig config;
  const auto attention = [&](const char* score, const char* output) {
    config.attention = score;
    config.output = output;
  };
  const auto before_step = [&](const char* output) {
    attention("additive", output);
    config.attention_query = "previous";
  };
  if (name == "plain") {
    config.reverse_source = true;
  } else if (name == "peeky") {
    config.peeky = config.reverse_source = true;
    config.output = "concat";
  } else if (name == "dot") {
    attention("dot", "concat");
  } else if (name == "bahdanau" || name == "additive") {
    before_step(name == "bahdanau" ? "maxout" : "concat");
    config.cell = "gru";
    config.encoder = "bidirectional";
    config.bridge = "tanh";
    if (name == "bahdanau") config.initializer = "orthogonal";
  } else if (name == "luong" || name == "local-p") {
    attention("general", "tanh");
    config.input_feeding = true;
    config.output_bias = false;
    if (name == "local-p") config.attention_window = 10;
  } else if (name == "gnmt") {
    before_step("hidden");
    config.encoder = "gnmt";
    config.encoder_layers = config.decoder_layers = 4;
    config.residual_from = 3;
  } else {
    fail("the preset \"" + name + "\" is not known: use plain, peeky, dot, bahdanau, additive, luong, local-p or gnmt");
  }
  return config;
}

void Seq2SeqConfig::for_each_field(FieldVisitor& visit) {
  constexpr double kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  const auto vocabulary = [](std::string_view help) {
    return FieldRules{.least = 1, .most = kLargestVocabulary, .from_tokenizer = true, .help = help};
  };
  const auto size = [](std::string_view help) { return FieldRules{.least = 1, .most = kLargest, .help = help}; };
  const auto layers = [](std::string_view help) { return FieldRules{.least = 1, .most = 256, .help = help}; };
  const auto share = [](std::string_view help) { return FieldRules{.least = 0, .below = 1, .help = help}; };
  const auto token = [](std::string_view help, bool one_or_more = false) {
    return FieldRules{
        .least = 0, .most = kLargestVocabulary, .from_tokenizer = true, .one_or_more = one_or_more, .help = help};
  };
  visit("source_vocab_size", source_vocab_size, vocabulary("tokens it reads"));
  visit("target_vocab_size", target_vocab_size, vocabulary("tokens it writes"));
  visit("shared_embeddings", shared_embeddings, {.help = "one matrix for the tokens of both sides"});
  visit("tie_word_embeddings", tie_word_embeddings, {.help = "the output layer's matrix is the decoder's embedding"});
  visit("output_bias", output_bias, {.help = "whether the output layer has one"});
  visit("embedding_size", embedding_size, size("width of the embeddings"));
  visit("hidden_size", hidden_size, size("width of each decoder layer"));
  visit("encoder_hidden_size", encoder_hidden_size,
        size("width of each direction of each encoder layer; null: hidden_size"));
  visit("encoder_layers", encoder_layers, layers("layers of the encoder"));
  visit("decoder_layers", decoder_layers, layers("layers of the decoder"));
  visit("cell", cell, {.choices = {"rnn_tanh", "rnn_relu", "lstm", "gru"}, .help = "rnn_tanh, rnn_relu, lstm or gru"});
  visit("recurrent_bias", recurrent_bias, {.help = "a second bias a gate, as torch.nn has it"});
  visit("encoder", encoder,
        {.choices = {"forward", "bidirectional", "gnmt"},
         .help = "forward, bidirectional or gnmt (the lowest layer bidirectional)"});
  visit("reverse_source", reverse_source, {.help = "read the source from its end"});
  visit("residual_from", residual_from,
        {.least = 0, .most = 256, .help = "the first layer that adds its input to its output; 0: none"});
  visit("bridge", bridge,
        {.choices = {"state", "hidden", "tanh"},
         .help = "what the decoder starts from: state (the encoder's), hidden (without the cell) or tanh (a layer)"});
  visit("attention", attention,
        {.choices = {"none", "dot", "general", "additive"}, .help = "none, dot, general or additive"});
  visit("attention_size", attention_size, size("width of additive attention's layer"));
  visit("attention_window", attention_window, {.least = 0, .help = "local-p's D; 0: the whole source"});
  visit("attention_query", attention_query,
        {.choices = {"current", "previous"}, .help = "the state that asks: current (Luong) or previous (Bahdanau)"});
  visit("input_feeding", input_feeding, {.help = "the attentional output is input to the next step"});
  visit("peeky", peeky, {.help = "without attention: every step sees the encoder's last state"});
  visit("output", output,
        {.choices = {"hidden", "concat", "tanh", "maxout"},
         .help = "what the output layer reads: hidden, concat (with the context), tanh (Luong) or maxout (Bahdanau)"});
  visit("maxout_size", maxout_size, size("width of maxout's output"));
  visit("dropout", dropout, share("of what enters each layer"));
  visit("word_dropout", word_dropout, share("the share of tokens whose embedding is zero"));
  visit("initializer", initializer,
        {.choices = {"uniform", "fan_in", "orthogonal"},
         .help = "uniform (within initializer_range of 0), fan_in or orthogonal"});
  visit("initializer_range", initializer_range, {.least = 0, .help = "of initializer uniform"});
  visit("decoder_start_token_id", decoder_start_token_id, token("what the decoder is first given"));
  visit("bos_token_id", bos_token_id, token("begins a target"));
  visit("eos_token_id", eos_token_id, token("ends a target; one token or several", true));
  visit("pad_token_id", pad_token_id, token("fills up"));
}

void Seq2SeqConfig::validate() const {
  check_fields(*this, "seq2seq config");
  const auto allow = [](bool holds, const std::string& combination) {
    if (!holds) fail(combination);
  };
  const auto allow_token = [&](const char* field, std::optional<std::int64_t> id, std::int64_t vocabulary) {
    if (id) allow(*id < vocabulary, c10::str(field, " = ", *id, " must be in [0, ", vocabulary, ")"));
  };
  allow_token("decoder_start_token_id", decoder_start_token_id, target_vocab_size);
  allow_token("bos_token_id", bos_token_id, target_vocab_size);
  check_end_tokens("seq2seq config", eos_token_id, target_vocab_size);
  allow_token("pad_token_id", pad_token_id, std::min(source_vocab_size, target_vocab_size));
  allow(residual_from != 1, "residual_from = 1 must be 0 or at least 2");
  allow(!shared_embeddings || source_vocab_size == target_vocab_size,
        c10::str("shared_embeddings needs equal vocabularies: source_vocab_size = ", source_vocab_size,
                 ", target_vocab_size = ", target_vocab_size));
  allow(encoder != "gnmt" || encoder_layers >= 2,
        c10::str("encoder = gnmt needs a layer above the bidirectional one: encoder_layers = ", encoder_layers));
  allow(encoder != "gnmt" || residual_from == 0 || residual_from >= 3,
        c10::str("encoder = gnmt allows no residual_from = ", residual_from,
                 ": the second layer's input is twice as wide as its output"));
  if (bridge != "tanh") {
    allow(encoder_layers == decoder_layers,
          c10::str("bridge = ", bridge, " needs a decoder layer for each of the encoder's: encoder_layers = ",
                   encoder_layers, ", decoder_layers = ", decoder_layers));
    const bool side_by_side = encoder == "bidirectional" && 2 * encoder_width() == hidden_size;
    allow(encoder_width() == hidden_size || side_by_side,
          c10::str("bridge = ", bridge, " needs states of one width: encoder_hidden_size = ", encoder_width(),
                   ", hidden_size = ", hidden_size));
  }
  allow(!peeky || !has_attention(), "peeky = true has no use for attention = " + attention);
  const auto reads = peeky ? "concat" : "hidden";
  allow(has_attention() || (!input_feeding && attention_window == 0 && output == reads),
        c10::str("attention = none", peeky ? " and peeky = true" : "",
                 " with input_feeding = ", input_feeding ? "true" : "false", ", attention_window = ", attention_window,
                 ", output = ", output, ": use false, 0 and ", reads));
  allow(!attends_before_step() || !input_feeding,
        "input_feeding = true needs attention_query = current: with previous the context is input already");
  allow(!input_feeding || output == "tanh", "input_feeding = true needs output = tanh, which is what is fed");
  allow(attention != "dot" || source_width() == hidden_size,
        c10::str("attention = dot needs an encoder as wide as the decoder: the encoder gives ", source_width(),
                 ", hidden_size = ", hidden_size));
  allow(output != "tanh" || (has_attention() && !attends_before_step()),
        "output = tanh needs attention with attention_query = current");
  allow(output != "maxout" || attends_before_step(), "output = maxout needs attention with attention_query = previous");
  allow(output != "maxout" || decoder_layers == 1,
        c10::str("output = maxout needs decoder_layers = 1, not ", decoder_layers));
  allow(output != "hidden" || attends_before_step() || !has_attention(),
        "output = hidden would not see the context of attention_query = current: use concat or tanh");
  allow(!tie_word_embeddings || embedding_size == readout_width(),
        c10::str("tie_word_embeddings needs embedding_size = ", embedding_size, " to be ", readout_width(),
                 ", the width of what the output layer reads"));
}

std::int64_t Seq2SeqConfig::readout_width() const {
  if (output == "maxout") return maxout_size;
  if (output != "concat") return hidden_size;
  if (peeky) return encoder_width() + hidden_size;
  return source_width() + hidden_size + (attends_before_step() ? embedding_size : 0);
}

}  // namespace langzoo
