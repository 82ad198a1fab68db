#include "models/seq2seq/seq2seq_config.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <stdexcept>

#include <c10/util/StringUtil.h>

#include "models/io/config_json.h"

namespace langzoo {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::invalid_argument("seq2seq config: " + what);
}

void require_one_of(const char* field, const std::string& value, std::initializer_list<const char*> known) {
  if (std::any_of(known.begin(), known.end(), [&](const char* name) { return value == name; })) return;
  std::string names;
  for (const char* name : known) names += (names.empty() ? "" : ", ") + std::string(name);
  fail(c10::str(field, " = \"", value, "\" is not known: use ", names));
}

/// Every field, for reading and writing alike: `visit(key, member)`.
template <class Config, class Visit>
void for_each_field(Config& config, const Visit& visit) {
  visit("source_vocab_size", config.source_vocab_size);
  visit("target_vocab_size", config.target_vocab_size);
  visit("shared_embeddings", config.shared_embeddings);
  visit("tie_word_embeddings", config.tie_word_embeddings);
  visit("output_bias", config.output_bias);
  visit("embedding_size", config.embedding_size);
  visit("hidden_size", config.hidden_size);
  visit("encoder_hidden_size", config.encoder_hidden_size);
  visit("encoder_layers", config.encoder_layers);
  visit("decoder_layers", config.decoder_layers);
  visit("cell", config.cell);
  visit("recurrent_bias", config.recurrent_bias);
  visit("encoder", config.encoder);
  visit("reverse_source", config.reverse_source);
  visit("residual_from", config.residual_from);
  visit("bridge", config.bridge);
  visit("attention", config.attention);
  visit("attention_size", config.attention_size);
  visit("attention_window", config.attention_window);
  visit("attention_query", config.attention_query);
  visit("input_feeding", config.input_feeding);
  visit("peeky", config.peeky);
  visit("output", config.output);
  visit("maxout_size", config.maxout_size);
  visit("dropout", config.dropout);
  visit("word_dropout", config.word_dropout);
  visit("initializer", config.initializer);
  visit("initializer_range", config.initializer_range);
  visit("decoder_start_token_id", config.decoder_start_token_id);
  visit("bos_token_id", config.bos_token_id);
  visit("eos_token_id", config.eos_token_id);
  visit("pad_token_id", config.pad_token_id);
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

void Seq2SeqConfig::validate() const {
  const auto require = [](bool holds, const char* field, auto value, const char* rule) {
    if (!holds) fail(c10::str(field, " = ", value, " must be ", rule));
  };
  const auto allow = [](bool holds, const std::string& combination) {
    if (!holds) fail(combination);
  };
  const auto require_size = [&](const char* field, std::int64_t value, std::int64_t largest) {
    require(value >= 1 && value <= largest, field, value, c10::str("between 1 and ", largest).c_str());
  };
  const auto require_token = [&](const char* field, std::optional<std::int64_t> id, std::int64_t vocabulary) {
    if (id) require(*id >= 0 && *id < vocabulary, field, *id, c10::str("in [0, ", vocabulary, ")").c_str());
  };
  constexpr std::int64_t kLargest = 1 << 16, kLargestVocabulary = 1 << 24;
  require_size("source_vocab_size", source_vocab_size, kLargestVocabulary);
  require_size("target_vocab_size", target_vocab_size, kLargestVocabulary);
  require_size("embedding_size", embedding_size, kLargest);
  require_size("hidden_size", hidden_size, kLargest);
  require_size("encoder_hidden_size", encoder_width(), kLargest);
  require_size("encoder_layers", encoder_layers, 256);
  require_size("decoder_layers", decoder_layers, 256);
  require_size("attention_size", attention_size, kLargest);
  require_size("maxout_size", maxout_size, kLargest);
  require(attention_window >= 0, "attention_window", attention_window, "0 or more");
  require(dropout >= 0.0 && dropout < 1.0, "dropout", dropout, "in [0, 1)");
  require(word_dropout >= 0.0 && word_dropout < 1.0, "word_dropout", word_dropout, "in [0, 1)");
  require(initializer_range >= 0.0 && std::isfinite(initializer_range), "initializer_range", initializer_range,
          "0 or more");
  require(residual_from == 0 || residual_from >= 2, "residual_from", residual_from, "0 or at least 2");
  require_one_of("cell", cell, {"rnn_tanh", "rnn_relu", "lstm", "gru"});
  require_one_of("encoder", encoder, {"forward", "bidirectional", "gnmt"});
  require_one_of("bridge", bridge, {"state", "hidden", "tanh"});
  require_one_of("attention", attention, {"none", "dot", "general", "additive"});
  require_one_of("attention_query", attention_query, {"current", "previous"});
  require_one_of("output", output, {"hidden", "concat", "tanh", "maxout"});
  require_one_of("initializer", initializer, {"uniform", "fan_in", "orthogonal"});
  require_token("decoder_start_token_id", decoder_start_token_id, target_vocab_size);
  require_token("bos_token_id", bos_token_id, target_vocab_size);
  require_token("eos_token_id", eos_token_id, target_vocab_size);
  require_token("pad_token_id", pad_token_id, std::min(source_vocab_size, target_vocab_size));

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

Seq2SeqConfig Seq2SeqConfig::from_json(std::string_view text, const std::string& origin) {
  const ConfigReader reader(text, origin);
  Seq2SeqConfig config;
  for_each_field(config, [&](const char* key, auto& value) { reader.get(key, value); });
  reader.validate(config);
  return config;
}

std::string Seq2SeqConfig::to_json() const {
  ConfigWriter writer;
  for_each_field(*this, [&](const char* key, const auto& value) { writer.set(key, value); });
  return writer.text();
}

}  // namespace langzoo
